/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI description of everything declared. */
#pragma once
struct arena;
struct json_out;

/* Writes the OpenAPI 3.1 document of all services that are on. */
void openapi_write(struct arena *arena, struct json_out *out);
