/* SPDX-License-Identifier: Apache-2.0
 * Creating servers: everything is checked first, then each server gets a host, its ports, disks and row, and the task
 * that boots it. All of it happens in the request's transaction, or nothing does. */
#include <ctype.h>
#include <string.h>

#include "base/id.h"
#include "compute/compute.h"
#include "compute/server.h"
#include "image/image.h"

enum { MAX_METADATA = 128, MAX_PERSONALITY = 5 };

/* What was asked for, checked. */
struct plan {
    const struct compute_server_new *input;
    struct server_size size;
    const char *flavor;                 /* JSON */
    struct image_info image;            /* id null: none */
    struct schedule schedule;
    struct nic_wanted *nics;
    size_t nic_count;
    const char *const *group_ids;
    struct compute_disk *disks;
    size_t disk_count;
    const char *public_key, *reservation, *password, *hints, *zone;
    int64_t count;
    struct schedule_result hosts;
};

char *server_password_new(struct arena *arena) {
    static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    unsigned char random[12];
    char *text = arena_alloc(arena, sizeof random + 1);

    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        text[i] = letters[random[i] % (sizeof letters - 1)];
    }
    return text;
}

/* A host name out of a server's name: letters, digits and dashes, at most 63. */
static const char *hostname_of(struct call *call, const char *name, const char *id) {
    char *text = arena_alloc(call->arena, strlen(name) + 1);
    size_t n = 0;

    for (const char *at = name; *at && n < 63; at++) {
        if (isalnum((unsigned char)*at)) {
            text[n++] = (char)tolower((unsigned char)*at);
        } else if ((*at == '-' || *at == '_' || *at == '.' || isspace((unsigned char)*at)) && n && text[n - 1] != '-') {
            text[n++] = '-';
        }
    }
    while (n && text[n - 1] == '-') {
        n--;
    }
    text[n] = 0;
    return n ? text : arena_printf(call->arena, "server-%s", id);
}

/* ---- checks ---- */

static bool check_image(struct call *call, struct plan *plan) {
    const struct image_info *image = &plan->image;
    const struct server_size *size = &plan->size;

    if (!plan->input->image_ref) {
        return plan->input->block_device_mapping_v2.count || plan->input->block_device_mapping.count ||
               fail(call, 400, "Missing imageRef attribute");
    }
    if (!image_get(call, plan->input->image_ref, &plan->image)) {
        if (call->error == 404) {
            call->error = 400;
            call->error_message = "Can not find requested image";
        }
        return false;
    }
    if (strcmp(image->status, "active") != 0) {
        return fail(call, 400, "Image %s is not active.", image->id);
    }
    if (image->min_ram > size->ram) {
        return fail(call, 400, "Flavor's memory is too small for requested image.");
    }
    return true;
}

static bool check_disk_size(struct call *call, const struct plan *plan) {
    const struct image_info *image = &plan->image;
    int64_t disk = plan->size.disk;

    if (!image->id || !plan->disk_count || strcmp(plan->disks[0].destination, "local") != 0) {
        return true;
    }
    if (!disk) {
        return call_allowed(call, "os_compute_api:servers:create:zero_disk_flavor", NULL, NULL) ||
               fail(call, 403, "Only volume-backed servers are allowed for flavors with zero disk.");
    }
    if (image->virtual_size > disk << 30 || image->size > disk << 30) {
        return fail(call, 400,
                    "Flavor's disk is too small for requested image. Flavor disk is %lld bytes, image is %lld bytes.",
                    (long long)disk << 30,
                    (long long)(image->virtual_size > image->size ? image->virtual_size : image->size));
    }
    if (image->min_disk > disk) {
        return fail(call, 400,
                    "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is"
                    " %lld bytes, minimum size is %lld bytes.",
                    (long long)disk << 30, (long long)image->min_disk << 30);
    }
    return true;
}

static bool check_counts(struct call *call, struct plan *plan) {
    const struct compute_server_new *input = plan->input;
    int64_t least = input->min_count, most = input->max_count == NO_INT ? least : input->max_count;

    if (least > most) {
        return fail(call, 400, "min_count must be <= max_count");
    }
    for (size_t i = 0; most > 1 && i < plan->nic_count; i++) {
        if (plan->nics[i].port_id) {
            return fail(call, 400, "Failed to launch multiple servers: a port cannot be shared among them.");
        }
        if (plan->nics[i].fixed_ip) {
            return fail(call, 400, "Invalid fixed IP Address %s: max_count must be 1 with a fixed IP.",
                        plan->nics[i].fixed_ip);
        }
    }
    if (most > 1 && input->hostname) {
        return fail(call, 400, "Unable to allocate a single hostname to multiple instances");
    }
    plan->count = size_room(call, call->caller.project_id, most, plan->size.vcpus, plan->size.ram);
    return plan->count >= least ||
           size_quota(call, call->caller.project_id, least, least * plan->size.vcpus, least * plan->size.ram);
}

static bool check_key(struct call *call, struct plan *plan) {
    if (!plan->input->key_name) {
        return true;
    }
    plan->public_key = db_query_text(call->db, call->arena,
                                     "SELECT public_key FROM compute_keypair WHERE user_id = ? AND name = ?",
                                     SQL_ARGS(sql_text(call->caller.user_id), sql_text(plan->input->key_name)));
    return plan->public_key || fail(call, 400, "Invalid key_name provided.");
}

static bool check_zone(struct call *call, struct plan *plan) {
    const struct compute_server_new *input = plan->input;
    struct schedule *schedule = &plan->schedule;

    if (!schedule_parse_zone(call, input->availability_zone, &schedule->zone, &schedule->host)) {
        return false;
    }
    if (schedule->host) {
        schedule->forced = true;
        if (!call_allow(call, "os_compute_api:servers:create:forced_host", NULL, NULL)) {
            return false;
        }
    }
    if (input->host || input->hypervisor_hostname) {
        if (!call_allow(call, "compute:servers:create:requested_destination", NULL, NULL)) {
            return false;
        }
        if (schedule->host) {
            return fail(call, 400, "One mechanism with host and/or hypervisor_hostname and another mechanism with"
                                   " zone:host:node are mutually exclusive.");
        }
        schedule->host = input->host ? input->host : input->hypervisor_hostname;
        if (!call_count(call, "SELECT count(*) FROM compute_host WHERE name = ?", SQL_ARGS(sql_text(schedule->host)))) {
            return fail(call, 400, "Compute host %.255s could not be found.", schedule->host);
        }
    }
    plan->zone = schedule->zone;
    return !schedule->zone || schedule_zone_exists(call, schedule->zone) ||
           fail(call, 400, "The requested availability zone is not available");
}

static bool check_hints(struct call *call, struct plan *plan) {
    const struct json *hints = plan->input->hints ? plan->input->hints : plan->input->hints_old;
    const struct json *group = json_get(hints, "group");
    static const char *const ids[] = {"same_host", "different_host"};

    if (group && (group->type != JSON_TEXT || !id_is_uuid(group->text))) {
        return fail(call, 400, "Invalid input for field/attribute group: it is not a UUID");
    }
    for (int i = 0; i < 2; i++) {
        const struct json *hint = json_get(hints, ids[i]);

        if (hint && hint->type == JSON_LIST && hint->count > SCHEDULE_HINTS) {
            return fail(call, 400, "Invalid input for field/attribute %s: %u items where 0 to %d may be", ids[i], hint->count,
                        SCHEDULE_HINTS);
        }
        for (const struct json *id = hint && hint->type == JSON_LIST ? hint->first : hint; id;
             id = hint->type == JSON_LIST ? id->next : NULL) {
            if (id->type != JSON_TEXT || !id_is_uuid(id->text)) {
                return fail(call, 400, "Invalid input for field/attribute %s: it is not a UUID", ids[i]);
            }
        }
    }
    plan->schedule.hints = hints;
    plan->schedule.group_id = group ? group->text : NULL;
    plan->hints = hints ? json_print(call->arena, hints) : "{}";
    return true;
}

static bool check_limits(struct call *call, const struct plan *plan) {
    const struct json *metadata = json_parse(call->arena, plan->input->metadata, strlen(plan->input->metadata), NULL);
    int64_t limit = quota_limit(call, &compute, call->caller.project_id, "metadata_items");

    if (limit >= 0 && metadata && metadata->count > limit) {
        return fail(call, 403, "Maximum number of metadata items exceeds %lld", (long long)limit);
    }
    return plan->input->personality.count <= MAX_PERSONALITY || fail(call, 403, "Personality file limit exceeded");
}

static bool plan_make(struct call *call, struct plan *plan) {
    const struct compute_server_new *input = plan->input;
    bool bdms = input->block_device_mapping.count || input->block_device_mapping_v2.count;

    plan->schedule.project_id = call->caller.project_id;
    plan->reservation = arena_printf(call->arena, "r-%.8s", id_hex(call->arena));
    plan->password = input->admin_pass ? input->admin_pass : server_password_new(call->arena);
    if (!call->caller.project_id) {
        return fail(call, 403, "A server belongs to a project: use a token that is scoped to one.");
    }
    if (bdms && !call_allow(call, "os_compute_api:servers:create:attach_volume", NULL, NULL)) {
        return false;
    }
    if (!check_zone(call, plan) || !size_of_flavor(call, input->flavor_ref, &plan->size, &plan->flavor) ||
        !check_image(call, plan) || !check_hints(call, plan) || !check_key(call, plan) || !check_limits(call, plan) ||
        !networks_parse(call, input->networks, &plan->nics, &plan->nic_count) ||
        !networks_groups(call, &input->security_groups, &plan->group_ids) ||
        !disks_parse(call, input, plan->image.id ? &plan->image : NULL, &plan->size, &plan->disks, &plan->disk_count) ||
        !check_disk_size(call, plan) || !check_counts(call, plan)) {
        return false;
    }
    plan->schedule.size = plan->size;
    plan->schedule.disk = disks_local(&plan->size, plan->disks, plan->disk_count);
    plan->schedule.image_properties = plan->image.properties;
    return (!plan->nic_count || call_allow(call, "os_compute_api:servers:create:attach_network", NULL, NULL)) &&
           schedule_find(call, &plan->schedule, &plan->hosts);
}

/* ---- making one ---- */

static const char *personality_text(struct call *call, const struct objects *files) {
    const struct compute_personality *file = files->at;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    if (!files->count) {
        return NULL;
    }
    json_map(&out);
    for (size_t i = 0; i < files->count; i++) {
        json_put_text(&out, file[i].path, file[i].contents);
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

static void fill(struct call *call, const struct plan *plan, int64_t index, struct compute_server *server) {
    const struct compute_server_new *input = plan->input;

    memset(server, 0, sizeof *server);
    row_defaults(call, &resource_compute_server, server);
    server->name =
        plan->count > 1 ? arena_printf(call->arena, "%s-%lld", input->name, (long long)index + 1) : input->name;
    server->hostname = input->hostname ? input->hostname : hostname_of(call, server->name, server->id);
    server->description = call->minor >= 19 ? input->description : server->name;
    server->project_id = call->caller.project_id;
    server->user_id = call->caller.user_id;
    server->created_at = server->updated_at = server->created_at + index;
    server->metadata = input->metadata;
    server->access_ip_v4 = input->access_ip_v4;
    server->access_ip_v6 = input->access_ip_v6;
    server->disk_config = input->disk_config;
    server->config_drive = input->config_drive || input->personality.count;
    server->key_name = input->key_name;
    server->public_key = plan->public_key;
    server->tags = input->tags;
    server->requested_zone = plan->zone;
    server->zone = plan->zone ? plan->zone : "";
    server->reservation_id = plan->reservation;
    server->launch_index = index;
    server->image_id = plan->image.id;
    server->image_properties = plan->image.properties ? plan->image.properties : "{}";
    server->root_device = arena_printf(call->arena, "/dev/%s", plan->disks[0].device);
    server->flavor = plan->flavor;
    server->flavor_id = plan->size.id;
    server->vcpus = plan->size.vcpus;
    server->memory = plan->size.ram;
    server->user_data = input->user_data;
    server->hints = plan->hints;
    server->group_id = plan->schedule.group_id;
    server->personality = personality_text(call, &input->personality);
}

static bool server_make(struct call *call, struct plan *plan, int64_t index, struct compute_server *server) {
    struct chosen chosen;
    bool wait = false;

    fill(call, plan, index, server);
    if (!schedule_take(call, &plan->schedule, &plan->hosts, server->id, server->user_id, &chosen)) {
        return false;
    }
    server->host = chosen.host;
    server->zone = chosen.zone ? chosen.zone : server->zone;
    server->task_state = "scheduling";
    if (chosen.host && !networks_give(call, server, plan->nics, plan->nic_count, plan->group_ids)) {
        return false;
    }
    if (!disks_give(call, server, plan->disks, plan->disk_count, &wait)) {
        return false;
    }
    server->task_state = wait ? "block_device_mapping" : "spawning";
    if (!row_insert(call, &resource_compute_server, server) || !server_note(call, server, "create")) {
        return false;
    }
    event_note(call, "server.create", server->id);
    if (!chosen.host) {
        return schedule_fail(call, &plan->schedule, server, "error");
    }
    return wait || task_add(call, "compute.spawn", server->id, server->host, NULL);
}

static void answer(struct call *call, const struct plan *plan, const struct compute_server *server) {
    const struct compute_group_name *group = plan->input->security_groups.at;
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "server");
    json_map(out);
    json_put_text(out, "id", server->id);
    json_put_raw(out, "links", server_links(call, server->id));
    json_put_text(out, "OS-DCF:diskConfig", server->disk_config);
    json_key(out, "security_groups");
    json_list(out);
    for (size_t i = 0; i < plan->input->security_groups.count || (!i && !plan->input->security_groups.count); i++) {
        json_map(out);
        json_put_text(out, "name", plan->input->security_groups.count ? group[i].name : "default");
        json_map_end(out);
    }
    json_list_end(out);
    json_put_text(out, "adminPass", plan->password);
    json_map_end(out);
    json_map_end(out);
    server_location(call, server->id);
}

bool compute_server_create(struct call *call) {
    struct plan *plan = ARENA_NEW(call->arena, struct plan);
    struct compute_server first, server;

    plan->input = call->input;
    if (!plan_make(call, plan)) {
        return false;
    }
    for (int64_t i = 0; i < plan->count; i++) {
        if (!server_make(call, plan, i, i ? &server : &first)) {
            return false;
        }
    }
    if (plan->input->return_reservation_id) {
        json_map(&call->out);
        json_put_text(&call->out, "reservation_id", plan->reservation);
        json_map_end(&call->out);
        return true;
    }
    answer(call, plan, &first);
    return true;
}
