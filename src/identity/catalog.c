/* SPDX-License-Identifier: Apache-2.0
 * The token's body: user, scope, roles, catalog. */
#include "identity/catalog.h"

#include <string.h>

#include "base/clock.h"

static void write_ref(struct json_out *out, const char *key, const char *id, const char *name, const char *domain_id,
                      const char *domain_name) {
    json_key(out, key);
    json_map(out);
    json_put_text(out, "id", id);
    json_put_text(out, "name", name);
    if (domain_id) {
        write_ref(out, "domain", domain_id, domain_name, NULL, NULL);
    }
    json_map_end(out);
}

/* http://host/volume/v3/$(project_id)s with the caller's project; false when it needs one and there is none. */
static bool expand_url(struct call *call, const struct caller *caller, const char *url, const char **ret_url) {
    static const char *const words[] = {"$(project_id)s", "$(tenant_id)s", "%(project_id)s", "%(tenant_id)s",
                                        "$(user_id)s", "%(user_id)s"};

    for (int i = 0; i < 6; i++) {
        const char *at = strstr(url, words[i]), *value = i < 4 ? caller->project_id : caller->user_id;

        if (at && !value) {
            return false;
        }
        if (at) {
            url = arena_printf(call->arena, "%.*s%s%s", (int)(at - url), url, value, at + strlen(words[i]));
        }
    }
    *ret_url = url;
    return true;
}

static const char sql_catalog[] =
    "SELECT s.id, s.type, s.name, e.id, e.interface, e.region_id, e.url"
    "  FROM identity_service s LEFT JOIN identity_endpoint e ON e.service_id = s.id AND e.enabled = 1"
    " WHERE s.enabled = 1"
    " ORDER BY s.id, e.id";

static void write_endpoint(struct call *call, const struct caller *caller, struct rows *rows, struct json_out *out) {
    const char *url = rows_text(rows, 6);

    if (!url || !expand_url(call, caller, url, &url)) {
        return;
    }
    json_map(out);
    json_put_text(out, "id", rows_text(rows, 3));
    json_put_text(out, "interface", rows_text(rows, 4));
    json_put_text(out, "region", rows_text(rows, 5));
    json_put_text(out, "region_id", rows_text(rows, 5));
    json_put_text(out, "url", url);
    json_map_end(out);
}

static void end_service(struct json_out *out, bool open) {
    if (open) {
        json_list_end(out);
        json_map_end(out);
    }
}

void catalog_write(struct call *call, const struct caller *caller, struct json_out *out) {
    struct rows *rows = db_query(call->db, sql_catalog, SQL_NO_ARGS);
    const char *current = NULL;

    json_list(out);
    while (rows_next(rows)) {
        if (!current || strcmp(current, rows_text(rows, 0)) != 0) {
            end_service(out, current != NULL);
            current = arena_text(call->arena, rows_text(rows, 0));
            json_map(out);
            json_put_text(out, "id", current);
            json_put_text(out, "type", rows_text(rows, 1));
            json_put_text(out, "name", rows_text(rows, 2));
            json_key(out, "endpoints");
            json_list(out);
        }
        write_endpoint(call, caller, rows, out);
    }
    end_service(out, current != NULL);
    json_list_end(out);
    rows_end(rows);
}

static void write_methods(struct json_out *out, unsigned methods) {
    json_key(out, "methods");
    json_list(out);
    if (methods & METHOD_PASSWORD) {
        json_text(out, "password");
    }
    if (methods & METHOD_TOKEN) {
        json_text(out, "token");
    }
    json_list_end(out);
}

static void write_scope(const struct caller *caller, struct json_out *out) {
    if (caller->project_id) {
        write_ref(out, "project", caller->project_id, caller->project_name, caller->project_domain_id,
                  caller->project_domain_name);
        json_put_bool(out, "is_domain", false);
    }
    if (caller->domain_id) {
        write_ref(out, "domain", caller->domain_id, caller->domain_name, NULL, NULL);
    }
    if (caller->system) {
        json_put_raw(out, "system", "{\"all\": true}");
    }
}

static void write_roles(const struct caller *caller, struct json_out *out) {
    json_key(out, "roles");
    json_list(out);
    for (size_t i = 0; i < caller->role_count; i++) {
        json_map(out);
        json_put_text(out, "id", caller->role_ids[i]);
        json_put_text(out, "name", caller->roles[i]);
        json_map_end(out);
    }
    json_list_end(out);
}

void token_write(struct call *call, const struct token *token, const struct caller *caller, bool with_catalog) {
    struct json_out *out = &call->out;
    char text[TIME_TEXT_SIZE];

    json_map(out);
    json_key(out, "token");
    json_map(out);
    write_methods(out, token->methods);
    json_key(out, "user");
    json_map(out);
    json_put_text(out, "id", caller->user_id);
    json_put_text(out, "name", caller->user_name);
    write_ref(out, "domain", caller->user_domain_id, caller->user_domain_name, NULL, NULL);
    json_put_null(out, "password_expires_at");
    json_map_end(out);
    json_key(out, "audit_ids");
    json_list(out);
    json_text(out, token->audit_id);
    if (token->parent_audit_id) {
        json_text(out, token->parent_audit_id);
    }
    json_list_end(out);
    json_put_text(out, "expires_at", time_print(token->expires, TIME_MICRO_Z, text));
    json_put_text(out, "issued_at", time_print(token->issued / SECOND * SECOND, TIME_MICRO_Z, text));
    write_scope(caller, out);
    if (caller->role_count) {
        write_roles(caller, out);
    }
    if (with_catalog && token->scope != SCOPE_NONE) {
        json_key(out, "catalog");
        catalog_write(call, caller, out);
    }
    json_map_end(out);
    json_map_end(out);
}
