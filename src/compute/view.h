/* SPDX-License-Identifier: Apache-2.0
 * What the answers of compute's resources have in common. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/call.h"

/* Writes the list of links "self" and "bookmark" of /v2.1/COLLECTION/ID. */
void view_links(struct call *call, const char *collection, const char *id, struct json_out *out);

/* Fails 400 when the query has an argument that is none of 'names' ("limit|marker"), in versions from 'since' on. */
bool view_arguments(struct call *call, int since, const char *names);

/* A time under 'key' as extended attributes have it (no zone); null when it is 0. */
void view_time(struct json_out *out, const char *key, int64_t time, bool zone);
