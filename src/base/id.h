/* SPDX-License-Identifier: Apache-2.0
 * Identifiers: random UUIDs (RFC 9562 version 4) with and without dashes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

char *id_uuid(struct arena *arena);     /* 8-4-4-4-12 */
char *id_request(struct arena *arena);  /* of a request: "req-" and the same */
char *id_hex(struct arena *arena);      /* a UUID as 32 hexadecimal digits, as identity's ids are */

/* True for 36 characters 8-4-4-4-12, or 32 hexadecimal digits. */
bool id_is_uuid(const char *text);
bool id_is_hex(const char *text);       /* 32 hexadecimal digits */

/* Fills 'bytes' with random bytes of the kernel. */
void random_bytes(void *bytes, size_t size);
