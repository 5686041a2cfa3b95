/* SPDX-License-Identifier: Apache-2.0
 * Network's rows and inputs as C structs, and what most of its declarations have in common. */
#pragma once
#include "rest/declare.h"

/* Neutron's standard attributes: every resource that has them names them with one line. */
#define STANDARD_FIELDS \
    FIELD(description,     TEXT,  READ | CREATE | UPDATE | FILTER | SORT | NULLABLE, .dflt = "") \
    FIELD(created_at,      TIME,  READ | SORT,                                       .dflt = "$now") \
    FIELD(updated_at,      TIME,  READ | SORT,                                       .dflt = "$now") \
    FIELD(revision_number, INT,   READ | FILTER | SORT,                              .dflt = "0")

/* Whose it is. Only an administrator says another project than the caller's. */
#define PROJECT_FIELD \
    FIELD(project_id, TEXT, READ | CREATE | FILTER | SORT | INDEX, .dflt = "$project", .check = network_project_check)

/* Tags: the attribute, and the operations on it below the resource. */
#define TAGS_FIELD FIELD(tags, TEXTS, READ, .dflt = "[]")
#define TAGS_OPS(PLURAL, SINGULAR) \
    OP(GET,    "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags",       network_tags_list,    .policy = "get_" SINGULAR) \
    OP(PUT,    "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags",       network_tags_replace, .policy = "update_" SINGULAR, \
       .input = &resource_network_tags, .flags = OP_NO_WRAP) \
    OP(DELETE, "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags",       network_tags_clear,   .policy = "update_" SINGULAR, \
       .status = 204) \
    OP(GET,    "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags/{tag}", network_tag_show,     .policy = "get_" SINGULAR, \
       .status = 204) \
    OP(PUT,    "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags/{tag}", network_tag_add,      .policy = "update_" SINGULAR, \
       .status = 201, .flags = OP_RAW_BODY) \
    OP(DELETE, "/v2.0/" PLURAL "/{" SINGULAR "_id}/tags/{tag}", network_tag_remove,   .policy = "update_" SINGULAR, \
       .status = 204)

/* Rules of QoS policies: one table, whose rows each kind sees of its own. What they have in common, and how each kind
 * calls it. */
#define QOS_RULE(SINGULAR, KIND) \
    .singular = SINGULAR, .plural = SINGULAR "s", .table = "network_qos_rule", .what = "QoS rule", \
    .not_found = "QosRuleNotFound", .unique = "policy_id,kind,direction", .filter_deleted = "kind = '" KIND "'", \
    .visible = "policy_id IN (SELECT id FROM network_qos_policy WHERE project_id = $project OR id IN" \
               " (SELECT object_id FROM network_rbac WHERE object_type = 'qos_policy'" \
               " AND target_tenant IN ('*', $project)))"
#define QOS_RULE_KEYS(KIND) \
    FIELD(id,        UUID, READ | KEY | FILTER | SORT, .dflt = "$uuid") \
    FIELD(policy_id, UUID, INDEX,                      .refers = &resource_network_qos_policy) \
    FIELD(kind,      TEXT, 0,                          .dflt = KIND)
#define QOS_VALUE(JSON) \
    FIELD(value, INT, READ | CREATE | UPDATE | REQUIRED | FILTER | SORT | LENIENT, .json = JSON, .max = INT32_MAX)
#define QOS_DIRECTION(VALUES) \
    FIELD(direction, ENUM, READ | CREATE | UPDATE | FILTER | SORT, .dflt = "egress", .values = VALUES)
#define QOS_NO_BURST FIELD(burst, INT, 0, .dflt = "0")
#define QOS_BANDWIDTH_LIMIT \
    QOS_RULE_KEYS("bandwidth_limit") QOS_VALUE("max_kbps") \
    FIELD(burst, INT, READ | CREATE | UPDATE | FILTER | SORT | LENIENT, .json = "max_burst_kbps", .dflt = "0") \
    QOS_DIRECTION("ingress|egress")
#define QOS_DSCP_MARKING \
    QOS_RULE_KEYS("dscp_marking") \
    FIELD(value, INT, READ | CREATE | UPDATE | REQUIRED | FILTER | SORT | LENIENT, .json = "dscp_mark", .max = 63, \
          .check = network_dscp_check) \
    QOS_NO_BURST FIELD(direction, TEXT, 0, .dflt = "egress") USES(check, network_dscp_check)
#define QOS_MINIMUM_BANDWIDTH \
    QOS_RULE_KEYS("minimum_bandwidth") QOS_VALUE("min_kbps") QOS_NO_BURST QOS_DIRECTION("ingress|egress")
#define QOS_MINIMUM_PACKET_RATE \
    QOS_RULE_KEYS("minimum_packet_rate") QOS_VALUE("min_kpps") QOS_NO_BURST QOS_DIRECTION("any|ingress|egress")
#define QOS_RULE_HOOKS \
    HOOK(on_create, network_qos_rule_create) HOOK(on_update, network_qos_rule_update) \
    HOOK(on_delete, network_qos_rule_delete) HOOK(attribute, network_qos_rule_attribute)
#define QOS_RULE_OPS(SINGULAR) \
    QOS_RULE_HOOKS \
    OP(GET,    "/v2.0/qos/policies/{policy_id}/" SINGULAR "s",           op_list,   .policy = "get_policy_" SINGULAR) \
    OP(POST,   "/v2.0/qos/policies/{policy_id}/" SINGULAR "s",           op_create, .policy = "create_policy_" SINGULAR, \
       .flags = OP_HIDE_MISSING) \
    OP(GET,    "/v2.0/qos/policies/{policy_id}/" SINGULAR "s/{rule_id}", op_show,   .policy = "get_policy_" SINGULAR) \
    OP(PUT,    "/v2.0/qos/policies/{policy_id}/" SINGULAR "s/{rule_id}", op_update, .policy = "update_policy_" SINGULAR) \
    OP(DELETE, "/v2.0/qos/policies/{policy_id}/" SINGULAR "s/{rule_id}", op_delete, .policy = "delete_policy_" SINGULAR)
#define QOS_ALIAS_OPS(SINGULAR) \
    QOS_RULE_HOOKS \
    OP(GET,    "/v2.0/qos/" SINGULAR "s/{rule_id}", op_show,   .policy = "get_" SINGULAR) \
    OP(PUT,    "/v2.0/qos/" SINGULAR "s/{rule_id}", op_update, .policy = "update_" SINGULAR) \
    OP(DELETE, "/v2.0/qos/" SINGULAR "s/{rule_id}", op_delete, .policy = "delete_" SINGULAR)
/* The policy that something is bound to. */
#define QOS_BINDING \
    FIELD(qos_policy_id, UUID, READ | CREATE | UPDATE | FILTER | NULLABLE | INDEX, .refers = &resource_network_qos_policy)

#define DECLARE "rest/declare_types.h"
#include "defs_network.h"
#undef DECLARE

/* Owners of ports that the cloud itself makes. */
#define OWNER_ROUTER_INTERFACE "network:router_interface"
#define OWNER_ROUTER_GATEWAY "network:router_gateway"
#define OWNER_FLOATINGIP "network:floatingip"
#define OWNER_METADATA "network:distributed"
#define OWNER_SUBPORT "trunk:subport"
#define OWNER_DHCP "network:dhcp"

/* The domain of names for which neither port nor network says one. */
#define DNS_DOMAIN "openstacklocal"

/* Ports that go away with their network or subnet, as SQL. */
#define OWNERS_TRANSIENT "('network:dhcp', 'network:distributed')"
