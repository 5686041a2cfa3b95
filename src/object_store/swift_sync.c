/* SPDX-License-Identifier: Apache-2.0
 * Containers that are kept the same as others, here or elsewhere: realms of clusters that trust each other, where a
 * container may be sent to, and requests that another cluster sends here. Sections [container_sync:REALM] hold what Swift's
 * container-sync-realms.conf holds. Without realms and hosts in the configuration there is none of it. */
#include "object_store/swift_sync.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/words.h"
#include "object_store/index.h"
#include "rest/cloud.h"

struct cluster {
    const char *name, *url;
    struct cluster *next;
};

struct realm {
    const char *name, *keys[2];
    struct cluster *clusters;
    struct realm *next;
};

static struct realm *realms;        /* fixed once the service is there */
static const char *hosts;

/* ---- configuration ---- */

static struct realm *find_realm(const char *name) {
    struct realm *realm = realms;

    while (realm && strcasecmp(realm->name, name) != 0) {
        realm = realm->next;
    }
    return realm;
}

static const char *upper(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    return copy;
}

static void add_option(void *user, const char *name, const char *option, const char *value) {
    struct arena *arena = user;
    struct realm *realm = find_realm(name);

    if (!realm) {
        realm = ARENA_NEW(arena, struct realm);
        *realm = (struct realm){.name = upper(arena, name), .next = realms};
        realms = realm;
    }
    if (!strcmp(option, "key") || !strcmp(option, "key2")) {
        realm->keys[option[3] == '2'] = *value ? arena_text(arena, value) : NULL;
    } else if (!strncasecmp(option, "cluster_", 8) && option[8] && *value) {
        struct cluster *cluster = ARENA_NEW(arena, struct cluster);

        *cluster = (struct cluster){.name = upper(arena, option + 8), .url = arena_text(arena, value),
                                    .next = realm->clusters};
        realm->clusters = cluster;
    }
}

void swift_sync_prepare(void) {
    realms = NULL;
    hosts = conf_text(cloud.conf, "object_store", "container_sync_hosts", "");
    conf_each(cloud.conf, "container_sync:", add_option, store.arena);
}

bool swift_sync_on(void) {
    return realms || *hosts;
}

void swift_sync_info(struct json_out *out) {
    const char *current = conf_text(cloud.conf, "object_store", "container_sync_current", "");
    size_t size;

    if (!swift_sync_on()) {
        return;
    }
    current += strspn(current, "/");
    size = strcspn(current, "/");
    json_key(out, "container_sync");
    json_map(out);
    json_key(out, "realms");
    json_map(out);
    for (const struct realm *realm = realms; realm; realm = realm->next) {
        bool here = strlen(realm->name) == size && !strncasecmp(realm->name, current, size) && current[size];

        json_key(out, realm->name);
        json_map(out);
        json_key(out, "clusters");
        json_map(out);
        for (const struct cluster *cluster = realm->clusters; cluster; cluster = cluster->next) {
            json_key(out, cluster->name);
            json_map(out);
            if (here && !strcasecmp(cluster->name, current + size + 1)) {
                json_put_bool(out, "current", true);
            }
            json_map_end(out);
        }
        json_map_end(out);
        json_map_end(out);
    }
    json_map_end(out);
    json_map_end(out);
}

/* ---- where to ---- */

/* Neither empty nor a step that would leave the path it stands in. */
static bool is_name(const char *text, size_t size) {
    return size && !(size == 1 && *text == '.') && !(size == 2 && !strncmp(text, "..", 2));
}

/* "REALM/CLUSTER/ACCOUNT/CONTAINER" */
static const char *find_cluster(struct arena *arena, const char *value, struct swift_sync_target *ret) {
    const char *parts[4], *at = value;
    const struct cluster *cluster;
    const struct realm *realm;
    struct buf url = {0};

    for (int i = 0; i < 4; i++) {
        size_t size = strcspn(at, "/");

        if (!is_name(at, size) || (i < 3) != (at[size] == '/')) {
            return "It must be //REALM/CLUSTER/ACCOUNT/CONTAINER.";
        }
        parts[i] = arena_text_size(arena, at, size);
        at += size + 1;
    }
    realm = find_realm(parts[0]);
    if (!realm || !realm->keys[0]) {
        return arena_printf(arena, "There is no realm \"%.64s\" with a key.", parts[0]);
    }
    for (cluster = realm->clusters; cluster && strcasecmp(cluster->name, parts[1]) != 0; cluster = cluster->next) {
    }
    if (!cluster) {
        return arena_printf(arena, "The realm \"%.64s\" has no cluster \"%.64s\".", parts[0], parts[1]);
    }
    buf_put(&url, cluster->url, strlen(cluster->url) - (cluster->url[strlen(cluster->url) - 1] == '/'));
    for (int i = 2; i < 4; i++) {
        buf_text(&url, "/");
        http_encode(&url, parts[i], "%");
    }
    ret->url = arena_text(arena, url.at);
    buf_release(&url);
    ret->realm = realm->name;
    ret->key = realm->keys[0];
    return NULL;
}

/* The host of "//HOST[:PORT]/..." without brackets; null when there is a user in it, or no host or path. */
static const char *host_of(struct arena *arena, const char *authority) {
    size_t size = strcspn(authority, "/?#\\"), host;

    if (authority[size] != '/' || memchr(authority, '@', size) || !size) {
        return NULL;
    }
    if (*authority == '[') {
        host = strcspn(authority, "]");
        return host < size ? arena_text_size(arena, authority + 1, host - 1) : NULL;
    }
    host = strcspn(authority, ":");
    return arena_text_size(arena, authority, host < size ? host : size);
}

static const char *check_url(struct arena *arena, const char *value, struct swift_sync_target *ret) {
    const char *colon = strstr(value, "://"), *host;

    if (!colon || (strncasecmp(value, "http:", 5) != 0 && strncasecmp(value, "https:", 6) != 0)) {
        return "It must begin with //, http:// or https://.";
    }
    host = host_of(arena, colon + 3);
    if (!host || strpbrk(value, "?#;\\ ")) {
        return "It must be a URL of a host and a path alone.";
    }
    for (const char *at = strchr(colon + 3, '/'); at; at = strchr(at + 1, '/')) {
        if (!is_name(at + 1, strcspn(at + 1, "/"))) {
            return "Its path must be of names.";
        }
    }
    for (const char *list = hosts, *word; *list;) {
        size_t size;

        if (words_next(&list, &word, &size) && size == strlen(host) && !strncasecmp(word, host, size)) {
            ret->url = value;
            return NULL;
        }
    }
    return arena_printf(arena, "The host \"%.64s\" is none that containers may be sent to.", host);
}

const char *swift_sync_target(struct arena *arena, const char *value, struct swift_sync_target *ret) {
    size_t size = strlen(value);

    *ret = (struct swift_sync_target){0};
    while (size && value[size - 1] == '/') {
        size--;
    }
    value = arena_text_size(arena, value, size);
    return !strncmp(value, "//", 2) ? find_cluster(arena, value + 2, ret) : check_url(arena, value, ret);
}

const char *swift_sync_signature(struct arena *arena, const char *method, const char *path, const char *time,
                                 const char *nonce, const char *realm_key, const char *key) {
    const char *text = arena_printf(arena, "%s\n%s\n%s\n%s\n%s", method, path, time, nonce, key);

    return hmac_hex(arena, "sha1", realm_key, strlen(realm_key), text, strlen(text));
}

bool swift_sync_check(struct swift *sw) {
    const char *to = swift_request_header(sw, "X-Container-Sync-To"), *wrong;
    const char *enable = swift_request_header(sw, "X-Versions-Enabled");
    const char *kept = store_meta_get(&sw->found.container.meta, "sys-sync-to");
    bool sends = to ? *to : kept && !swift_request_header(sw, "X-Remove-Container-Sync-To");
    struct swift_sync_target target;

    if (to && *to && (wrong = swift_sync_target(sw->arena, to, &target))) {
        return swift_error(sw, 400, "X-Container-Sync-To: %s", wrong), false;
    }
    if (sends && (swift_is_true(enable) || (to && sw->found.container.versions != VERSIONS_OFF))) {
        return swift_error(sw, 400, "A container that keeps versions cannot be sent elsewhere."), false;
    }
    return true;
}

/* ---- what another cluster sends here ---- */

/* Microseconds; 0: none, malformed, or more than a day ahead. */
static int64_t read_stamp(const char *text) {
    size_t digits = strspn(text, "0123456789"), fraction = text[digits] == '.' ? strspn(text + digits + 1, "0123456789") : 0;
    int64_t stamp;

    if (!digits || digits > 11 || text[digits + (text[digits] == '.') + fraction]) {
        return 0;
    }
    stamp = swift_version_of(text);
    return stamp <= clock_now() + 24 * 3600 * SECOND ? stamp : 0;
}

/* "REALM NONCE SIGNATURE" */
static bool signature_fits(struct swift *sw, const char *auth, const char *time, const char *key) {
    char *copy = arena_text(sw->arena, auth), *state = NULL;
    const char *name = strtok_r(copy, " \t", &state), *nonce = strtok_r(NULL, " \t", &state);
    const char *given = strtok_r(NULL, " \t", &state);
    const struct realm *realm = name ? find_realm(name) : NULL;
    bool fits = false;

    if (!realm || !realm->keys[0] || !given || strtok_r(NULL, " \t", &state)) {
        return false;
    }
    for (int i = 0; i < 2 && realm->keys[i]; i++) {
        fits |= equal_secret(swift_sync_signature(sw->arena, sw->http->method_name, sw->http->raw_path, time, nonce,
                                                  realm->keys[i], key), given);
    }
    return fits;
}

/* What the clusters ask of each other, and nothing more. */
static bool is_plain(const struct swift *sw) {
    return sw->depth == DEPTH_OBJECT && (sw->http->method == HTTP_PUT || sw->http->method == HTTP_DELETE) &&
           !*sw->http->query && !swift_request_header(sw, "X-Copy-From");
}

enum swift_sync_verdict swift_sync_allows(struct swift *sw) {
    const char *auth = swift_request_header(sw, "X-Container-Sync-Auth");
    const char *given = *hosts ? swift_request_header(sw, "X-Container-Sync-Key") : NULL, *time, *key;
    int64_t stamp;
    bool valid;

    if (!auth && !given) {
        return SYNC_NOT_ASKED;
    }
    time = swift_request_header(sw, "X-Timestamp");
    stamp = time ? read_stamp(time) : 0;
    key = sw->container ? store_meta_get(&sw->found.container.meta, "sys-sync-key") : NULL;
    valid = key && stamp && is_plain(sw) && (auth ? signature_fits(sw, auth, time, key) : equal_secret(given, key));
    if (valid) {
        sw->stamp = stamp;
        return SYNC_ALLOWED;
    }
    if (!auth) {
        return SYNC_NOT_ASKED;      /* perhaps the caller's rights permit it */
    }
    swift_header(sw, "WWW-Authenticate", "SwiftContainerSync realm=\"%s\"", sw->account);
    swift_error(sw, 401, "X-Container-Sync-Auth does not fit this container.");
    return SYNC_DENIED;
}
