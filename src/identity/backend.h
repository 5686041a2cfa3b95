/* SPDX-License-Identifier: Apache-2.0
 * Where the users and groups of a domain come from. The rows are what every request works with; a backend that has its
 * users elsewhere brings the ones that a request is about into the rows, before the request's transaction, and knows
 * whose password is right. To add one: a file with a 'struct identity_backend', and its line in backend.c's table. */
#pragma once
#include "identity/types.h"
#include "identity/user_password.h"

struct task;

enum backend_kind { BACKEND_USER, BACKEND_GROUP };

/* A user or group as a backend tells of it. */
struct backend_entry {
    const char *local_id;           /* within the backend; the public id is made of it */
    const char *name;
    const char *handle;             /* the backend's own: what leads it there again */
    const char *default_project_id; /* null: none */
    const char *extra;              /* further members: a JSON map */
    bool enabled;
    const char *id;                 /* the public id; filled in with the rows */
};

struct backend_entries {
    struct backend_entry *at;
    size_t count;
};

/* A domain and what its backend made of its options. */
struct directory {
    const struct identity_backend *backend;
    const char *domain_id;
    const void *settings;
    bool mapped;                    /* public ids are not the local ones */
};

/* All but 'open' run outside transactions and may block; each fails 503 when the other side does not answer. Entries are
 * added to '*entries'. A backend whose users are rows already has null for what is about bringing them. */
struct identity_backend {
    const char *name;               /* as [identity] driver names it */
    /* Makes directory->settings. In a transaction. */
    bool (*open)(struct call *call, struct directory *directory);
    /* Those with one of the local ids, or ('by_name') names; null 'keys': all. */
    bool (*find)(struct call *call, const struct directory *directory, enum backend_kind kind, bool by_name,
                 const char *const *keys, size_t count, struct backend_entries *entries);
    bool (*groups_of)(struct call *call, const struct directory *directory, const struct backend_entry *user,
                      struct backend_entries *entries);
    bool (*members_of)(struct call *call, const struct directory *directory, const struct backend_entry *group,
                       struct backend_entries *entries);
    /* Whether the password is that of the row (ours), or of the entry that was found. Null: there is no such user, which
     * must take as long as a wrong password; 'name' is what was asked for. */
    enum password_state (*authenticate)(struct call *call, const struct directory *directory,
                                        const struct identity_user *user, const struct backend_entry *entry,
                                        const char *name, const char *password);
};

extern const struct identity_backend backend_sql, backend_ldap, backend_htpasswd;

/* The directory of a domain; in a transaction. */
bool directory_open(struct call *call, const char *domain_id, struct directory *ret_directory);

/* True when some domain may have its users elsewhere: from memory. */
bool backends_elsewhere(void);
/* The same, looked up where memory does not know; in a transaction. 'generation' is identity_generation() as it was
 * before the transaction. */
bool backends_look(struct call *call, uint64_t generation);

/* service.outside and service.gather of identity: what the path, the query or the body of a request is about. */
bool identity_outside(const struct call *call);
bool identity_gather(struct call *call);

/* Brings in the user that somebody authenticates as, and checks the password. '*ret_user' is the row; null: there is
 * none. Outside transactions. False only when it cannot be known: 503. */
bool backend_login(struct call *call, const struct auth_user *given, const char *password,
                   const struct identity_user **ret_user, enum password_state *ret_state);

/* Fails 403 when rows of the domain are made elsewhere; in a transaction. */
bool backend_may_create(struct call *call, const char *domain_id);
/* Fails 403 when the row is a copy. */
bool backend_may_change(struct call *call, bool mirrored);

/* A domain's options changed: what is known of its users is asked for anew, or forgotten where they are no more from
 * elsewhere. In a write transaction. */
bool backend_changed(struct call *call, const char *domain_id);

/* Every ten minutes: has the users who work looked up again. In a write transaction. */
bool backend_periodic(struct call *call);
/* The task "identity.populate": brings all users and groups of a domain in. */
bool backend_populate(struct call *call, const struct task *task, struct json_out *result);
/* The task "identity.refresh": looks up again which users of a domain are still there, enabled, and in which groups. */
bool backend_refresh(struct call *call, const struct task *task, struct json_out *result);
