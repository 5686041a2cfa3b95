/* SPDX-License-Identifier: Apache-2.0
 * Resource providers: the tree, the filters of their list, their traits, aggregates and usages. */
#include <string.h>

#include "base/id.h"
#include "http/http.h"
#include "placement/placement.h"
#include "placement/standard.h"
#include "placement/types.h"

const char **list_split(struct call *call, const char *text) {
    const char **list = NULL;
    size_t count = 0;

    for (; *text; text += strspn(text, ",")) {
        size_t size = strcspn(text, ",");

        list = arena_grow(call->arena, list, count, sizeof *list);
        list[count++] = arena_text_size(call->arena, text, size);
        text += size;
    }
    list = arena_grow(call->arena, list, count, sizeof *list);
    list[count] = NULL;
    return list;
}

bool provider_moved(struct call *call, struct placement_provider *provider, int64_t generation) {
    if (generation != NO_INT && generation != provider->generation) {
        return fail_type(call, 409, "placement.concurrent_update",
                         "resource provider generation conflict: the provider %s is at generation %lld", provider->uuid,
                         (long long)provider->generation);
    }
    provider->generation++;
    return row_update(call, &resource_placement_provider, provider);
}

void placement_provider_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    static const struct {
        const char *path;
        int since;
    } links[] = {{"", 0}, {"/inventories", 0}, {"/usages", 0}, {"/aggregates", 1}, {"/traits", 6}, {"/allocations", 11}};
    const struct placement_provider *provider = pointer;

    json_list(out);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        if (call->minor >= links[i].since) {
            link_write(out, i ? links[i].path + 1 : "self",
                       arena_printf(call->arena, "/placement/resource_providers/%s%s", provider->uuid, links[i].path));
        }
    }
    json_list_end(out);
}

/* ---- the list's filters ---- */

static void only_with_resources(struct call *call, struct query *query, const char *text) {
    struct amounts amounts;

    if (!amounts_parse(call, text, &amounts)) {
        return;
    }
    for (size_t i = 0; i < amounts.count; i++) {
        query_where(query,
                    "uuid IN (SELECT provider FROM placement_inventory WHERE resource_class = ?"
                    " AND (total - reserved) * allocation_ratio - used >= ? AND max_unit >= ? AND min_unit <= ?)",
                    SQL_ARGS(sql_text(amounts.at[i].name), sql_int(amounts.at[i].amount), sql_int(amounts.at[i].amount),
                             sql_int(amounts.at[i].amount)));
    }
}

static void only_with_traits(struct call *call, struct query *query, const char *text) {
    for (const char **each = list_split(call, text); *each && !call->error; each++) {
        bool not = **each == '!';

        if (!trait_exists(call, *each + not)) {
            fail(call, 400, "No such trait(s): %.255s.", *each + not);
        }
        query_where(query, not ? "uuid NOT IN (SELECT provider FROM placement_provider_trait WHERE trait = ?)"
                               : "uuid IN (SELECT provider FROM placement_provider_trait WHERE trait = ?)",
                    SQL_ARGS(sql_text(*each + not)));
    }
}

/* member_of=UUID, member_of=in:A,B, !UUID */
static void only_members(struct call *call, struct query *query, const char *text) {
    bool not = *text == '!';
    struct buf sql = {0};
    struct value args[64];
    size_t count = 0;

    text += not;
    text += !strncmp(text, "in:", 3) ? 3 : 0;
    for (const char **each = list_split(call, text); *each && count < 64; each++) {
        if (!id_is_uuid(*each)) {
            fail(call, 400, "Invalid query string parameters: Expected 'member_of' to be UUIDs");
        }
        buf_text(&sql, count ? ", ?" : "?");
        args[count++] = sql_text(*each);
    }
    query_where(query,
                arena_printf(call->arena, "uuid %sIN (SELECT provider FROM placement_provider_aggregate WHERE aggregate IN (%s))",
                             not ? "NOT " : "", count ? sql.at : "NULL"), args, count);
    buf_release(&sql);
}

bool placement_provider_list(struct call *call, struct query *query) {
    const struct http_arguments *arguments = http_arguments(call->http);
    static const struct {
        const char *name;
        int since;
        void (*apply)(struct call *, struct query *, const char *);
    } filters[] = {{"member_of", 3, only_members}, {"resources", 4, only_with_resources}, {"required", 18, only_with_traits}};

    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) {
        if (call->minor < filters[f].since) {
            continue;
        }
        query_take(query, filters[f].name);
        for (size_t i = 0; arguments && i < arguments->count; i++) {
            if (!strcmp(arguments->at[i].name, filters[f].name)) {
                filters[f].apply(call, query, arguments->at[i].value);
            }
        }
    }
    if (call->minor >= 14 && call_argument(call, "in_tree")) {
        query_take(query, "in_tree");
        query_where(query, "root_provider_uuid IN (SELECT root_provider_uuid FROM placement_provider WHERE uuid = ?)",
                    SQL_ARGS(sql_text(call_argument(call, "in_tree"))));
    }
    return !call->error;
}

/* ---- create, update, delete ---- */

bool placement_provider_create(struct call *call, void *pointer) {
    struct placement_provider *provider = pointer, *parent;

    provider->root_provider_uuid = provider->uuid;
    if (provider->parent_provider_uuid) {
        if (!row_find(call, &resource_placement_provider, provider->parent_provider_uuid, &parent)) {
            return fail(call, 400, "Parent provider UUID '%s' does not exist.", provider->parent_provider_uuid);
        }
        provider->root_provider_uuid = parent->root_provider_uuid;
    }
    return true;
}

bool placement_provider_post(struct call *call) {
    const char *uuid;

    if (!op_create(call)) {
        return false;
    }
    uuid = ((const struct placement_provider *)call->row)->uuid;
    call_header(call, "Location", arena_printf(call->arena, "%s/placement/resource_providers/%s", call_base_url(call), uuid));
    if (call->minor >= 20) {
        call->status = 200;
    } else {
        buf_clear(call->response);
    }
    return true;
}

static const char sql_retree[] =
    "WITH RECURSIVE below(uuid) AS (SELECT CAST(? AS TEXT) UNION SELECT p.uuid FROM placement_provider p"
    " JOIN below ON p.parent_provider_uuid = below.uuid)"
    " UPDATE placement_provider SET root_provider_uuid = ? WHERE uuid IN (SELECT uuid FROM below)";

bool placement_provider_update(struct call *call, const void *old_pointer, void *pointer) {
    const struct placement_provider *old = old_pointer;
    struct placement_provider *provider = pointer, *parent;
    const char *was = old->parent_provider_uuid, *is = provider->parent_provider_uuid;

    if (was == is || (was && is && !strcmp(was, is))) {
        return true;
    }
    if (was && call->minor < 37) {
        return fail(call, 400, "re-parenting a provider is not currently allowed.");
    }
    provider->root_provider_uuid = provider->uuid;
    if (is) {
        if (!row_find(call, &resource_placement_provider, is, &parent)) {
            return fail(call, 400, "Parent provider UUID '%s' does not exist.", is);
        }
        if (call_count(call,
                       "WITH RECURSIVE above(uuid, parent) AS (SELECT uuid, parent_provider_uuid FROM placement_provider"
                       " WHERE uuid = ? UNION SELECT p.uuid, p.parent_provider_uuid FROM placement_provider p"
                       " JOIN above ON p.uuid = above.parent) SELECT count(*) FROM above WHERE uuid = ?",
                       SQL_ARGS(sql_text(is), sql_text(provider->uuid)))) {
            return fail(call, 400, "creating loop in the provider tree is not allowed.");
        }
        provider->root_provider_uuid = parent->root_provider_uuid;
    }
    return call_exec(call, sql_retree, SQL_ARGS(sql_text(provider->uuid), sql_text(provider->root_provider_uuid)));
}

bool placement_provider_delete(struct call *call, void *pointer) {
    const struct placement_provider *provider = pointer;
    struct value id = sql_text(provider->uuid);

    if (call_count(call, "SELECT count(*) FROM placement_allocation WHERE provider = ?", &id, 1)) {
        return fail_type(call, 409, "placement.resource_provider.inuse",
                         "Unable to delete resource provider %s: Resource provider has allocations.", provider->uuid);
    }
    if (call_count(call, "SELECT count(*) FROM placement_provider WHERE parent_provider_uuid = ?", &id, 1)) {
        return fail_type(call, 409, "placement.resource_provider.cannot_delete_parent",
                         "Unable to delete parent resource provider %s: It has child resource providers.", provider->uuid);
    }
    return call_exec(call, "DELETE FROM placement_inventory WHERE provider = ?", &id, 1) &&
           call_exec(call, "DELETE FROM placement_provider_trait WHERE provider = ?", &id, 1) &&
           call_exec(call, "DELETE FROM placement_provider_aggregate WHERE provider = ?", &id, 1);
}

bool placement_provider_remove(struct call *call, const char *uuid) {
    struct placement_provider *provider;

    if (!row_find(call, &resource_placement_provider, uuid, &provider)) {
        return !call->error;
    }
    return resource_delete(call, &resource_placement_provider, provider);
}

bool placement_provider_ensure(struct call *call, const char *uuid, const char *name,
                               const struct placement_stock *stocks, size_t count, const char *const *traits) {
    struct placement_provider *provider, fresh = {.uuid = uuid, .name = name, .root_provider_uuid = uuid};

    if (!row_find(call, &resource_placement_provider, uuid, &provider)) {
        if (call->error || !row_insert(call, &resource_placement_provider, &fresh)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!inventory_ensure(call, uuid, &stocks[i])) {
            return false;
        }
    }
    if (!call_exec(call, "DELETE FROM placement_provider_trait WHERE provider = ? AND by_host = 1", SQL_ARGS(sql_text(uuid)))) {
        return false;
    }
    for (; traits && *traits; traits++) {
        if (!call_exec(call, "INSERT INTO placement_provider_trait (provider, trait, by_host) VALUES (?, ?, 1)"
                             " ON CONFLICT DO NOTHING", SQL_ARGS(sql_text(uuid), sql_text(*traits)))) {
            return false;
        }
    }
    return true;
}

/* ---- traits and aggregates of a provider ---- */

static bool find_provider(struct call *call, struct placement_provider **ret) {
    return row_get(call, &resource_placement_provider, call_parameter(call, "uuid"), ret);
}

static void write_names(struct call *call, const struct placement_provider *provider, const char *key, const char *sql,
                        bool with_generation) {
    struct rows *rows = db_query(call->db, sql, SQL_ARGS(sql_text(provider->uuid)));

    json_map(&call->out);
    json_key(&call->out, key);
    json_list(&call->out);
    while (rows_next(rows)) {
        json_text(&call->out, rows_text(rows, 0));
    }
    json_list_end(&call->out);
    rows_end(rows);
    if (with_generation) {
        json_put_int(&call->out, "resource_provider_generation", provider->generation);
    }
    json_map_end(&call->out);
}

static bool write_traits(struct call *call, const struct placement_provider *provider) {
    write_names(call, provider, "traits", "SELECT trait FROM placement_provider_trait WHERE provider = ? ORDER BY trait", true);
    return true;
}

bool placement_provider_traits_show(struct call *call) {
    struct placement_provider *provider;

    return find_provider(call, &provider) && write_traits(call, provider);
}

bool placement_provider_traits_set(struct call *call) {
    const struct placement_provider_traits *given = call->input;
    const struct json *traits = json_parse(call->arena, given->traits, strlen(given->traits), NULL);
    struct placement_provider *provider;

    if (!find_provider(call, &provider) || !provider_moved(call, provider, given->resource_provider_generation) ||
        !call_exec(call, "DELETE FROM placement_provider_trait WHERE provider = ?", SQL_ARGS(sql_text(provider->uuid)))) {
        return false;
    }
    for (JSON_EACH(trait, traits)) {
        if (!trait_exists(call, trait->text)) {
            return fail(call, 400, "No such trait %s.", trait->text);
        }
        if (!row_insert(call, &resource_placement_provider_trait,
                        &(struct placement_provider_trait){.provider = provider->uuid, .trait = trait->text})) {
            return false;
        }
    }
    return write_traits(call, provider);
}

bool placement_provider_traits_delete(struct call *call) {
    struct placement_provider *provider;

    return find_provider(call, &provider) && provider_moved(call, provider, NO_INT) &&
           call_exec(call, "DELETE FROM placement_provider_trait WHERE provider = ?", SQL_ARGS(sql_text(provider->uuid)));
}

static bool write_aggregates(struct call *call, const struct placement_provider *provider) {
    write_names(call, provider, "aggregates",
                "SELECT aggregate FROM placement_provider_aggregate WHERE provider = ? ORDER BY aggregate", call->minor >= 19);
    return true;
}

bool placement_aggregates_show(struct call *call) {
    struct placement_provider *provider;

    return find_provider(call, &provider) && write_aggregates(call, provider);
}

static bool set_aggregates(struct call *call, const struct json *aggregates, int64_t generation) {
    struct placement_provider *provider;

    if (!find_provider(call, &provider) || !provider_moved(call, provider, generation) ||
        !call_exec(call, "DELETE FROM placement_provider_aggregate WHERE provider = ?", SQL_ARGS(sql_text(provider->uuid)))) {
        return false;
    }
    for (JSON_EACH(aggregate, aggregates)) {
        if (aggregate->type != JSON_TEXT || !id_is_uuid(aggregate->text)) {
            return fail(call, 400, "JSON does not validate: an aggregate is not a UUID");
        }
        if (!row_insert(call, &resource_placement_provider_aggregate,
                        &(struct placement_provider_aggregate){.provider = provider->uuid, .aggregate = aggregate->text})) {
            return false;
        }
    }
    return write_aggregates(call, provider);
}

bool placement_aggregates_set(struct call *call) {
    const struct placement_aggregates *given = call->input;

    return set_aggregates(call, json_parse(call->arena, given->aggregates, strlen(given->aggregates), NULL),
                          given->resource_provider_generation);
}

bool placement_aggregates_set_list(struct call *call) {
    if (!call->body || call->body->type != JSON_LIST) {
        return fail(call, 400, "JSON does not validate: a list of UUIDs was expected");
    }
    return set_aggregates(call, call->body, NO_INT);
}
