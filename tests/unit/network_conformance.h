/* SPDX-License-Identifier: Apache-2.0
 * What every network driver must do, as network/driver.h says it. Runs through the agent's service and a bus, with the
 * driver that the configuration of the host names. */
#pragma once
#include "bus/work.h"

/* Starts an agent for 'host' that a listener of the test hears, in 'directory'. */
void network_test_start(const struct host *host, const char *directory);
void network_test_stop(void);

/* Runs a kind of work with document 'doc' (JSON; null: take it away). The result is a map, null when the work failed:
 * then network_test_error() says why. Both live until the next call. */
const struct json *network_test_run(const char *kind, const char *id, const char *doc);
const char *network_test_error(void);

/* True when the driver reports 'status' for the port within 'seconds', or did as its last word. */
bool network_test_status(const char *port, const char *status, int seconds);

/* What "network.wanted" is answered with from now on; null: there is no answer. Kept by the caller. */
void network_test_want(const char *json);

/* One life of a network with all that belongs to it. Leaves nothing behind. */
void network_conformance(const struct host *host);
