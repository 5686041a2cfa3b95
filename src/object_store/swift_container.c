/* SPDX-License-Identifier: Apache-2.0
 * Containers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift_policies.h"
#include "object_store/swift_sync.h"

/* Headers that a container keeps, and by what names. The last ones are the owner's alone to see. */
static const struct {
    const char *header, *name;
    bool secret;
} kept[] = {
    {"X-Container-Read", "sys-read", true},
    {"X-Container-Write", "sys-write", true},
    {"X-Container-Sync-To", "sys-sync-to", true},
    {"X-Container-Sync-Key", "sys-sync-key", true},
    {"X-Versions-Location", "sys-versions-location", false},
    {"X-History-Location", "sys-history-location", false},
};
enum { KEPT = sizeof kept / sizeof *kept };

static void write_container(struct swift *sw) {
    const struct store_container *container = &sw->found.container;
    const struct swift_policy *policy = swift_policy_at(container->policy);

    swift_header(sw, "X-Container-Object-Count", "%" PRId64, container->objects);
    swift_header(sw, "X-Container-Bytes-Used", "%" PRId64, container->bytes + container->old_bytes);
    swift_header(sw, "X-Timestamp", "%s", swift_timestamp(sw->arena, container->created));
    swift_last_modified(sw, container->modified);
    if (policy) {
        swift_header(sw, "X-Storage-Policy", "%s", policy->name);
    }
    swift_header(sw, "Accept-Ranges", "bytes");
    swift_write_meta(sw, "container", &container->meta);
    for (int i = 0; i < KEPT; i++) {
        const char *value = store_meta_get(&container->meta, kept[i].name);

        if (value && (sw->owner || !kept[i].secret)) {
            swift_header(sw, kept[i].header, "%s", value);
        }
    }
    if (sw->owner && store_meta_get(&container->meta, "sys-sync-error")) {
        swift_header(sw, "X-Container-Sync-Error", "%s", store_meta_get(&container->meta, "sys-sync-error"));
    }
    if (container->versions != VERSIONS_OFF) {
        swift_header(sw, "X-Versions-Enabled", container->versions == VERSIONS_ON ? "True" : "False");
    }
}

bool swift_container_head(struct call *call) {
    struct swift *sw = swift_of(call);
    enum swift_format format;

    if (sw->looked != STORE_OK) {
        return swift_failed(sw, sw->looked);
    }
    if (!swift_choose_format(sw, false, &format)) {
        return true;
    }
    write_container(sw);
    swift_header(sw, "Content-Type", "%s; charset=utf-8", swift_format_type(format));
    return swift_status(sw, 204);
}

bool swift_container_get(struct call *call) {
    struct swift *sw = swift_of(call);

    if (sw->looked != STORE_OK) {
        return swift_failed(sw, sw->looked);
    }
    write_container(sw);
    return swift_list_objects(sw);
}

/* ---- changing ---- */

static bool check_acl(struct swift *sw, const char *header, const char *value, bool write, const char **ret_value) {
    const char *error = NULL;

    *ret_value = swift_clean_acl(sw->arena, value, write, &error);
    return *ret_value || (swift_error(sw, 400, "%s: %s", header, error), false);
}

static bool read_kept(struct swift *sw) {
    for (int i = 0; i < KEPT; i++) {
        const char *value = swift_request_header(sw, kept[i].header);
        const char *remove = swift_request_header(sw, arena_printf(sw->arena, "X-Remove-%s", kept[i].header + 2));

        if (kept[i].secret && !sw->owner) {
            continue;               /* not theirs to set, and nothing is said of it */
        }
        if (value && i < 2 && !check_acl(sw, kept[i].header, value, i == 1, &value)) {
            return false;
        }
        if (remove || value) {
            store_meta_set(sw->arena, &sw->change.set, kept[i].name, value && *value ? value : NULL);
        }
    }
    return true;
}

bool swift_is_true(const char *text) {
    return text && (!strcasecmp(text, "true") || !strcmp(text, "1") || !strcasecmp(text, "yes") || !strcasecmp(text, "on") ||
                    !strcasecmp(text, "t") || !strcasecmp(text, "y"));
}

static bool is_container(const char *escaped) {
    return !escaped || (!strchr(escaped, '/') && !strcasestr(escaped, "%2f"));
}

/* The two older ways of keeping versions exclude each other and the newer one. */
static bool read_versions(struct swift *sw) {
    const char *enabled = swift_request_header(sw, "X-Versions-Enabled");
    const char *location = swift_request_header(sw, "X-Versions-Location");
    const char *history = swift_request_header(sw, "X-History-Location");
    struct store_meta *set = &sw->change.set;

    if (location && *location && history && *history) {
        return swift_error(sw, 400, "Only one of X-Versions-Location and X-History-Location may be given."), false;
    }
    if (((location && *location) || (history && *history)) && sw->found.container.versions == VERSIONS_ON) {
        return swift_error(sw, 400, "The container keeps versions itself already."), false;
    }
    if (location && *location) {
        store_meta_set(sw->arena, set, "sys-history-location", NULL);
    } else if (history && *history) {
        store_meta_set(sw->arena, set, "sys-versions-location", NULL);
    } else if (location || history || swift_request_header(sw, "X-Remove-Versions-Location") ||
               swift_request_header(sw, "X-Remove-History-Location")) {
        store_meta_set(sw->arena, set, "sys-history-location", NULL);
        store_meta_set(sw->arena, set, "sys-versions-location", NULL);
    }
    if (!is_container(location) || !is_container(history)) {
        return swift_error(sw, 412, "The container of old versions is named without slashes."), false;
    }
    if (!enabled) {
        return true;
    }
    if (swift_is_true(enabled) && (store_meta_get(&sw->found.container.meta, "sys-versions-location") ||
                             store_meta_get(&sw->found.container.meta, "sys-history-location"))) {
        return swift_error(sw, 400, "The container keeps versions in another one already."), false;
    }
    sw->change.versions = 1 + (swift_is_true(enabled) ? VERSIONS_ON : VERSIONS_SUSPENDED);
    return true;
}

static bool is_count(const char *text) {
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19;
}

static bool check_quotas(struct swift *sw) {
    static const char *const names[] = {"meta-quota-bytes", "meta-quota-count"};

    for (int i = 0; i < 2; i++) {
        const char *value = store_meta_get(&sw->change.set, names[i]);

        if (value && !is_count(value)) {
            return swift_error(sw, 400, "X-Container-%s must be a number.", i ? "Meta-Quota-Count" : "Meta-Quota-Bytes"), false;
        }
    }
    return true;
}

static bool read_policy(struct swift *sw) {
    const char *name = swift_request_header(sw, "X-Storage-Policy");
    const struct swift_policy *policy = name && *name ? swift_policy_named(name) : NULL;

    if (!name || !*name) {
        return true;
    }
    if (!policy) {
        return swift_error(sw, 400, "There is no storage policy \"%.100s\".", name), false;
    }
    sw->change.policy = policy->index;
    return !policy->deprecated || (swift_error(sw, 400, "The storage policy \"%s\" takes no new containers.", policy->name), false);
}

static bool read_container_headers(struct swift *sw) {
    return swift_read_meta(sw, "container", &sw->change.set) && swift_sync_check(sw) && read_kept(sw) && read_versions(sw) && check_quotas(sw);
}

static void changed(struct swift *sw) {
    switch (sw->change.result) {
    case STORE_CREATED:
        swift_status(sw, 201);
        break;
    case STORE_OK:
        swift_status(sw, sw->http->method == HTTP_PUT ? 202 : 204);
        break;
    case STORE_PRECONDITION:
        swift_error(sw, 409, "A container keeps the storage policy that it was made with.");
        break;
    default:
        swift_failed(sw, sw->change.result);
    }
}

bool swift_container_put(struct call *call) {
    struct swift *sw = swift_of(call);

    return !read_policy(sw) || !read_container_headers(sw) || swift_change(sw, store_put_container, changed);
}

bool swift_container_post(struct call *call) {
    struct swift *sw = swift_of(call);

    if (sw->looked != STORE_OK) {
        return swift_failed(sw, sw->looked);
    }
    return !read_container_headers(sw) || swift_change(sw, store_post_container, changed);
}

bool swift_container_delete(struct call *call) {
    return swift_change(swift_of(call), store_delete_container, changed);
}
