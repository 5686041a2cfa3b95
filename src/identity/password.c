/* SPDX-License-Identifier: Apache-2.0
 * The memory of verified passwords: HMAC of user, hash and password under a key of this process, for five minutes. */
#include "identity/password.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "rest/cloud.h"

enum { SLOTS = 4096 };
#define REMEMBERED (300 * SECOND)

static struct {
    uint8_t mac[32];
    int64_t until;
} slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static uint8_t key[32];
static pthread_once_t nobody_once = PTHREAD_ONCE_INIT;
static char nobody[64];

static void key_make(void) {
    random_bytes(key, sizeof key);
}

static int password_cost(void) {
    return (int)conf_int(cloud.conf, "identity", "password_cost", 12);
}

/* What the passwords of absent users are compared with: a hash of what nobody knows, as slow as those of users. */
static void nobody_make(void) {
    struct arena *arena = arena_new(0);

    snprintf(nobody, sizeof nobody, "%s", password_hash(arena, id_hex(arena), password_cost()));
    arena_free(arena);
}

static void mac_of(const char *user_id, const char *password, const char *hash, uint8_t mac[32]) {
    struct buf buf = {0};

    pthread_once(&key_once, key_make);
    buf_put(&buf, user_id, strlen(user_id) + 1);
    buf_put(&buf, hash, strlen(hash) + 1);
    buf_text(&buf, password);
    hmac_sha256(key, sizeof key, buf.at, buf.size, mac);
    explicit_bzero(buf.at, buf.size);
    buf_release(&buf);
}

static bool remembered(const uint8_t mac[32], unsigned slot) {
    bool found;

    pthread_mutex_lock(&lock);
    found = slots[slot].until > clock_monotonic() && equal_secret_bytes(slots[slot].mac, mac, 32);
    pthread_mutex_unlock(&lock);
    return found;
}

static void remember(const uint8_t mac[32], unsigned slot) {
    pthread_mutex_lock(&lock);
    memcpy(slots[slot].mac, mac, 32);
    slots[slot].until = clock_monotonic() + REMEMBERED;
    pthread_mutex_unlock(&lock);
}

bool password_check(const char *user_id, const char *password, const char *hash) {
    bool memory = conf_bool(cloud.conf, "identity", "remember_passwords", true);
    uint8_t mac[32];
    unsigned slot;

    if (!user_id || !hash) {
        pthread_once(&nobody_once, nobody_make);
        password_verify(password, nobody);
        return false;
    }
    mac_of(user_id, password, hash, mac);
    slot = ((unsigned)mac[0] << 8 | mac[1]) % SLOTS;
    if (memory && remembered(mac, slot)) {
        return true;
    }
    if (!password_verify(password, hash)) {
        return false;
    }
    if (memory) {
        remember(mac, slot);
    }
    return true;
}

const char *password_make(struct call *call, const char *password) {
    return password_hash(call->arena, password, password_cost());
}

bool password_is_current(const char *hash) {
    return password_hash_is_current(hash, password_cost());
}
