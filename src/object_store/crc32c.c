/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C by table, and with SSE 4.2 three runs at once, joined by tables of what a run of zeroes does to a sum. */
#include "object_store/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { LANE = 1024 };               /* bytes of each of the three runs */

static uint32_t table[256], shift[4][256];
static bool fast;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t by_table(uint32_t crc, const unsigned char *at, size_t size) {
    while (size--) {
        crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
    }
    return crc;
}

static void tables_make(void) {
    static const unsigned char zeroes[LANE];

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
        table[i] = crc;
    }
    for (int byte = 0; byte < 4; byte++) {
        for (uint32_t i = 0; i < 256; i++) {
            shift[byte][i] = by_table(i << 8 * byte, zeroes, LANE);
        }
    }
#ifdef __x86_64__
    fast = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
static uint32_t shifted(uint32_t crc) {
    return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

static uint64_t word_at(const unsigned char *at) {
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *at, size_t size) {
    for (; size >= 3 * LANE; at += 3 * LANE, size -= 3 * LANE) {
        uint64_t a = crc, b = 0, c = 0;

        for (size_t i = 0; i < LANE; i += 8) {
            a = __builtin_ia32_crc32di(a, word_at(at + i));
            b = __builtin_ia32_crc32di(b, word_at(at + LANE + i));
            c = __builtin_ia32_crc32di(c, word_at(at + 2 * LANE + i));
        }
        crc = shifted(shifted((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
    }
    for (; size >= 8; at += 8, size -= 8) {
        crc = (uint32_t)__builtin_ia32_crc32di(crc, word_at(at));
    }
    while (size--) {
        crc = __builtin_ia32_crc32qi(crc, *at++);
    }
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size) {
    pthread_once(&once, tables_make);
#ifdef __x86_64__
    if (fast) {
        return ~by_instruction(~crc, bytes, size);
    }
#endif
    return ~by_table(~crc, bytes, size);
}
