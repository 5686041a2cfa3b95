/* SPDX-License-Identifier: Apache-2.0
 * Object lock (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html): what a bucket gives new objects, and
 * retention and legal hold of each. The store keeps what is held (hold.c); here it is set and told. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "object_store/s3_config.h"

enum { DAY = 24 * 3600, MAX_DAYS = 36500, MAX_YEARS = 100 };

static bool missing_lock(struct s3 *s3) {
    return s3_error_because(s3, "InvalidRequest", "Bucket is missing Object Lock Configuration"), false;
}

static bool is_locked(struct s3 *s3) {
    return store_meta_get(&s3->found.container.meta, "sys-s3-lock");
}

static bool is_mode(const char *text) {
    return !strcmp(text, "GOVERNANCE") || !strcmp(text, "COMPLIANCE");
}

/* ---- of a bucket ---- */

bool s3_lock_header(struct s3 *s3) {
    const char *lock = s3_header(s3, "x-amz-bucket-object-lock-enabled");

    if (!lock || strcasecmp(lock, "true") != 0) {
        return !lock || !strcasecmp(lock, "false") ||
               (s3_error(s3, "InvalidArgument", "ArgumentName", "x-amz-bucket-object-lock-enabled", "ArgumentValue", lock, NULL),
                false);
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-lock", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>");
    s3->change.versions = VERSIONS_ON + 1;
    return true;
}

/* "MODE SECONDS" of a rule. False: answered. */
static bool read_default(struct s3 *s3, const struct xml_node *rule, const char **ret) {
    const struct xml_node *retention = xml_child(rule, "DefaultRetention");
    const char *mode = xml_child_text(retention, "Mode");
    const char *days_text = xml_child_text(retention, "Days"), *years_text = xml_child_text(retention, "Years");
    int64_t days, years;

    *ret = NULL;
    if (!rule) {
        return true;
    }
    if (!retention || rule->next || !s3_only(rule, "DefaultRetention") || !s3_only(retention, "Mode Days Years") || !mode ||
        !is_mode(mode) || !days_text == !years_text) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    days = days_text ? s3_child_number(retention, "Days", 1, MAX_DAYS) : 0;
    years = years_text ? s3_child_number(retention, "Years", 1, MAX_YEARS) : 0;
    if (days < 0 || years < 0) {
        return s3_error_because(s3, "InvalidRetentionPeriod", "Default retention period must be a positive integer value, of at most "
                                                              "%d days or %d years.", MAX_DAYS, MAX_YEARS), false;
    }
    *ret = arena_printf(s3->arena, "%s %" PRId64, mode, (days + 365 * years) * DAY);
    return true;
}

bool s3_check_lock(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    const char *enabled = xml_child_text(root, "ObjectLockEnabled"), *given;

    if (!s3_only(root, "ObjectLockEnabled Rule") || !enabled || strcmp(enabled, "Enabled") != 0) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    if (!read_default(s3, xml_child(root, "Rule"), &given)) {
        return false;
    }
    if (s3->found.container.versions != VERSIONS_ON) {
        return s3_error_because(s3, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                                                          "configuration"), false;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-lock-default", given);
    return true;
}

/* ---- what an object has ---- */

static const char *time_text(struct s3 *s3, const char *seconds) {
    char text[TIME_TEXT_SIZE];

    return arena_printf(s3->arena, "%s.000Z", time_print(strtoll(seconds, NULL, 10) * SECOND, TIME_PLAIN, text));
}

/* The second, rounded up, that a date in the future says; null: it is none; answered. */
static const char *read_until(struct s3 *s3, const char *text, const char *malformed) {
    int64_t time;

    if (!time_parse(text, &time) || time / SECOND > 253402300799) {
        return s3_error(s3, malformed, NULL), NULL;
    }
    if (time <= clock_now()) {
        return s3_error_because(s3, "InvalidArgument", "The retain until date must be in the future!"), NULL;
    }
    return arena_printf(s3->arena, "%lld", (time + SECOND - 1) / SECOND);
}

/* Others than the bucket's owner need a policy that says so. */
static bool may_lock(struct s3 *s3, const char *action) {
    return s3_may(s3, action, s3->key) || (s3_error(s3, "AccessDenied", NULL), false);
}

static bool read_retention_headers(struct s3 *s3, struct store_meta *meta) {
    const char *mode = s3_header(s3, "x-amz-object-lock-mode"), *until = s3_header(s3, "x-amz-object-lock-retain-until-date");

    if (!mode && !until) {
        return true;
    }
    if (!mode || !until) {
        return s3_error_because(s3, "InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be "
                                                       "supplied"), false;
    }
    if (!is_mode(mode)) {
        return s3_error_because(s3, "InvalidArgument", "Unknown wormMode directive."), false;
    }
    until = read_until(s3, until, "InvalidArgument");
    if (!until || !may_lock(s3, "s3:PutObjectRetention")) {
        return false;
    }
    store_meta_set(s3->arena, meta, "sys-s3-lock-mode", mode);
    store_meta_set(s3->arena, meta, "sys-s3-lock-until", until);
    return true;
}

bool s3_lock_read_headers(struct s3 *s3, struct store_meta *meta) {
    const char *hold = s3_header(s3, "x-amz-object-lock-legal-hold");

    if (!hold && !s3_header(s3, "x-amz-object-lock-mode") && !s3_header(s3, "x-amz-object-lock-retain-until-date")) {
        return true;
    }
    if (!is_locked(s3)) {
        return missing_lock(s3);
    }
    if (hold && strcmp(hold, "ON") != 0 && strcmp(hold, "OFF") != 0) {
        return s3_error_because(s3, "InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'"), false;
    }
    if (hold && !may_lock(s3, "s3:PutObjectLegalHold")) {
        return false;
    }
    if (hold) {
        store_meta_set(s3->arena, meta, "sys-s3-lock-hold", hold);
    }
    return read_retention_headers(s3, meta);
}

void s3_lock_write_headers(struct s3 *s3, const struct store_meta *meta) {
    const char *mode = store_meta_get(meta, "sys-s3-lock-mode"), *until = store_meta_get(meta, "sys-s3-lock-until");
    const char *hold = store_meta_get(meta, "sys-s3-lock-hold");

    if (mode && until && s3_may(s3, "s3:GetObjectRetention", s3->key)) {
        s3_put_header(s3, "x-amz-object-lock-mode", "%s", mode);
        s3_put_header(s3, "x-amz-object-lock-retain-until-date", "%s", time_text(s3, until));
    }
    if (hold && s3_may(s3, "s3:GetObjectLegalHold", s3->key)) {
        s3_put_header(s3, "x-amz-object-lock-legal-hold", "%s", hold);
    }
}

bool s3_lock_bypasses(struct s3 *s3, const char *key) {
    const char *bypass = s3_header(s3, "x-amz-bypass-governance-retention");

    return bypass && !strcasecmp(bypass, "true") && s3_may(s3, "s3:BypassGovernanceRetention", key);
}

/* ---- the operations on an object ---- */

/* The object that the request names, in a bucket with locks, and the caller may. False: answered. */
static bool find_object(struct s3 *s3) {
    if (s3->looked == STORE_NO_CONTAINER) {
        return s3_failed(s3, s3->looked), false;
    }
    if (!may_lock(s3, s3->call->operation->policy)) {
        return false;
    }
    if (!is_locked(s3)) {
        return missing_lock(s3);
    }
    if (!s3_find_object(s3, false)) {
        return false;
    }
    return s3->found.object.kind != STORE_MARKER || (s3_error(s3, "MethodNotAllowed", NULL), false);
}

bool s3_retention_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct store_meta *meta = &s3->found.object.meta;
    struct buf *out;

    if (!find_object(s3)) {
        return true;
    }
    if (!store_meta_get(meta, "sys-s3-lock-mode")) {
        return s3_error(s3, "NoSuchObjectLockConfiguration", NULL);
    }
    out = s3_xml(s3, "Retention");
    xml_member(out, "Mode", store_meta_get(meta, "sys-s3-lock-mode"));
    xml_member(out, "RetainUntilDate", time_text(s3, store_meta_get(meta, "sys-s3-lock-until")));
    BUF_LITERAL(out, "</Retention>");
    return true;
}

bool s3_legal_hold_get(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *hold;
    struct buf *out;

    if (!find_object(s3)) {
        return true;
    }
    hold = store_meta_get(&s3->found.object.meta, "sys-s3-lock-hold");
    if (!hold) {
        return s3_error(s3, "NoSuchObjectLockConfiguration", NULL);
    }
    out = s3_xml(s3, "LegalHold");
    xml_member(out, "Status", hold);
    BUF_LITERAL(out, "</LegalHold>");
    return true;
}

static bool change(struct s3 *s3) {
    s3->change.version = s3->found.object.version;
    s3->change.object.expires = -1;
    s3->change.keep_time = true;
    return s3_change(s3, store_post_object, s3_changed);
}

bool s3_retention_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    const char *mode = xml_child_text(root, "Mode"), *until = xml_child_text(root, "RetainUntilDate");

    if (!find_object(s3)) {
        return true;
    }
    if (!root || strcmp(root->name, "Retention") != 0 || !s3_only(root, "Mode RetainUntilDate") || !mode != !until ||
        (mode && !is_mode(mode))) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    if (until && !(until = read_until(s3, until, "MalformedXML"))) {
        return true;
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-lock-mode", mode);
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-lock-until", until);
    s3->change.bypass = s3_lock_bypasses(s3, s3->key);
    return change(s3);
}

bool s3_legal_hold_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const struct xml_node *root = xml_parse(s3->arena, s3->http->body.at, s3->http->body.size);
    const char *status = xml_child_text(root, "Status");

    if (!find_object(s3)) {
        return true;
    }
    if (!root || strcmp(root->name, "LegalHold") != 0 || !s3_only(root, "Status") || !status ||
        (strcmp(status, "ON") != 0 && strcmp(status, "OFF") != 0)) {
        return s3_error(s3, "MalformedXML", NULL);
    }
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-lock-hold", status);
    return change(s3);
}
