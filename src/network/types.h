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

#define DECLARE "rest/declare_types.h"
#include "defs_network.h"
#undef DECLARE

/* Owners of ports that the cloud itself makes. */
#define OWNER_ROUTER_INTERFACE "network:router_interface"
#define OWNER_ROUTER_GATEWAY "network:router_gateway"
#define OWNER_FLOATINGIP "network:floatingip"
#define OWNER_METADATA "network:distributed"
#define OWNER_DHCP "network:dhcp"

/* Ports that go away with their network or subnet, as SQL. */
#define OWNERS_TRANSIENT "('network:dhcp', 'network:distributed')"
