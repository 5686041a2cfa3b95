/* SPDX-License-Identifier: Apache-2.0
 * What a backend told becomes rows: copies, with public ids that stay. */
#pragma once
#include "identity/backend.h"

/* The groups of a user, or the users of a group. */
struct mirror_links {
    enum backend_kind of;
    size_t one;                     /* which of mirror.entries[of] */
    size_t from, to;                /* which of mirror.entries[the other kind] are with it */
};

struct mirror {
    const struct directory *directory;
    struct backend_entries entries[2];          /* by enum backend_kind; ids are filled in */
    bool whole[2];                              /* there are no others in the domain */
    const char *gone[2];                        /* public id of one that is not there; null: none */
    struct mirror_links *links;
    size_t link_count;
    bool seen;                                  /* the first user authenticates */
    /* inside */
    bool writes, unlike, changed;
};

/* Makes the rows like what was told; writes only when something is not. Outside transactions. */
bool mirror_store(struct call *call, struct mirror *mirror);

/* The local id behind a public one and its kind and domain; null when there is no such mapping. In a transaction. */
struct identity_id_mapping *mirror_mapping(struct call *call, const char *public_id);

/* Forgets the copies of a domain; ids, assignments and all that hangs on them stay. In a write transaction. */
bool mirror_forget(struct call *call, const char *domain_id);
