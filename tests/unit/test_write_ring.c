/* SPDX-License-Identifier: Apache-2.0
 * Tests of the rings of buffers between who gives bytes, their hash and their blob. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "object_store/write_ring.h"
#include "test.h"

enum { BYTES = 3 * 1024 * 1024 + 17, PIECE = 100 * 1000, RINGS = 150, FAILS_AFTER = 2 };

struct taker {
    char *hashed, *written;
    size_t hashed_size, written_size, writes;
    bool fails;
};

static void take_hash(void *user, const char *bytes, size_t size) {
    struct taker *taker = user;

    memcpy(taker->hashed + taker->hashed_size, bytes, size);
    taker->hashed_size += size;
}

/* Changes the bytes, as encryption does: who hashes must have seen them before. */
static bool take_write(void *user, char *bytes, size_t size) {
    struct taker *taker = user;

    if (taker->fails && taker->writes++ == FAILS_AFTER) {
        errno = ENOSPC;
        return false;
    }
    memcpy(taker->written + taker->written_size, bytes, size);
    taker->written_size += size;
    memset(bytes, 0xee, size);
    return true;
}

static void taker_new(struct taker *taker, bool fails) {
    *taker = (struct taker){.hashed = malloc(BYTES), .written = malloc(BYTES), .fails = fails};
    check(taker->hashed && taker->written);
}

static void taker_free(struct taker *taker) {
    free(taker->hashed);
    free(taker->written);
}

static char *numbered(void) {
    char *bytes = malloc(BYTES);

    check(bytes != NULL);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (char)(i * 31 + i / 251);
    }
    return bytes;
}

static struct ring *ring_for(struct taker *taker) {
    return ring_new(&(struct ring_user){take_hash, take_write, taker});
}

static size_t piece_at(size_t at) {
    return BYTES - at < PIECE ? BYTES - at : PIECE;
}

TEST(a_ring_gives_all_bytes_in_order_to_the_hash_and_then_to_the_blob) {
    char *bytes = numbered();
    struct taker takers[3];
    struct ring *rings[3];

    for (int i = 0; i < 3; i++) {
        taker_new(&takers[i], false);
        rings[i] = ring_for(&takers[i]);
        check(rings[i] != NULL);
    }
    for (size_t at = 0; at < BYTES; at += PIECE) {
        for (int i = 0; i < 3; i++) {
            check(ring_add(rings[i], bytes + at, piece_at(at)));
        }
    }
    for (int i = 0; i < 3; i++) {
        check(ring_end(rings[i]));
        check(takers[i].hashed_size == BYTES && takers[i].written_size == BYTES);
        check(!memcmp(takers[i].hashed, bytes, BYTES) && !memcmp(takers[i].written, bytes, BYTES));
        ring_free(rings[i]);
        taker_free(&takers[i]);
    }
    free(bytes);
}

TEST(a_ring_whose_write_failed_takes_no_more_and_says_why) {
    char *bytes = numbered();
    struct taker taker;
    struct ring *ring;
    bool ok = true;

    taker_new(&taker, true);
    ring = ring_for(&taker);
    check(ring != NULL);
    for (size_t at = 0; at < BYTES && ok; at += PIECE) {
        ok = ring_add(ring, bytes + at, piece_at(at));
    }
    errno = 0;
    check(!ring_end(ring));
    check_int(errno, ENOSPC);
    check_int(taker.written_size, FAILS_AFTER * RING_BUFFER);
    ring_free(ring);
    taker_free(&taker);
    free(bytes);
}

/* However many there are, they have no more buffers; one that was given back serves again. */
TEST(rings_share_a_fixed_number_of_buffers) {
    struct ring *rings[RINGS];
    struct taker taker = {0};
    int made = 0;

    for (int i = 0; i < RINGS; i++) {
        rings[i] = ring_for(&taker);
        made += rings[i] != NULL;
    }
    check(made > 0 && made < RINGS);
    for (int i = 0; i < RINGS; i++) {
        ring_free(rings[i]);
    }
    rings[0] = ring_for(&taker);
    check(rings[0] != NULL);
    ring_free(rings[0]);
}
