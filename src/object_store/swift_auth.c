/* SPDX-License-Identifier: Apache-2.0
 * Swift's own way of logging in, version 1: X-Auth-User "project:user" and X-Auth-Key for a token and the account's URL.
 * Users and passwords are identity's, of the default domain. */
#include <string.h>

#include "identity/identity.h"
#include "object_store/object_store.h"
#include "object_store/swift_parts.h"

static const char *header(struct call *call, const char *name, const char *other) {
    const char *value = http_header(call->http, name);

    return value ? value : http_header(call->http, other);
}

bool swift_auth(struct call *call) {
    const char *who = header(call, "X-Auth-User", "X-Storage-User"), *key = header(call, "X-Auth-Key", "X-Storage-Pass");
    const char *colon = who ? strchr(who, ':') : NULL, *token;
    struct caller caller;

    if (!colon || !key) {
        return fail(call, 401, "X-Auth-User (project:user) and X-Auth-Key are needed.");
    }
    if (!identity_login(call, arena_text_size(call->arena, who, (size_t)(colon - who)), colon + 1, key, &caller, &token)) {
        return false;
    }
    call_header(call, "X-Auth-Token", token);
    call_header(call, "X-Storage-Token", token);
    call_header(call, "X-Storage-Url", arena_printf(call->arena, "%s%s/v1/AUTH_%s", call_base_url(call),
                                                    call->service->take ? call->service->prefix : object_store.prefix,
                                                    caller.project_id));
    call_header(call, "Content-Type", "text/plain; charset=UTF-8");
    call->content_type = true;
    return true;
}
