/* SPDX-License-Identifier: Apache-2.0
 * Small things that several resources need: project, sharing, JSON, rules of single keys. */
#include "base/clock.h"
#include "network/parts.h"

#include <stdlib.h>
#include <string.h>

#include "network/related.h"
#include "rest/resource.h"

const struct json *network_json(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

bool network_same(const char *a, const char *b) {
    return !strcmp(a ? a : "", b ? b : "");
}

bool network_invalid(struct call *call, const char *cause) {
    return fail_type(call, 400, "InvalidInput", "Invalid input for operation: %s.", cause);
}

const char *network_text(struct call *call, struct buf *buf) {
    const char *text = arena_text_size(call->arena, buf->at ? buf->at : "", buf->size);

    buf_release(buf);
    return text;
}

bool network_project_check(struct call *call, const struct field *field, void *slot) {
    const char *project = *(const char **)slot;

    if (call->caller.admin || (call->caller.project_id && !strcmp(project, call->caller.project_id))) {
        return true;
    }
    return fail(call, 400, "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request "
                           "requires admin privileges");
}

bool network_given(struct call *call, const struct resource *resource, const char *field) {
    return call->operation && call->resource == resource && call_given(call, field);
}

static bool allow_key(struct call *call, const char *field, const char *key, const struct resource *resource,
                      const void *row) {
    const char *rule = arena_printf(call->arena, "%s:%s:%s", call->operation->policy, field, key);

    return !call_has_rule(call, rule) || call_allow(call, rule, resource, row);
}

bool network_allow_keys(struct call *call, const char *field, const char *text, const struct resource *resource,
                        const void *row) {
    const struct json *value = network_json(call, text);

    if (!value || !network_given(call, resource, field)) {
        return true;
    }
    for (JSON_EACH(item, value)) {
        if (value->type == JSON_MAP && !allow_key(call, field, item->key, resource, row)) {
            return false;
        }
        for (JSON_EACH(member, value->type == JSON_LIST ? item : NULL)) {
            if (member->key && !allow_key(call, field, member->key, resource, row)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- sharing ---- */

static void set_shared(const struct batch *batch, void *row, struct rows *result) {
    *(bool *)field_slot(resource_field(batch->resource, "shared"), row) = true;
}

/* The RBAC type of a resource: "qos_policy" of network_qos_policy. */
static const char *rbac_type(const struct resource *resource) {
    return resource->name + strlen("network_");
}

bool network_expand_shared(struct call *call, const struct resource *resource, void *rows, size_t count) {
    const struct field *shared = resource_field(resource, "shared");
    const struct batch batch = {call, resource, rows, count, "id", 0};

    for (size_t i = 0; i < count; i++) {
        *(bool *)field_slot(shared, (char *)rows + i * resource->size) = false;
    }
    return related_each(&batch,
                        "SELECT DISTINCT object_id FROM network_rbac"
                        " WHERE object_type = ? AND action = 'access_as_shared' AND target_tenant IN ('*', ?)"
                        " AND object_id IN ($ids)",
                        SQL_ARGS(sql_text(rbac_type(resource)), sql_text(call->caller.project_id)), set_shared);
}

bool network_filter_shared(struct call *call, struct query *query, const char *condition) {
    const char *text = call_argument(call, "shared");

    query_take(query, "shared");
    if (text && *text) {
        query_where(query, arena_printf(call->arena, "%s(%s)", truth_of(text) == 1 ? "" : "NOT ", condition),
                    SQL_ARGS(sql_text(call->caller.project_id)));
    }
    return true;
}

bool network_share(struct call *call, const char *type, const char *id, const char *project_id, const char *action,
                   bool share) {
    struct network_rbac entry = {0};

    if (!share) {
        return call_exec(call, "DELETE FROM network_rbac WHERE object_type = ? AND object_id = ? AND action = ?"
                               " AND target_tenant = '*'",
                         SQL_ARGS(sql_text(type), sql_text(id), sql_text(action)));
    }
    row_defaults(call, &resource_network_rbac, &entry);
    entry.object_type = type;
    entry.object_id = id;
    entry.project_id = project_id;
    entry.action = action;
    entry.target_tenant = "*";
    return row_insert(call, &resource_network_rbac, &entry);
}

/* ---- attributes that policy asks ---- */

static bool shared_with_caller(struct call *call, const char *network_id) {
    return call_count(call,
                      "SELECT count(*) FROM network_rbac WHERE object_type = 'network' AND action = 'access_as_shared'"
                      " AND object_id = ? AND target_tenant IN ('*', ?)",
                      SQL_ARGS(sql_text(network_id), sql_text(call->caller.project_id))) > 0;
}

/* Of a subnet or port: whose its network is, and whether that is shared. */
const char *network_child_attribute(struct call *call, const void *row, const char *name) {
    const struct network_port *port = row;
    const struct field *network_id = resource_field(call->resource, "network_id");
    const char *id = network_id ? field_text(network_id, row) : NULL;
    struct network_network *net;

    if (!strcmp(name, "shared")) {
        return id && shared_with_caller(call, id) ? "True" : "False";
    }
    if (strcmp(name, "network:project_id") != 0 && strcmp(name, "network:tenant_id") != 0) {
        return NULL;
    }
    if (call->resource == &resource_network_port) {
        net = network_of_port(call, port);
    } else if (!row_find(call, &resource_network_network, id, &net)) {
        net = NULL;
    }
    return net ? net->project_id : NULL;
}

/* ---- values that are the same in every row ---- */

void network_zones_write(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_list(out);
    json_list_end(out);
}

void network_yes_write(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_bool(out, true);
}
