/* SPDX-License-Identifier: Apache-2.0
 * Roles beyond their declaration, and what they imply. */
#include <string.h>

#include "http/http.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/options.h"
#include "identity/target.h"
#include "identity/types.h"

/* Roles of a domain have rules of their own, beside those of the operation. */
static bool allow_of_domain(struct call *call, const char *verb, const struct identity_role *role) {
    return !role->domain_id ||
           call_allow(call, arena_printf(call->arena, "identity:%s_domain_role", verb), &resource_identity_role, role);
}

bool identity_role_show(struct call *call) {
    return allow_of_domain(call, "get", call->row) && op_show(call);
}

bool identity_role_create(struct call *call, void *pointer) {
    struct identity_role *role = pointer;
    struct identity_domain *domain;

    role->domain_key = role->domain_id ? role->domain_id : "";
    role->options = options_merged(call, NULL, role->options);
    return allow_of_domain(call, "create", role) &&
           (!role->domain_id || row_find(call, &resource_identity_domain, role->domain_id, &domain) ||
            fail(call, 404, "Could not find domain: %s.", role->domain_id));
}

bool identity_role_update(struct call *call, const void *before, void *pointer) {
    const struct identity_role *old = before;
    struct identity_role *role = pointer;

    identity_changed(call);
    if (!allow_of_domain(call, "update", old) || !immutable_update(call, "role", old->id, old->options)) {
        return false;
    }
    role->options = options_merged(call, old->options, role->options);
    return true;
}

bool identity_role_delete(struct call *call, void *pointer) {
    const struct identity_role *role = pointer;

    return allow_of_domain(call, "delete", role) && immutable_delete(call, "role", role->id, role->options) &&
           forget(call, "role", "?", role->id);
}

/* ---- implied roles ---- */

bool identity_implied_role_create(struct call *call, void *pointer) {
    const struct identity_implied_role *row = pointer;
    static const char sql[] =
        "WITH RECURSIVE below(id) AS (SELECT implied_role_id FROM identity_implied_role WHERE prior_role_id = ?"
        "  UNION SELECT r.implied_role_id FROM identity_implied_role r JOIN below ON r.prior_role_id = below.id)"
        " SELECT count(*) FROM below WHERE id = ?";

    identity_changed(call);
    if (!strcmp(row->prior_role_id, row->implied_role_id) ||
        call_count(call, sql, SQL_ARGS(sql_text(row->implied_role_id), sql_text(row->prior_role_id)))) {
        return fail(call, 403, "Role %s cannot imply %s: it would imply itself.", row->prior_role_id, row->implied_role_id);
    }
    return true;
}

bool identity_implied_role_delete(struct call *call, void *row) {
    identity_changed(call);
    return true;
}

/* A role inside an inference: id, name, and where to find it. */
static void write_role(struct call *call, struct json_out *out, const char *key, const char *id, const char *name) {
    if (key) {
        json_key(out, key);
    }
    json_map(out);
    json_put_text(out, "id", id);
    json_put_text(out, "name", name);
    json_key(out, "links");
    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/roles/%s", call_base_url(call), id));
    json_map_end(out);
    json_map_end(out);
}

static void write_self(struct call *call, struct json_out *out) {
    json_key(out, "links");
    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s%s", call_base_url(call), call->http->raw_path));
    json_map_end(out);
}

static bool respond_inference(struct call *call) {
    struct identity_role *prior, *implied;

    if (!path_row(call, "prior_role", &prior) || !path_row(call, "implied_role", &implied)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "role_inference");
    json_map(&call->out);
    write_role(call, &call->out, "prior_role", prior->id, prior->name);
    write_role(call, &call->out, "implies", implied->id, implied->name);
    json_map_end(&call->out);
    write_self(call, &call->out);
    json_map_end(&call->out);
    return true;
}

bool identity_implied_role_link(struct call *call) {
    return op_link(call) && respond_inference(call);
}

bool identity_implied_role_show(struct call *call) {
    return op_linked(call) && respond_inference(call);
}

static const char sql_inferences[] =
    "SELECT prior.id, prior.name, implied.id, implied.name FROM identity_implied_role r"
    "  JOIN identity_role prior ON prior.id = r.prior_role_id JOIN identity_role implied ON implied.id = r.implied_role_id"
    " WHERE prior.id = coalesce(CAST(? AS TEXT), prior.id)"
    " ORDER BY prior.id, implied.id";

/* Writes the rows as maps of a prior role and the list of what it implies; the containers around are the caller's. */
static void write_inferences(struct call *call, const char *prior, struct json_out *out) {
    struct rows *rows = db_query(call->db, sql_inferences, SQL_ARGS(sql_text(prior)));
    const char *current = NULL;

    while (rows_next(rows)) {
        if (!current || strcmp(current, rows_text(rows, 0)) != 0) {
            if (current) {
                json_list_end(out);
                json_map_end(out);
            }
            current = arena_text(call->arena, rows_text(rows, 0));
            json_map(out);
            write_role(call, out, "prior_role", current, rows_text(rows, 1));
            json_key(out, "implies");
            json_list(out);
        }
        write_role(call, out, NULL, rows_text(rows, 2), rows_text(rows, 3));
    }
    if (current) {
        json_list_end(out);
        json_map_end(out);
    }
    rows_end(rows);
}

bool identity_inference_list(struct call *call) {
    json_map(&call->out);
    json_key(&call->out, "role_inferences");
    json_list(&call->out);
    write_inferences(call, NULL, &call->out);
    json_list_end(&call->out);
    write_self(call, &call->out);
    json_map_end(&call->out);
    return true;
}

bool identity_implied_role_list(struct call *call) {
    struct identity_role *prior;
    size_t at;

    if (!path_row(call, "prior_role", &prior)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "role_inference");
    at = call->out.buf->size;
    write_inferences(call, prior->id, &call->out);
    if (call->out.buf->size == at) {
        json_map(&call->out);
        write_role(call, &call->out, "prior_role", prior->id, prior->name);
        json_put_raw(&call->out, "implies", "[]");
        json_map_end(&call->out);
    }
    write_self(call, &call->out);
    json_map_end(&call->out);
    return true;
}
