/* SPDX-License-Identifier: Apache-2.0
 * The ports of a new server: which networks it asks for, and taking them. */
#include <string.h>

#include "base/id.h"
#include "base/ip.h"
#include "compute/server.h"

enum { MAX_NICS = 32 };

static bool bad(struct call *call, const char *why) {
    return fail(call, 400, "Invalid input for field/attribute networks: %s", why);
}

/* A text member that may be null; false when it is something else. */
static bool text_member(struct call *call, const struct json *item, const char *key, const char **ret_text) {
    const struct json *value = json_get(item, key);

    *ret_text = value && value->type == JSON_TEXT ? value->text : NULL;
    return !value || value->type == JSON_NULL || *ret_text || bad(call, "a member is not of type 'string'");
}

static bool members_known(struct call *call, const struct json *item) {
    for (JSON_EACH(member, item)) {
        bool tag = !strcmp(member->key, "tag") && call->minor >= 32 && call->minor != 37 &&
                   !(call->minor > 37 && call->minor < 42);

        if (!word_in("uuid|port|fixed_ip", member->key) && !tag) {
            return fail(call, 400, "Additional properties are not allowed ('%.80s' was unexpected)", member->key);
        }
    }
    return true;
}

static bool nic_parse(struct call *call, const struct json *item, const struct nic_wanted *before, size_t count,
                      struct nic_wanted *nic) {
    struct ip ip;

    if (item->type != JSON_MAP) {
        return bad(call, "an item is not of type 'object'");
    }
    if (!members_known(call, item) || !text_member(call, item, "uuid", &nic->network_id) ||
        !text_member(call, item, "port", &nic->port_id) || !text_member(call, item, "fixed_ip", &nic->fixed_ip) ||
        !text_member(call, item, "tag", &nic->tag)) {
        return false;
    }
    if (nic->fixed_ip && !ip_parse(nic->fixed_ip, &ip)) {
        return bad(call, "fixed_ip is not an IP address");
    }
    if (nic->tag && (!*nic->tag || utf8_length(nic->tag) > 60 || strpbrk(nic->tag, "/,"))) {
        return bad(call, "a tag has 1 to 60 characters without / and ,");
    }
    if (!nic->port_id) {
        return nic->network_id
                   ? id_is_uuid(nic->network_id) ||
                         fail(call, 400, "Bad networks format: network uuid is not in proper format (%.80s)",
                              nic->network_id)
                   : fail(call, 400, "Bad network format: missing 'uuid'");
    }
    if (!id_is_uuid(nic->port_id)) {
        return bad(call, "port is not a UUID");
    }
    if (nic->fixed_ip) {
        return fail(call, 400,
                    "Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together.",
                    nic->fixed_ip, nic->port_id);
    }
    for (size_t i = 0; i < count; i++) {
        if (before[i].port_id && !strcmp(before[i].port_id, nic->port_id)) {
            return fail(call, 400, "Port ID '%s' was specified twice: you cannot attach a port multiple times.",
                        nic->port_id);
        }
    }
    return true;
}

/* Without a wish: the project's only network, or none; several are too many to choose from. */
static bool networks_default(struct call *call, bool must, struct nic_wanted *nics, size_t *count) {
    const char **ids;
    size_t n;

    if (!network_default(call, &ids, &n)) {
        return false;
    }
    if (n > 1 && !must) {
        return fail(call, 409, "Multiple possible networks found, use a Network ID to be more specific.");
    }
    if (!n && must) {
        return fail(call, 400, "Unable to automatically allocate a network for project %s", call->caller.project_id);
    }
    if (n) {
        nics[0].network_id = ids[0];
        *count = 1;
    }
    return true;
}

bool networks_parse(struct call *call, const struct json *networks, struct nic_wanted **ret_nics, size_t *ret_count) {
    struct nic_wanted *nics = *ret_nics = ARENA_ARRAY(call->arena, struct nic_wanted, MAX_NICS);
    size_t *count = ret_count;

    *count = 0;
    if (!networks && call->minor >= 37) {
        return fail(call, 400, "Invalid input: 'networks' is a required property");
    }
    if (networks && networks->type == JSON_TEXT && call->minor >= 37) {
        if (!strcmp(networks->text, "none")) {
            return true;
        }
        return !strcmp(networks->text, "auto") ? networks_default(call, true, nics, count)
                                               : bad(call, "it is neither a list nor 'none' nor 'auto'");
    }
    if (networks && networks->type != JSON_LIST) {
        return bad(call, "it is not of type 'array'");
    }
    if (!networks || !networks->count) {
        return networks_default(call, false, nics, count);
    }
    if (networks->count > MAX_NICS) {
        return bad(call, "there are too many");
    }
    for (JSON_EACH(item, networks)) {
        if (!nic_parse(call, item, nics, *count, &nics[*count]) ||
            (nics[*count].network_id && !nics[*count].port_id && !network_usable(call, nics[*count].network_id))) {
            call->error = call->error == 404 ? 400 : call->error;
            return false;
        }
        ++*count;
    }
    return true;
}

bool networks_groups(struct call *call, const struct objects *names, const char *const **ret_ids) {
    const struct compute_group_name *group = names->at;
    const char **ids = ARENA_ARRAY(call->arena, const char *, names->count + 1);

    *ret_ids = NULL;
    for (size_t i = 0; i < names->count; i++) {
        if (!network_security_group(call, group[i].name, &ids[i])) {
            call->error = call->error == 404 ? 400 : call->error;
            return false;
        }
        *ret_ids = ids;
    }
    return true;
}

bool networks_give(struct call *call, struct compute_server *server, const struct nic_wanted *nics, size_t count,
                   const char *const *group_ids) {
    struct buf tags = {0};
    struct json_out out = {.buf = &tags};
    bool ok = true;

    json_map(&out);
    for (size_t i = 0; ok && i < count; i++) {
        const char *id = nics[i].port_id;

        if (id) {
            ok = network_port_take(call, id, server->id, server->zone, server->host);
        } else {
            ok = network_port_make(call,
                                   &(struct network_port_new){.network_id = nics[i].network_id,
                                                              .project_id = server->project_id,
                                                              .fixed_ip = nics[i].fixed_ip,
                                                              .device_id = server->id,
                                                              .host = server->host,
                                                              .zone = server->zone,
                                                              .security_groups = group_ids}, &id);
        }
        if (ok && nics[i].tag) {
            json_put_text(&out, id, nics[i].tag);
        }
    }
    json_map_end(&out);
    server->nic_tags = arena_text(call->arena, tags.at);
    buf_release(&tags);
    if (!ok && call->error == 404) {
        call->error = 400;
    }
    return ok;
}

bool networks_drop(struct call *call, const struct compute_server *server) {
    struct network_port_info *ports;
    size_t count;

    if (!network_ports_of(call, &server->id, 1, &ports, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!network_port_drop(call, ports[i].id)) {
            return false;
        }
    }
    return true;
}
