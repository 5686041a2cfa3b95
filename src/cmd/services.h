/* SPDX-License-Identifier: Apache-2.0
 * The tables of services: what the API role serves and what the agent role does. To add a service: one line in each. */
#pragma once

struct agent_service;
struct service;

extern const struct service *const api_services[];              /* ends with null */
extern const struct agent_service *const agent_services[];      /* ends with null */
