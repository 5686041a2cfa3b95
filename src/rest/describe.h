/* SPDX-License-Identifier: Apache-2.0
 * The declarations as one JSON document: what `haneul print operations` shows and the derived tests walk. */
#pragma once
struct arena;
struct json_out;

/* Writes every service's operations, fields and policy defaults, with the bounds that the engine applies. */
void describe_write(struct arena *arena, struct json_out *out);
