/* SPDX-License-Identifier: Apache-2.0
 * Bytes that are to be hashed and then written, both on threads that all rings share, while more bytes come. A ring has a
 * few buffers: one is filled, one hashed, one written. Buffers are aligned to blocks of a disk, and there is a fixed number
 * of them, so that any number of uploads needs no more memory; a ring that finds few of them free works with fewer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { RING_BUFFER = 512 * 1024 };

struct ring_user {
    void (*hash)(void *user, const char *bytes, size_t size);
    bool (*write)(void *user, char *bytes, size_t size);    /* may change the bytes; sets errno when it fails */
    void *user;
};

struct ring;
struct ring *ring_new(const struct ring_user *user);        /* null: no buffer is free; the caller does both itself */
/* Both are false, with errno, once a write failed; what comes then is not written. Only the last write is of less than
 * RING_BUFFER bytes. */
bool ring_add(struct ring *ring, const void *bytes, size_t size);
bool ring_end(struct ring *ring);                           /* all is hashed and written */
void ring_free(struct ring *ring);                          /* null is fine; waits for what is under way */
