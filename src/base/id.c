/* SPDX-License-Identifier: Apache-2.0
 * Random identifiers. */
#include "base/id.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/arena.h"

void random_bytes(void *bytes, size_t size) {
    char *at = bytes;

    while (size) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0) {
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}

/* ---- random bytes for ids, many for one call of the kernel; what is no id but a secret takes random_bytes ---- */

static _Thread_local struct {
    uint8_t bytes[512];
    size_t left;
} pool;

/* A child of fork must not give the ids of its parent; of threads it has only the one that forked. */
static void forget_pool(void) {
    pool.left = 0;
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, forget_pool);
}

static void id_bytes(uint8_t bytes[16]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (pool.left < 16) {
        pthread_once(&once, watch_forks);
        random_bytes(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= 16;
    memcpy(bytes, pool.bytes + pool.left, 16);
}

enum { ID_SIZE = 37 };              /* with dashes and a NUL */

static void put_id(char *at, bool dashes) {
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[16];

    id_bytes(bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10)) {
            *at++ = '-';
        }
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
}

static char *make_id(struct arena *arena, const char *prefix, bool dashes) {
    size_t size = strlen(prefix);
    char *text = arena_alloc(arena, size + ID_SIZE);

    memcpy(text, prefix, size);
    put_id(text + size, dashes);
    return text;
}

char *id_uuid(struct arena *arena) {
    return make_id(arena, "", true);
}

char *id_request(struct arena *arena) {
    return make_id(arena, "req-", true);
}

char *id_hex(struct arena *arena) {
    return make_id(arena, "", false);
}

bool id_is_hex(const char *text) {
    size_t n = 0;

    while (isxdigit((unsigned char)text[n])) {
        n++;
    }
    return n == 32 && !text[n];
}

bool id_is_uuid(const char *text) {
    if (strlen(text) != 36) {
        return id_is_hex(text);
    }
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}
