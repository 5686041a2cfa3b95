/* SPDX-License-Identifier: Apache-2.0
 * Lifecycle rules as a bucket's owner sets them, and what objects are told of them. */
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "object_store/lifecycle.h"
#include "object_store/s3_config.h"

enum { MAX_RULES = 1000, MAX_ID = 255, MAX_NEWER = 100 };

static bool malformed(struct s3 *s3) {
    return s3_error(s3, "MalformedXML", NULL), false;
}

static bool not_positive(struct s3 *s3, const char *what) {
    return s3_error_because(s3, "InvalidArgument", "'%s' must be a positive integer", what), false;
}

/* A whole number that must be there. False: answered. */
static bool check_days(struct s3 *s3, const struct xml_node *node, const char *name) {
    int64_t days = s3_child_number(node, name, 1, INT32_MAX);

    return days == -1 ? malformed(s3) : days != -2 || not_positive(s3, name);
}

static size_t count(const struct xml_node *node, const char *name) {
    size_t count = 0;

    for (const struct xml_node *child = node ? node->first : NULL; child; child = child->next) {
        count += !name || !strcmp(child->name, name);
    }
    return count;
}

static bool check_filter(struct s3 *s3, const struct xml_node *filter) {
    const struct xml_node *and = xml_child(filter, "And"), *of = and ? and : filter;

    if (!s3_only(filter, "Prefix Tag ObjectSizeGreaterThan ObjectSizeLessThan And") || count(filter, NULL) > 1 ||
        (and && (!s3_only(and, "Prefix Tag ObjectSizeGreaterThan ObjectSizeLessThan") || count(and, "Prefix") > 1)) ||
        s3_child_number(of, "ObjectSizeGreaterThan", 0, INT64_MAX) == -2 ||
        s3_child_number(of, "ObjectSizeLessThan", 1, INT64_MAX) == -2) {
        return malformed(s3);
    }
    for (const struct xml_node *tag = of->first; tag; tag = tag->next) {
        if (!strcmp(tag->name, "Tag") && (!xml_child_text(tag, "Key") || !xml_child_text(tag, "Value") || !s3_only(tag, "Key Value"))) {
            return malformed(s3);
        }
    }
    return true;
}

static bool check_expiration(struct s3 *s3, const struct xml_node *node, bool filtered) {
    const char *date = xml_child_text(node, "Date"), *marker = xml_child_text(node, "ExpiredObjectDeleteMarker");
    int64_t time;

    if (!s3_only(node, "Days Date ExpiredObjectDeleteMarker") || count(node, NULL) != 1) {
        return malformed(s3);
    }
    if (marker) {
        bool ok = true;

        s3_child_true(node, "ExpiredObjectDeleteMarker", &ok);
        return ok && !filtered ? true : malformed(s3);
    }
    if (date && !time_parse(date, &time)) {
        return malformed(s3);
    }
    if (date && (time <= 0 || time % (24 * 3600 * SECOND))) {
        return s3_error_because(s3, "InvalidArgument", "'Date' must be at midnight GMT"), false;
    }
    return date || check_days(s3, node, "Days");
}

static bool check_actions(struct s3 *s3, const struct xml_node *rule) {
    const struct xml_node *expiration = xml_child(rule, "Expiration"), *old = xml_child(rule, "NoncurrentVersionExpiration");
    const struct xml_node *abort = xml_child(rule, "AbortIncompleteMultipartUpload");
    bool filtered = lifecycle_read(rule).filtered;

    if (xml_child(rule, "Transition") || xml_child(rule, "NoncurrentVersionTransition")) {
        return s3_error_because(s3, "NotImplemented", "There is one storage class: objects have none to go to."), false;
    }
    if (!expiration && !old && !abort) {
        return s3_error_because(s3, "InvalidRequest", "At least one action needs to be specified in a rule."), false;
    }
    if (expiration && !check_expiration(s3, expiration, filtered)) {
        return false;
    }
    if (old && !s3_only(old, "NoncurrentDays NewerNoncurrentVersions")) {
        return malformed(s3);
    }
    if (old && s3_child_number(old, "NewerNoncurrentVersions", 1, MAX_NEWER) == -2) {
        return not_positive(s3, "NewerNoncurrentVersions");
    }
    if (old && !check_days(s3, old, "NoncurrentDays")) {
        return false;
    }
    if (abort && (filtered || !s3_only(abort, "DaysAfterInitiation"))) {
        return malformed(s3);
    }
    return !abort || check_days(s3, abort, "DaysAfterInitiation");
}

static bool check_rule(struct s3 *s3, const struct xml_node *rule, const struct xml_node *root) {
    const char *id = xml_child_text(rule, "ID"), *status = xml_child_text(rule, "Status");
    const struct xml_node *filter = xml_child(rule, "Filter");

    if (strcmp(rule->name, "Rule") != 0 || !status || (strcmp(status, "Enabled") != 0 && strcmp(status, "Disabled") != 0) ||
        !s3_only(rule, "ID Status Filter Prefix Expiration NoncurrentVersionExpiration AbortIncompleteMultipartUpload Transition "
                       "NoncurrentVersionTransition") ||
        !filter == !xml_child(rule, "Prefix")) {
        return malformed(s3);
    }
    if (id && strlen(id) > MAX_ID) {
        return s3_error_because(s3, "InvalidArgument", "ID length should not exceed allowed limit of %d", MAX_ID), false;
    }
    for (const struct xml_node *other = root->first; id && *id && other != rule; other = other->next) {
        const char *other_id = xml_child_text(other, "ID");

        if (other_id && !strcmp(other_id, id)) {
            return s3_error_because(s3, "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule"), false;
        }
    }
    return (!filter || check_filter(s3, filter)) && check_actions(s3, rule);
}

/* A rule without an id is given one. */
static void write_rule(struct s3 *s3, struct buf *out, const struct xml_node *rule) {
    const char *id = xml_child_text(rule, "ID");

    BUF_LITERAL(out, "<Rule>");
    xml_member(out, "ID", id && *id ? id : id_hex(s3->arena));
    for (const struct xml_node *child = rule->first; child; child = child->next) {
        if (strcmp(child->name, "ID") != 0) {
            xml_write(out, child);
        }
    }
    BUF_LITERAL(out, "</Rule>");
}

bool s3_check_lifecycle(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    size_t rules = count(root, NULL);

    if (!rules || rules > MAX_RULES) {
        return malformed(s3);
    }
    for (const struct xml_node *rule = root->first; rule; rule = rule->next) {
        if (!check_rule(s3, rule, root)) {
            return false;
        }
        write_rule(s3, out, rule);
    }
    return lifecycle_note(s3->arena, s3->account, s3->bucket) || (s3_failed(s3, STORE_FAILED), false);
}

void s3_write_expiration(struct s3 *s3, const struct store_object *object) {
    char text[TIME_TEXT_SIZE];
    int64_t when;
    const char *id = store_meta_get(&s3->found.container.meta, "sys-s3-lifecycle")
                         ? lifecycle_next(s3->arena, &s3->found.container, object, &when) : NULL;
    struct buf encoded = {0};

    if (id) {
        http_encode(&encoded, id, "");
        s3_put_header(s3, "x-amz-expiration", "expiry-date=\"%s\", rule-id=\"%s\"", time_print(when, TIME_HTTP, text), encoded.at);
        buf_release(&encoded);
    }
}
