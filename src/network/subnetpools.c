/* SPDX-License-Identifier: Apache-2.0
 * Address scopes and subnet pools beyond their declarations. */
#include <string.h>

#include "network/parts.h"
#include "rest/resource.h"

enum { MAX_PREFIXES = 256 };

/* ---- address scopes ---- */

bool network_address_scope_list(struct call *call, struct query *query) {
    return network_filter_shared(call, query,
                                 "id IN (SELECT object_id FROM network_rbac WHERE object_type = 'address_scope'"
                                 " AND action = 'access_as_shared' AND target_tenant IN ('*', ?))");
}

bool network_address_scope_create(struct call *call, void *row) {
    const struct network_address_scope *scope = row;

    return !scope->shared ||
           network_share(call, "address_scope", scope->id, scope->project_id, "access_as_shared", true);
}

bool network_address_scope_update(struct call *call, const void *old, void *row) {
    const struct network_address_scope *was = old, *scope = row;

    if (was->shared && !scope->shared) {
        return fail_type(call, 400, "AddressScopeUpdateError",
                         "Unable to update address scope %s : Shared address scope can't be "
                         "unshared",
                         scope->id);
    }
    return was->shared == scope->shared ||
           network_share(call, "address_scope", scope->id, scope->project_id, "access_as_shared", true);
}

bool network_address_scope_delete(struct call *call, void *row) {
    const struct network_address_scope *scope = row;
    const struct value id = sql_text(scope->id);

    if (call_count(call, "SELECT count(*) FROM network_subnetpool WHERE address_scope_id = ?", &id, 1)) {
        return fail_type(call, 409, "AddressScopeInUse",
                         "Unable to complete operation on address scope %s. There are one or more "
                         "subnet pools in use on the address scope",
                         scope->id);
    }
    return call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1);
}

bool network_address_scope_expand(struct call *call, void *rows, size_t count) {
    return network_expand_shared(call, &resource_network_address_scope, rows, count);
}

/* ---- prefixes ---- */

struct prefixes {
    struct ip_net at[MAX_PREFIXES * 2];
    size_t count;
};

static void prefixes_read(struct call *call, const char *text, struct prefixes *prefixes) {
    for (JSON_EACH(item, network_json(call, text))) {
        if (prefixes->count < MAX_PREFIXES * 2 && ip_net_parse(item->text, &prefixes->at[prefixes->count])) {
            prefixes->count++;
        }
    }
}

static void prefix_drop(struct prefixes *prefixes, size_t i) {
    memmove(&prefixes->at[i], &prefixes->at[i + 1], (prefixes->count - i - 1) * sizeof *prefixes->at);
    prefixes->count--;
}

/* The two are halves of one network: makes the first that network. */
static bool prefix_join(struct ip_net *first, struct ip_net second) {
    struct ip_net whole = *first;

    if (first->length != second.length || !first->length) {
        return false;
    }
    whole.length--;
    whole = ip_net_masked(whole);
    if (!ip_net_holds(whole, second)) {
        return false;
    }
    *first = whole;
    return true;
}

/* The same addresses in as few prefixes as there can be. */
static void prefixes_compact(struct prefixes *prefixes) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < prefixes->count && !changed; i++) {
            for (size_t k = 0; k < prefixes->count && !changed; k++) {
                if (i != k && (ip_net_holds(prefixes->at[i], prefixes->at[k]) ||
                               prefix_join(&prefixes->at[i], prefixes->at[k]))) {
                    prefix_drop(prefixes, k);
                    changed = true;
                }
            }
        }
    }
}

static const char *prefixes_text(struct call *call, const struct prefixes *prefixes) {
    char text[IP_NET_TEXT_SIZE];
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_list(&out);
    for (size_t i = 0; i < prefixes->count; i++) {
        json_text(&out, ip_net_print(prefixes->at[i], text));
    }
    json_list_end(&out);
    return network_text(call, &buf);
}

static bool prefixes_hold(const struct prefixes *prefixes, struct ip_net net) {
    for (size_t i = 0; i < prefixes->count; i++) {
        if (ip_net_holds(prefixes->at[i], net)) {
            return true;
        }
    }
    return false;
}

static bool prefixes_set(struct call *call, struct network_subnetpool *pool) {
    struct prefixes *prefixes = ARENA_NEW(call->arena, struct prefixes);

    *prefixes = (struct prefixes){0};
    prefixes_read(call, pool->prefixes, prefixes);
    if (!prefixes->count) {
        return fail_type(call, 400, "EmptySubnetPoolPrefixList", "Empty subnet pool prefix list.");
    }
    for (size_t i = 0; i < prefixes->count; i++) {
        if (prefixes->at[i].ip.family != prefixes->at[0].ip.family) {
            return fail_type(call, 400, "PrefixVersionMismatch", "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.");
        }
    }
    prefixes_compact(prefixes);
    pool->ip_version = prefixes->at[0].ip.family;
    pool->prefixes = prefixes_text(call, prefixes);
    return true;
}

/* ---- subnet pools ---- */

static bool lengths_set(struct call *call, struct network_subnetpool *pool) {
    int64_t bits = pool->ip_version == 4 ? 32 : 128;

    pool->min_prefixlen = pool->min_prefixlen == NO_INT ? (pool->ip_version == 4 ? 8 : 64) : pool->min_prefixlen;
    pool->max_prefixlen = pool->max_prefixlen == NO_INT ? bits : pool->max_prefixlen;
    pool->default_prefixlen = pool->default_prefixlen == NO_INT ? pool->min_prefixlen : pool->default_prefixlen;
    if (pool->min_prefixlen > pool->max_prefixlen || pool->max_prefixlen > bits) {
        return fail_type(call, 400, "IllegalSubnetPoolPrefixBounds", "Illegal prefix bounds: min_prefixlen=%lld, "
                         "max_prefixlen=%lld.", (long long)pool->min_prefixlen, (long long)pool->max_prefixlen);
    }
    return (pool->default_prefixlen >= pool->min_prefixlen && pool->default_prefixlen <= pool->max_prefixlen) ||
           fail_type(call, 400, "IllegalSubnetPoolPrefixBounds",
                     "Illegal prefix bounds: default_prefixlen=%lld is not within "
                     "%lld to %lld.",
                     (long long)pool->default_prefixlen, (long long)pool->min_prefixlen,
                     (long long)pool->max_prefixlen);
}

static bool default_alone(struct call *call, const struct network_subnetpool *pool) {
    return !pool->is_default ||
           !call_count(call,
                       "SELECT count(*) FROM network_subnetpool WHERE is_default = 1 AND ip_version = ? AND id <> ?",
                       SQL_ARGS(sql_int(pool->ip_version), sql_text(pool->id))) ||
           fail_type(call, 400, "InvalidInput",
                     "Invalid input for operation: A default subnetpool for this IP family has already "
                     "been set. Only one default may exist per IP family.");
}

static bool scope_fits(struct call *call, const struct network_subnetpool *pool) {
    struct network_address_scope *scope;

    if (!pool->address_scope_id || !row_find(call, &resource_network_address_scope, pool->address_scope_id, &scope)) {
        return !call->error;
    }
    return scope->ip_version == pool->ip_version ||
           fail_type(call, 400, "IllegalSubnetPoolIpVersionAssociateToAddressScope",
                     "Illegal subnetpool association: subnetpool "
                     "%s cannot associate with address scope %s because subnetpool ip_version is not %lld.",
                     pool->id, scope->id, (long long)scope->ip_version);
}

bool network_subnetpool_list(struct call *call, struct query *query) {
    network_filter_tags(call, query);
    return network_filter_shared(call, query,
                                 "id IN (SELECT object_id FROM network_rbac WHERE object_type = 'subnetpool'"
                                 " AND action = 'access_as_shared' AND target_tenant IN ('*', ?))");
}

bool network_subnetpool_create(struct call *call, void *row) {
    struct network_subnetpool *pool = row;

    return prefixes_set(call, pool) && lengths_set(call, pool) && default_alone(call, pool) && scope_fits(call, pool) &&
           (!pool->shared || network_share(call, "subnetpool", pool->id, pool->project_id, "access_as_shared", true));
}

static bool keeps_prefixes(struct call *call, const struct network_subnetpool *was,
                           const struct network_subnetpool *pool) {
    struct prefixes *before = ARENA_NEW(call->arena, struct prefixes), *now = ARENA_NEW(call->arena, struct prefixes);

    *before = *now = (struct prefixes){0};
    prefixes_read(call, was->prefixes, before);
    prefixes_read(call, pool->prefixes, now);
    for (size_t i = 0; i < before->count; i++) {
        if (!prefixes_hold(now, before->at[i])) {
            return fail_type(call, 400, "IllegalSubnetPoolPrefixUpdate",
                             "Illegal update to prefixes: the new prefixes are not a "
                             "superset of the old ones.");
        }
    }
    return true;
}

bool network_subnetpool_update(struct call *call, const void *old, void *row) {
    const struct network_subnetpool *was = old;
    struct network_subnetpool *pool = row;

    if (network_given(call, &resource_network_subnetpool, "prefixes") &&
        (!prefixes_set(call, pool) || !keeps_prefixes(call, was, pool))) {
        return false;
    }
    return lengths_set(call, pool) && default_alone(call, pool) && scope_fits(call, pool);
}

bool network_subnetpool_delete(struct call *call, void *row) {
    const struct network_subnetpool *pool = row;
    const struct value id = sql_text(pool->id);

    if (call_count(call, "SELECT count(*) FROM network_subnet WHERE subnetpool_id = ?", &id, 1)) {
        return fail_type(call, 400, "SubnetPoolDeleteError",
                         "Unable to delete subnet pool: Subnet pool has existing allocations.");
    }
    return call_exec(call, "DELETE FROM network_rbac WHERE object_id = ?", &id, 1);
}

bool network_subnetpool_expand(struct call *call, void *rows, size_t count) {
    return network_expand_shared(call, &resource_network_subnetpool, rows, count);
}

static bool respond_prefixes(struct call *call, const char *prefixes) {
    json_map(&call->out);
    json_put_raw(&call->out, "prefixes", prefixes);
    json_map_end(&call->out);
    return true;
}

static bool pool_save(struct call *call, struct network_subnetpool *pool) {
    struct network_subnetpool was = *(struct network_subnetpool *)call->row;

    return resource_update(call, &resource_network_subnetpool, &was, pool) && respond_prefixes(call, pool->prefixes);
}

bool network_subnetpool_add_prefixes(struct call *call) {
    const struct network_prefixes *input = call->input;
    struct network_subnetpool pool = *(struct network_subnetpool *)call->row;

    pool.prefixes = arena_printf(call->arena, "%.*s%s%s", (int)strlen(pool.prefixes) - 1, pool.prefixes,
                                 input->prefixes[1] == ']' ? "" : ", ", input->prefixes + 1);
    return prefixes_set(call, &pool) && pool_save(call, &pool);
}

/* Takes 'net' out of a prefix that holds it, by halves. */
static void prefix_cut(struct prefixes *prefixes, size_t i, struct ip_net net) {
    while (prefixes->at[i].length < net.length && prefixes->count < MAX_PREFIXES * 2) {
        struct ip_net halves[2];
        bool second;

        ip_net_halves(prefixes->at[i], halves);
        second = ip_net_holds(halves[1], net);
        prefixes->at[i] = halves[second];
        prefixes->at[prefixes->count++] = halves[!second];
    }
    prefix_drop(prefixes, i);
}

static bool cut_all(struct call *call, const struct network_subnetpool *pool, const struct prefixes *gone,
                    struct prefixes *prefixes) {
    for (size_t k = 0; k < gone->count; k++) {
        size_t i = 0;

        while (i < prefixes->count && !ip_net_holds(prefixes->at[i], gone->at[k])) {
            i++;
        }
        if (i == prefixes->count) {
            return fail_type(call, 400, "IllegalSubnetPoolPrefixUpdate",
                             "Illegal update to prefixes: a prefix to remove is not in "
                             "subnet pool %s.",
                             pool->id);
        }
        prefix_cut(prefixes, i, gone->at[k]);
    }
    return true;
}

/* Subnets made from the pool must still be inside it. */
static bool still_hold(struct call *call, const struct network_subnetpool *pool, const struct prefixes *prefixes) {
    struct network_subnet *subnets;
    size_t count;

    if (!rows_find(call, &resource_network_subnet, "subnetpool_id = ?", SQL_ARGS(sql_text(pool->id)), &subnets,
                   &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct ip_net net;

        if (ip_net_parse(subnets[i].cidr, &net) && !prefixes_hold(prefixes, net)) {
            return fail_type(call, 409, "IllegalSubnetPoolPrefixUpdate",
                             "Subnet %s has the prefix %s of the subnet pool.", subnets[i].id, subnets[i].cidr);
        }
    }
    return true;
}

bool network_subnetpool_remove_prefixes(struct call *call) {
    const struct network_prefixes *input = call->input;
    struct network_subnetpool pool = *(struct network_subnetpool *)call->row;
    struct prefixes *gone = ARENA_NEW(call->arena, struct prefixes),
                    *prefixes = ARENA_NEW(call->arena, struct prefixes);

    *gone = *prefixes = (struct prefixes){0};
    prefixes_read(call, input->prefixes, gone);
    prefixes_read(call, pool.prefixes, prefixes);
    if (!cut_all(call, &pool, gone, prefixes) || !still_hold(call, &pool, prefixes)) {
        return false;
    }
    prefixes_compact(prefixes);
    pool.prefixes = prefixes_text(call, prefixes);
    return pool_save(call, &pool);
}
