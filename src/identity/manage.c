/* SPDX-License-Identifier: Apache-2.0
 * `haneul identity COMMAND`: keys, what has expired, the first administrator, and whether all is well. To add a command:
 * a line in the table below. */
#include "identity/manage.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/control.h"
#include "identity/bootstrap.h"
#include "identity/identity.h"
#include "identity/keys.h"
#include "identity/manage_mapping.h"
#include "identity/saml.h"
#include "identity/token.h"
#include "identity/token_form.h"
#include "identity/types.h"
#include "rest/cloud.h"

static const char *directory(struct call *call, const char *name) {
    return arena_printf(call->arena, "%s/%s", cloud.state, name);
}

/* ---- keys ---- */

static int most_keys(enum key_use use) {
    return use == KEYS_TOKEN ? (int)conf_int(cloud.conf, "token", "max_active_keys", 3) : 3;
}

static bool rotate(struct call *call, enum key_use use, struct buf *out) {
    if (!keys_rotate(use, most_keys(use), call->arena)) {
        return fail(call, 500, "the keys could not be rotated; the log says why");
    }
    buf_printf(out, "rotated: %zu keys\n", keys_count(use));
    return true;
}

static bool setup(struct call *call, enum key_use use, struct buf *out) {
    buf_printf(out, "%zu keys\n", keys_count(use));      /* made at start where there were none */
    return true;
}

static bool fernet_setup(struct call *call, struct buf *out) {
    return setup(call, KEYS_TOKEN, out);
}

static bool fernet_rotate(struct call *call, struct buf *out) {
    return rotate(call, KEYS_TOKEN, out);
}

static bool receipt_setup(struct call *call, struct buf *out) {
    return setup(call, KEYS_RECEIPT, out);
}

static bool receipt_rotate(struct call *call, struct buf *out) {
    return rotate(call, KEYS_RECEIPT, out);
}

static bool credential_setup(struct call *call, struct buf *out) {
    return setup(call, KEYS_CREDENTIAL, out);
}

static bool jws(struct call *call, struct buf *out, bool again) {
    const char *error;

    if (!jws_make(directory(call, "jws-keys"), again, &error)) {
        return fail(call, 500, "%s", error);
    }
    buf_printf(out, "%s\n", directory(call, "jws-keys"));
    return true;
}

static bool jws_setup(struct call *call, struct buf *out) {
    return jws(call, out, false);
}

static bool jws_rotate(struct call *call, struct buf *out) {
    return jws(call, out, true);
}

/* What is sealed with the keys of credentials. */
static const struct {
    const char *table, *column;
} sealed[] = {
    {"identity_credential", "sealed"},
    {"identity_consumer", "secret_kept"},
    {"identity_request_token", "secret_kept"},
    {"identity_access_token", "secret_kept"},
};

/* Seals anew what another key than the first has sealed; with 'count_only' only says how many there are. */
static bool reseal(struct call *call, size_t which, bool count_only, int64_t *count) {
    const char *update = arena_printf(call->arena, "UPDATE %s SET %s = ? WHERE id = ?", sealed[which].table, sealed[which].column);
    struct rows *rows = db_query(call->db, arena_printf(call->arena, "SELECT id, %s FROM %s", sealed[which].column,
                                                        sealed[which].table), SQL_NO_ARGS);
    const char **ids = NULL, **texts = NULL;
    size_t old = 0;

    while (rows_next(rows)) {
        const char *text = rows_text(rows, 1);

        if (text && !keys_current(KEYS_CREDENTIAL, call->arena, text)) {
            ids = arena_grow(call->arena, ids, old, sizeof *ids);
            texts = arena_grow(call->arena, texts, old, sizeof *texts);
            ids[old] = arena_text(call->arena, rows_text(rows, 0));
            texts[old++] = arena_text(call->arena, text);
        }
    }
    rows_end(rows);
    *count += (int64_t)old;
    for (size_t i = 0; !count_only && i < old; i++) {
        size_t size;
        int64_t created;
        const uint8_t *bytes = keys_open(KEYS_CREDENTIAL, call->arena, texts[i], &size, &created);

        if (!bytes) {
            return fail(call, 500, "%s of %s cannot be opened with any key: nothing was changed", ids[i], sealed[which].table);
        }
        texts[i] = keys_seal(KEYS_CREDENTIAL, call->arena, bytes, size, clock_now() / SECOND);
        if (!call_exec(call, update, SQL_ARGS(sql_text(texts[i]), sql_text(ids[i])))) {
            return false;
        }
    }
    return true;
}

static bool reseal_all(struct call *call, bool count_only, int64_t *ret_count) {
    *ret_count = 0;
    for (size_t i = 0; i < sizeof sealed / sizeof *sealed; i++) {
        if (!reseal(call, i, count_only, ret_count)) {
            return false;
        }
    }
    return true;
}

static bool credential_migrate(struct call *call, struct buf *out) {
    int64_t count;

    if (!reseal_all(call, false, &count)) {
        return false;
    }
    buf_printf(out, "%lld sealed anew\n", (long long)count);
    return true;
}

/* An old key goes when a new one comes, so that nothing may be sealed with the old one any more. */
static bool credential_rotate(struct call *call, struct buf *out) {
    int64_t count;

    if (!reseal_all(call, true, &count)) {
        return false;
    }
    return count ? fail(call, 409, "%lld credentials are sealed with an older key: run credential-migrate first", (long long)count)
                 : rotate(call, KEYS_CREDENTIAL, out);
}

/* ---- what has expired ---- */

static const char over[] = "expires_at IS NOT NULL AND expires_at <> 0 AND expires_at <= ?", purged[] = "purge_at <= ?";

/* All of it at once, as whoever typed the command waits for its count. */
static bool flush(struct call *call, const struct resource *resource, const char *where, struct buf *out) {
    if (!call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE %s", resource->table, where),
                   SQL_ARGS(sql_int(clock_now())))) {
        return false;
    }
    buf_printf(out, "%s: %lld\n", resource->table + strlen("identity_"), (long long)db_changes(call->db));
    return true;
}

static bool token_flush(struct call *call, struct buf *out) {
    return flush(call, &resource_identity_revocation, purged, out);
}

static bool trust_flush(struct call *call, struct buf *out) {
    return flush(call, &resource_identity_trust, over, out);
}

/* Trusts stay until they are flushed by hand, as their owners may look at them. */
bool identity_flush(struct call *call) {
    const struct resource *const expiring[] = {&resource_identity_request_token, &resource_identity_access_token,
                                               &resource_identity_expiring_membership};
    const struct value now = sql_int(clock_now());

    token_forget_revoked();
    for (size_t i = 0; i < sizeof expiring / sizeof *expiring; i++) {
        if (!rows_forget(call, expiring[i], over, SQL_ARGS(now))) {
            return false;
        }
    }
    return rows_forget(call, &resource_identity_revocation, purged, SQL_ARGS(now));
}

/* ---- the first administrator ---- */

static bool bootstrap(struct call *call, struct buf *out) {
    if (!identity_need_directory(call)) {
        return fail_database(call);
    }
    buf_printf(out, "user admin has the password of %s/admin-password\n", cloud.state);
    return true;
}

/* ---- is all well? ---- */

static bool is_private(struct call *call, const char *name) {
    struct stat found;

    return stat(directory(call, name), &found) != 0 || !(found.st_mode & 077);
}

static bool doctor(struct call *call, struct buf *out) {
    bool is_jws = !strcmp(conf_text(cloud.conf, "token", "provider", "fernet"), "jws");
    int64_t locks = conf_int(cloud.conf, "security_compliance", "lockout_failure_attempts", 0);
    const struct {
        bool bad;
        const char *what;
    } findings[] = {
        {is_jws && !jws_ready(), "[token] provider is jws, and there is no key pair: run jws-setup"},
        {most_keys(KEYS_TOKEN) < 3, "[token] max_active_keys is under 3: rotations end tokens early"},
        {!is_private(call, "fernet-keys") || !is_private(call, "credential-keys") || !is_private(call, "receipt-keys") ||
             !is_private(call, "jws-keys/private"), "others may read the keys: their directories must have mode 0700"},
        {!is_private(call, "admin-password"), "others may read admin-password"},
        {conf_int(cloud.conf, "identity", "password_cost", 12) < 10, "[identity] password_cost is under 10: hashes are cheap to guess"},
        {!locks, "[security_compliance] lockout_failure_attempts is not set: passwords can be guessed at leisure"},
        {*conf_text(cloud.conf, "auth", "external_header", "") && !*conf_text(cloud.conf, "auth", "external_addresses", ""),
         "[auth] external_header is set without external_addresses: nobody is believed"},
        {*conf_text(cloud.conf, "federation", "trusted_proxies", "") && !*conf_text(cloud.conf, "federation", "assertion_prefix", ""),
         "[federation] trusted_proxies is set without assertion_prefix: nothing that they say is an assertion"},
        {*conf_text(cloud.conf, "federation", "assertion_prefix", "") && !*conf_text(cloud.conf, "federation", "remote_id_attribute", "") &&
             call_count(call, "SELECT count(*) FROM identity_protocol WHERE remote_id_attribute IS NULL", SQL_NO_ARGS) > 0,
         "[federation] remote_id_attribute is not set: any identity provider may speak for any other"},
        {call_count(call, "SELECT count(*) FROM identity_user WHERE enabled = 1 AND domain_id NOT IN"
                          " (SELECT id FROM identity_project WHERE is_domain = 1)", SQL_NO_ARGS) > 0,
         "there are users of domains that are not there"},
    };
    size_t bad = 0;

    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++) {
        if (findings[i].bad) {
            buf_printf(out, "%s\n", findings[i].what);
            bad++;
        }
    }
    buf_printf(out, "%zu findings\n", bad);
    return true;
}

/* ---- other clouds ---- */

static bool saml_metadata(struct call *call, struct buf *out) {
    return saml_write_metadata(call, out) ? (buf_char(out, '\n'), true)
                                          : fail(call, 404, "there is no certificate: set [saml] certfile");
}

static bool mapping_usage(struct call *call, struct buf *out) {
    return fail(call, 400, "mapping-test needs two files: RULES (JSON) and ASSERTION (lines \"Name: value;value\")");
}

/* ---- the table ---- */

static const struct command {
    const char *name, *help;
    bool (*run)(struct call *call, struct buf *out);
    bool (*run_words)(struct call *call, int argc, const char *const *argv, struct buf *out);   /* with words of its own */
} commands[] = {
    {"bootstrap", "makes what is missing of the first domain, projects, roles, and lets admin in again", bootstrap},
    {"doctor", "says what about keys and settings is not well", doctor},
    {"fernet-setup", "makes the keys of tokens where there are none", fernet_setup},
    {"fernet-rotate", "gives tokens a new key", fernet_rotate},
    {"receipt-setup", "makes the keys of receipts where there are none", receipt_setup},
    {"receipt-rotate", "gives receipts a new key", receipt_rotate},
    {"jws-setup", "makes the key pair of signed tokens where there is none", jws_setup},
    {"jws-rotate", "gives signed tokens a new key pair", jws_rotate},
    {"credential-setup", "makes the keys of stored credentials where there are none", credential_setup},
    {"credential-rotate", "gives stored credentials a new key", credential_rotate},
    {"credential-migrate", "seals stored credentials with the newest key", credential_migrate},
    {"mapping-purge", "all | WHAT VALUE...: forgets public ids; WHAT: domain, public-id, local-id, type", NULL, mapping_purge},
    {"mapping-populate", "DOMAIN: brings all users and groups of a domain's directory in", NULL, mapping_populate},
    {"mapping-test", "RULES ASSERTION: what the rules of one file make of the assertion of another", mapping_usage},
    {"saml-metadata", "writes the metadata by which other clouds know this one", saml_metadata},
    {"token-flush", "forgets revocations of tokens that have expired", token_flush},
    {"trust-flush", "forgets trusts that have expired", trust_flush},
};

struct run {
    const struct command *command;
    int argc;                       /* words after the command's own */
    const char *const *argv;
    struct buf *out;
};

static bool run_body(struct call *call, void *pointer) {
    struct run *run = pointer;

    run->out->size = 0;
    if (run->command->run ? run->command->run(call, run->out)
                          : run->command->run_words(call, run->argc, run->argv, run->out)) {
        return true;
    }
    run->out->size = 0;
    buf_printf(run->out, "%s\n", call->error_message ? call->error_message : "it failed; the log says why");
    return false;
}

static bool manage(void *user, int argc, const char *const *argv, struct buf *out) {
    struct run run = {.out = out, .argc = argc - 1, .argv = argv + 1};

    for (size_t i = 0; argc && i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(commands[i].name, argv[0]) && (argc == 1 || commands[i].run_words)) {
            run.command = &commands[i];
            return cloud_transaction(&identity, DB_WRITE, NULL, run_body, &run);
        }
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        buf_printf(out, "%-20s%s\n", commands[i].name, commands[i].help);
    }
    return argc == 0;
}

void identity_manage_register(void) {
    static bool done;

    if (!done) {
        control_register("identity", "[COMMAND]: keys, what has expired, the first administrator (see haneul identity)", manage,
                         &cloud);
    }
    done = true;
}
