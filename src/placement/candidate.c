/* SPDX-License-Identifier: Apache-2.0
 * Allocation candidates: which providers have room for what a consumer needs, all at once. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "http/http.h"
#include "placement/placement.h"
#include "placement/standard.h"
#include "placement/types.h"

enum { MAX_ARGS = 128 };

/* A query that is being put together. */
struct search {
    struct buf sql;
    struct value args[MAX_ARGS];
    size_t count;
};

static void bind(struct call *call, struct search *search, struct value value) {
    if (search->count == MAX_ARGS) {
        fail(call, 400, "Too many requirements in one request.");
        return;
    }
    search->args[search->count++] = value;
}

bool amounts_parse(struct call *call, const char *text, struct amounts *ret) {
    *ret = (struct amounts){0};
    for (const char **each = list_split(call, text); *each; each++) {
        const char *colon = strchr(*each, ':');
        char *end;

        if (!colon) {
            return fail(call, 400, "Badly formed resources parameter. Expected resources query string parameter in form:"
                                   " ?resources=VCPU:2,MEMORY_MB:1024. Got: %.100s.", text);
        }
        ret->at = arena_grow(call->arena, ret->at, ret->count, sizeof *ret->at);
        ret->at[ret->count] = (struct amount){arena_text_size(call->arena, *each, (size_t)(colon - *each)),
                                              strtoll(colon + 1, &end, 10)};
        if (end == colon + 1 || *end || ret->at[ret->count].amount < 1) {
            return fail(call, 400, "Requested resource %.100s requires a positive integer amount.", *each);
        }
        if (!class_exists(call, ret->at[ret->count++].name)) {
            return fail(call, 400, "Invalid resource class in resources parameter: No such resource class %.100s.", *each);
        }
    }
    return ret->count || fail(call, 400, "Badly formed resources parameter: it is empty.");
}

/* One inventory of each class with room; 'consumer' what it has itself counts as free. */
static void need_amounts(struct call *call, struct search *search, const struct placement_need *need) {
    for (size_t i = 0; i < need->amount_count; i++) {
        const struct placement_amount *amount = &need->amounts[i];

        if (!amount->amount) {
            continue;
        }
        buf_text(&search->sql, " AND EXISTS (SELECT 1 FROM placement_inventory i WHERE i.provider = p.uuid AND i.resource_class = ?"
                               " AND (i.total - i.reserved) * i.allocation_ratio - i.used");
        bind(call, search, sql_text(amount->resource_class));
        if (need->consumer) {
            buf_text(&search->sql, " + coalesce((SELECT a.used FROM placement_allocation a WHERE a.consumer = ?"
                                   " AND a.provider = i.provider AND a.resource_class = i.resource_class), 0)");
            bind(call, search, sql_text(need->consumer));
        }
        buf_text(&search->sql, " >= ? AND i.min_unit <= ? AND i.max_unit >= ? AND ? % i.step_size = 0)");
        for (int k = 0; k < 4; k++) {
            bind(call, search, sql_int(amount->amount));
        }
    }
}

static void need_traits(struct call *call, struct search *search, const char *const *traits, bool has) {
    for (; traits && *traits; traits++) {
        buf_printf(&search->sql, " AND %sEXISTS (SELECT 1 FROM placement_provider_trait t WHERE t.provider = p.uuid AND t.trait = ?)",
                   has ? "" : "NOT ");
        bind(call, search, sql_text(*traits));
    }
}

static void need_aggregate(struct call *call, struct search *search, const char *const *aggregates) {
    if (!aggregates || !*aggregates) {
        return;
    }
    buf_text(&search->sql, " AND EXISTS (SELECT 1 FROM placement_provider_aggregate g WHERE g.provider = p.uuid AND g.aggregate IN (");
    for (size_t i = 0; aggregates[i]; i++) {
        buf_text(&search->sql, i ? ", ?" : "?");
        bind(call, search, sql_text(aggregates[i]));
    }
    buf_text(&search->sql, "))");
}

static int64_t has_trait(struct call *call, const char *provider, const char *trait) {
    return call_count(call, "SELECT count(*) FROM placement_provider_trait WHERE provider = ? AND trait = ?",
                      SQL_ARGS(sql_text(provider), sql_text(trait)));
}

static const char *lacks_amount(struct call *call, const struct placement_need *need, const char *provider,
                                const struct placement_amount *amount) {
    struct rows *rows = db_query(call->db,
                                 "SELECT CAST((total - reserved) * allocation_ratio - used AS BIGINT) + coalesce((SELECT"
                                 " sum(a.used) FROM placement_allocation a WHERE a.consumer = ? AND a.provider = i.provider"
                                 " AND a.resource_class = i.resource_class), 0), min_unit, max_unit, step_size"
                                 " FROM placement_inventory i WHERE provider = ? AND resource_class = ?",
                                 SQL_ARGS(sql_text(need->consumer), sql_text(provider), sql_text(amount->resource_class)));
    const char *lacks = NULL, *name = amount->resource_class;
    long long wanted = amount->amount;

    if (!rows_next(rows)) {
        lacks = arena_printf(call->arena, "it has no %s", name);
    } else if (rows_int(rows, 0) < wanted) {
        lacks = arena_printf(call->arena, "%lld %s are free and %lld are needed", (long long)rows_int(rows, 0), name, wanted);
    } else if (rows_int(rows, 1) > wanted || rows_int(rows, 2) < wanted || wanted % rows_int(rows, 3)) {
        lacks = arena_printf(call->arena, "it does not give %lld %s at once", wanted, name);
    }
    rows_end(rows);
    return lacks;
}

const char *placement_lacks(struct call *call, const struct placement_need *need, const char *provider) {
    const char *lacks = NULL;

    for (size_t i = 0; i < need->amount_count && !lacks; i++) {
        lacks = need->amounts[i].amount ? lacks_amount(call, need, provider, &need->amounts[i]) : NULL;
    }
    for (const char *const *trait = need->required; trait && *trait && !lacks; trait++) {
        lacks = has_trait(call, provider, *trait) ? NULL : arena_printf(call->arena, "it does not have %s", *trait);
    }
    for (const char *const *trait = need->forbidden; trait && *trait && !lacks; trait++) {
        lacks = has_trait(call, provider, *trait) ? arena_printf(call->arena, "it has %s", *trait) : NULL;
    }
    return lacks;
}

static const char sql_candidates[] =
    "SELECT p.uuid, p.name,"
    " (SELECT (i.total - i.reserved) * i.allocation_ratio - i.used FROM placement_inventory i WHERE i.provider = p.uuid AND i.resource_class = 'MEMORY_MB'),"
    " (SELECT (i.total - i.reserved) * i.allocation_ratio - i.used FROM placement_inventory i WHERE i.provider = p.uuid AND i.resource_class = 'VCPU'),"
    " (SELECT (i.total - i.reserved) * i.allocation_ratio - i.used FROM placement_inventory i WHERE i.provider = p.uuid AND i.resource_class = 'DISK_GB')"
    " FROM placement_provider p WHERE 1 = 1";

bool placement_candidates(struct call *call, const struct placement_need *need, size_t limit,
                          struct placement_candidate **ret_candidates, size_t *ret_count) {
    struct search search = {0};
    struct placement_candidate *found = NULL;
    size_t count = 0;
    struct rows *rows;

    buf_text(&search.sql, sql_candidates);
    need_amounts(call, &search, need);
    need_traits(call, &search, need->required, true);
    need_traits(call, &search, need->forbidden, false);
    need_aggregate(call, &search, need->member_of);
    if (limit) {
        buf_text(&search.sql, " LIMIT ?");
        bind(call, &search, sql_int((int64_t)limit));
    }
    rows = call->error ? NULL : db_query(call->db, search.sql.at, search.args, search.count);
    while (rows && rows_next(rows)) {
        found = arena_grow(call->arena, found, count, sizeof *found);
        found[count++] = (struct placement_candidate){
            .provider = arena_text(call->arena, rows_text(rows, 0)), .name = arena_text(call->arena, rows_text(rows, 1)),
            .free_ram = (int64_t)rows_real(rows, 2), .free_vcpus = (int64_t)rows_real(rows, 3), .free_disk = (int64_t)rows_real(rows, 4)};
    }
    if (rows) {
        rows_end(rows);
    }
    buf_release(&search.sql);
    *ret_candidates = found;
    *ret_count = count;
    return !call->error && (db_failure(call->db) == DB_OK || fail_database(call));
}

/* ---- GET /allocation_candidates ---- */

static bool read_traits(struct call *call, const char *text, const char ***ret_required, const char ***ret_forbidden) {
    const char **required = NULL, **forbidden = NULL;
    size_t required_count = 0, forbidden_count = 0;

    for (const char **each = list_split(call, text ? text : ""); *each; each++) {
        bool not = **each == '!';

        if (!trait_exists(call, *each + not)) {
            return fail(call, 400, "No such trait(s): %.255s.", *each + not);
        }
        if (not) {
            forbidden = arena_grow(call->arena, forbidden, forbidden_count, sizeof *forbidden);
            forbidden[forbidden_count++] = *each + 1;
        } else {
            required = arena_grow(call->arena, required, required_count, sizeof *required);
            required[required_count++] = *each;
        }
    }
    required = arena_grow(call->arena, required, required_count, sizeof *required);
    forbidden = arena_grow(call->arena, forbidden, forbidden_count, sizeof *forbidden);
    required[required_count] = forbidden[forbidden_count] = NULL;
    *ret_required = required;
    *ret_forbidden = forbidden;
    return true;
}

static bool read_aggregates(struct call *call, const char *text, const char ***ret) {
    *ret = list_split(call, !text ? "" : !strncmp(text, "in:", 3) ? text + 3 : text);
    for (const char **each = *ret; *each; each++) {
        if (!id_is_uuid(*each)) {
            return fail(call, 400, "Invalid query string parameters: Expected 'member_of' to be UUIDs");
        }
    }
    return true;
}

static void write_resources(struct call *call, const struct amounts *amounts) {
    json_key(&call->out, "resources");
    json_map(&call->out);
    for (size_t i = 0; i < amounts->count; i++) {
        json_put_int(&call->out, amounts->at[i].name, amounts->at[i].amount);
    }
    json_map_end(&call->out);
}

static void write_request(struct call *call, const struct placement_candidate *candidate, const struct amounts *amounts) {
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "allocations");
    if (call->minor >= 12) {
        json_map(out);
        json_key(out, candidate->provider);
        json_map(out);
        write_resources(call, amounts);
        json_map_end(out);
        json_map_end(out);
    } else {
        json_list(out);
        json_map(out);
        json_key(out, "resource_provider");
        json_map(out);
        json_put_text(out, "uuid", candidate->provider);
        json_map_end(out);
        write_resources(call, amounts);
        json_map_end(out);
        json_list_end(out);
    }
    if (call->minor >= 34) {
        json_key(out, "mappings");
        json_map(out);
        json_key(out, "");
        json_list(out);
        json_text(out, candidate->provider);
        json_list_end(out);
        json_map_end(out);
    }
    json_map_end(out);
}

static bool wanted_class(const struct amounts *amounts, const char *name) {
    for (size_t i = 0; i < amounts->count; i++) {
        if (!strcmp(amounts->at[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* All inventories or traits of the found providers in one pass: rows come by provider, as the found ones do. */
struct summary {
    const struct placement_candidate *found;
    size_t count;
    struct rows *inventories, *traits, *trees;
    bool more_inventories, more_traits, more_trees;
};

/* "IN (?, ...)" over the found providers while they are few; all of the table when they are many. */
static struct rows *query_found(struct call *call, const struct summary *summary, const char *select, const char *column) {
    struct value args[500];
    struct buf sql = {0};
    struct rows *rows;
    size_t count = summary->count <= 500 ? summary->count : 0;

    buf_text(&sql, select);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&sql, i ? ", ?" : " WHERE %s IN (?", column);
        args[i] = sql_text(summary->found[i].provider);
    }
    buf_printf(&sql, "%s ORDER BY %s", count ? ")" : "", column);
    rows = db_query(call->db, sql.at, args, count);
    buf_release(&sql);
    return rows;
}

/* Moves to the rows of 'provider', which come in the same order. */
static bool rows_reach(struct rows *rows, bool *more, const char *provider) {
    while (*more && strcmp(rows_text(rows, 0), provider) < 0) {
        *more = rows_next(rows);
    }
    return *more && !strcmp(rows_text(rows, 0), provider);
}

static void write_summary_resources(struct call *call, struct summary *summary, const char *uuid, const struct amounts *amounts) {
    struct json_out *out = &call->out;

    json_key(out, "resources");
    json_map(out);
    while (rows_reach(summary->inventories, &summary->more_inventories, uuid)) {
        struct rows *rows = summary->inventories;

        if (call->minor >= 27 || wanted_class(amounts, rows_text(rows, 1))) {
            json_key(out, rows_text(rows, 1));
            json_map(out);
            json_put_int(out, "capacity", (int64_t)((double)rows_int(rows, 2) * rows_real(rows, 3)));
            json_put_int(out, "used", rows_int(rows, 4));
            json_map_end(out);
        }
        summary->more_inventories = rows_next(rows);
    }
    json_map_end(out);
}

static void write_summary(struct call *call, struct summary *summary, const char *uuid, const struct amounts *amounts) {
    struct json_out *out = &call->out;

    json_key(out, uuid);
    json_map(out);
    write_summary_resources(call, summary, uuid, amounts);
    if (call->minor >= 17) {
        json_key(out, "traits");
        json_list(out);
        while (rows_reach(summary->traits, &summary->more_traits, uuid)) {
            json_text(out, rows_text(summary->traits, 1));
            summary->more_traits = rows_next(summary->traits);
        }
        json_list_end(out);
    }
    if (call->minor >= 29 && rows_reach(summary->trees, &summary->more_trees, uuid)) {
        json_put_text(out, "parent_provider_uuid", rows_text(summary->trees, 1));
        json_put_text(out, "root_provider_uuid", rows_text(summary->trees, 2));
    }
    json_map_end(out);
}

static int by_provider(const void *a, const void *b) {
    return strcmp(((const struct placement_candidate *)a)->provider, ((const struct placement_candidate *)b)->provider);
}

static void write_summaries(struct call *call, struct placement_candidate *found, size_t count, const struct amounts *amounts) {
    struct summary summary = {.found = found, .count = count};

    json_key(&call->out, "provider_summaries");
    json_map(&call->out);
    if (count) {
        qsort(found, count, sizeof *found, by_provider);
        summary.inventories = query_found(call, &summary,
                                          "SELECT provider, resource_class, total - reserved, allocation_ratio, used"
                                          " FROM placement_inventory", "provider");
        summary.traits = query_found(call, &summary, "SELECT provider, trait FROM placement_provider_trait", "provider");
        summary.trees = query_found(call, &summary, "SELECT uuid, parent_provider_uuid, root_provider_uuid"
                                                    " FROM placement_provider", "uuid");
        summary.more_inventories = rows_next(summary.inventories);
        summary.more_traits = rows_next(summary.traits);
        summary.more_trees = rows_next(summary.trees);
        for (size_t i = 0; i < count; i++) {
            write_summary(call, &summary, found[i].provider, amounts);
        }
        rows_end(summary.inventories);
        rows_end(summary.traits);
        rows_end(summary.trees);
    }
    json_map_end(&call->out);
}

static bool read_limit(struct call *call, size_t *ret_limit) {
    int64_t limit = 0;

    if (call->minor >= 16 && !call_argument_count(call, "limit", 1, &limit)) {
        return false;
    }
    *ret_limit = (size_t)limit;
    return true;
}

/* Numbered groups and nested trees come with accelerators and bandwidth; saying so is better than a wrong answer. */
static bool only_plain_arguments(struct call *call) {
    const struct http_arguments *arguments = http_arguments(call->http);
    static const char *const known[] = {"resources", "required", "member_of", "limit", "in_tree", "group_policy"};

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        bool found = false;

        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            found = found || !strcmp(arguments->at[i].name, known[k]);
        }
        if (!found && (!strncmp(arguments->at[i].name, "resources", 9) || !strcmp(arguments->at[i].name, "same_subtree") ||
                       !strcmp(arguments->at[i].name, "root_required"))) {
            return fail(call, 501, "Granular request groups (%.80s) are not available in this cloud yet.", arguments->at[i].name);
        }
        if (!found) {
            return fail(call, 400, "Invalid query string parameters: Additional properties are not allowed ('%.80s' was unexpected)",
                        arguments->at[i].name);
        }
    }
    return true;
}

bool placement_candidates_list(struct call *call) {
    const char *resources = call_argument(call, "resources");
    const char **required = NULL, **forbidden = NULL, **aggregates = NULL;
    struct placement_candidate *found;
    struct placement_amount *wanted;
    struct amounts amounts;
    size_t count, limit;

    if (!only_plain_arguments(call)) {
        return false;
    }
    if (!resources) {
        return fail(call, 400, "Invalid query string parameters: 'resources' is a required property");
    }
    if (!amounts_parse(call, resources, &amounts) || !read_limit(call, &limit) ||
        !read_traits(call, call->minor >= 17 ? call_argument(call, "required") : NULL, &required, &forbidden) ||
        !read_aggregates(call, call->minor >= 21 ? call_argument(call, "member_of") : NULL, &aggregates)) {
        return false;
    }
    wanted = ARENA_ARRAY(call->arena, struct placement_amount, amounts.count);
    for (size_t i = 0; i < amounts.count; i++) {
        wanted[i] = (struct placement_amount){amounts.at[i].name, amounts.at[i].amount};
    }

    struct placement_need need = {.amounts = wanted, .amount_count = amounts.count, .required = required,
                                  .forbidden = forbidden, .member_of = aggregates};

    if (!placement_candidates(call, &need, limit, &found, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "allocation_requests");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        write_request(call, &found[i], &amounts);
    }
    json_list_end(&call->out);
    write_summaries(call, found, count, &amounts);
    json_map_end(&call->out);
    return !call->error;
}
