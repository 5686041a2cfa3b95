/* SPDX-License-Identifier: Apache-2.0
 * Conditions of policies (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html):
 * {"OPERATOR": {"KEY": VALUES, ...}, ...}. All must hold; of a key's values one is enough. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/ip.h"
#include "object_store/s3_policy_doc.h"
#include "object_store/xml.h"

/* ---- operators ---- */

enum kind { TEXT, TEXT_FOLDED, PATTERN, NUMBER, DATE, TRUTH, ADDRESS, ABSENCE };

static const struct operator {
    const char *name;
    enum kind kind;
    bool negated;
    int least, most;                /* of numbers and dates: what comparing them may give */
} operators[] = {
    {"ArnEquals", PATTERN, false, 0, 0},
    {"ArnLike", PATTERN, false, 0, 0},
    {"ArnNotEquals", PATTERN, true, 0, 0},
    {"ArnNotLike", PATTERN, true, 0, 0},
    {"Bool", TRUTH, false, 0, 0},
    {"DateEquals", DATE, false, 0, 0},
    {"DateGreaterThan", DATE, false, 1, 1},
    {"DateGreaterThanEquals", DATE, false, 0, 1},
    {"DateLessThan", DATE, false, -1, -1},
    {"DateLessThanEquals", DATE, false, -1, 0},
    {"DateNotEquals", DATE, true, 0, 0},
    {"IpAddress", ADDRESS, false, 0, 0},
    {"NotIpAddress", ADDRESS, true, 0, 0},
    {"Null", ABSENCE, false, 0, 0},
    {"NumericEquals", NUMBER, false, 0, 0},
    {"NumericGreaterThan", NUMBER, false, 1, 1},
    {"NumericGreaterThanEquals", NUMBER, false, 0, 1},
    {"NumericLessThan", NUMBER, false, -1, -1},
    {"NumericLessThanEquals", NUMBER, false, -1, 0},
    {"NumericNotEquals", NUMBER, true, 0, 0},
    {"StringEquals", TEXT, false, 0, 0},
    {"StringEqualsIgnoreCase", TEXT_FOLDED, false, 0, 0},
    {"StringLike", PATTERN, false, 0, 0},
    {"StringNotEquals", TEXT, true, 0, 0},
    {"StringNotEqualsIgnoreCase", TEXT_FOLDED, true, 0, 0},
    {"StringNotLike", PATTERN, true, 0, 0},
};

enum quantifier { ONE, ANY, ALL };

struct test {
    const struct operator *operator;
    enum quantifier quantifier;
    bool if_exists;
};

/* "ForAnyValue:StringLikeIfExists" */
static bool read_test(const char *name, struct test *ret) {
    static const char any[] = "ForAnyValue:", all[] = "ForAllValues:", end[] = "IfExists";
    size_t size;

    *ret = (struct test){0};
    if (!strncmp(name, any, sizeof any - 1)) {
        ret->quantifier = ANY;
        name += sizeof any - 1;
    } else if (!strncmp(name, all, sizeof all - 1)) {
        ret->quantifier = ALL;
        name += sizeof all - 1;
    }
    size = strlen(name);
    if (size > sizeof end - 1 && !strcmp(name + size - (sizeof end - 1), end)) {
        ret->if_exists = true;
        size -= sizeof end - 1;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strlen(operators[i].name) == size && !strncmp(operators[i].name, name, size)) {
            ret->operator = &operators[i];
        }
    }
    return ret->operator && !(ret->if_exists && ret->operator->kind == ABSENCE);
}

/* ---- values as texts ---- */

static const char *text_of(struct arena *arena, const struct json *value) {
    switch (value->type) {
    case JSON_TEXT:
        return value->text;
    case JSON_INT:
        return arena_printf(arena, "%lld", (long long)value->integer);
    case JSON_TRUE:
    case JSON_FALSE:
        return value->type == JSON_TRUE ? "true" : "false";
    default:
        return NULL;
    }
}

static bool read_number(const char *text, double *ret) {
    char *end;

    *ret = strtod(text, &end);
    return *text && !*end && strspn(text, "+-.0123456789") == strlen(text);
}

/* A time, or seconds since 1970. */
static bool read_date(const char *text, int64_t *ret) {
    double seconds;

    if (read_number(text, &seconds) && seconds >= 0 && seconds < 1e11) {
        *ret = (int64_t)(seconds * (double)SECOND);
        return true;
    }
    return time_parse(text, ret);
}

/* A policy's value is of the operator's kind. */
static bool is_readable(enum kind kind, const char *text) {
    struct ip_net net;
    int64_t time;
    double number;

    switch (kind) {
    case NUMBER:
        return read_number(text, &number);
    case DATE:
        return read_date(text, &time);
    case TRUTH:
    case ABSENCE:
        return !strcasecmp(text, "true") || !strcasecmp(text, "false");
    case ADDRESS:
        return ip_net_parse_host(text, &net);
    default:
        return true;
    }
}

static bool in_order(const struct operator *operator, double difference) {
    int order = difference < 0 ? -1 : difference > 0;

    return order >= operator->least && order <= operator->most;
}

/* Without regard to negation. */
static bool matches(const struct operator *operator, struct s3_text *text, const char *wanted) {
    const char *value = text->at;
    double number, other;
    struct ip_net net;
    struct ip ip;
    int64_t time, then;

    switch (operator->kind) {
    case TEXT:
        return !strcmp(value, wanted);
    case TEXT_FOLDED:
    case TRUTH:
        return !strcasecmp(value, wanted);
    case PATTERN:
        return s3_text_fits(text, wanted);
    case NUMBER:
        return read_number(value, &number) && read_number(wanted, &other) && in_order(operator, number - other);
    case DATE:
        return read_date(value, &time) && read_date(wanted, &then) && in_order(operator, (double)(time - then));
    case ADDRESS:
        return ip_parse(value, &ip) && ip_net_parse_host(wanted, &net) && ip_net_contains(net, ip);
    default:
        return false;
    }
}

/* ---- keys ---- */

enum { MAX_VALUES = 64 };

struct values {
    const char *at[MAX_VALUES];
    size_t count;
};

static void add(struct values *values, const char *text) {
    if (text && values->count < MAX_VALUES) {
        values->at[values->count++] = text;
    }
}

static const char *source_ip(const struct s3_asked *asked) {
    return asked->s3->http->client;
}

static const char *secure_transport(const struct s3_asked *asked) {
    return asked->s3->http->tls ? "true" : "false";
}

static const char *current_time(const struct s3_asked *asked) {
    char text[TIME_TEXT_SIZE];

    return arena_text(asked->s3->arena, time_print(clock_now(), TIME_Z, text));
}

static const char *epoch_time(const struct s3_asked *asked) {
    return arena_printf(asked->s3->arena, "%lld", (long long)(clock_now() / SECOND));
}

static const char *user_name(const struct s3_asked *asked) {
    return asked->s3->call->caller.user_name;
}

static const char *user_id(const struct s3_asked *asked) {
    return asked->s3->call->caller.user_id;
}

static const char *principal_account(const struct s3_asked *asked) {
    return asked->s3->call->caller.project_id;
}

static const char *principal_arn(const struct s3_asked *asked) {
    const struct caller *caller = &asked->s3->call->caller;

    return caller->project_id
               ? arena_printf(asked->s3->arena, "arn:aws:iam::%s:user/%s", caller->project_id, caller->user_id) : NULL;
}

static const char *resource_account(const struct s3_asked *asked) {
    return s3_project_of(asked->account);
}

static const char *auth_type(const struct s3_asked *asked) {
    enum s3_signed_by by = asked->s3->signature.by;

    return by == S3_NOBODY ? NULL : asked->s3->http->method == HTTP_POST && asked->s3->depth == S3_BUCKET ? "POST"
           : by == S3_SIGNED_2 || by == S3_SIGNED_4 ? "REST-HEADER" : "REST-QUERY-STRING";
}

static const char *signature_version(const struct s3_asked *asked) {
    enum s3_signed_by by = asked->s3->signature.by;

    return by == S3_NOBODY ? NULL : by == S3_SIGNED_4 || by == S3_SIGNED_4_QUERY ? "AWS4-HMAC-SHA256" : "AWS";
}

static const char *listed_prefix(const struct s3_asked *asked) {
    const char *prefix = asked->prefix ? asked->prefix : s3_argument(asked->s3, "prefix");

    return prefix ? prefix : "";
}

static const struct key {
    const char *name;
    const char *(*value)(const struct s3_asked *asked);     /* null: of the header, or the argument */
    const char *header, *argument;
    bool narrows;                   /* it says who it must be, or from where */
} keys[] = {
    {"aws:CurrentTime", current_time, NULL, NULL, false},
    {"aws:EpochTime", epoch_time, NULL, NULL, false},
    {"aws:PrincipalAccount", principal_account, NULL, NULL, true},
    {"aws:PrincipalArn", principal_arn, NULL, NULL, true},
    {"aws:Referer", NULL, "Referer", NULL, false},
    {"aws:ResourceAccount", resource_account, NULL, NULL, false},
    {"aws:SecureTransport", secure_transport, NULL, NULL, false},
    {"aws:SourceIp", source_ip, NULL, NULL, true},
    {"aws:UserAgent", NULL, "User-Agent", NULL, false},
    {"aws:userid", user_id, NULL, NULL, true},
    {"aws:username", user_name, NULL, NULL, true},
    {"s3:ResourceAccount", resource_account, NULL, NULL, false},
    {"s3:VersionId", NULL, NULL, "versionId", false},
    {"s3:authType", auth_type, NULL, NULL, false},
    {"s3:delimiter", NULL, NULL, "delimiter", false},
    {"s3:if-match", NULL, "If-Match", NULL, false},
    {"s3:if-none-match", NULL, "If-None-Match", NULL, false},
    {"s3:max-keys", NULL, NULL, "max-keys", false},
    {"s3:object-lock-legal-hold", NULL, "x-amz-object-lock-legal-hold", NULL, false},
    {"s3:object-lock-mode", NULL, "x-amz-object-lock-mode", NULL, false},
    {"s3:object-lock-retain-until-date", NULL, "x-amz-object-lock-retain-until-date", NULL, false},
    {"s3:prefix", listed_prefix, NULL, NULL, false},
    {"s3:signatureversion", signature_version, NULL, NULL, false},
};
#define EXISTING_TAG "s3:ExistingObjectTag/"
#define REQUEST_TAG "s3:RequestObjectTag/"
#define REQUEST_TAGS "s3:RequestObjectTagKeys"
#define HEADER_KEY "s3:x-amz-"

static bool has_prefix(const char *text, const char *prefix) {
    return !strncasecmp(text, prefix, strlen(prefix));
}

static const struct key *find_key(const char *name) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!strcasecmp(keys[i].name, name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool is_key(const char *name) {
    return find_key(name) || (has_prefix(name, EXISTING_TAG) && name[sizeof EXISTING_TAG - 1]) ||
           (has_prefix(name, REQUEST_TAG) && name[sizeof REQUEST_TAG - 1]) || !strcasecmp(name, REQUEST_TAGS) ||
           (has_prefix(name, HEADER_KEY) && strlen(name) < 64);
}

/* ---- tags ---- */

struct taker {
    struct arena *arena;
    struct s3_tags_seen *seen;
};

static bool take_tag(void *user, const char *name, const char *value) {
    struct taker *taker = user;
    struct store_meta *tags = &taker->seen->tags;

    tags->at = arena_grow(taker->arena, tags->at, tags->count, sizeof *tags->at);
    tags->at[tags->count++] = (struct store_pair){name, value};
    return true;
}

static const struct store_meta *existing_tags(const struct s3_asked *asked) {
    struct store_find find = {.account = asked->account, .container = asked->container->name, .name = asked->key,
                              .version = asked->s3->version};
    struct taker taker = {asked->s3->arena, asked->seen};
    const struct store_object *object = asked->object;
    struct store_found found;
    const char *tags;

    if (asked->seen->read) {
        return &asked->seen->tags;
    }
    asked->seen->read = true;
    if (!object && asked->key && store_find(asked->s3->arena, &find, &found) == STORE_OK) {
        object = &found.object;
    }
    tags = object ? store_meta_get(&object->meta, "sys-s3-tags") : NULL;
    if (tags) {
        s3_each_tag(asked->s3, tags, take_tag, &taker);
    }
    return &asked->seen->tags;
}

/* Those of the header, or of the body that sets tags. */
static const struct store_meta *request_tags(struct s3 *s3) {
    const char *header = s3_header(s3, "x-amz-tagging");
    const struct xml_node *set;
    struct taker taker;

    if (s3->tags_seen && s3->tags_seen->body == s3->http->body.size) {
        return &s3->tags_seen->tags;
    }
    s3->tags_seen = ARENA_NEW(s3->arena, struct s3_tags_seen);
    s3->tags_seen->body = s3->http->body.size;
    taker = (struct taker){s3->arena, s3->tags_seen};
    if (header) {
        s3_each_tag(s3, header, take_tag, &taker);
    }
    if (!s3_argument(s3, "tagging") || !s3->http->body.size) {
        return &s3->tags_seen->tags;
    }
    set = xml_child(xml_parse(s3->arena, s3->http->body.at, s3->http->body.size), "TagSet");
    for (const struct xml_node *node = set ? set->first : NULL; node; node = node->next) {
        const char *key = xml_child_text(node, "Key"), *value = xml_child_text(node, "Value");

        if (key && value) {
            take_tag(&taker, key, value);
        }
    }
    return &s3->tags_seen->tags;
}

/* 'name' null: the names of all. */
static void add_tags(const struct store_meta *tags, const char *name, struct values *ret) {
    for (size_t i = 0; i < tags->count; i++) {
        if (!name) {
            add(ret, tags->at[i].name);
        } else if (!strcmp(tags->at[i].name, name)) {
            add(ret, tags->at[i].value);
        }
    }
}

static void values_of(const struct s3_asked *asked, const char *name, struct values *ret) {
    const struct key *key = find_key(name);

    ret->count = 0;
    if (key && key->value) {
        add(ret, key->value(asked));
    } else if (key) {
        add(ret, key->header ? s3_header(asked->s3, key->header) : s3_argument(asked->s3, key->argument));
    } else if (has_prefix(name, EXISTING_TAG)) {
        add_tags(existing_tags(asked), name + sizeof EXISTING_TAG - 1, ret);
    } else if (has_prefix(name, REQUEST_TAG)) {
        add_tags(request_tags(asked->s3), name + sizeof REQUEST_TAG - 1, ret);
    } else if (!strcasecmp(name, REQUEST_TAGS)) {
        add_tags(request_tags(asked->s3), NULL, ret);
    } else {
        add(ret, s3_header(asked->s3, name + sizeof "s3:" - 1));
    }
}

/* ---- deciding ---- */

static bool any_matches(struct s3 *s3, const struct operator *operator, const char *value, const struct json *wanted) {
    const struct json *item = wanted->type == JSON_LIST ? wanted->first : wanted;
    struct s3_text text;
    bool found = false;

    s3_text_begin(&text, value, false);
    while (item && !found) {
        found = matches(operator, &text, text_of(s3->arena, item));
        item = wanted->type == JSON_LIST ? item->next : NULL;
    }
    s3_text_end(&text);
    s3->policy_steps += text.steps + 1;
    return found;
}

static bool holds(const struct s3_asked *asked, const struct test *test, const struct json *wanted) {
    struct arena *arena = asked->s3->arena;
    const struct operator *operator = test->operator;
    struct values values;
    size_t fitting = 0;

    values_of(asked, wanted->key, &values);
    if (operator->kind == ABSENCE) {
        const struct json *first = wanted->type == JSON_LIST ? wanted->first : wanted;

        return !strcasecmp(text_of(arena, first), "true") == !values.count;
    }
    if (!values.count) {
        return test->if_exists || test->quantifier == ALL || (operator->negated && test->quantifier == ONE);
    }
    for (size_t i = 0; i < values.count; i++) {
        fitting += any_matches(asked->s3, operator, values.at[i], wanted) != operator->negated;
    }
    return test->quantifier == ANY ? fitting > 0 : fitting == values.count;
}

static enum s3_about about_of(const char *key) {
    return has_prefix(key, EXISTING_TAG) || !strcasecmp(key, "s3:prefix") ? S3_ABOUT_ASKED : S3_ABOUT_REQUEST;
}

bool s3_conditions_hold(const struct s3_asked *asked, const struct json *conditions, enum s3_about about) {
    for (JSON_EACH(item, conditions)) {
        struct test test = {0};

        for (JSON_EACH(wanted, item)) {
            if (about_of(wanted->key) != about) {
                continue;
            }
            if (!test.operator && !read_test(item->key, &test)) {
                return false;
            }
            if (!holds(asked, &test, wanted)) {
                return false;
            }
        }
    }
    return true;
}

bool s3_conditions_narrow(const struct json *conditions) {
    for (JSON_EACH(item, conditions)) {
        struct test test;

        for (JSON_EACH(wanted, item)) {
            const struct key *key = find_key(wanted->key);
            const struct json *first = wanted->type == JSON_LIST ? wanted->first : wanted;

            if (key && key->narrows && read_test(item->key, &test) && !test.operator->negated && !test.if_exists &&
                test.quantifier == ONE && first->type == JSON_TEXT && *first->text != '*' &&
                strcmp(first->text, "0.0.0.0/0") != 0 && strcmp(first->text, "::/0") != 0) {
                return true;
            }
        }
    }
    return false;
}

/* ---- form ---- */

static const char *values_wrong(struct arena *arena, const struct operator *operator, const struct json *wanted) {
    const struct json *first = wanted->type == JSON_LIST ? wanted->first : wanted;

    if (!first) {
        return "A condition has no value.";
    }
    for (const struct json *item = first; item; item = wanted->type == JSON_LIST ? item->next : NULL) {
        const char *text = text_of(arena, item);

        if (!text || strlen(text) != (item->type == JSON_TEXT ? item->count : strlen(text)) || strstr(text, "${")) {
            return "A condition's value is not one that is supported.";
        }
        if (!is_readable(operator->kind, text)) {
            return arena_printf(arena, "A value of %s is not of its kind.", operator->name);
        }
    }
    return NULL;
}

const char *s3_conditions_wrong(struct arena *arena, const struct json *conditions) {
    if (!conditions) {
        return NULL;
    }
    if (conditions->type != JSON_MAP) {
        return "Condition must be an object.";
    }
    for (JSON_EACH(item, conditions)) {
        struct test test;

        if (!read_test(item->key, &test)) {
            return "A condition has an operator that is not supported.";
        }
        if (item->type != JSON_MAP) {
            return "A condition must name keys.";
        }
        for (JSON_EACH(wanted, item)) {
            const char *why = is_key(wanted->key) ? values_wrong(arena, test.operator, wanted)
                                                  : "Policy has an invalid condition key";

            if (why) {
                return why;
            }
        }
    }
    return NULL;
}
