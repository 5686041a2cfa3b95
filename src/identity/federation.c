/* SPDX-License-Identifier: Apache-2.0
 * Identity providers, protocols and mappings beyond their declarations. */
#include "identity/federation.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/mapping.h"
#include "rest/cloud.h"

/* ---- mappings ---- */

static bool check_remote(struct call *call, const struct mapping_remote *remote) {
    const struct json *lists[] = {remote->any_one_of, remote->not_any_of, remote->blacklist, remote->whitelist};
    int given = 0;

    for (int i = 0; i < 4; i++) {
        given += lists[i] != NULL;
    }
    return (given <= 1 && (given || !remote->regex)) ||
           fail(call, 400, "Invalid input for field/attribute rules: '%.64s' has more than one condition", remote->type);
}

static bool check_rule(struct call *call, const struct json *given) {
    struct mapping_rule rule = {0};
    uint64_t bits[MAX_FIELDS / 64] = {0};

    if (given->type != JSON_MAP) {
        return fail(call, 400, "Invalid input for field/attribute rules: a rule is not an object");
    }
    if (!input_parse(call, &resource_mapping_rule, given, CREATE, &rule, bits)) {
        return false;
    }
    for (size_t i = 0; i < rule.remote.count; i++) {
        if (!check_remote(call, &((struct mapping_remote *)rule.remote.at)[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < rule.local.count; i++) {
        const struct mapping_group *group = ((struct mapping_local *)rule.local.at)[i].group;

        if (group && !group->id == !(group->name && group->domain)) {
            return fail(call, 400, "Invalid input for field/attribute group: it has an id, or a name and a domain");
        }
    }
    return true;
}

bool identity_mapping_check(struct call *call, const struct field *field, void *slot) {
    const char *text = *(const char **)slot;
    const struct json *rules = text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;

    if (!rules || !rules->count) {
        return fail(call, 400, "Invalid input for field/attribute rules: a list of at least one rule was expected");
    }
    for (JSON_EACH(rule, rules)) {
        if (!check_rule(call, rule)) {
            return false;
        }
    }
    text = mapping_flaw(call->arena, rules);
    return !text || fail(call, 400, "Invalid input for field/attribute rules: %s", text);
}

/* Tokens that were made by way of it end; another mapping of that name is another one. */
bool identity_mapping_delete(struct call *call, void *mapping) {
    identity_changed(call);
    return call_exec(call, "UPDATE identity_protocol SET tokens_from = ? WHERE mapping_id = ?",
                     SQL_ARGS(sql_int(clock_now()), sql_text(((const struct identity_mapping *)mapping)->id)));
}

/* ---- identity providers ---- */

static void write_link(struct call *call, const char *key, const char *path, struct json_out *out) {
    json_put_text(out, key, arena_printf(call->arena, "%s/identity/v3/OS-FEDERATION/identity_providers/%s",
                                         call_base_url(call), path));
}

void identity_provider_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct identity_provider *provider = pointer;

    json_map(out);
    write_link(call, "self", provider->id, out);
    write_link(call, "protocols", arena_printf(call->arena, "%s/protocols", provider->id), out);
    json_map_end(out);
}

void identity_protocol_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct identity_protocol *protocol = pointer;

    json_map(out);
    write_link(call, "self", arena_printf(call->arena, "%s/protocols/%s", protocol->idp_id, protocol->id), out);
    write_link(call, "identity_provider", protocol->idp_id, out);
    json_map_end(out);
}

/* A remote id belongs to one provider. */
static bool store_remote_ids(struct call *call, const struct identity_provider *provider) {
    const struct json *ids = provider->remote_ids
                                 ? json_parse(call->arena, provider->remote_ids, strlen(provider->remote_ids), NULL) : NULL;

    if (!forget(call, "provider", "?", provider->id)) {
        return false;
    }
    for (JSON_EACH(id, ids)) {
        if (!row_insert(call, &resource_identity_remote_id,
                        &(struct identity_remote_id){.remote_id = id->text, .idp_id = provider->id})) {
            return false;
        }
    }
    return true;
}

/* Its users live in a domain; without one named it gets one of its own. */
bool identity_provider_create(struct call *call, void *pointer) {
    struct identity_provider *provider = pointer;
    struct identity_domain *found, domain;

    if (!store_remote_ids(call, provider)) {
        return false;
    }
    if (provider->domain_id) {
        return row_find(call, &resource_identity_domain, provider->domain_id, &found) ||
               fail(call, 404, "Could not find domain: %s.", provider->domain_id);
    }
    memset(&domain, 0, sizeof domain);
    row_defaults(call, &resource_identity_domain, &domain);
    domain.name = domain.id;
    domain.description = "Auto generated federated domain for Identity Provider.";
    provider->domain_id = domain.id;
    return row_insert(call, &resource_identity_domain, &domain);
}

int64_t provider_membership_life(const struct identity_provider *provider) {
    return 60 * SECOND * (provider->authorization_ttl != NO_INT ? provider->authorization_ttl
                                                                : conf_int(cloud.conf, "federation", "default_authorization_ttl", 0));
}

bool identity_provider_update(struct call *call, const void *before, void *pointer) {
    const struct identity_provider *old = before;
    struct identity_provider *provider = pointer;

    identity_changed(call);
    if (old->enabled && !provider->enabled) {
        provider->tokens_from = clock_now();
    }
    return (!call_given(call, "authorization_ttl") ||
            call_exec(call, "UPDATE identity_expiring_membership SET expires_at = verified_at + ? WHERE idp_id = ?",
                      SQL_ARGS(sql_int(provider_membership_life(provider)), sql_text(provider->id)))) &&
           (!call_given(call, "remote_ids") || store_remote_ids(call, provider));
}

bool identity_provider_delete(struct call *call, void *pointer) {
    static const char *const tables[] = {"identity_protocol", "identity_federated_user", "identity_expiring_membership"};
    const char *id = ((const struct identity_provider *)pointer)->id;

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE idp_id = ?", tables[i]), SQL_ARGS(sql_text(id)))) {
            return false;
        }
    }
    return forget(call, "provider", "?", id);
}

bool providers_forget(struct call *call, const char *domain_id) {
    struct identity_provider *rows;
    size_t count;

    if (!rows_find(call, &resource_identity_provider, "domain_id = ?", SQL_ARGS(sql_text(domain_id)), &rows, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!resource_delete(call, &resource_identity_provider, &rows[i])) {
            return false;
        }
    }
    return true;
}

/* When it is chosen; it may go later, and then nobody comes in. */
static bool mapping_is_there(struct call *call, const struct identity_protocol *protocol) {
    struct identity_mapping *mapping;

    return row_find(call, &resource_identity_mapping, protocol->mapping_id, &mapping) ||
           fail(call, 400, "Invalid mapping id: %s", protocol->mapping_id);
}

bool identity_protocol_create(struct call *call, void *pointer) {
    struct identity_protocol *protocol = pointer;
    struct identity_provider *provider;

    if (!row_find(call, &resource_identity_provider, protocol->idp_id, &provider)) {
        return fail_not_found(call, &resource_identity_provider, protocol->idp_id);
    }
    return mapping_is_there(call, protocol);
}

bool identity_protocol_update(struct call *call, const void *old, void *protocol) {
    identity_changed(call);
    return mapping_is_there(call, protocol);
}

bool identity_protocol_delete(struct call *call, void *pointer) {
    const struct identity_protocol *protocol = pointer;

    identity_changed(call);
    return call_exec(call, "DELETE FROM identity_federated_user WHERE idp_id = ? AND protocol_id = ?",
                     SQL_ARGS(sql_text(protocol->idp_id), sql_text(protocol->id)));
}
