/* SPDX-License-Identifier: Apache-2.0
 * What the roles share: directories, the unprivileged user, the control socket, signals, secrets of the machine.
 *
 * Below the data directory: run/ (sockets and pids; root's, the user of the API may add but not remove), api/ (the
 * database and keys; only the API's user), images/ (image data, written by the API, read by everybody). */
#pragma once
#include <stdbool.h>

struct cmd;

const char *role_data(const struct cmd *cmd);               /* [DEFAULT] data */
const char *role_run_path(struct cmd *cmd, const char *name);       /* DATA/run/NAME */
const char *role_bus_url(struct cmd *cmd);                  /* [bus] url, or "unix:DATA/run/bus.sock" */
const char *role_host_name(struct cmd *cmd);                /* [DEFAULT] host, or the machine's name */

/* Makes the directories, the API's user (when we are root) and the machine's secrets, so that [metadata] secret is set
 * in the configuration. Idempotent; called by each role, also at the same time. False: said why. */
bool role_prepare(struct cmd *cmd);

/* Gives up root for [api] user for ever; nothing when we are not root. False: said why. */
bool role_drop_privileges(struct cmd *cmd);

/* Sets log levels, blocks the signals that role_wait waits for, opens the control socket DATA/run/NAME.ctl, and ends
 * with the `serve` that started us. Before any thread is started. False: said why. */
bool role_begin(struct cmd *cmd, const char *name);

/* Returns when SIGTERM or SIGINT came. SIGHUP meanwhile reads the log levels again. */
void role_wait(struct cmd *cmd);

/* Sets levels from "default=info,network=debug" ([log] levels). */
void role_log_levels(const char *levels);
