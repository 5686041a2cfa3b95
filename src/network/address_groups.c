/* SPDX-License-Identifier: Apache-2.0
 * Address groups: their lists change one by one, and the rules that name them follow. */
#include <string.h>

#include "network/parts.h"
#include "rest/resource.h"

enum { MAX_ADDRESSES = 4096 };

/* Prefixes, each without host bits; a single address is one of /32 or /128. */
bool network_addresses_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    *text = *text ? *text : "[]";
    json_list(&out);
    for (JSON_EACH(item, network_json(call, *text))) {
        struct ip_net net;

        ok = ok && ((strchr(item->text, '/') && ip_net_parse_host(item->text, &net)) ||
                    fail_field(call, field, "'%.60s' is not a prefix", item->text));
        if (ok) {
            json_text(&out, ip_net_print(ip_net_masked(net), arena_alloc(call->arena, IP_NET_TEXT_SIZE)));
        }
    }
    json_list_end(&out);
    *text = network_text(call, &buf);
    return ok;
}

bool network_address_group_list(struct call *call, struct query *query) {
    return network_filter_shared(call, query, "id IN (SELECT object_id FROM network_rbac WHERE object_type ="
                                              " 'address_group' AND target_tenant IN ('*', ?))");
}

static bool has(const struct json *list, const char *text) {
    for (JSON_EACH(item, list)) {
        if (!strcmp(item->text, text)) {
            return true;
        }
    }
    return false;
}

/* The list without those of 'without', each once, and then those of 'with' that it does not have. */
static const char *merged(struct call *call, const struct json *list, const struct json *without,
                          const struct json *with) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (JSON_EACH(item, list)) {
        if (!has(without, item->text)) {
            json_text(&out, item->text);
        }
    }
    for (JSON_EACH(item, with)) {
        if (!has(list, item->text)) {
            json_text(&out, item->text);
        }
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

static bool apply(struct call *call, const struct network_address_group *group) {
    return network_apply(call, "network.address_group", group->id);
}

bool network_address_group_create(struct call *call, void *row) {
    return apply(call, row);
}

bool network_address_group_update(struct call *call, const void *old, void *row) {
    return apply(call, row);
}

bool network_address_group_delete(struct call *call, void *row) {
    const struct network_address_group *group = row;
    const struct value id = sql_text(group->id);

    if (call_count(call, "SELECT count(*) FROM network_security_group_rule WHERE remote_address_group_id = ?", &id, 1)) {
        return fail_type(call, 409, "AddressGroupInUse", "A security group rule names address group %s.", group->id);
    }
    return call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1) && apply(call, group);
}

bool network_address_group_expand(struct call *call, void *rows, size_t count) {
    return network_expand_shared(call, &resource_network_address_group, rows, count);
}

static bool change(struct call *call, const char *addresses) {
    struct network_address_group *group = call->row, was = *group;

    if (network_json(call, addresses)->count > MAX_ADDRESSES) {
        return network_invalid(call, arena_printf(call->arena, "an address group has at most %d addresses",
                                                  MAX_ADDRESSES));
    }
    group->addresses = addresses;
    return resource_update(call, &resource_network_address_group, &was, group) &&
           row_respond(call, &resource_network_address_group, group);
}

bool network_address_group_add(struct call *call) {
    const struct network_address_group *group = call->row;
    const struct network_addresses *input = call->input;
    const struct json *list = network_json(call, group->addresses), *more = network_json(call, input->addresses);

    for (JSON_EACH(item, more)) {
        if (has(list, item->text)) {
            return fail_type(call, 400, "AddressesAlreadyExist", "Address group %s has %s already.", group->id,
                             item->text);
        }
    }
    return change(call, merged(call, list, NULL, more));
}

bool network_address_group_remove(struct call *call) {
    const struct network_address_group *group = call->row;
    const char *text_gone;
    const struct network_addresses_gone *input = call->input;
    const struct json *list = network_json(call, group->addresses);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (JSON_EACH(item, network_json(call, input->addresses))) {
        struct ip_net net;
        const char *text = ip_net_parse_host(item->text, &net)
                               ? ip_net_print(ip_net_masked(net), arena_alloc(call->arena, IP_NET_TEXT_SIZE))
                               : item->text;

        if (!has(list, text)) {
            fail_type(call, 404, "AddressesNotFound", "Address group %s does not have %.60s.", group->id, item->text);
        }
        json_text(&out, text);
    }
    json_list_end(&out);
    text_gone = network_text(call, &buf);
    return !call->error && change(call, merged(call, list, network_json(call, text_gone), NULL));
}
