/* SPDX-License-Identifier: Apache-2.0
 * Passwords of users: checking, setting, and the rules over both. The rules and their defaults are Keystone's
 * (docs.openstack.org/keystone/zed/admin/configuration.html, "Security compliance"). */
#include "identity/user_password.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/regex.h"
#include "identity/auth.h"
#include "identity/backend.h"
#include "identity/identity.h"
#include "identity/options.h"
#include "identity/password.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/cloud.h"

LOG_MODULE("identity.password");

#define DAY (24 * 3600 * SECOND)

static int64_t rule(const char *name, int64_t otherwise) {
    return conf_int(cloud.conf, "security_compliance", name, otherwise);
}

/* ---- lockout ---- */

static bool is_locked(struct call *call, const struct identity_user *user) {
    int64_t most = rule("lockout_failure_attempts", 0);

    return most && user->failed_count != NO_INT && user->failed_count >= most &&
           !option_true(call, user->options, "ignore_lockout_failure_attempts") &&
           clock_now() < user->failed_at + rule("lockout_duration", 1800) * SECOND;
}

/* What a check found out, to be written into the user's row. */
struct outcome {
    const char *user_id, *old_hash, *new_hash;
    bool good;
};

static bool store_outcome(struct call *call, void *pointer) {
    const struct outcome *outcome = pointer;
    struct identity_user *user;

    if (!row_find(call, &resource_identity_user, outcome->user_id, &user)) {
        return true;
    }
    if (!outcome->good) {
        bool over = user->failed_at + rule("lockout_duration", 1800) * SECOND <= clock_now();

        user->failed_count = over || user->failed_count == NO_INT ? 1 : user->failed_count + 1;
        user->failed_at = clock_now();
        return row_update(call, &resource_identity_user, user);
    }
    user->failed_count = NO_INT;
    user->failed_at = 0;
    if (outcome->new_hash && user->password_hash && equal_secret(user->password_hash, outcome->old_hash)) {
        user->password_hash = outcome->new_hash;
    }
    return row_update(call, &resource_identity_user, user);
}

static bool is_expired(struct call *call, const struct identity_user *user) {
    return user->password_expires_at && user->password_expires_at <= clock_now() &&
           !option_true(call, user->options, "ignore_password_expiry");
}

/* A hash of another form or cost than new ones have is replaced while the password is known. */
static const char *better_hash(struct call *call, const struct identity_user *user, const char *password) {
    return password_is_current(user->password_hash) ? NULL : password_make(call, password);
}

enum password_state user_password_check(struct call *call, const struct identity_user *user, const char *password) {
    bool good = password_check(user ? user->id : NULL, password, user ? user->password_hash : NULL);
    struct outcome outcome = {.good = good};

    if (!user || is_locked(call, user)) {
        return PASSWORD_WRONG;
    }
    outcome.user_id = user->id;
    outcome.old_hash = user->password_hash;
    outcome.new_hash = good ? better_hash(call, user, password) : NULL;
    if (good ? outcome.new_hash || user->failed_count != NO_INT : rule("lockout_failure_attempts", 0) > 0) {
        if (!call_transaction(call, DB_WRITE, store_outcome, &outcome)) {
            return PASSWORD_WRONG;
        }
    }
    return !good ? PASSWORD_WRONG : is_expired(call, user) ? PASSWORD_EXPIRED : PASSWORD_GOOD;
}

/* ---- setting ---- */

bool user_password_form(struct call *call, const char *password) {
    const char *pattern = conf_text(cloud.conf, "security_compliance", "password_regex", "");
    const char *words = conf_text(cloud.conf, "security_compliance", "password_regex_description", "");

    if (!*pattern) {
        return true;
    }
    switch (regex_match(pattern, password, false)) {
    case REGEX_YES:
        return true;
    case REGEX_BAD:
        log_error("[security_compliance] password_regex is no good: %s", pattern);
        return fail(call, 400, "Password validation error: the rule for passwords cannot be applied.");
    default:
        return fail(call, 400, "The password does not match the requirements: %s.", *words ? words : pattern);
    }
}

/* Keeps the old hash, and forgets those that are too old to matter. */
static bool keep_old(struct call *call, const struct identity_user *user) {
    int64_t others = rule("unique_last_password_count", 0) - 1;
    struct identity_old_password old = {.id = id_hex(call->arena), .user_id = user->id,
                                        .password_hash = user->password_hash, .created_at = clock_now()};

    if (others > 0 && user->password_hash && !row_insert(call, &resource_identity_old_password, &old)) {
        return false;
    }
    return call_exec(call, "DELETE FROM identity_old_password WHERE user_id = ? AND id NOT IN (SELECT id FROM"
                           " identity_old_password WHERE user_id = ? ORDER BY created_at DESC LIMIT ?)",
                     SQL_ARGS(sql_text(user->id), sql_text(user->id), sql_int(others > 0 ? others : 0)));
}

static int64_t expiry(struct call *call, const struct identity_user *user, bool by_user) {
    int64_t days = rule("password_expires_days", 0), now = clock_now();

    if (!by_user && conf_bool(cloud.conf, "security_compliance", "change_password_upon_first_use", false) &&
        !option_true(call, user->options, "ignore_change_password_upon_first_use")) {
        return now;
    }
    return days && !option_true(call, user->options, "ignore_password_expiry") ? (now + days * DAY) / SECOND * SECOND : 0;
}

bool user_password_set(struct call *call, struct identity_user *user, const char *hash, bool by_user) {
    bool ok = keep_old(call, user);

    user->password_hash = hash;
    user->password_created_at = clock_now();
    user->password_by_user = by_user;
    user->password_expires_at = hash ? expiry(call, user, by_user) : 0;
    user->tokens_from = clock_now();
    return ok && token_revoked_by(call, "user", user->id);
}

/* ---- inactivity ---- */

bool user_is_enabled(struct call *call, const struct identity_user *user) {
    int64_t days = rule("disable_user_account_days_inactive", 0);
    int64_t seen = user->last_active_at ? user->last_active_at : user->created_at;

    return user->enabled && (!days || user->mirrored || !seen || clock_now() / DAY - seen / DAY < days ||
                             option_true(call, user->options, "ignore_user_inactivity"));
}

void user_reset(struct identity_user *user) {
    user->last_active_at = rule("disable_user_account_days_inactive", 0) ? clock_now() : user->last_active_at;
    user->failed_count = NO_INT;
    user->failed_at = 0;
}

struct seen {
    const char *user_id;
    bool today;
};

static bool find_seen(struct call *call, void *pointer) {
    struct seen *seen = pointer;
    struct identity_user *user;

    seen->today = row_find(call, &resource_identity_user, seen->user_id, &user) &&
                  user->last_active_at / DAY == clock_now() / DAY;
    return true;
}

static bool store_seen(struct call *call, void *pointer) {
    return call_exec(call, "UPDATE identity_user SET last_active_at = ? WHERE id = ?",
                     SQL_ARGS(sql_int(clock_now()), sql_text(((const struct seen *)pointer)->user_id)));
}

bool user_seen(struct call *call, const char *user_id) {
    struct seen seen = {.user_id = user_id};

    if (!rule("disable_user_account_days_inactive", 0)) {
        return true;
    }
    return call_transaction(call, DB_READ, find_seen, &seen) &&
           (seen.today || call_transaction(call, DB_WRITE, store_seen, &seen));
}

/* ---- POST /v3/users/{user_id}/password: who knows the old one sets a new one ---- */

struct change {
    struct identity_user *user;
    struct identity_old_password *old;
    size_t old_count;
    const char *hash;
};

static bool find_user(struct call *call, void *pointer) {
    struct change *change = pointer;
    const char *id = call_parameter(call, "user_id");

    row_find(call, &resource_identity_user, id, &change->user);
    return rows_find(call, &resource_identity_old_password, "user_id = ? ORDER BY created_at DESC", SQL_ARGS(sql_text(id)),
                     &change->old, &change->old_count);
}

static bool store_password(struct call *call, void *pointer) {
    struct change *change = pointer;
    struct identity_user *user;

    if (!row_find(call, &resource_identity_user, change->user->id, &user) || !user->password_hash ||
        user->password_created_at != change->user->password_created_at) {
        return fail(call, 409, "The password was changed meanwhile.");
    }
    identity_changed(call);
    event_note(call, "user.update", user->id);
    return user_password_set(call, user, change->hash, true) && row_update(call, &resource_identity_user, user);
}

static bool may_change(struct call *call, const struct identity_user *user) {
    int64_t days = rule("minimum_password_age", 0), until = user->password_created_at + days * DAY;

    if (option_true(call, user->options, "lock_password")) {
        return fail(call, 400, "Passwords of this account are set by an administrator only.");
    }
    return !user->password_by_user || clock_now() >= until ||
           fail(call, 400, "The password is too new to be changed: it must be used for %d day(s), which ends in %d day(s).",
                (int)days, (int)((until - clock_now()) / DAY));
}

static bool is_new(struct call *call, const struct change *change, const char *password) {
    int64_t unique = rule("unique_last_password_count", 0);
    bool used = unique > 0 && password_verify(password, change->user->password_hash);

    for (size_t i = 0; !used && i < change->old_count && (int64_t)i + 1 < unique; i++) {
        used = password_verify(password, change->old[i].password_hash);
    }
    return !used || fail(call, 400, "The new password cannot be identical to a previous password. The last %d must differ.",
                         (int)unique);
}

bool identity_user_password(struct call *call) {
    const struct identity_new_password *input = call->input;
    struct change change = {0};

    if (!call_transaction(call, DB_READ, find_user, &change) ||
        (change.user && !backend_may_change(call, change.user->mirrored))) {
        return false;
    }
    if (user_password_check(call, change.user, input->original_password) == PASSWORD_WRONG ||
        !user_is_enabled(call, change.user)) {
        return !call->error && auth_refused(call);
    }
    if (!user_password_form(call, input->password) || !may_change(call, change.user) || !is_new(call, &change, input->password)) {
        return false;
    }
    change.hash = password_make(call, input->password);
    return call_transaction(call, DB_WRITE, store_password, &change);
}
