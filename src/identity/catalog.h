/* SPDX-License-Identifier: Apache-2.0
 * The token's body and the catalog in it. */
#pragma once
#include "identity/token.h"

/* Writes {"token": {...}} into the response. In a transaction. */
void token_write(struct call *call, const struct token *token, const struct caller *caller, bool with_catalog);

/* Writes the catalog as a list, with the URLs for the caller's project. */
void catalog_write(struct call *call, const struct caller *caller, struct json_out *out);

/* Endpoints that a project was given, as a condition on the table of endpoints: the project's id twice. */
extern const char sql_endpoints_given[];

/* Adds to a list of projects: those that {endpoint_id} or {endpoint_group_id} of the path is given to. */
bool list_projects_of_endpoint(struct call *call, struct query *query);
