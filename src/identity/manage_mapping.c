/* SPDX-License-Identifier: Apache-2.0
 * Commands over public ids. What is forgotten is made again, with the same id, when the user is seen again. */
#include "identity/manage_mapping.h"

#include <string.h>

#include "identity/backend.h"
#include "identity/identity.h"
#include "rest/task.h"

/* A domain by its id or name; null after a failure. */
static const char *domain_id(struct call *call, const char *given) {
    struct identity_domain *domain = NULL;

    row_first(call, &resource_identity_domain, "is_domain = 1 AND (id = ? OR name = ?)",
              SQL_ARGS(sql_text(given), sql_text(given)), &domain);
    if (!domain) {
        fail(call, 404, "there is no domain %s", given);
    }
    return domain ? domain->id : NULL;
}

/* Copies without a mapping, and who was in which of them. */
static bool forget_copies(struct call *call) {
    static const char *const statements[] = {
        "DELETE FROM identity_user WHERE mirrored = 1 AND id NOT IN (SELECT public_id FROM identity_id_mapping)",
        "DELETE FROM identity_group WHERE mirrored = 1 AND id NOT IN (SELECT public_id FROM identity_id_mapping)",
        "DELETE FROM identity_membership WHERE user_id NOT IN (SELECT id FROM identity_user) OR group_id NOT IN"
        " (SELECT id FROM identity_group)",
    };

    identity_changed(call);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!call_exec(call, statements[i], SQL_NO_ARGS)) {
            return false;
        }
    }
    return true;
}

bool mapping_purge(struct call *call, int argc, const char *const *argv, struct buf *out) {
    static const struct {
        const char *word, *column;
    } words[] = {{"domain", "domain_id"}, {"public-id", "public_id"}, {"local-id", "local_id"}, {"type", "entity_type"}};
    const char *where = NULL;
    struct value args[8];
    size_t count = 0;

    for (int i = 0; i + 1 < argc && count < 8; i += 2) {
        for (size_t j = 0; j < 4; j++) {
            const char *value = argv[i + 1];

            if (strcmp(words[j].word, argv[i]) != 0) {
                continue;
            }
            value = j ? value : domain_id(call, value);
            if (!value) {
                return false;
            }
            where = arena_printf(call->arena, "%s%s%s = ?", where ? where : "", where ? " AND " : "", words[j].column);
            args[count++] = sql_text(arena_text(call->arena, value));
        }
    }
    if (argc == 1 && !strcmp(argv[0], "all")) {
        where = "1 = 1";
    } else if (!where || count * 2 != (size_t)argc) {
        return fail(call, 400, "say which: all, or domain NAME, public-id ID, local-id ID, type user or group");
    }
    if (!call_exec(call, arena_printf(call->arena, "DELETE FROM identity_id_mapping WHERE %s", where), args, count)) {
        return false;
    }
    buf_printf(out, "%lld forgotten\n", (long long)db_changes(call->db));
    return forget_copies(call);
}

bool mapping_populate(struct call *call, int argc, const char *const *argv, struct buf *out) {
    const char *id = argc == 1 ? domain_id(call, argv[0]) : NULL;
    struct directory directory;

    if (!id) {
        return argc != 1 ? fail(call, 400, "say which domain") : false;
    }
    if (!directory_open(call, id, &directory)) {
        return false;
    }
    if (!directory.backend->find) {
        return fail(call, 400, "the users of the domain are not in a directory");
    }
    buf_printf(out, "begun\n");
    return task_add_once(call, "identity.populate", id, NULL, NULL);
}
