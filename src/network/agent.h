/* SPDX-License-Identifier: Apache-2.0
 * The agent's side of the network service: one handler per kind of document, over the driver that the configuration
 * names ([network] driver = ovn | fake; ovn unless said). */
#pragma once
#include "bus/work.h"

/* "network.network", "network.port", "network.router", "network.security_group", "network.plug": a document of driver.h,
 * null to take it away. "network.list": what exists, in the result. "network.converge": as below. */
extern const struct work_kind network_work[];

/* Starts and stops the driver. False when the configuration names none that exists. */
bool network_agent_start(const struct host *host);
void network_agent_stop(void);

/* Makes all be as the API says: asks "network.wanted" with the host's name and gets
 *   {"networks": [document], "security_groups": [...], "ports": [...], "routers": [...], "plugs": [{"id": port, ...}],
 *    "complete": true}
 * applies each, and when the answer is complete takes away what nothing there names. To call on start, on reconnect and
 * from time to time. False when the API did not answer or a document could not be applied. */
bool network_agent_converge(const struct host *host);
