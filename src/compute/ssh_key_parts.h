/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files that read and make keys; nobody else includes this. */
#pragma once

struct arena;

/* The hexadecimal digits 'hex' in pairs parted by ':'. */
char *hex_pairs(struct arena *arena, const char *hex);
