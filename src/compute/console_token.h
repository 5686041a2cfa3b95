/* SPDX-License-Identifier: Apache-2.0
 * Tokens that open a server's graphical console in a browser. */
#pragma once
#include "rest/service.h"

/* The console proxy's entry in the table of services: noVNC's pages and its WebSocket, below /console. */
extern const struct service compute_console;

/* Asks 'host' where the server's display is and makes a token for it; '*ret_url' is what the user opens. 'type' is a
 * console type of the compute API: "novnc"; the others are not available (400). Asks an agent: the call must not be in
 * a transaction (OP_NO_TRANSACTION). */
bool console_token_make(struct call *call, const char *server_id, const char *host, const char *type,
                        const char **ret_url);

/* Asks 'host' where the server's display is now. Fails when it does not tell; the call must not be in a transaction. */
bool console_display(struct call *call, const char *server_id, const char *host, const char **ret_host, int64_t *ret_port);

/* The server is gone, and with it whoever could open its consoles. */
bool console_tokens_drop(struct call *call, const char *server_id);

/* The row of a token that is still good, or null in '*ret_row'. A token ends with its server. */
struct compute_console_token;
bool console_token_find(struct call *call, const char *token, struct compute_console_token **ret_row);
