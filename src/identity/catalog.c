/* SPDX-License-Identifier: Apache-2.0
 * The token's body: user, scope, roles, catalog. */
#include "identity/catalog.h"

#include <string.h>

#include "base/clock.h"
#include "identity/types.h"

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
    "   AND (e.id IS NULL OR NOT EXISTS (SELECT 1 FROM identity_project_endpoint WHERE project_id = ?"
    "         UNION SELECT 1 FROM identity_project_endpoint_group WHERE project_id = ?)"
    "       OR e.%s)"
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
    struct value project = sql_text(caller->project_id ? caller->project_id : "");
    struct rows *rows = db_query(call->db, arena_printf(call->arena, sql_catalog, sql_endpoints_given),
                                 SQL_ARGS(project, project, project, project));
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

/* Other clouds that take this token's user. */
static void write_service_providers(struct call *call, struct json_out *out) {
    struct rows *rows = db_query(call->db, "SELECT id, auth_url, sp_url FROM identity_service_provider WHERE enabled = 1"
                                           " ORDER BY id", SQL_NO_ARGS);
    bool any = false;

    while (rows_next(rows)) {
        if (!any) {
            json_key(out, "service_providers");
            json_list(out);
        }
        any = true;
        json_map(out);
        json_put_text(out, "id", rows_text(rows, 0));
        json_put_text(out, "auth_url", rows_text(rows, 1));
        json_put_text(out, "sp_url", rows_text(rows, 2));
        json_map_end(out);
    }
    if (any) {
        json_list_end(out);
    }
    rows_end(rows);
}

static void write_id(struct json_out *out, const char *key, const char *id) {
    json_key(out, key);
    json_map(out);
    json_put_text(out, "id", id);
    json_map_end(out);
}

/* By what the token stands for its user. */
static void write_delegation(struct call *call, const struct token *token, struct json_out *out) {
    struct identity_trust *trust;
    struct identity_application_credential *by;
    struct identity_access_token *access;

    if (token->delegation == DELEGATION_TRUST && row_find(call, &resource_identity_trust, token->delegation_id, &trust)) {
        json_key(out, "OS-TRUST:trust");
        json_map(out);
        json_put_text(out, "id", trust->id);
        json_put_bool(out, "impersonation", trust->impersonation);
        write_id(out, "trustor_user", trust->trustor_user_id);
        write_id(out, "trustee_user", trust->trustee_user_id);
        json_map_end(out);
    }
    if (token->delegation == DELEGATION_OAUTH1 && row_find(call, &resource_identity_access_token, token->delegation_id, &access)) {
        json_key(out, "OS-OAUTH1");
        json_map(out);
        json_put_text(out, "access_token_id", access->id);
        json_put_text(out, "consumer_id", access->consumer_id);
        json_map_end(out);
    }
    if (token->delegation == DELEGATION_APPLICATION_CREDENTIAL &&
        row_find(call, &resource_identity_application_credential, token->delegation_id, &by)) {
        json_key(out, "application_credential");
        json_map(out);
        json_put_text(out, "id", by->id);
        json_put_text(out, "name", by->name);
        json_put_bool(out, "restricted", !by->unrestricted);
        if (by->access_rules_kept) {
            json_put_raw(out, "access_rules", by->access_rules_kept);
        }
        json_map_end(out);
    }
}

/* Who brought the user, and the groups that it said the user is in. */
static void write_federation(struct call *call, const struct token *token, struct json_out *out) {
    const struct json *groups = token->group_ids ? json_parse(call->arena, token->group_ids, strlen(token->group_ids), NULL) : NULL;

    json_key(out, "OS-FEDERATION");
    json_map(out);
    json_key(out, "groups");
    json_list(out);
    for (JSON_EACH(group, groups)) {
        json_map(out);
        json_put_text(out, "id", group->text);
        json_map_end(out);
    }
    json_list_end(out);
    write_id(out, "identity_provider", token->idp_id);
    write_id(out, "protocol", token->protocol_id);
    json_map_end(out);
}

static void write_scope(const struct caller *caller, struct json_out *out) {
    if (caller->project_id) {
        write_ref(out, "project", caller->project_id, caller->project_name, caller->project_domain_id,
                  caller->project_domain_name);
        json_put_bool(out, "is_domain", !strcmp(caller->project_id, caller->project_domain_id));
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

/* The certificate that the token is bound to, as Keystone's middleware looks for it, and as RFC 8705 section 3.2 says it. */
static void write_thumbprint(struct json_out *out, const char *key, const char *thumbprint) {
    json_key(out, key);
    json_map(out);
    json_put_text(out, "x5t#S256", thumbprint);
    json_map_end(out);
}

void token_write(struct call *call, const struct token *token, const struct caller *caller, bool with_catalog) {
    struct json_out *out = &call->out;
    char text[TIME_TEXT_SIZE];

    json_map(out);
    json_key(out, "token");
    json_map(out);
    json_key(out, "methods");
    token_methods_write(out, token->methods);
    json_key(out, "user");
    json_map(out);
    json_put_text(out, "id", caller->user_id);
    json_put_text(out, "name", caller->user_name);
    write_ref(out, "domain", caller->user_domain_id, caller->user_domain_name, NULL, NULL);
    if (token->idp_id) {
        write_federation(call, token, out);
    } else {
        json_put_text(out, "password_expires_at",
                      token->password_expires ? time_print(token->password_expires, TIME_MICRO_Z, text) : NULL);
    }
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
    write_delegation(call, token, out);
    if (token->thumbprint) {
        write_thumbprint(out, "oauth2_credential", token->thumbprint);
        write_thumbprint(out, "cnf", token->thumbprint);
    }
    if (caller->role_count) {
        write_roles(caller, out);
    }
    if (token->scope != SCOPE_NONE) {
        write_service_providers(call, out);
    }
    if (with_catalog && token->scope != SCOPE_NONE) {
        json_key(out, "catalog");
        catalog_write(call, caller, out);
    }
    json_map_end(out);
    json_map_end(out);
}
