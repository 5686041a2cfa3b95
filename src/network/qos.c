/* SPDX-License-Identifier: Apache-2.0
 * Quality of service: which rules may stand together, who uses a policy, and who hears when it changes. */
#include <string.h>

#include "base/map.h"
#include "network/network.h"
#include "network/parts.h"
#include "network/related.h"
#include "rest/resource.h"

/* The kinds of rules, how the API calls their values, and which this cloud's back end brings about. */
static const struct kind {
    const char *name, *value, *burst, *directions;
    bool supported;
} kinds[] = {
    {"bandwidth_limit", "max_kbps", "max_burst_kbps", "[\"ingress\", \"egress\"]", true},
    {"dscp_marking", "dscp_mark", NULL, NULL, true},
    {"minimum_bandwidth", "min_kbps", NULL, "[\"egress\"]", true},
    {"minimum_packet_rate", "min_kpps", NULL, "[\"any\", \"ingress\", \"egress\"]", false},
    {"packet_rate_limit", "max_kpps", "max_burst_kpps", "[\"ingress\", \"egress\"]", false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* What is bound to policies. */
#define BOUND \
    "(SELECT qos_policy_id, project_id FROM network_network UNION ALL SELECT qos_policy_id, project_id FROM" \
    " network_port UNION ALL SELECT qos_policy_id, project_id FROM network_floatingip) bound"

static const struct kind *kind_of(const char *name) {
    for (size_t i = 0; i < KINDS; i++) {
        if (!strcmp(kinds[i].name, name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- policies ---- */

static bool default_is_one(struct call *call, const struct network_qos_policy *policy) {
    return !policy->is_default ||
           !call_count(call, "SELECT count(*) FROM network_qos_policy WHERE project_id = ? AND is_default = 1 AND id <> ?",
                       SQL_ARGS(sql_text(policy->project_id), sql_text(policy->id))) ||
           fail_type(call, 409, "QoSPolicyDefaultAlreadyExists", "Project %s has a default QoS policy already.",
                     policy->project_id);
}

bool network_qos_policy_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return network_filter_shared(call, query, "id IN (SELECT object_id FROM network_rbac WHERE object_type ="
                                              " 'qos_policy' AND target_tenant IN ('*', ?))");
}

bool network_qos_policy_create(struct call *call, void *row) {
    const struct network_qos_policy *policy = row;

    return default_is_one(call, policy) &&
           (!policy->shared ||
            network_share(call, "qos_policy", policy->id, policy->project_id, "access_as_shared", true));
}

static bool unshare(struct call *call, const struct network_qos_policy *policy) {
    if (call_count(call, "SELECT count(*) FROM " BOUND " WHERE qos_policy_id = ? AND project_id NOT IN (?, '')",
                   SQL_ARGS(sql_text(policy->id), sql_text(policy->project_id)))) {
        return fail_type(call, 409, "InvalidSharedSetting", "Other projects use QoS policy %s.", policy->id);
    }
    return network_share(call, "qos_policy", policy->id, policy->project_id, "access_as_shared", false);
}

bool network_qos_policy_update(struct call *call, const void *old, void *row) {
    const struct network_qos_policy *was = old, *policy = row;

    return default_is_one(call, policy) &&
           (policy->shared == was->shared ||
            (policy->shared ? network_share(call, "qos_policy", policy->id, policy->project_id, "access_as_shared", true)
                            : unshare(call, policy)));
}

bool network_qos_policy_delete(struct call *call, void *row) {
    const struct network_qos_policy *policy = row;
    const struct value id = sql_text(policy->id);

    if (call_count(call, "SELECT count(*) FROM " BOUND " WHERE qos_policy_id = ?", &id, 1)) {
        return fail_type(call, 409, "QosPolicyInUse", "Something is bound to QoS policy %s.", policy->id);
    }
    return call_exec(call, "DELETE FROM network_qos_rule WHERE policy_id = ?", &id, 1) &&
           call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1);
}

/* Columns of a rule: kind, direction, value, burst, from 'first' on. */
static void put_rule(struct rows *rows, int first, struct json_out *out) {
    const struct kind *kind = kind_of(rows_text(rows, first));

    json_put_text(out, "type", kind->name);
    json_put_int(out, kind->value, rows_int(rows, first + 2));
    if (kind->burst) {
        json_put_int(out, kind->burst, rows_int(rows, first + 3));
    }
    if (kind->directions) {
        json_put_text(out, "direction", rows_text(rows, first + 1));
    }
}

static void write_rule(const struct batch *batch, void *row, struct rows *result, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", rows_text(result, 1));
    json_put_text(out, "qos_policy_id", rows_text(result, 0));
    put_rule(result, 2, out);
    json_map_end(out);
}

bool network_qos_policy_expand(struct call *call, void *rows, size_t count) {
    const struct batch batch = {call, &resource_network_qos_policy, rows, count, "id", 0};

    return network_expand_shared(call, &resource_network_qos_policy, rows, count) &&
           related_lists(&batch, "SELECT policy_id, id, kind, direction, value, burst FROM network_qos_rule"
                                 " WHERE policy_id IN ($ids) ORDER BY kind, direction",
                         SQL_NO_ARGS, "rules", write_rule);
}

/* ---- rules ---- */

bool network_dscp_check(struct call *call, const struct field *field, void *slot) {
    static const int64_t marks[] = {0,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26,
                                    28, 30, 32, 34, 36, 38, 40, 46, 48, 56};
    int64_t mark = *(int64_t *)slot;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (marks[i] == mark) {
            return true;
        }
    }
    return fail_field(call, field, "%lld is no DSCP mark (RFC 2474)", (long long)mark);
}

/* Every kind's struct has these members; all of them are columns of one table. */
struct rule {
    const char *id, *policy_id, *kind, *direction;
    int64_t value;
};

static struct rule rule_of(const struct resource *resource, const void *row) {
    return (struct rule){field_text(resource_field(resource, "id"), row),
                         field_text(resource_field(resource, "policy_id"), row),
                         field_text(resource_field(resource, "kind"), row),
                         field_text(resource_field(resource, "direction"), row),
                         *(int64_t *)field_slot(resource_field(resource, "value"), row)};
}

static bool fits_others(struct call *call, const struct rule *rule) {
    bool least = !strcmp(rule->kind, "minimum_bandwidth"), most = !strcmp(rule->kind, "bandwidth_limit");
    const char *same = db_query_text(call->db, call->arena,
                                     "SELECT id FROM network_qos_rule WHERE policy_id = ? AND kind = ? AND direction = ?"
                                     " AND id <> ?",
                                     SQL_ARGS(sql_text(rule->policy_id), sql_text(rule->kind),
                                              sql_text(rule->direction), sql_text(rule->id)));
    int64_t other;

    if (same) {
        return fail_type(call, 409, "QoSRulesConflict", "QoS policy %s has a rule of type %s for that direction: %s.",
                         rule->policy_id, rule->kind, same);
    }
    if (!least && !most) {
        return true;
    }
    other = db_query_int(call->db, "SELECT value FROM network_qos_rule WHERE policy_id = ? AND kind = ? AND direction = ?",
                         SQL_ARGS(sql_text(rule->policy_id), sql_text(least ? "bandwidth_limit" : "minimum_bandwidth"),
                                  sql_text(rule->direction)), -1);
    return other < 0 || (least ? rule->value <= other : rule->value >= other) ||
           fail_type(call, 409, "QoSRuleParameterConflict",
                     "The bandwidth %lld contradicts the other rule of QoS policy %s, which says %lld.",
                     (long long)rule->value, rule->policy_id, (long long)other);
}

static bool not_supported(struct call *call, const char *kind) {
    return fail_type(call, 409, "QosRuleNotSupported", "This cloud's back end has no rules of type %s.", kind);
}

/* A policy that something is bound to gets no rule that would have no effect. */
static bool rule_has_effect(struct call *call, const struct rule *rule) {
    bool upside_down = !strcmp(rule->kind, "minimum_bandwidth") && !strcmp(rule->direction, "ingress");

    return (kind_of(rule->kind)->supported && !upside_down) ||
           !call_count(call, "SELECT count(*) FROM " BOUND " WHERE qos_policy_id = ?",
                       SQL_ARGS(sql_text(rule->policy_id))) ||
           not_supported(call, rule->kind);
}

bool network_qos_usable(struct call *call, const char *policy_id) {
    const char *kind = !policy_id ? NULL
                                  : db_query_text(call->db, call->arena,
                                                  "SELECT kind FROM network_qos_rule WHERE policy_id = ? AND (kind IN"
                                                  " ('minimum_packet_rate', 'packet_rate_limit') OR"
                                                  " (kind = 'minimum_bandwidth' AND direction = 'ingress'))",
                                                  SQL_ARGS(sql_text(policy_id)));

    return !kind || not_supported(call, kind);
}

/* Drivers look again at what is bound to the policy: ports, ports of its networks, routers of its floating IPs. */
bool network_qos_apply(struct call *call, const char *policy_id) {
    return network_apply_all(call, "network.port",
                             "SELECT id FROM network_port WHERE qos_policy_id = ? AND (binding_host_id <> '' OR"
                             " device_owner LIKE 'network:%')", policy_id) &&
           network_apply_all(call, "network.port",
                             "SELECT p.id FROM network_port p JOIN network_network n ON n.id = p.network_id WHERE"
                             " n.qos_policy_id = ? AND p.qos_policy_id IS NULL AND p.binding_host_id <> ''",
                             policy_id) &&
           network_apply_all(call, "network.router",
                             "SELECT DISTINCT f.router_id FROM network_floatingip f JOIN network_network n ON"
                             " n.id = f.floating_network_id WHERE coalesce(f.qos_policy_id, n.qos_policy_id) = ?"
                             " AND f.router_id IS NOT NULL", policy_id);
}

static bool policy_touch(struct call *call, const char *policy_id) {
    return call_exec(call, "UPDATE network_qos_policy SET revision_number = revision_number + 1 WHERE id = ?",
                     SQL_ARGS(sql_text(policy_id))) &&
           network_qos_apply(call, policy_id);
}

static bool rule_set(struct call *call, const void *row) {
    const struct rule rule = rule_of(call->resource, row);

    return fits_others(call, &rule) && rule_has_effect(call, &rule) && policy_touch(call, rule.policy_id);
}

bool network_qos_rule_create(struct call *call, void *row) {
    return rule_set(call, row);
}

bool network_qos_rule_update(struct call *call, const void *old, void *row) {
    return rule_set(call, row);
}

bool network_qos_rule_delete(struct call *call, void *row) {
    return policy_touch(call, rule_of(call->resource, row).policy_id);
}

/* A rule belongs to whom its policy belongs to. */
const char *network_qos_rule_attribute(struct call *call, const void *row, const char *name) {
    const char *policy_id = field_text(resource_field(call->resource, "policy_id"), row);
    struct network_qos_policy *policy;

    return !strcmp(name, "project_id") && row_find(call, &resource_network_qos_policy, policy_id, &policy) ? policy->project_id
                                                                                                          : NULL;
}

/* ---- documents ---- */

static void keep_rules(struct call *call, struct map *map, const char *policy_id, struct json_out *out) {
    json_list_end(out);
    map_set(map, policy_id, (void *)(uintptr_t)network_text(call, out->buf));
}

bool network_qos_read(struct call *call, const char *policy_id, struct map *map) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *now = NULL;
    struct rows *rows =
        policy_id ? db_query(call->db, "SELECT policy_id, kind, direction, value, burst FROM network_qos_rule"
                                       " WHERE policy_id = ? ORDER BY kind, direction", SQL_ARGS(sql_text(policy_id)))
                  : db_query(call->db, "SELECT policy_id, kind, direction, value, burst FROM network_qos_rule"
                                       " ORDER BY policy_id, kind, direction", SQL_NO_ARGS);

    while (rows_next(rows)) {
        if (!now || strcmp(now, rows_text(rows, 0)) != 0) {
            if (now) {
                keep_rules(call, map, now, &out);
            }
            now = arena_text(call->arena, rows_text(rows, 0));
            out = (struct json_out){.buf = &buf};
            json_list(&out);
        }
        json_map(&out);
        put_rule(rows, 1, &out);
        json_map_end(&out);
    }
    if (now) {
        keep_rules(call, map, now, &out);
    }
    rows_end(rows);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

/* ---- rule types ---- */

bool network_qos_rule_types(struct call *call) {
    bool all = call_argument_true(call, "all_rules");

    json_map(&call->out);
    json_key(&call->out, "rule_types");
    json_list(&call->out);
    for (size_t i = 0; i < KINDS; i++) {
        if (all || kinds[i].supported) {
            json_map(&call->out);
            json_put_text(&call->out, "type", kinds[i].name);
            json_map_end(&call->out);
        }
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static void write_parameter(struct json_out *out, const char *name, const char *type, const char *values) {
    json_map(out);
    json_put_text(out, "parameter_name", name);
    json_put_text(out, "parameter_type", type);
    json_put_raw(out, "parameter_values", values);
    json_map_end(out);
}

static void write_parameters(const struct kind *kind, struct json_out *out) {
    static const char range[] = "{\"start\": 0, \"end\": 2147483647}";

    json_key(out, "supported_parameters");
    json_list(out);
    write_parameter(out, kind->value, "range", kind->directions ? range : "{\"start\": 0, \"end\": 63}");
    if (kind->burst) {
        write_parameter(out, kind->burst, "range", range);
    }
    if (kind->directions) {
        write_parameter(out, "direction", "choices", kind->directions);
    }
    json_list_end(out);
}

/* Which back end does it and how is for administrators. */
bool network_qos_rule_type(struct call *call) {
    const char *name = call_parameter(call, "rule_type");
    const struct kind *kind = kind_of(name);
    struct json_out *out = &call->out;

    if (!call->caller.admin) {
        return fail(call, 403, "Details of rule types are for administrators.");
    }
    if (!kind) {
        return fail_type(call, 400, "InvalidInput", "There is no rule type '%.60s'.", name);
    }
    json_map(out);
    json_key(out, "rule_type");
    json_map(out);
    json_put_text(out, "type", kind->name);
    json_key(out, "drivers");
    json_list(out);
    if (kind->supported) {
        json_map(out);
        json_put_text(out, "name", "ovn");
        write_parameters(kind, out);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    json_map_end(out);
    return true;
}
