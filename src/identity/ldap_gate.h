/* SPDX-License-Identifier: Apache-2.0
 * How many may talk to LDAP servers at a time. */
#pragma once
#include <stdbool.h>

/* Comes in to talk to a server as 'key' names it with its settings. False when it was not answering a moment ago, or too many are in already:
 * whoever waits for a server keeps a worker from others. */
bool ldap_gate_enter(const char *key);
/* Leaves. 'dead': the server did not answer; nobody tries again for a few seconds. */
void ldap_gate_leave(const char *key, bool dead);
