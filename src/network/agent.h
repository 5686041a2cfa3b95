/* SPDX-License-Identifier: Apache-2.0
 * The agent's side of the network service: one kind of work per kind of document of driver.h, null to take it away:
 * "network.network", "network.port", "network.router", "network.security_group", "network.plug"; and "network.list",
 * which answers with what exists. The configuration names the driver: [network] driver = ovn | fake (ovn unless said).
 *
 * To reconcile it asks "network.wanted" with the host's name and gets
 *   {"networks": [document], "security_groups": [...], "ports": [...], "routers": [...], "plugs": [{"id": port, ...}],
 *    "complete": true}
 * applies each, and when the answer is complete takes away what exists and nothing there names. A part that is absent
 * (not empty) is left alone, and so is a plug that says "busy": true, whose server has a task under way. */
#pragma once
#include "bus/agent.h"
#include "bus/work.h"

extern const struct agent_service network_agent_service;

/* Plugs or unplugs (null 'plug') the device of a port within another service's work: the function that compute_plug of
 * compute/driver.h wants. Success when no driver was started. */
bool network_plug(struct work *work, const char *port_id, const struct json *plug);
