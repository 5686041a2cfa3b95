/* SPDX-License-Identifier: Apache-2.0
 * Compute's version documents. */
#include "compute/types.h"
#include "rest/call.h"
#include "rest/service.h"

static void write_link(struct call *call, const char *version) {
    struct json_out *out = &call->out;

    link_put(out, "links", "self",
             arena_printf(call->arena, "%s%s/%s/", call_base_url(call), call->service->prefix, version));
}

/* v2.0 is the older API without microversions, which v2.1 answers without a version header. */
static void write_version(struct call *call, bool v21, bool media) {
    const struct microversions *v = &call->service->versions;
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", v21 ? "v2.1" : "v2.0");
    json_put_text(out, "status", v21 ? "CURRENT" : "SUPPORTED");
    json_put_text(out, "version", v21 ? arena_printf(call->arena, "%d.%d", v->major, v->most) : "");
    json_put_text(out, "min_version", v21 ? arena_printf(call->arena, "%d.%d", v->major, v->least) : "");
    json_put_text(out, "updated", v21 ? "2013-07-23T11:33:21Z" : "2011-01-21T11:33:21Z");
    write_link(call, v21 ? "v2.1" : "v2");
    if (media) {
        json_put_raw(out, "media-types",
                     v21 ? "[{\"base\": \"application/json\", \"type\": \"application/vnd.openstack.compute+json;version=2.1\"}]"
                         : "[{\"base\": \"application/json\", \"type\": \"application/vnd.openstack.compute+json;version=2\"}]");
    }
    json_map_end(out);
}

static bool write_one(struct call *call, bool v21) {
    json_map(&call->out);
    json_key(&call->out, "version");
    write_version(call, v21, true);
    json_map_end(&call->out);
    return true;
}

bool compute_versions(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "versions");
    json_list(&call->out);
    write_version(call, false, false);
    write_version(call, true, false);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool compute_version(struct call *call) {
    return write_one(call, true);
}

bool compute_version_v2(struct call *call) {
    return write_one(call, false);
}
