/* SPDX-License-Identifier: Apache-2.0
 * Host aggregates. The zone of a host is kept in its row, and set anew whenever an aggregate changes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compute/types.h"
#include "compute/view.h"
#include "rest/service.h"

bool compute_check_zone(struct call *call, const struct field *field, void *slot) {
    const char *zone = *(const char **)slot;

    return !zone || !strchr(zone, ':')
           || fail(call, 400, "Invalid input for field/attribute availability_zone: '%s' has a ':'", zone);
}

/* ---- reading ---- */

static bool find(struct call *call, struct compute_aggregate **ret_row) {
    const char *text = call_parameter(call, "id");
    char *end;
    long long id = strtoll(text, &end, 10);

    if (end == text || *end) {
        return fail(call, 400, "id must be an integer");
    }
    return row_first(call, &resource_compute_aggregate, "id = ?", SQL_ARGS(sql_int(id)), ret_row)
           && (*ret_row || fail(call, 404, "Aggregate %lld could not be found.", id));
}

static void put_hosts(struct call *call, int64_t id, struct json_out *out) {
    struct rows *rows =
        db_query(call->db, "SELECT host FROM compute_aggregate_host WHERE aggregate_id = ? ORDER BY host",
                 SQL_ARGS(sql_int(id)));

    json_key(out, "hosts");
    json_list(out);
    while (rows_next(rows)) {
        json_text(out, rows_text(rows, 0));
    }
    rows_end(rows);
    json_list_end(out);
}

static void put_metadata(struct call *call, const struct compute_aggregate *row, struct json_out *out) {
    const struct json *metadata = json_parse(call->arena, row->metadata, strlen(row->metadata), NULL);

    json_key(out, "metadata");
    json_map(out);
    for (JSON_EACH(item, metadata)) {
        json_put_text(out, item->key, item->text);
    }
    if (row->zone) {
        json_put_text(out, "availability_zone", row->zone);
    }
    json_map_end(out);
}

/* 'whole' false: as create answers, without hosts and metadata. */
static void put_aggregate(struct call *call, const struct compute_aggregate *row, bool whole, struct json_out *out) {
    json_map(out);
    json_put_int(out, "id", row->id);
    if (call->minor >= 41) {
        json_put_text(out, "uuid", row->uuid);
    }
    json_put_text(out, "name", row->name);
    json_put_text(out, "availability_zone", row->zone);
    if (whole) {
        put_hosts(call, row->id, out);
        put_metadata(call, row, out);
    }
    view_time(out, "created_at", row->created_at, false);
    view_time(out, "updated_at", row->updated_at, false);
    json_put_null(out, "deleted_at");
    json_put_bool(out, "deleted", false);
    json_map_end(out);
}

static bool answer(struct call *call, const struct compute_aggregate *row, bool whole) {
    json_map(&call->out);
    json_key(&call->out, "aggregate");
    put_aggregate(call, row, whole, &call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_aggregate_list(struct call *call) {
    struct compute_aggregate *rows;
    size_t count;

    if (!rows_find(call, &resource_compute_aggregate, "id > 0 ORDER BY id", SQL_NO_ARGS, &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "aggregates");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        put_aggregate(call, &rows[i], true, &call->out);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_aggregate_show(struct call *call) {
    struct compute_aggregate *row;

    return find(call, &row) && answer(call, row, true);
}

/* ---- changes ---- */

/* Hosts, and the servers on them, are in the zone of an aggregate of theirs that has one. */
static bool settle_zones(struct call *call) {
    return call_exec(call,
                     "UPDATE compute_host SET zone = coalesce((SELECT min(a.zone) FROM compute_aggregate a"
                     "   JOIN compute_aggregate_host h ON h.aggregate_id = a.id"
                     "  WHERE h.host = compute_host.name AND a.zone IS NOT NULL), 'nova')",
                     SQL_NO_ARGS) &&
           call_exec(
               call,
               "UPDATE compute_server SET zone = (SELECT h.zone FROM compute_host h WHERE h.name = compute_server.host)"
               " WHERE deleted = 0 AND EXISTS (SELECT 1 FROM compute_host h"
               "  WHERE h.name = compute_server.host AND h.zone <> compute_server.zone)",
               SQL_NO_ARGS);
}

static bool name_free(struct call *call, const char *name, int64_t id) {
    return !call_count(call, "SELECT count(*) FROM compute_aggregate WHERE name = ? AND id <> ?",
                       SQL_ARGS(sql_text(name), sql_int(id)))
           || fail(call, 409, "Aggregate %s already exists.", name);
}

/* A zone may not change under servers that are in it; nor may a host be in two. */
static bool zone_fits(struct call *call, const struct compute_aggregate *row, const char *zone, int status) {
    struct value args[] = {sql_int(row->id), sql_text(zone)};

    if (call_count(call,
                   "SELECT count(*) FROM compute_server s JOIN compute_aggregate_host h ON h.host = s.host"
                   " WHERE h.aggregate_id = ? AND s.deleted = 0",
                   args, 1)) {
        return fail(call, status,
                    "Cannot update aggregate %lld. Reason: One or more hosts contain instances in this zone.",
                    (long long)row->id);
    }
    if (zone && call_count(call,
                           "SELECT count(*) FROM compute_aggregate_host h"
                           " JOIN compute_aggregate_host o ON o.host = h.host AND o.aggregate_id <> h.aggregate_id"
                           " JOIN compute_aggregate a ON a.id = o.aggregate_id"
                           " WHERE h.aggregate_id = ? AND a.zone <> ?",
                           args, 2)) {
        return fail(call, status,
                    "Cannot update aggregate %lld. Reason: One or more hosts already in different availability"
                    " zone(s).",
                    (long long)row->id);
    }
    return true;
}

static bool set_zone(struct call *call, struct compute_aggregate *row, const char *zone) {
    bool same = zone && row->zone ? !strcmp(zone, row->zone) : zone == row->zone;

    if (!same && !zone_fits(call, row, zone, 400)) {
        return false;
    }
    row->zone = zone;
    return true;
}

static bool store(struct call *call, struct compute_aggregate *row) {
    row->updated_at = clock_now();
    return row_update(call, &resource_compute_aggregate, row) && settle_zones(call);
}

bool compute_aggregate_create(struct call *call) {
    const struct compute_aggregate_new *input = call->input;
    struct compute_aggregate row;

    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_compute_aggregate, &row);
    row.id = call_count(call, "SELECT coalesce(max(id), 0) + 1 FROM compute_aggregate", SQL_NO_ARGS);
    row.name = input->name;
    row.zone = input->availability_zone;
    return name_free(call, row.name, 0) && row_insert(call, &resource_compute_aggregate, &row)
           && answer(call, &row, false);
}

bool compute_aggregate_update(struct call *call) {
    const struct compute_aggregate_change *input = call->input;
    struct compute_aggregate *row;

    if (!call_given(call, "name") && !call_given(call, "availability_zone")) {
        return fail(call, 400, "Invalid input: 'name' or 'availability_zone' is required");
    }
    if (!find(call, &row)) {
        return false;
    }
    if (call_given(call, "name")) {
        row->name = input->name;
    }
    return name_free(call, row->name, row->id)
           && (!call_given(call, "availability_zone") || set_zone(call, row, input->availability_zone))
           && store(call, row) && answer(call, row, true);
}

bool compute_aggregate_delete(struct call *call) {
    struct compute_aggregate *row;

    if (!find(call, &row)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM compute_aggregate_host WHERE aggregate_id = ?",
                   SQL_ARGS(sql_int(row->id)))) {
        return fail(call, 400, "Cannot delete aggregate %lld. Reason: Host aggregate is not empty.",
                    (long long)row->id);
    }
    return row_delete(call, &resource_compute_aggregate, row);
}

static bool is_in(struct call *call, const struct compute_aggregate *row, const char *host) {
    return call_count(call, "SELECT count(*) FROM compute_aggregate_host WHERE aggregate_id = ? AND host = ?",
                      SQL_ARGS(sql_int(row->id), sql_text(host))) > 0;
}

bool compute_aggregate_add_host(struct call *call) {
    const struct compute_host_name *input = call->input;
    struct compute_aggregate *row;

    if (!find(call, &row)) {
        return false;
    }
    if (!call_count(call, "SELECT count(*) FROM compute_host WHERE name = ?", SQL_ARGS(sql_text(input->host)))) {
        return fail(call, 404, "Compute host %s could not be found.", input->host);
    }
    if (is_in(call, row, input->host)) {
        return fail(call, 409, "Aggregate %lld already has host %s.", (long long)row->id, input->host);
    }
    if (row->zone && call_count(call,
                                "SELECT count(*) FROM compute_aggregate_host h JOIN compute_aggregate a"
                                " ON a.id = h.aggregate_id WHERE h.host = ? AND a.zone <> ?",
                                SQL_ARGS(sql_text(input->host), sql_text(row->zone)))) {
        return fail(call, 409, "Cannot add host to aggregate %lld. Reason: One or more hosts already in different"
                               " availability zone(s).", (long long)row->id);
    }
    return row_insert(call, &resource_compute_aggregate_host,
                      &(struct compute_aggregate_host){.aggregate_id = row->id, .host = input->host})
           && store(call, row) && answer(call, row, true);
}

bool compute_aggregate_remove_host(struct call *call) {
    const struct compute_host_name *input = call->input;
    struct compute_aggregate *row;

    if (!find(call, &row)) {
        return false;
    }
    if (!is_in(call, row, input->host)) {
        return fail(call, 404, "Cannot remove host %s in aggregate %lld", input->host, (long long)row->id);
    }
    return row_delete(call, &resource_compute_aggregate_host,
                      &(struct compute_aggregate_host){.aggregate_id = row->id, .host = input->host})
           && store(call, row) && answer(call, row, true);
}

/* ---- metadata ---- */

static bool check_metadata(struct call *call, const struct json *metadata) {
    for (JSON_EACH(item, metadata)) {
        bool value = item->type == JSON_NULL || (item->type == JSON_TEXT && utf8_length(item->text) <= 255);

        if (!value || !*item->key || strlen(item->key) > 255) {
            return fail(call, 400,
                        "Invalid input for field/attribute %.80s: a text of at most 255 characters or null is"
                        " expected",
                        item->key);
        }
    }
    return true;
}

/* Given ones over those there were; null removes one. The zone is one of them. */
static const char *merged(struct call *call, const struct compute_aggregate *row, const struct json *given) {
    const struct json *old = json_parse(call->arena, row->metadata, strlen(row->metadata), NULL);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    for (JSON_EACH(item, old)) {
        if (!json_get(given, item->key)) {
            json_put_text(&out, item->key, item->text);
        }
    }
    for (JSON_EACH(item, given)) {
        if (item->type == JSON_TEXT && strcmp(item->key, "availability_zone") != 0) {
            json_put_text(&out, item->key, item->text);
        }
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

bool compute_aggregate_set_metadata(struct call *call) {
    const struct json *metadata = ((const struct compute_aggregate_metadata *)call->input)->metadata;
    const struct json *zone = json_get(metadata, "availability_zone");
    struct compute_aggregate *row;

    if (!check_metadata(call, metadata) || !find(call, &row)) {
        return false;
    }
    if (zone && !set_zone(call, row, zone->type == JSON_TEXT ? zone->text : NULL)) {
        return false;
    }
    row->metadata = merged(call, row, metadata);
    return store(call, row) && answer(call, row, true);
}
