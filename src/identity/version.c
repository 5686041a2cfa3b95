/* SPDX-License-Identifier: Apache-2.0
 * Identity's version documents. */
#include "rest/call.h"

static void write_version(struct call *call) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", "v3.14");
    json_put_text(out, "status", "stable");
    json_put_text(out, "updated", "2020-04-07T00:00:00Z");
    link_put(out, "links", "self", arena_printf(call->arena, "%s/identity/v3/", call_base_url(call)));
    json_put_raw(out, "media-types",
                 "[{\"base\": \"application/json\", \"type\": \"application/vnd.openstack.identity-v3+json\"}]");
    json_map_end(out);
}

bool identity_versions(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "versions");
    json_map(&call->out);
    json_key(&call->out, "values");
    json_list(&call->out);
    write_version(call);
    json_list_end(&call->out);
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool identity_version(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "version");
    write_version(call);
    json_map_end(&call->out);
    return true;
}

/* PKI tokens, which nobody has made for years. */
bool identity_gone(struct call *call) {
    return fail(call, 410, "This API is no longer available.");
}
