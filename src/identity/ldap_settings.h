/* SPDX-License-Identifier: Apache-2.0
 * The options of group ldap as they were meant. */
#pragma once
#include "identity/backend.h"
#include "identity/ldap_client.h"

/* An attribute that is shown under another name. */
struct ldap_mapping {
    const char *attribute, *name;
};

/* Where users or groups are and how they look. */
struct ldap_kind {
    const char *tree, *filter, *object_class, *id, *name, *description;
    const struct ldap_mapping *more;        /* all that is shown beside: ends with a null attribute */
    const char *const *attributes;          /* all that is asked for; ends with null */
};

struct ldap_settings {
    struct ldap_server server;
    int scope;
    struct ldap_kind kinds[2];              /* by enum backend_kind */
    const char *project;                    /* attribute with the default project; null: none */
    const char *enabled;                    /* attribute; null: everybody is enabled */
    bool enabled_invert, enabled_otherwise; /* what counts where the attribute is not there */
    int64_t enabled_mask, enabled_default;
    const char *enabled_group;              /* only its members are enabled; null: no such group */
    const char *enabled_member;             /* attribute with its members */
    bool enabled_ids;                       /* which are ids, not names */
    const char *member;                     /* attribute of groups */
    bool members_are_ids, nesting;
};

/* In a transaction. Fails 503 naming the option that is no good. */
bool ldap_settings_read(struct call *call, const char *domain_id, struct ldap_settings *settings);
