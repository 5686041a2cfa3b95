/* SPDX-License-Identifier: Apache-2.0
 * Backends: which there are, and which one a domain has. */
#include "identity/backend.h"

#include <stdatomic.h>
#include <string.h>

#include "base/conf.h"
#include "identity/backend_mirror.h"
#include "identity/domain_config.h"
#include "identity/identity.h"
#include "identity/token.h"
#include "rest/cloud.h"
#include "rest/task.h"

static const struct identity_backend *const backends[] = {&backend_sql, &backend_ldap, &backend_htpasswd};

/* ---- ours: the rows are the users ---- */

static bool open_nothing(struct call *call, struct directory *directory) {
    return true;
}

static enum password_state check_row(struct call *call, const struct directory *directory, const struct identity_user *user,
                                     const struct backend_entry *entry, const char *name, const char *password) {
    return user_password_check(call, user, password);
}

const struct identity_backend backend_sql = {.name = "sql", .open = open_nothing, .authenticate = check_row};

/* ---- of a domain ---- */

/* Only the first domain has what haneul.conf says when nothing was set for it. A driver that we do not have is ours. */
bool directory_open(struct call *call, const char *domain_id, struct directory *ret_directory) {
    bool is_default = !strcmp(domain_id, "default"), own;
    struct domain_options options;
    const char *name;

    *ret_directory = (struct directory){.backend = &backend_sql, .domain_id = domain_id};
    if (!domain_options_read(call, domain_id, "identity", &options)) {
        return false;
    }
    own = domain_option_is_set(&options, "driver");
    name = own || is_default ? domain_option_text(call, &options, "driver") : NULL;
    ret_directory->mapped = own || !conf_bool(cloud.conf, "identity_mapping", "backward_compatible_ids", true);
    for (size_t i = 0; name && i < sizeof backends / sizeof *backends; i++) {
        if (!strcmp(backends[i]->name, name)) {
            ret_directory->backend = backends[i];
        }
    }
    return ret_directory->backend->open(call, ret_directory);
}

/* ---- is there any? ---- */

/* Twice the generation that was looked at, and one when there are some. */
static _Atomic uint64_t looked;

/* Until somebody has looked again after a change, there may be. */
bool backends_elsewhere(void) {
    uint64_t known = looked;

    return known >> 1 != identity_generation() || known & 1;
}

bool backends_look(struct call *call, uint64_t generation) {
    const char *driver = conf_text(cloud.conf, "identity", "driver", "sql");
    uint64_t known = looked;
    bool elsewhere;

    if (known >> 1 == generation) {
        return known & 1;
    }
    elsewhere = strcmp(driver, "sql") != 0 ||
                call_count(call, "SELECT count(*) FROM identity_domain_option WHERE family = 'identity' AND name = 'driver'"
                                 " AND value <> '\"sql\"'", SQL_NO_ARGS) > 0;
    if (!call->error) {
        looked = generation << 1 | elsewhere;
    }
    return elsewhere;
}

/* ---- copies are read only ---- */

static bool read_only(struct call *call) {
    return fail(call, 403, "Users and groups of the domain come from a directory and are changed there.");
}

bool backend_may_create(struct call *call, const char *domain_id) {
    struct directory directory;

    if (!backends_elsewhere()) {
        return true;
    }
    return directory_open(call, domain_id, &directory) && (!directory.backend->find || read_only(call));
}

bool backend_may_change(struct call *call, bool mirrored) {
    return !mirrored || read_only(call);
}

/* ---- what changes ---- */

bool backend_changed(struct call *call, const char *domain_id) {
    struct directory directory;

    identity_changed(call);
    if (!directory_open(call, domain_id, &directory) && call->error == 503) {
        call->error = 0;            /* options that do not fit together yet */
        directory.backend = &backend_ldap;
    }
    if (call->error) {
        return false;
    }
    return directory.backend->find ? task_add_once(call, "identity.refresh", domain_id, NULL, NULL)
                                   : mirror_forget(call, domain_id);
}

bool backend_periodic(struct call *call) {
    struct rows *rows = db_query(call->db, "SELECT DISTINCT domain_id FROM identity_user WHERE mirrored = 1", SQL_NO_ARGS);
    const char **ids = NULL;
    size_t count = 0;
    bool ok = true;

    while (rows_next(rows)) {
        ids = arena_grow(call->arena, ids, count, sizeof *ids);
        ids[count++] = arena_text(call->arena, rows_text(rows, 0));
    }
    rows_end(rows);
    for (size_t i = 0; ok && i < count; i++) {
        ok = task_add_once(call, "identity.refresh", ids[i], NULL, NULL);
    }
    return ok;
}
