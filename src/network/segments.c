/* SPDX-License-Identifier: Apache-2.0
 * Segments: what a network is on, further ones of it, and the ranges that numbers are taken from. */
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/cloud.h"
#include "rest/resource.h"

enum { VLAN_MOST = 4094, GENEVE_MOST = 16777215, NUMBERS_SHOWN = 65536 };

bool network_is_type(const struct network_network *net, const char *type) {
    return net->network_type && !strcmp(net->network_type, type);
}

/* ---- a network's own ---- */

static bool segment_used(struct call *call, const struct network_network *net) {
    return call_count(
               call,
               "SELECT count(*) FROM network_segment WHERE network_type = ?"
               " AND coalesce(physical_network, '') = ? AND coalesce(segmentation_id, 0) = ? AND network_id <> ?",
               SQL_ARGS(sql_text(net->network_type), sql_text(net->physical_network ? net->physical_network : ""),
                        sql_int(net->segmentation_id == NO_INT ? 0 : net->segmentation_id), sql_text(net->id))) > 0;
}

/* The number after the highest one, else the first gap. */
static bool segment_choose(struct call *call, struct network_network *net, int64_t first, int64_t last) {
    const char *physical = net->physical_network ? net->physical_network : "";
    int64_t most = call_count(call,
                              "SELECT coalesce(max(segmentation_id), 0) FROM network_segment WHERE network_type = ?"
                              " AND coalesce(physical_network, '') = ? AND segmentation_id BETWEEN ? AND ?",
                              SQL_ARGS(sql_text(net->network_type), sql_text(physical), sql_int(first), sql_int(last)));

    net->segmentation_id = most ? most + 1 : first;
    if (net->segmentation_id > last) {
        net->segmentation_id = call_count(
            call,
            "SELECT coalesce(min(a.segmentation_id), 0) + 1 FROM network_segment a WHERE a.network_type = ?"
            " AND coalesce(a.physical_network, '') = ? AND a.segmentation_id BETWEEN ? AND ? AND NOT EXISTS"
            " (SELECT 1 FROM network_segment b WHERE b.network_type = a.network_type"
            " AND coalesce(b.physical_network, '') = coalesce(a.physical_network, '')"
            " AND b.segmentation_id = a.segmentation_id + 1)",
            SQL_ARGS(sql_text(net->network_type), sql_text(physical), sql_int(first), sql_int(last - 1)));
    }
    return net->segmentation_id >= first && net->segmentation_id <= last && !segment_used(call, net);
}

/* Out of the ranges that are the project's own, else out of those for all. */
static bool choose_in_ranges(struct call *call, struct network_network *net) {
    const char *physical = net->physical_network ? net->physical_network : "";
    struct network_segment_range *ranges;
    size_t count;

    if (!rows_find(call, &resource_network_segment_range,
                   "network_type = ? AND coalesce(physical_network, '') = ? AND (shared = 1 OR project_id = ?)"
                   " ORDER BY shared, minimum",
                   SQL_ARGS(sql_text(net->network_type), sql_text(physical), sql_text(net->project_id)), &ranges,
                   &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (segment_choose(call, net, ranges[i].minimum, ranges[i].maximum)) {
            return true;
        }
    }
    return fail_type(call, 503, "NoNetworkAvailable", "No segment of type %s is free for the network.",
                     net->network_type);
}

static bool segment_in_use(struct call *call, const struct network_network *net) {
    if (network_is_type(net, "flat")) {
        return fail_type(call, 409, "FlatNetworkInUse",
                         "Unable to create the flat network. Physical network %s is in use.", net->physical_network);
    }
    if (network_is_type(net, "vlan")) {
        return fail_type(call, 409, "VlanIdInUse",
                         "Unable to create the network. The VLAN %lld on physical network %s is "
                         "in use.",
                         (long long)net->segmentation_id, net->physical_network);
    }
    return fail_type(call, 409, "TunnelIdInUse", "Unable to create the network. The tunnel ID %lld is in use.",
                     (long long)net->segmentation_id);
}

static bool physical_known(const char *name) {
    const char *names = conf_text(cloud.conf, "network", "physical_networks", "physnet1");
    size_t size = strlen(name);

    for (const char *at = strstr(names, name); at; at = strstr(at + 1, name)) {
        if ((at == names || strchr(", ", at[-1])) && (!at[size] || strchr(", ", at[size]))) {
            return true;
        }
    }
    return false;
}

static bool physical_check(struct call *call, struct network_network *net) {
    bool wanted = network_is_type(net, "flat") || network_is_type(net, "vlan");

    if (!wanted && net->physical_network) {
        return network_invalid(call, arena_printf(call->arena, "provider:physical_network specified for %s network",
                                          net->network_type));
    }
    if (wanted && !net->physical_network) {
        if (network_is_type(net, "vlan") && net->segmentation_id == NO_INT) {
            net->physical_network = "physnet1";
        } else {
            return network_invalid(call, "provider:physical_network required for flat and vlan networks");
        }
    }
    return !wanted || physical_known(net->physical_network) ||
           network_invalid(call, arena_printf(call->arena, "physical_network '%s' unknown for %s provider network",
                                      net->physical_network, net->network_type));
}

/* What was said of the segment is complete, possible and free; what was not said is chosen. */
bool network_segment_set(struct call *call, struct network_network *net) {
    int64_t most = network_is_type(net, "vlan") ? VLAN_MOST : GENEVE_MOST;

    if (!physical_check(call, net)) {
        return false;
    }
    if (network_is_type(net, "flat") || network_is_type(net, "local")) {
        if (net->segmentation_id != NO_INT) {
            return network_invalid(call, arena_printf(call->arena, "provider:segmentation_id specified for %s network",
                                              net->network_type));
        }
        return network_is_type(net, "local") || !segment_used(call, net) || segment_in_use(call, net);
    }
    if (net->segmentation_id != NO_INT) {
        if (net->segmentation_id < 1 || net->segmentation_id > most) {
            return network_invalid(call, arena_printf(call->arena, "segmentation_id out of range (1 through %lld)",
                                              (long long)most));
        }
        return !segment_used(call, net) || segment_in_use(call, net);
    }
    return choose_in_ranges(call, net);
}

bool network_segment_default(struct call *call, struct network_network *net) {
    static const char *const types[] = {"geneve", "vlan", "flat", "local"};
    bool known = false;

    if (!net->network_type && (net->physical_network || net->segmentation_id != NO_INT)) {
        return network_invalid(call, "provider:network_type required");
    }
    if (!net->network_type) {
        net->network_type = conf_text(cloud.conf, "network", "project_network_type", "geneve");
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        known = known || network_is_type(net, types[i]);
    }
    if (!known) {
        return network_invalid(
            call, arena_printf(call->arena, "provider:network_type '%s' is not supported", net->network_type));
    }
    return network_segment_set(call, net);
}

bool network_segment_first(struct call *call, const struct network_network *net) {
    struct network_segment segment = {0};

    row_defaults(call, &resource_network_segment, &segment);
    segment.network_id = net->id;
    segment.network_type = net->network_type;
    segment.physical_network = net->physical_network;
    segment.segmentation_id = net->segmentation_id;
    segment.first = true;
    return row_insert(call, &resource_network_segment, &segment);
}

/* ---- further ones ---- */

/* A further segment is another physical network under the same switch; tunnels reach everywhere already. */
bool network_segment_create(struct call *call, void *row) {
    struct network_segment *segment = row;
    struct network_network *net, probe = {.id = segment->id, .network_type = segment->network_type,
                                          .physical_network = segment->physical_network,
                                          .segmentation_id = segment->segmentation_id};

    if (!row_find(call, &resource_network_network, segment->network_id, &net)) {
        return call->error || fail_not_found(call, &resource_network_network, segment->network_id);
    }
    if (!network_is_type(&probe, "flat") && !network_is_type(&probe, "vlan")) {
        return network_invalid(call, "a further segment of a network is flat or vlan");
    }
    probe.project_id = net->project_id;
    if (!network_segment_set(call, &probe)) {
        return false;
    }
    segment->physical_network = probe.physical_network;
    segment->segmentation_id = probe.segmentation_id;
    if (call_count(call, "SELECT count(*) FROM network_segment WHERE network_id = ? AND physical_network = ?",
                   SQL_ARGS(sql_text(net->id), sql_text(segment->physical_network)))) {
        return fail_type(call, 409, "SegmentExists", "Network %s is on physical network %s already.", net->id,
                         segment->physical_network);
    }
    return network_apply(call, "network.network", net->id);
}

bool network_segment_update(struct call *call, const void *old, void *row) {
    return true;
}

bool network_segment_delete(struct call *call, void *row) {
    const struct network_segment *segment = row;

    if (segment->first) {
        return fail_type(call, 409, "SegmentInUse", "Segment %s is what network %s was made on.", segment->id,
                         segment->network_id);
    }
    return network_apply(call, "network.network", segment->network_id);
}

/* ---- ranges ---- */

bool network_segment_range_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return true;
}

static bool range_makes_sense(struct call *call, struct network_segment_range *range) {
    bool vlan = !strcmp(range->network_type, "vlan");

    range->physical_network = range->physical_network && *range->physical_network ? range->physical_network : NULL;
    range->project_id = range->project_id && *range->project_id ? range->project_id : NULL;
    if (range->minimum > range->maximum || (vlan && range->maximum > VLAN_MOST)) {
        return network_invalid(call, "the range's minimum or maximum is not possible");
    }
    if (vlan != (range->physical_network != NULL)) {
        return network_invalid(call, vlan ? "a range of VLANs needs a physical_network"
                                          : "only a range of VLANs has a physical_network");
    }
    return range->shared == !range->project_id ||
           network_invalid(call, "a range is shared, or else has a project_id");
}

static bool apart(struct call *call, const struct network_segment_range *range) {
    return !call_count(call,
                       "SELECT count(*) FROM network_segment_range WHERE network_type = ? AND"
                       " coalesce(physical_network, '') = ? AND minimum <= ? AND maximum >= ? AND id <> ?"
                       " AND standing = 0",
                       SQL_ARGS(sql_text(range->network_type),
                                sql_text(range->physical_network ? range->physical_network : ""),
                                sql_int(range->maximum), sql_int(range->minimum), sql_text(range->id))) ||
           fail_type(call, 409, "NetworkSegmentRangeOverlaps", "Another range has some of the numbers %lld to %lld.",
                     (long long)range->minimum, (long long)range->maximum);
}

/* How many segments have a number of 'range' that is not also between the two bounds. */
static bool unused_outside(struct call *call, const struct network_segment_range *range, int64_t least, int64_t most) {
    return !call_count(call,
                       "SELECT count(*) FROM network_segment s JOIN network_network n ON n.id = s.network_id WHERE"
                       " s.network_type = ? AND coalesce(s.physical_network, '') = ? AND s.segmentation_id BETWEEN ?"
                       " AND ? AND s.segmentation_id NOT BETWEEN ? AND ? AND (? = '' OR n.project_id = ?)",
                       SQL_ARGS(sql_text(range->network_type),
                                sql_text(range->physical_network ? range->physical_network : ""),
                                sql_int(range->minimum), sql_int(range->maximum), sql_int(least), sql_int(most),
                                sql_text(range->project_id ? range->project_id : ""),
                                sql_text(range->project_id ? range->project_id : ""))) ||
           fail_type(call, 409, "NetworkSegmentRangeReferencedByProject", "Networks are on numbers of range %s.",
                     range->id);
}

static bool changeable(struct call *call, const struct network_segment_range *range) {
    return !range->standing || fail_type(call, 409, "NetworkSegmentRangeDefaultReadOnly",
                                         "Range %s is the configuration's.", range->id);
}

bool network_segment_range_create(struct call *call, void *row) {
    return range_makes_sense(call, row) && apart(call, row);
}

bool network_segment_range_update(struct call *call, const void *old, void *row) {
    struct network_segment_range *range = row;

    return changeable(call, old) && range_makes_sense(call, range) && apart(call, range) &&
           unused_outside(call, old, range->minimum, range->maximum);
}

bool network_segment_range_delete(struct call *call, void *row) {
    return changeable(call, row) && unused_outside(call, row, 0, -1);
}

static void write_used(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_map(out);
    json_put_int(out, "id", rows_int(result, 1));
    json_put_text(out, "project_id", rows_text(result, 2));
    json_map_end(out);
}

/* Numbers from 'from' on that come before 'to'. Returns how many may still be shown. */
static int64_t write_numbers(struct json_out *out, int64_t from, int64_t to, int64_t room) {
    while (from < to && room > 0) {
        json_int(out, from++);
        room--;
    }
    return room;
}

/* Out of the list of numbers that are taken, ascending: a map of those, and the list of all others. */
static void show_numbers(struct call *call, struct network_segment_range *range) {
    struct buf used = {0}, free = {0};
    struct json_out used_out = {.buf = &used}, free_out = {.buf = &free};
    int64_t next = range->minimum, room = NUMBERS_SHOWN;

    json_map(&used_out);
    json_list(&free_out);
    for (JSON_EACH(item, network_json(call, range->used))) {
        int64_t number = json_get_int(item, "id", 0);

        json_put_text(&used_out, arena_printf(call->arena, "%lld", (long long)number),
                      json_get_text(item, "project_id"));
        room = write_numbers(&free_out, next, number, room);
        next = number + 1;
    }
    write_numbers(&free_out, next, range->maximum + 1, room);
    json_list_end(&free_out);
    json_map_end(&used_out);
    range->used = network_text(call, &used);
    range->available = network_text(call, &free);
}

bool network_segment_range_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_segment_range, rows, count, "id", 0};
    struct network_segment_range *ranges = rows;

    if (!related_lists(&batch, "SELECT r.id, s.segmentation_id, n.project_id FROM network_segment_range r JOIN"
                               " network_segment s ON s.network_type = r.network_type AND"
                               " coalesce(s.physical_network, '') = coalesce(r.physical_network, '') AND"
                               " s.segmentation_id BETWEEN r.minimum AND r.maximum JOIN network_network n ON"
                               " n.id = s.network_id WHERE r.id IN ($ids) ORDER BY s.segmentation_id",
                       SQL_NO_ARGS, "used", write_used)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        show_numbers(call, &ranges[i]);
    }
    return true;
}

/* ---- at the start ---- */

/* "100-200" or "geneve_ids = 1-65536". */
static void range_of(const char *option, const char *otherwise, int64_t *ret_first, int64_t *ret_last) {
    const char *text = conf_text(cloud.conf, "network", option, otherwise);
    char *end;

    *ret_first = strtoll(text, &end, 10);
    *ret_last = *end == '-' ? strtoll(end + 1, NULL, 10) : *ret_first;
}

/* The configuration's range of that type stands in the table as it is now. */
static bool standing_range(struct call *call, const char *type, const char *physical, int64_t first, int64_t last) {
    struct network_segment_range *found, range = {0};

    if (!row_first(call, &resource_network_segment_range,
                   "standing = 1 AND network_type = ? AND coalesce(physical_network, '') = ?",
                   SQL_ARGS(sql_text(type), sql_text(physical ? physical : "")), &found)) {
        return false;
    }
    if (!found) {
        row_defaults(call, &resource_network_segment_range, &range);
        range.name = "";
        range.standing = true;
        range.network_type = type;
        range.physical_network = physical;
        range.minimum = first;
        range.maximum = last;
        return row_insert(call, &resource_network_segment_range, &range);
    }
    if (found->minimum == first && found->maximum == last) {
        return true;
    }
    found->minimum = first;
    found->maximum = last;
    return row_update(call, &resource_network_segment_range, found);
}

/* Networks that were made before segments had rows of their own get theirs; its id is the network's. */
static bool complete_segments(struct call *call) {
    return call_exec(call,
                     "INSERT INTO network_segment (id, network_id, network_type, physical_network, segmentation_id,"
                     " first, description, created_at, updated_at, revision_number) SELECT id, id, network_type,"
                     " physical_network, segmentation_id, 1, '', created_at, updated_at, 0 FROM network_network WHERE"
                     " id NOT IN (SELECT network_id FROM network_segment)", SQL_NO_ARGS);
}

bool network_bootstrap(struct call *call) {
    char *names = arena_text(call->arena, conf_text(cloud.conf, "network", "physical_networks", "physnet1")), *name;
    int64_t first, last;

    range_of("geneve_ids", "1-65536", &first, &last);
    if (!standing_range(call, "geneve", NULL, first, last)) {
        return false;
    }
    range_of("vlan_ids", "100-200", &first, &last);
    while ((name = strtok_r(names, ", ", &names)) != NULL) {
        if (!standing_range(call, "vlan", name, first, last)) {
            return false;
        }
    }
    return complete_segments(call);
}
