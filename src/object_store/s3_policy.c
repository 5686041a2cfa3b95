/* SPDX-License-Identifier: Apache-2.0
 * The policy of a form: what its fields may be, until when
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "object_store/s3_form.h"

static bool invalid(struct s3 *s3, const char *why) {
    return s3_error_because(s3, "InvalidPolicyDocument", "Invalid Policy: %s", why), false;
}

static bool denied(struct s3 *s3, const char *what, const char *which) {
    return s3_error_because(s3, "AccessDenied", "Invalid according to Policy: %s%s", what, which), false;
}

/* Fields that no condition need name. */
static bool is_free(const char *name) {
    static const char *const free_fields[] = {"policy", "signature", "awsaccesskeyid", "x-amz-signature", "file"};

    for (size_t i = 0; i < sizeof free_fields / sizeof *free_fields; i++) {
        if (!strcmp(name, free_fields[i])) {
            return true;
        }
    }
    return !strncmp(name, "x-ignore-", 9) || !strncmp(name, "x-amz-checksum-", 15);
}

static bool holds(struct s3_form *form, const char *name, const char *wanted, bool prefix) {
    const char *lower = s3_form_lower(form->s3->arena, name), *value = store_meta_get(&form->fields, lower);

    store_meta_set(form->s3->arena, &form->allowed, lower, "");
    /* The key is what it becomes with the file's name in it. */
    value = !strcmp(lower, "bucket") ? form->s3->bucket : !strcmp(lower, "key") ? form->s3->key : value ? value : "";
    return prefix ? !strncmp(value, wanted, strlen(wanted)) : !strcmp(value, wanted);
}

/* {"NAME": "VALUE", ...} */
static bool check_map(struct s3_form *form, const struct json *map) {
    if (!map->first) {
        return invalid(form->s3, "a condition is empty.");
    }
    for (JSON_EACH(item, map)) {
        if (item->type != JSON_TEXT) {
            return invalid(form->s3, "a condition's value is no text.");
        }
        if (!holds(form, item->key, item->text, false)) {
            return denied(form->s3, "Policy Condition failed: eq ", item->key);
        }
    }
    return true;
}

static bool read_size(const struct json *node, int64_t *ret) {
    char *end;

    if (node->type == JSON_INT) {
        *ret = node->integer;
        return *ret >= 0;
    }
    *ret = node->type == JSON_TEXT ? strtoll(node->text, &end, 10) : -1;
    return *ret >= 0 && node->count && !*end;
}

/* ["eq", "$NAME", "VALUE"], ["starts-with", ...], ["content-length-range", MIN, MAX] */
static bool check_list(struct s3_form *form, const struct json *list) {
    const struct json *what = list->first, *name, *value;
    bool prefix;

    if (list->count != 3 || what->type != JSON_TEXT) {
        return invalid(form->s3, "a condition is not of three members.");
    }
    name = what->next;
    value = name->next;
    if (!strcasecmp(what->text, "content-length-range")) {
        return (read_size(name, &form->least) && read_size(value, &form->most)) ||
               invalid(form->s3, "content-length-range wants two numbers.");
    }
    prefix = !strcasecmp(what->text, "starts-with");
    if ((!prefix && strcasecmp(what->text, "eq") != 0) || name->type != JSON_TEXT || value->type != JSON_TEXT || *name->text != '$') {
        return invalid(form->s3, "a condition is none that is known.");
    }
    return holds(form, name->text + 1, value->text, prefix) ||
           denied(form->s3, "Policy Condition failed: ", arena_printf(form->s3->arena, "%s %s", what->text, name->text));
}

static bool check_conditions(struct s3_form *form, const struct json *conditions) {
    if (!conditions || conditions->type != JSON_LIST) {
        return invalid(form->s3, "it has no list of conditions.");
    }
    for (JSON_EACH(item, conditions)) {
        if (item->type == JSON_MAP ? !check_map(form, item)
                                   : item->type != JSON_LIST ? !invalid(form->s3, "a condition is no list or map.")
                                                             : !check_list(form, item)) {
            return false;
        }
    }
    if (!store_meta_get(&form->allowed, "bucket")) {
        return denied(form->s3, "Policy Condition failed: eq $bucket", "");
    }
    for (size_t i = 0; i < form->fields.count; i++) {
        const char *name = form->fields.at[i].name;

        if (!is_free(name) && !store_meta_get(&form->allowed, name)) {
            return denied(form->s3, "Extra input fields: ", name);
        }
    }
    return true;
}

bool s3_policy_check(struct s3_form *form, const char *policy) {
    struct s3 *s3 = form->s3;
    size_t size;
    const uint8_t *text = base64_decode(s3->arena, policy, &size);
    const struct json *root = text ? json_parse(s3->arena, (const char *)text, size, NULL) : NULL;
    const char *expiration = json_get_text(root, "expiration");
    int64_t time;

    if (!root || root->type != JSON_MAP) {
        return invalid(s3, "Invalid JSON.");
    }
    if (!expiration || !strchr(expiration, 'T') || !time_parse(expiration, &time)) {
        return invalid(s3, "it has no valid expiration.");
    }
    if (time <= clock_now()) {
        return denied(s3, "Policy expired.", "");
    }
    return check_conditions(form, json_get(root, "conditions"));
}
