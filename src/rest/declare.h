/* SPDX-License-Identifier: Apache-2.0
 * How a .def file is written, and the headers that give it meaning.
 *
 *   RESOURCE(network_port, .singular = "port", .plural = "ports", .table = "network_port", ...)
 *   FIELD(id,   UUID, READ | KEY | FILTER | SORT,  .dflt = "$uuid")
 *   FIELD(name, TEXT, READ | CREATE | UPDATE,      .max = 255, .dflt = "")
 *   HOOK(on_create, network_port_create)       a function of struct resource's member of that name
 *   USES(check, network_port_check_name)       a function that another line names (check, write, sink, before, begin, find, fix, look, clear, fix_host)
 *   OP(GET, "/v2.0/ports", op_list, .policy = "get_port")
 *   INVARIANT("port-network", "a port is on a network that is there", .breaks = "SELECT ...", .mend = "DELETE ...")
 *   ON_HOST("plugs", "SELECT id, 0 FROM network_port WHERE binding_host_id = ?", .remove = "network.plug")
 *   END
 *
 * RESOURCE with no .table is an input: the typed body of an operation. One file may hold several. The build lists the
 * .def files of each service in defs_SERVICE.h, which is included with DECLARE naming one of
 *
 *   rest/declare_types.h    struct network_port, and 'extern const struct resource resource_network_port'
 *   rest/declare_hooks.h    prototypes of handlers and hooks
 *   rest/declare_tables.h   the tables themselves: once per service, in its service.c
 *   rest/declare_list.h     &resource_network_port, for the service's list
 *
 * The last three are what rest/declare_service.h includes in service.c.
 *
 * To add a field: add a line. To add a resource: add a .def file, and its test. Nothing else. */
#pragma once
#include "rest/field.h"
