/* SPDX-License-Identifier: Apache-2.0
 * Buffers for writing past the page cache, aligned to blocks of a disk. There are at most MAX_WRITE_BUFFERS, so that any
 * number of uploads needs no more memory. */
#pragma once

enum { WRITE_BUFFER = 512 * 1024, MAX_WRITE_BUFFERS = 128 };

char *write_buffer_take(void);          /* null: all are taken */
void write_buffer_give(char *buffer);   /* null is fine */
