/* SPDX-License-Identifier: Apache-2.0
 * LDAP servers: connections, searches, binds. */
#include "identity/ldap_client.h"

#include <ldap.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/map.h"
#include "identity/ldap_gate.h"
#include "identity/ldap_text.h"

LOG_MODULE("identity.ldap");

enum { MOST_KEPT = 100, MOST_ENTRIES = 200000, MOST_SECONDS = 60 };

/* ---- connections kept ---- */

struct kept {
    struct kept *next;
    LDAP *ld;
    char *key;                      /* all that the connection was made with */
    int64_t until;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *kept;
static int kept_count;

static void drop(struct kept *one) {
    ldap_unbind_ext_s(one->ld, NULL, NULL);
    free(one->key);
    free(one);
}

/* With another password or another server's certificate it is another connection. */
static const char *key_of(struct call *call, const struct ldap_server *server) {
    const char *text = arena_printf(call->arena, "%s|%s|%s|%s|%d|%s|%s|%d|%d|%d|%d", server->owner, server->url,
                                    server->user ? server->user : "", server->password ? server->password : "",
                                    server->start_tls, server->ca_file ? server->ca_file : "",
                                    server->ca_directory ? server->ca_directory : "", server->require_certificate,
                                    server->dereference, server->chase_referrals, server->seconds);

    return arena_printf(call->arena, "%s|%016llx", server->owner, (unsigned long long)map_hash(text, strlen(text)));
}

/* One that fits, or null; those whose time is over go. */
static LDAP *take_kept(const char *key) {
    struct kept *old = NULL, *one;
    int64_t now = clock_monotonic();
    LDAP *found = NULL;

    pthread_mutex_lock(&lock);
    for (struct kept **at = &kept; (one = *at);) {
        bool fits = !found && one->until > now && !strcmp(one->key, key);

        if (!fits && one->until > now) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        kept_count--;
        if (fits) {
            found = one->ld;
            free(one->key);
            free(one);
        } else {
            one->next = old;
            old = one;
        }
    }
    pthread_mutex_unlock(&lock);
    while ((one = old)) {
        old = one->next;
        drop(one);
    }
    return found;
}

static void keep(const struct ldap_server *server, const char *key, LDAP *ld) {
    struct kept *one = server->keep ? malloc(sizeof *one) : NULL;
    int same = 0;
    bool room;

    if (!one) {
        ldap_unbind_ext_s(ld, NULL, NULL);
        return;
    }
    *one = (struct kept){.ld = ld, .key = strdup(key), .until = clock_monotonic() + server->lifetime * SECOND};
    pthread_mutex_lock(&lock);
    for (struct kept *at = kept; at; at = at->next) {
        same += !strcmp(at->key, key);
    }
    room = one->key && same < server->most && kept_count < MOST_KEPT;
    if (room) {
        one->next = kept;
        kept = one;
        kept_count++;
    }
    pthread_mutex_unlock(&lock);
    if (!room) {
        drop(one);
    }
}

/* ---- connecting ---- */

static bool set_tls(LDAP *ld, const struct ldap_server *server) {
    int require = server->require_certificate, client = 0;

    return ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &require) == LDAP_OPT_SUCCESS &&
           (!server->ca_file || ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, server->ca_file) == LDAP_OPT_SUCCESS) &&
           (!server->ca_directory ||
            ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTDIR, server->ca_directory) == LDAP_OPT_SUCCESS) &&
           ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
}

static int bind_as(LDAP *ld, const char *dn, const char *password) {
    struct berval secret = {.bv_len = password ? strlen(password) : 0, .bv_val = (char *)(uintptr_t)(password ? password : "")};

    return ldap_sasl_bind_s(ld, dn ? dn : "", LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* What the library or the server says beside the number of an error: to the log, since it may be about certificates. */
static void log_cause(LDAP *ld, const struct ldap_server *server) {
    char *cause = NULL;

    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &cause);
    if (cause && *cause) {
        log_warn("domain %s: %s: %s", server->owner, server->url, cause);
    }
    ldap_memfree(cause);
}

/* A connection on which nobody is known yet; null with the library's number in '*ret_error'. */
static LDAP *connect_to(const struct ldap_server *server, int *ret_error) {
    struct timeval time = {.tv_sec = server->seconds};
    int version = LDAP_VERSION3;
    bool tls = server->start_tls || strcasestr(server->url, "ldaps:");
    LDAP *ld = NULL;

    *ret_error = ldap_initialize(&ld, server->url);
    if (*ret_error != LDAP_SUCCESS) {
        return NULL;
    }
    ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &time);
    ldap_set_option(ld, LDAP_OPT_TIMEOUT, &time);
    ldap_set_option(ld, LDAP_OPT_REFERRALS, server->chase_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF);
    if (server->dereference >= 0) {
        ldap_set_option(ld, LDAP_OPT_DEREF, &server->dereference);
    }
    *ret_error = tls && !set_tls(ld, server) ? LDAP_LOCAL_ERROR : LDAP_SUCCESS;
    if (!*ret_error && server->start_tls) {
        *ret_error = ldap_start_tls_s(ld, NULL, NULL);
    }
    if (*ret_error) {
        log_cause(ld, server);
        ldap_unbind_ext_s(ld, NULL, NULL);
        return NULL;
    }
    return ld;
}

static LDAP *connect_known(const struct ldap_server *server, int *ret_error) {
    LDAP *ld = connect_to(server, ret_error);

    if (ld) {
        bool named = server->user && *server->user && server->password && *server->password;

        *ret_error = bind_as(ld, named ? server->user : NULL, named ? server->password : NULL);
        if (*ret_error != LDAP_SUCCESS) {
            ldap_unbind_ext_s(ld, NULL, NULL);
            ld = NULL;
        }
    }
    return ld;
}

/* ---- searching ---- */

static const char *value_text(struct arena *arena, const struct berval *value) {
    if (!memchr(value->bv_val, 0, value->bv_len) && utf8_valid(value->bv_val, value->bv_len)) {
        return arena_text_size(arena, value->bv_val, value->bv_len);
    }
    return value->bv_len == 16 ? guid_text(arena, (const unsigned char *)value->bv_val) : NULL;
}

static void add_attribute(struct arena *arena, struct ldap_entry *entry, const char *name, struct berval **values) {
    int count = ldap_count_values_len(values);
    struct ldap_attribute *attribute;

    entry->attributes = arena_grow(arena, entry->attributes, entry->count, sizeof *entry->attributes);
    attribute = &entry->attributes[entry->count++];
    *attribute = (struct ldap_attribute){.name = arena_text(arena, name),
                                         .values = ARENA_ARRAY(arena, const char *, (size_t)count + 1)};
    for (int i = 0; i < count; i++) {
        const char *text = value_text(arena, values[i]);

        if (text) {
            attribute->values[attribute->count++] = text;
        }
    }
}

static void add_entry(struct call *call, LDAP *ld, LDAPMessage *message, struct ldap_entries *entries) {
    struct ldap_entry *entry;
    BerElement *ber = NULL;
    char *dn = ldap_get_dn(ld, message), *name;

    entries->at = arena_grow(call->arena, entries->at, entries->count, sizeof *entries->at);
    entry = &entries->at[entries->count++];
    *entry = (struct ldap_entry){.dn = arena_text(call->arena, dn ? dn : "")};
    ldap_memfree(dn);
    for (name = ldap_first_attribute(ld, message, &ber); name; name = ldap_next_attribute(ld, message, ber)) {
        struct berval **values = ldap_get_values_len(ld, message, name);

        add_attribute(call->arena, entry, name, values);
        ldap_value_free_len(values);
        ldap_memfree(name);
    }
    ber_free(ber, 0);
}

/* Waits for one page. '*cookie' is where the next one begins; empty after the last. */
static int take_page(struct call *call, LDAP *ld, int id, const struct timeval *time, struct ldap_entries *entries,
                     struct berval *cookie) {
    LDAPMessage *result = NULL;
    LDAPControl **controls = NULL, *paged;
    struct timeval left = *time;
    int got = ldap_result(ld, id, LDAP_MSG_ALL, &left, &result), error = LDAP_SUCCESS;
    ber_int_t total;

    ber_memfree(cookie->bv_val);
    *cookie = (struct berval){0};
    if (got <= 0) {
        ldap_abandon_ext(ld, id, NULL, NULL);
        return got == 0 ? LDAP_TIMEOUT : LDAP_SERVER_DOWN;
    }
    for (LDAPMessage *at = ldap_first_entry(ld, result); at; at = ldap_next_entry(ld, at)) {
        add_entry(call, ld, at, entries);
    }
    if (ldap_parse_result(ld, result, &error, NULL, NULL, NULL, &controls, 1) != LDAP_SUCCESS) {
        return LDAP_DECODING_ERROR;
    }
    paged = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    if (paged) {
        ldap_parse_pageresponse_control(ld, paged, &total, cookie);
    }
    ldap_controls_free(controls);
    return error;
}

static int search_pages(struct call *call, LDAP *ld, const struct ldap_server *server, const struct ldap_question *question,
                        struct ldap_entries *entries) {
    struct timeval time = {.tv_sec = server->seconds};
    size_t before = entries->count, most = question->most ? question->most : MOST_ENTRIES;
    int64_t end = clock_monotonic() + MOST_SECONDS * SECOND;
    struct berval cookie = {0};
    int error, id;

    do {
        LDAPControl *page = NULL, *controls[2] = {NULL, NULL};

        if (server->page_size && question->scope != LDAP_SCOPE_BASE) {
            error = ldap_create_page_control(ld, server->page_size, &cookie, 0, &page);
            controls[0] = page;
            if (error) {
                break;
            }
        }
        error = ldap_search_ext(ld, question->base, question->scope, question->filter,
                                (char **)(uintptr_t)question->attributes, 0, page ? controls : NULL, NULL, &time,
                                (int)most, &id);
        if (page) {
            ldap_control_free(page);
        }
        if (!error) {
            error = take_page(call, ld, id, &time, entries, &cookie);
        }
        if (!error && cookie.bv_len && clock_monotonic() > end) {
            error = LDAP_TIMEOUT;
        }
    } while (!error && cookie.bv_len && entries->count - before < most);
    ber_memfree(cookie.bv_val);
    if (entries->count - before > most) {
        entries->count = before + most;
    }
    return error == LDAP_NO_SUCH_OBJECT || (error == LDAP_SIZELIMIT_EXCEEDED && question->most) ? LDAP_SUCCESS : error;
}

/* ---- what others call ---- */

/* The server itself did not answer, or did not let us in. */
static bool is_dead(int error) {
    return error == LDAP_SERVER_DOWN || error == LDAP_CONNECT_ERROR || error == LDAP_TIMEOUT || error == LDAP_UNAVAILABLE;
}

static bool unanswered(struct call *call) {
    return fail(call, 503, "The LDAP server of the domain does not answer.");
}

static bool failed(struct call *call, const struct ldap_server *server, int error) {
    log_warn("domain %s: %s: %s", server->owner, server->url, ldap_err2string(error));
    return is_dead(error) ? unanswered(call) : fail(call, 503, "The LDAP server of the domain refuses to answer.");
}

bool ldap_ask(struct call *call, const struct ldap_server *server, const struct ldap_question *question,
              struct ldap_entries *entries) {
    const char *key = key_of(call, server);
    size_t before = entries->count;
    LDAP *ld;
    bool old;
    int error;

    if (!ldap_gate_enter(key)) {
        return unanswered(call);
    }
    do {
        ld = take_kept(key);
        old = ld != NULL;
        ld = ld ? ld : connect_known(server, &error);
        if (ld) {
            entries->count = before;
            error = search_pages(call, ld, server, question, entries);
        }
        if (ld && error) {
            ldap_unbind_ext_s(ld, NULL, NULL);
        } else if (ld) {
            keep(server, key, ld);
        }
    } while (old && error == LDAP_SERVER_DOWN);         /* the server ended one that was kept: another */
    ldap_gate_leave(key, is_dead(error));
    return !error || failed(call, server, error);
}

bool ldap_password_good(struct call *call, const struct ldap_server *server, const char *dn, const char *password) {
    const char *key = key_of(call, server);
    LDAP *ld;
    int error;

    if (!dn || !*dn || !password || !*password) {
        return false;
    }
    if (!ldap_gate_enter(key)) {
        return unanswered(call);
    }
    ld = connect_to(server, &error);
    if (ld) {
        error = bind_as(ld, dn, password);
        ldap_unbind_ext_s(ld, NULL, NULL);
    }
    ldap_gate_leave(key, is_dead(error));
    if (!ld || is_dead(error)) {
        return failed(call, server, error);
    }
    return error == LDAP_SUCCESS;
}

const struct ldap_attribute *ldap_attribute_of(const struct ldap_entry *entry, const char *name) {
    for (size_t i = 0; name && i < entry->count; i++) {
        if (!strcasecmp(entry->attributes[i].name, name)) {
            return &entry->attributes[i];
        }
    }
    return NULL;
}
