/* SPDX-License-Identifier: Apache-2.0
 * Accounts. An account that nobody made yet reads as empty; it is made by what is written to it. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "object_store/swift_policies.h"

static void write_account(struct swift *sw) {
    const struct store_account *account = &sw->found.account;
    const char *acl = store_meta_get(&account->meta, "sys-acl"), *domain = store_meta_get(&account->meta, "sys-project-domain");

    swift_header(sw, "X-Account-Container-Count", "%" PRId64, account->containers);
    swift_header(sw, "X-Account-Object-Count", "%" PRId64, account->objects);
    swift_header(sw, "X-Account-Bytes-Used", "%" PRId64, account->bytes);
    swift_policy_headers(sw);
    swift_header(sw, "X-Timestamp", "%s", swift_timestamp(sw->arena, account->created ? account->created : clock_now()));
    swift_header(sw, "Accept-Ranges", "bytes");
    swift_write_meta(sw, "account", &account->meta);
    if (domain) {
        swift_header(sw, "X-Account-Project-Domain-Id", "%s", domain);
    }
    if (acl && sw->owner) {
        swift_header(sw, "X-Account-Access-Control", "%s", acl);
    }
}

bool swift_account_head(struct call *call) {
    struct swift *sw = swift_of(call);
    enum swift_format format;

    if (!swift_choose_format(sw, false, &format)) {
        return true;
    }
    write_account(sw);
    swift_header(sw, "Content-Type", "%s; charset=utf-8", swift_format_type(format));
    return swift_status(sw, 204);
}

bool swift_account_get(struct call *call) {
    struct swift *sw = swift_of(call);

    write_account(sw);
    return swift_list_containers(sw);
}

/* ---- changing ---- */

static bool read_account_headers(struct swift *sw) {
    const char *acl = swift_request_header(sw, "X-Account-Access-Control");
    struct store_meta *set = &sw->change.set;

    if (!swift_read_meta(sw, "account", set)) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (!strncmp(set->at[i].name, "meta-quota-", 11) && !sw->reseller) {
            return swift_status(sw, 403), false;
        }
    }
    if (acl && *acl && !swift_account_acl_valid(sw->arena, acl)) {
        return swift_error(sw, 400, "X-Account-Access-Control must be a JSON object with lists \"admin\", \"read-write\" and"
                                    " \"read-only\" of texts."), false;
    }
    if (sw->call->caller.project_id && sw->call->caller.project_domain_id && !strncmp(sw->account, "AUTH_", 5) &&
        !strcmp(sw->account + 5, sw->call->caller.project_id)) {
        store_meta_set(sw->arena, set, "sys-project-domain", sw->call->caller.project_domain_id);
    }
    if (acl) {
        store_meta_set(sw->arena, set, "sys-acl", swift_account_acl_names(sw->arena, acl) ? acl : NULL);
    }
    return true;
}

static void changed(struct swift *sw) {
    if (sw->change.result == STORE_OK) {
        swift_status(sw, sw->http->method == HTTP_PUT ? sw->found.account.exists ? 202 : 201 : 204);
    } else {
        swift_failed(sw, sw->change.result);
    }
}

static bool change_account(struct swift *sw) {
    return !read_account_headers(sw) || swift_change(sw, store_put_account, changed);
}

bool swift_account_put(struct call *call) {
    return change_account(swift_of(call));
}

bool swift_account_post(struct call *call) {
    return change_account(swift_of(call));
}

bool swift_account_delete(struct call *call) {
    struct swift *sw = swift_of(call);
    enum store_result result;

    if (!sw->found.account.exists) {
        return swift_status(sw, 404);
    }
    result = store_delete_account(&sw->change);
    return result == STORE_OK ? swift_status(sw, 204) : swift_failed(sw, result);
}
