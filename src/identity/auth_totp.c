/* SPDX-License-Identifier: Apache-2.0
 * Method totp (RFC 6238): six digits of the time in steps of 30 seconds, by a seed among the user's credentials. */
#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "identity/auth.h"
#include "identity/credential.h"

enum { STEP = 30, EARLIER_STEPS = 1, MAX_SEED = 128 };

struct search {
    const struct auth_totp_user *given;
    const struct identity_user *user;
    bool good;
};

/* RFC 4648 base32, either case, padding or none. Returns the size; 0: not valid or too long. */
static size_t seed_decode(const char *text, uint8_t *seed) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned bits = 0, held = 0;
    size_t size = 0;

    for (; *text && *text != '='; text++) {
        const char *at = strchr(digits, toupper((unsigned char)*text));

        if (!at || size == MAX_SEED) {
            return 0;
        }
        held = (held << 5 | (unsigned)(at - digits)) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            seed[size++] = (uint8_t)(held >> bits);
        }
    }
    return size;
}

static bool passcode_fits(struct call *call, const char *blob, const char *passcode) {
    uint8_t seed[MAX_SEED], mac[20], counter[8];
    size_t size = seed_decode(blob, seed);
    bool fits = false;

    for (int64_t back = 0; size && back <= EARLIER_STEPS; back++) {
        int64_t step = clock_now() / SECOND / STEP - back;
        unsigned offset;
        uint32_t number;

        for (int i = 0; i < 8; i++) {
            counter[i] = (uint8_t)(step >> (56 - i * 8));
        }
        hmac_sha1(seed, size, counter, sizeof counter, mac);
        offset = mac[19] & 15;
        number = ((uint32_t)(mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 | (uint32_t)mac[offset + 2] << 8 |
                  mac[offset + 3]) % 1000000;
        fits = equal_secret(arena_printf(call->arena, "%06u", number), passcode) || fits;
    }
    return fits;
}

static bool find(struct call *call, void *pointer) {
    struct search *s = pointer;
    const struct auth_user named = {.id = s->given->id, .name = s->given->name, .domain = s->given->domain};
    struct identity_credential *rows;
    size_t count;

    s->user = auth_find_user(call, &named);
    if (!rows_find(call, &resource_identity_credential, "user_id = ? AND type = 'totp'",
                   SQL_ARGS(sql_text(s->user ? s->user->id : "")), &rows, &count)) {
        return false;
    }
    s->good = false;
    for (size_t i = 0; i < count; i++) {
        s->good = (credential_open(call, &rows[i]) && passcode_fits(call, rows[i].blob, s->given->passcode)) || s->good;
    }
    return !call->error;
}

static bool run(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_totp *totp = identity->totp;
    struct search s = {.given = totp ? totp->user : NULL};

    if (!s.given || (!s.given->id && !(s.given->name && s.given->domain))) {
        return fail(call, 400, "Invalid input: 'totp' needs a user by id, or by name and domain, and a passcode");
    }
    if (!call_transaction(call, DB_READ, find, &s)) {
        return false;
    }
    auth->user = s.user;
    return s.good || auth_refused(call);
}

const struct auth_method auth_method_totp = {"totp", METHOD_TOTP, run};
