/* SPDX-License-Identifier: Apache-2.0
 * Receipts: "user issued expires methods", sealed with keys of their own. */
#include "identity/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "http/http.h"
#include "identity/keys.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/cloud.h"

static unsigned method_bit(const char *name) {
    for (unsigned i = 0; token_method_names[i]; i++) {
        if (!strcmp(token_method_names[i], name)) {
            return 1u << i;
        }
    }
    return 0;
}

static unsigned rule_bits(const struct json *rule) {
    unsigned bits = 0;

    for (JSON_EACH(name, rule)) {
        bits |= method_bit(name->text);
    }
    return bits;
}

/* The user's rules; null when there are none, or they are switched off. */
static const struct json *rules_of(struct call *call, const struct identity_user *user) {
    const struct json *options = json_parse(call->arena, user->options, strlen(user->options), NULL);
    const struct json *on = json_get(options, "multi_factor_auth_enabled"), *rules = json_get(options, "multi_factor_auth_rules");

    return rules && rules->type == JSON_LIST && rules->count && !(on && on->type == JSON_FALSE) ? rules : NULL;
}

bool receipt_enough(struct call *call, const struct identity_user *user, unsigned methods) {
    const struct json *rules = rules_of(call, user);

    for (JSON_EACH(rule, rules)) {
        unsigned wanted = rule_bits(rule);

        if ((methods & wanted) == wanted) {
            return true;
        }
    }
    return !rules;
}

bool receipt_read(struct call *call, const char *user_id, unsigned *ret_methods) {
    const char *sealed = http_header(call->http, "Openstack-Auth-Receipt");
    const uint8_t *bytes;
    char holder[65], text[160];
    int64_t issued, expires;
    unsigned methods;
    size_t size;

    *ret_methods = 0;
    if (!sealed) {
        return true;
    }
    bytes = keys_open(KEYS_RECEIPT, call->arena, sealed, &size, &issued);
    if (!bytes) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)size, (const char *)bytes);
    if (sscanf(text, "%64s %" SCNd64 " %" SCNd64 " %u", holder, &issued, &expires, &methods) != 4 ||
        strcmp(holder, user_id) != 0 || expires <= clock_now()) {
        return false;
    }
    *ret_methods = methods;
    return true;
}

static void write_user(struct call *call, const struct identity_user *user) {
    struct json_out *out = &call->out;
    struct identity_domain *domain;

    json_key(out, "user");
    json_map(out);
    json_put_text(out, "id", user->id);
    json_put_text(out, "name", user->name);
    json_key(out, "domain");
    json_map(out);
    json_put_text(out, "id", user->domain_id);
    json_put_text(out, "name", row_find(call, &resource_identity_domain, user->domain_id, &domain) ? domain->name : NULL);
    json_map_end(out);
    json_map_end(out);
}

/* The rules that a passed method is part of. */
static void write_rules(struct call *call, const struct json *rules, unsigned methods) {
    json_key(&call->out, "required_auth_methods");
    json_list(&call->out);
    for (JSON_EACH(rule, rules)) {
        if (rule_bits(rule) & methods) {
            token_methods_write(&call->out, rule_bits(rule));
        }
    }
    json_list_end(&call->out);
}

bool receipt_write(struct call *call, const struct identity_user *user, unsigned methods) {
    struct json_out *out = &call->out;
    int64_t now = clock_now(), expires = now + conf_int(cloud.conf, "receipt", "expiration", 300) * SECOND;
    const char *content = arena_printf(call->arena, "%s %" PRId64 " %" PRId64 " %u", user->id, now, expires, methods);
    char text[TIME_TEXT_SIZE];

    json_map(out);
    json_key(out, "receipt");
    json_map(out);
    json_key(out, "methods");
    token_methods_write(out, methods);
    write_user(call, user);
    json_put_text(out, "expires_at", time_print(expires, TIME_MICRO_Z, text));
    json_put_text(out, "issued_at", time_print(now, TIME_MICRO_Z, text));
    json_map_end(out);
    write_rules(call, rules_of(call, user), methods);
    json_map_end(out);
    call->status = 401;
    call_header(call, "Openstack-Auth-Receipt", keys_seal(KEYS_RECEIPT, call->arena, content, strlen(content), now / SECOND));
    return true;
}
