/* SPDX-License-Identifier: Apache-2.0
 * The work of lifecycle rules (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html): walks the
 * buckets that have some and deletes what is due. Each deletion names the object as it was seen, so that what was written
 * meanwhile stays; what is held stays too. */
#include "object_store/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/http.h"
#include "object_store/s3_config.h"
#include "object_store/s3_upload.h"
#include "object_store/swift_parts.h"

LOG_MODULE("object_store.lifecycle");

enum { PAGE = 1000, REAL_DAY = 24 * 3600 };
#define NOTES_ACCOUNT ".s3"
#define NOTES_CONTAINER "lifecycle"

static int64_t day_seconds = REAL_DAY;

void lifecycle_prepare(int64_t day) {
    day_seconds = day;
}

/* ---- rules ---- */

static int64_t number(const struct xml_node *node, const char *name, int64_t otherwise) {
    const char *text = xml_child_text(node, name);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

struct lifecycle_rule lifecycle_read(const struct xml_node *rule) {
    const struct xml_node *filter = xml_child(rule, "Filter"), *expiration = xml_child(rule, "Expiration");
    const struct xml_node *old = xml_child(rule, "NoncurrentVersionExpiration");
    const char *prefix = xml_child_text(rule, "Prefix"), *date = xml_child_text(expiration, "Date");
    const char *status = xml_child_text(rule, "Status"), *markers = xml_child_text(expiration, "ExpiredObjectDeleteMarker");
    struct lifecycle_rule ret = {.id = xml_child_text(rule, "ID")};

    filter = xml_child(filter, "And") ? xml_child(filter, "And") : filter;
    prefix = prefix ? prefix : xml_child_text(filter, "Prefix");
    ret.prefix = prefix ? prefix : "";
    ret.tags = xml_child(filter, "Tag");
    ret.larger = number(filter, "ObjectSizeGreaterThan", -1);
    ret.smaller = number(filter, "ObjectSizeLessThan", -1);
    ret.filtered = ret.tags || ret.larger >= 0 || ret.smaller >= 0;
    ret.enabled = status && !strcmp(status, "Enabled");
    ret.days = number(expiration, "Days", 0);
    if (date && !time_parse(date, &ret.date)) {
        ret.date = 0;
    }
    ret.markers = markers && !strcmp(markers, "true");
    ret.old_days = number(old, "NoncurrentDays", 0);
    ret.newer = number(old, "NewerNoncurrentVersions", 0);
    ret.abort_days = number(xml_child(rule, "AbortIncompleteMultipartUpload"), "DaysAfterInitiation", 0);
    return ret;
}

/* Tags are kept as a query: "name=value&..." with both escaped as http_encode does. */
static bool has_tag(struct arena *arena, const char *tags, const char *name, const char *value) {
    struct buf text = {0};
    const char *wanted;
    bool found = false;

    http_encode(&text, name, "");
    buf_char(&text, '=');
    http_encode(&text, value, "");
    wanted = buf_taken(&text, arena);
    while (*tags && !found) {
        size_t size = strcspn(tags, "&");

        found = size == strlen(wanted) && !strncmp(tags, wanted, size);
        tags += size + (tags[size] == '&');
    }
    return found;
}

static bool has_tags(struct arena *arena, const struct lifecycle_rule *rule, const struct store_object *object) {
    const char *tags = store_meta_get(&object->meta, "sys-s3-tags");

    for (const struct xml_node *tag = rule->tags; tag; tag = tag->next) {
        if (!strcmp(tag->name, "Tag") &&
            !(tags && has_tag(arena, tags, xml_child_text(tag, "Key"), xml_child_text(tag, "Value")))) {
            return false;
        }
    }
    return true;
}

bool lifecycle_fits(struct arena *arena, const struct lifecycle_rule *rule, const char *name, const struct store_object *object) {
    int64_t size = object ? swift_size(object) : 0;

    if (!rule->enabled || strncmp(name, rule->prefix, strlen(rule->prefix)) != 0) {
        return false;
    }
    if (!object) {
        return !rule->filtered;
    }
    return (rule->larger < 0 || size > rule->larger) && (rule->smaller < 0 || size < rule->smaller) && has_tags(arena, rule, object);
}

int64_t lifecycle_due(int64_t time, int64_t days) {
    int64_t due = time + days * day_seconds * SECOND, day = REAL_DAY * SECOND;

    return day_seconds == REAL_DAY ? (due + day - 1) / day * day : due;
}

const char *lifecycle_next(struct arena *arena, const struct store_container *container, const struct store_object *object,
                           int64_t *ret_when) {
    const struct xml_node *root = s3_config_of(arena, container, "lifecycle");
    const char *id = NULL;

    for (const struct xml_node *node = root ? root->first : NULL; node; node = node->next) {
        struct lifecycle_rule rule = lifecycle_read(node);
        int64_t when = rule.days ? lifecycle_due(object->modified, rule.days) : rule.date;

        if (when && lifecycle_fits(arena, &rule, object->name, object) && (!id || when < *ret_when)) {
            id = rule.id;
            *ret_when = when;
        }
    }
    return id;
}

/* ---- a walk over a bucket ---- */

struct doomed {
    const char *name;
    int64_t version, modified;      /* version STORE_CURRENT: the current one */
};

struct walk {
    struct arena *arena;            /* of a page */
    const struct store_container *container;
    const struct lifecycle_rule *rules;
    size_t rule_count;
    int64_t now;
    struct doomed *doomed;
    size_t count;
    char name[S3_MAX_KEY + 1];      /* the one whose versions pass by, newest first */
    int64_t newer_time;             /* when the one before this came */
    int64_t old_seen;               /* of its versions that are not current */
    int64_t last_version;           /* as a marker of the listing */
    bool lone_marker;               /* only a marker was seen of it */
    int64_t marker_version, marker_time;
};

static void doom(struct walk *walk, const char *name, int64_t version, int64_t modified) {
    walk->doomed = arena_grow(walk->arena, walk->doomed, walk->count, sizeof *walk->doomed);
    walk->doomed[walk->count++] = (struct doomed){arena_text(walk->arena, name), version, modified};
}

/* All versions of the name were seen: a marker with nothing behind it goes. */
static void end_name(struct walk *walk) {
    for (size_t i = 0; walk->lone_marker && i < walk->rule_count; i++) {
        const struct lifecycle_rule *rule = &walk->rules[i];

        if ((rule->markers || (rule->days && lifecycle_due(walk->marker_time, rule->days) <= walk->now)) &&
            lifecycle_fits(walk->arena, rule, walk->name, NULL)) {
            doom(walk, walk->name, walk->marker_version, walk->marker_time);
            break;
        }
    }
    walk->lone_marker = false;
}

static void see_current(struct walk *walk, const struct store_object *object) {
    for (size_t i = 0; i < walk->rule_count; i++) {
        const struct lifecycle_rule *rule = &walk->rules[i];
        int64_t when = rule->days ? lifecycle_due(object->modified, rule->days) : rule->date;

        if (when && when <= walk->now && lifecycle_fits(walk->arena, rule, object->name, object)) {
            doom(walk, object->name, STORE_CURRENT, object->modified);
            return;
        }
    }
}

static void see_old(struct walk *walk, const struct store_object *object) {
    bool marker = object->kind == STORE_MARKER;

    for (size_t i = 0; i < walk->rule_count; i++) {
        const struct lifecycle_rule *rule = &walk->rules[i];

        if (rule->old_days && walk->old_seen >= rule->newer && lifecycle_due(walk->newer_time, rule->old_days) <= walk->now &&
            lifecycle_fits(walk->arena, rule, object->name, marker ? NULL : object)) {
            doom(walk, object->name, object->version, object->modified);
            break;
        }
    }
    walk->old_seen++;
}

static bool see(void *user, const struct store_object *object) {
    struct walk *walk = user;
    bool first = strcmp(walk->name, object->name) != 0;

    if (strlen(object->name) > S3_MAX_KEY) {
        return true;                /* no name of S3's */
    }
    if (first) {
        end_name(walk);
        memccpy(walk->name, object->name, 0, sizeof walk->name);
        walk->old_seen = 0;
        walk->newer_time = object->modified;        /* nothing took its place, if it is not current */
    }
    if (first && object->kind == STORE_MARKER && !object->current) {
        walk->lone_marker = true;
        walk->marker_version = object->version;
        walk->marker_time = object->modified;
    } else if (first && object->current) {
        see_current(walk, object);
    } else {
        walk->lone_marker = false;
        see_old(walk, object);
    }
    walk->newer_time = object->modified;
    walk->last_version = object->version ? object->version : object->modified;
    return true;
}

static void delete_doomed(struct walk *walk, const char *account) {
    if (walk->count) {
        log_info("%s/%s: rules end %zu objects", account, walk->container->name, walk->count);
    }
    for (size_t i = 0; i < walk->count; i++) {
        struct store_change change = {.arena = walk->arena, .account = account, .container = walk->container->name,
                                      .name = walk->doomed[i].name, .version = walk->doomed[i].version,
                                      .if_modified = walk->doomed[i].modified, .restore = true, .policy = -1};

        store_delete_object(&change);
    }
    walk->doomed = NULL;
    walk->count = 0;
}

/* What all rules have in front, so that no more is walked than must be. */
static const char *common_prefix(struct arena *arena, const struct lifecycle_rule *rules, size_t count) {
    const char *first = count ? rules[0].prefix : "";
    size_t size = strlen(first);

    for (size_t i = 1; i < count; i++) {
        size_t same = 0;

        while (same < size && rules[i].prefix[same] == first[same]) {
            same++;
        }
        size = same;
    }
    return arena_text_size(arena, first, size);
}

static void walk_objects(struct walk *walk, const char *account, const char *prefix) {
    bool more = true;

    while (more) {
        struct store_list list = {.account = account, .container = walk->container->name, .prefix = prefix, .versions = true,
                                  .limit = PAGE, .on_object = see, .user = walk};

        walk->arena = arena_new(0);
        if (*walk->name) {
            list.marker = arena_text(walk->arena, walk->name);
            list.marker_version = walk->last_version;
        }
        more = store_list(walk->arena, &list, &more) == STORE_OK && more;
        if (!more) {
            end_name(walk);
        }
        delete_doomed(walk, account);
        arena_free(walk->arena);
    }
}

/* ---- uploads ---- */

struct old_uploads {
    struct walk *walk;
    const char *(*at)[2];
    size_t count;
};

static bool see_upload(void *user, const struct store_object *object) {
    struct old_uploads *old = user;
    struct walk *walk = old->walk;
    const char *separator = strrchr(object->name, 1), *key;

    if (!separator) {
        return true;
    }
    key = arena_text_size(walk->arena, object->name, (size_t)(separator - object->name));
    for (size_t i = 0; i < walk->rule_count; i++) {
        const struct lifecycle_rule *rule = &walk->rules[i];

        if (rule->abort_days && lifecycle_due(object->modified, rule->abort_days) <= walk->now &&
            lifecycle_fits(walk->arena, rule, key, NULL)) {
            const char *(*entry)[2];

            old->at = arena_grow(walk->arena, old->at, old->count, sizeof *old->at);
            entry = &old->at[old->count++];
            (*entry)[0] = key;
            (*entry)[1] = arena_text(walk->arena, separator + 1);
            break;
        }
    }
    return true;
}

static void walk_uploads(struct walk *walk, const char *account, const char *prefix) {
    struct old_uploads old = {.walk = walk};
    struct store_list list = {.account = account, .prefix = prefix, .limit = INT64_MAX, .on_object = see_upload, .user = &old};

    walk->arena = arena_new(0);
    list.container = arena_printf(walk->arena, "%s" S3_UPLOADS, walk->container->name);
    store_list(walk->arena, &list, NULL);
    for (size_t i = 0; i < old.count; i++) {
        s3_upload_drop(walk->arena, account, walk->container->name, old.at[i][0], old.at[i][1]);
    }
    arena_free(walk->arena);
}

/* ---- all buckets ---- */

/* False: the bucket has no rules any more. */
static bool run_bucket(struct arena *arena, const char *account, const char *bucket) {
    struct store_find find = {.account = account, .container = bucket};
    struct store_found found;
    enum store_result result = store_find(arena, &find, &found);
    const struct xml_node *root = result == STORE_OK ? s3_config_of(arena, &found.container, "lifecycle") : NULL;
    struct lifecycle_rule *rules = NULL;
    struct walk walk = {.container = &found.container, .now = clock_now()};
    const char *prefix;

    if (!root) {
        return result == STORE_FAILED;
    }
    for (const struct xml_node *node = root->first; node; node = node->next) {
        struct lifecycle_rule rule = lifecycle_read(node);

        if (rule.enabled) {
            rules = arena_grow(arena, rules, walk.rule_count, sizeof *rules);
            rules[walk.rule_count++] = rule;
        }
    }
    walk.rules = rules;
    prefix = common_prefix(arena, rules, walk.rule_count);
    if (walk.rule_count) {
        walk_objects(&walk, account, prefix);
        walk_uploads(&walk, account, prefix);
    }
    return true;
}

struct notes {
    struct arena *arena;
    const char **at;
    size_t count;
};

static bool take_note(void *user, const struct store_object *object) {
    struct notes *notes = user;

    notes->at = arena_grow(notes->arena, notes->at, notes->count, sizeof *notes->at);
    notes->at[notes->count++] = arena_text(notes->arena, object->name);
    return true;
}

void lifecycle_run(void) {
    struct notes notes = {.arena = arena_new(0)};
    struct store_list list = {.account = NOTES_ACCOUNT, .container = NOTES_CONTAINER, .limit = INT64_MAX, .on_object = take_note,
                              .user = &notes};

    store_list(notes.arena, &list, NULL);
    for (size_t i = 0; i < notes.count; i++) {
        struct arena *arena = arena_new(0);
        const char *slash = strchr(notes.at[i], '/');
        struct store_change change = {.arena = arena, .account = NOTES_ACCOUNT, .container = NOTES_CONTAINER, .name = notes.at[i],
                                      .version = STORE_CURRENT, .policy = -1};

        if (slash && !run_bucket(arena, arena_text_size(arena, notes.at[i], (size_t)(slash - notes.at[i])), slash + 1)) {
            store_delete_object(&change);
        }
        arena_free(arena);
    }
    arena_free(notes.arena);
}

bool lifecycle_note(struct arena *arena, const char *account, const char *bucket) {
    struct store_change container = {.arena = arena, .account = NOTES_ACCOUNT, .container = NOTES_CONTAINER, .policy = -1};
    enum store_result result = STORE_NO_CONTAINER;

    for (int i = 0; i < 2 && result == STORE_NO_CONTAINER; i++) {
        struct store_change change = {.arena = arena, .account = NOTES_ACCOUNT, .container = NOTES_CONTAINER, .policy = -1,
                                      .name = arena_printf(arena, "%s/%s", account, bucket), .upload = store_upload_new(arena),
                                      .object = {.type = "application/directory"}};

        store_upload_end(change.upload);
        result = store_put_object(&change);
        if (result == STORE_NO_CONTAINER) {
            store_put_container(&container);
        }
    }
    return result == STORE_CREATED;
}
