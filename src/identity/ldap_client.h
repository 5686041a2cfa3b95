/* SPDX-License-Identifier: Apache-2.0
 * Conversations with an LDAP server (on libldap): connections kept for reuse, TLS, searches in pages, binds. All of it
 * blocks for a bounded time, so it runs outside transactions; and of the workers some are always left to others. */
#pragma once
#include "rest/call.h"

struct ldap_server {
    const char *owner;              /* the domain whose server it is */
    const char *url;                /* one or several, tried in their order */
    const char *user, *password;    /* null: anonymous */
    bool start_tls;
    const char *ca_file, *ca_directory;
    int require_certificate;        /* LDAP_OPT_X_TLS_DEMAND, ... */
    int dereference;                /* LDAP_DEREF_NEVER, ...; -1: the library's own way */
    bool chase_referrals;
    int page_size;                  /* entries; 0: all at once */
    int seconds;                    /* to connect, and for each answer */
    bool keep;                      /* connections are kept: up to 'most', for 'lifetime' seconds */
    int most, lifetime;
};

struct ldap_attribute {
    const char *name;
    const char **values;            /* those that are text; of 16 bytes that are none, the GUID as text */
    size_t count;
};

struct ldap_entry {
    const char *dn;
    struct ldap_attribute *attributes;
    size_t count;
};

struct ldap_entries {
    struct ldap_entry *at;
    size_t count;
};

struct ldap_question {
    const char *base;
    int scope;                      /* LDAP_SCOPE_BASE, ... */
    const char *filter;
    const char *const *attributes;  /* ends with null */
    size_t most;                    /* entries; 0: as many as are taken at all */
};

/* Asks; the answer is added to '*entries', in the arena. A base that is not there has no entries. Fails 503 when the server
 * does not answer in time or refuses. */
bool ldap_ask(struct call *call, const struct ldap_server *server, const struct ldap_question *question,
              struct ldap_entries *entries);

/* Whether the password is that of 'dn': by a bind on a connection of its own. An empty password is never right (a bind
 * with it would be an anonymous one, RFC 4513 5.1.2). Fails 503 as above. */
bool ldap_password_good(struct call *call, const struct ldap_server *server, const char *dn, const char *password);

/* The attribute's values, or null. Names are alike in any letter case. */
const struct ldap_attribute *ldap_attribute_of(const struct ldap_entry *entry, const char *name);
