/* SPDX-License-Identifier: Apache-2.0
 * The end of a serial console's output. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct work;

enum { CONSOLE_MAX = 100 * 1024 };      /* bytes that the compute API gives at most */

/* Adds the last 'lines' lines (0: all) of 'text' to the result as "output": at most CONSOLE_MAX bytes, with what is no
 * UTF-8 replaced, for a guest can write anything there. */
void console_put(struct work *work, const char *text, size_t size, int64_t lines);

/* The same of the file 'path' and, where that is short, the end of its rotated predecessor 'path'.0. */
void console_put_file(struct work *work, const char *path, int64_t lines);
