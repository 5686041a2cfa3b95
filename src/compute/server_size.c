/* SPDX-License-Identifier: Apache-2.0
 * How large a server is: its flavor as it was when the server was made, and what a project may have of it. */
#include <string.h>

#include "compute/compute.h"
#include "compute/server.h"

struct server_size size_read(struct call *call, const char *json) {
    const struct json *map = json ? json_parse(call->arena, json, strlen(json), NULL) : NULL;

    return (struct server_size){
        .id = json_get_text(map, "id"),
        .name = json_get_text(map, "name"),
        .vcpus = json_get_int(map, "vcpus", 0),
        .ram = json_get_int(map, "ram", 0),
        .disk = json_get_int(map, "disk", 0),
        .ephemeral = json_get_int(map, "ephemeral", 0),
        .swap = json_get_int(map, "swap", 0),
        .extra_specs = json_get(map, "extra_specs"),
    };
}

static const char *size_text(struct call *call, const struct compute_flavor *flavor) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    json_put_text(&out, "id", flavor->id);
    json_put_text(&out, "name", flavor->name);
    json_put_int(&out, "vcpus", flavor->vcpus);
    json_put_int(&out, "ram", flavor->ram);
    json_put_int(&out, "disk", flavor->disk);
    json_put_int(&out, "ephemeral", flavor->ephemeral);
    json_put_int(&out, "swap", flavor->swap);
    json_put_raw(&out, "extra_specs", flavor->extra_specs ? flavor->extra_specs : "{}");
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

bool size_of_flavor(struct call *call, const char *reference, struct server_size *ret_size, const char **ret_json) {
    const char *slash = strrchr(reference, '/'), *id = slash ? slash + 1 : reference;
    struct compute_flavor *flavor;

    if (!row_get(call, &resource_compute_flavor, id, &flavor)) {
        call->error = call->error == 404 ? 400 : call->error;
        return false;
    }
    if (flavor->disabled) {
        return fail(call, 400, "Flavor %.255s could not be found.", id);
    }
    *ret_json = size_text(call, flavor);
    *ret_size = size_read(call, *ret_json);
    return true;
}

/* Room in one quota, in units of 'each'; 'count' when it is unlimited. */
static int64_t room(struct call *call, const char *project, const char *name, int64_t each, int64_t count) {
    int64_t limit = quota_limit(call, &compute, project, name), left;

    if (limit < 0 || !each) {
        return count;
    }
    left = limit - quota_used(call, &compute, project, name);
    return left < 0 ? 0 : left / each < count ? left / each : count;
}

int64_t size_room(struct call *call, const char *project, int64_t count, int64_t vcpus, int64_t ram) {
    count = room(call, project, "instances", 1, count);
    count = room(call, project, "cores", vcpus, count);
    return room(call, project, "ram", ram, count);
}

bool size_quota(struct call *call, const char *project, int64_t count, int64_t vcpus, int64_t ram) {
    const struct {
        const char *name;
        int64_t more;
    } wanted[] = {{"instances", count}, {"cores", vcpus}, {"ram", ram}};

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        int64_t limit = wanted[i].more > 0 ? quota_limit(call, &compute, project, wanted[i].name) : -1, used;

        if (limit < 0) {
            continue;
        }
        used = quota_used(call, &compute, project, wanted[i].name);
        if (used + wanted[i].more > limit) {
            return fail(call, 403, "Quota exceeded for %s: Requested %lld, but already used %lld of %lld %s",
                        wanted[i].name, (long long)wanted[i].more, (long long)used, (long long)limit, wanted[i].name);
        }
    }
    return true;
}
