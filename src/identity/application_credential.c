/* SPDX-License-Identifier: Apache-2.0
 * Application credentials and access rules beyond their declarations. */
#include "identity/application_credential.h"

#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/map.h"
#include "http/http.h"
#include "identity/identity.h"
#include "identity/password.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/service.h"

enum { SECRET_SIZE = 64 };

/* ---- roles by name or id ---- */

bool roles_given(struct call *call, const struct objects *roles, const char **ret_ids) {
    const struct named_role *given = roles->at;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    json_list(&out);
    for (size_t i = 0; ok && i < roles->count; i++) {
        struct identity_role *role = NULL;

        ok = given[i].id ? row_find(call, &resource_identity_role, given[i].id, &role)
                         : row_first(call, &resource_identity_role, "domain_id IS NULL AND name = ?",
                                     SQL_ARGS(sql_text(given[i].name ? given[i].name : "")), &role) && role;
        if (ok) {
            json_text(&out, role->id);
        } else {
            fail(call, 404, "Could not find role: %s.", given[i].id ? given[i].id : given[i].name ? given[i].name : "");
        }
    }
    json_list_end(&out);
    *ret_ids = buf_taken(&buf, call->arena);
    return ok;
}

static void write_role(struct call *call, const struct identity_role *role, bool links, struct json_out *out) {
    json_map(out);
    json_put_text(out, "id", role->id);
    json_put_text(out, "name", role->name);
    json_put_text(out, "domain_id", role->domain_id);
    if (links) {
        json_key(out, "links");
        json_map(out);
        json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/roles/%s", call_base_url(call), role->id));
        json_map_end(out);
    }
    json_map_end(out);
}

bool roles_shown(struct call *call, const char **texts, size_t count, bool links) {
    struct identity_role *roles;
    struct map *by_id = map_new();
    size_t role_count;
    bool ok = rows_find(call, &resource_identity_role, NULL, SQL_NO_ARGS, &roles, &role_count);

    for (size_t i = 0; i < role_count; i++) {
        map_set(by_id, roles[i].id, &roles[i]);
    }
    for (size_t i = 0; ok && i < count; i++) {
        const struct json *ids = json_parse(call->arena, texts[i], strlen(texts[i]), NULL);
        struct buf buf = {0};
        struct json_out out = {.buf = &buf};

        json_list(&out);
        for (JSON_EACH(id, ids)) {
            const struct identity_role *role = map_get(by_id, id->text);

            if (role) {
                write_role(call, role, links, &out);
            }
        }
        json_list_end(&out);
        texts[i] = buf_taken(&buf, call->arena);
    }
    map_free(by_id, NULL);
    return ok;
}

/* ---- creating ---- */

struct secret {
    const char *text, *hash;
};

bool identity_application_credential_hash(struct call *call) {
    struct secret *secret = ARENA_NEW(call->arena, struct secret);
    uint8_t bytes[SECRET_SIZE];
    char *made;

    secret->text = json_get_text(json_get(call->body, "application_credential"), "secret");
    if (!secret->text) {
        random_bytes(bytes, sizeof bytes);
        made = base64url_encode(call->arena, bytes, sizeof bytes);
        made[strcspn(made, "=")] = 0;
        secret->text = made;
    }
    secret->hash = password_make(call, secret->text);
    call->prepared = secret;
    return true;
}

/* Tokens by trust may not make or see lasting credentials; those by an application credential only if it says so. */
static bool may_manage(struct call *call, bool write) {
    const struct token *token = call->caller.token;
    struct identity_application_credential *by;

    if (token->delegation == DELEGATION_TRUST || token->delegation == DELEGATION_OAUTH1 || (token->methods & METHOD_EC2)) {
        return fail(call, 403, "Cannot manage application credentials with a token issued via delegation.");
    }
    if (token->delegation == DELEGATION_APPLICATION_CREDENTIAL && write &&
        !(row_find(call, &resource_identity_application_credential, token->delegation_id, &by) && by->unrestricted)) {
        return fail(call, 403, "You are not authorized to perform the requested action: using method "
                               "'application_credential' is not allowed for managing additional application credentials.");
    }
    return true;
}

/* The roles that were asked for must be in the token; without any: all of the token's. */
static bool take_roles(struct call *call, struct identity_application_credential *row) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *ids;

    if (!row->roles.count) {
        json_list(&out);
        for (size_t i = 0; i < call->caller.role_count; i++) {
            json_text(&out, call->caller.role_ids[i]);
        }
        json_list_end(&out);
        row->role_ids = buf_taken(&buf, call->arena);
        return true;
    }
    if (!roles_given(call, &row->roles, &row->role_ids)) {
        return false;
    }
    ids = json_parse(call->arena, row->role_ids, strlen(row->role_ids), NULL);
    for (JSON_EACH(id, ids)) {
        bool held = false;

        for (size_t i = 0; i < call->caller.role_count; i++) {
            held = held || !strcmp(call->caller.role_ids[i], id->text);
        }
        if (!held) {
            return fail(call, 400, "Invalid application credential: cannot create one with unassigned role %s", id->text);
        }
    }
    return true;
}

/* A rule that the user has already, or a new one. */
static bool take_rule(struct call *call, const char *user_id, const struct access_rule_given *given,
                      struct identity_access_rule **ret_rule) {
    struct identity_access_rule *rule = NULL;

    if (given->id) {
        if (!row_find(call, &resource_identity_access_rule, given->id, &rule) || strcmp(rule->user_id, user_id) != 0) {
            return fail(call, 404, "Could not find Access Rule: %s.", given->id);
        }
        *ret_rule = rule;
        return true;
    }
    if (!given->path || given->path[0] != '/' || !given->method || !given->service) {
        return fail(call, 400, "Invalid input for field/attribute access_rules: path (from /), method and service are required");
    }
    if (!row_first(call, &resource_identity_access_rule, "user_id = ? AND service = ? AND method = ? AND path = ?",
                   SQL_ARGS(sql_text(user_id), sql_text(given->service), sql_text(given->method), sql_text(given->path)),
                   &rule)) {
        return false;
    }
    if (!rule) {
        rule = ARENA_NEW(call->arena, struct identity_access_rule);
        *rule = (struct identity_access_rule){.id = id_hex(call->arena), .user_id = user_id, .service = given->service,
                                              .path = given->path, .method = given->method};
        if (!row_insert(call, &resource_identity_access_rule, rule)) {
            return false;
        }
    }
    *ret_rule = rule;
    return true;
}

static bool take_rules(struct call *call, struct identity_application_credential *row) {
    const struct access_rule_given *given = row->access_rules.at;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok = true;

    json_list(&out);
    for (size_t i = 0; ok && i < row->access_rules.count; i++) {
        struct identity_access_rule *rule;

        ok = take_rule(call, row->user_id, &given[i], &rule);
        if (ok) {
            json_map(&out);
            json_put_text(&out, "id", rule->id);
            json_put_text(&out, "path", rule->path);
            json_put_text(&out, "method", rule->method);
            json_put_text(&out, "service", rule->service);
            json_map_end(&out);
        }
    }
    json_list_end(&out);
    row->access_rules_kept = row->access_rules.at ? arena_text_size(call->arena, buf.at, buf.size) : NULL;
    buf_release(&buf);
    return ok;
}

bool identity_application_credential_create(struct call *call, void *pointer) {
    struct identity_application_credential *row = pointer;
    const struct secret *secret = call->prepared;

    if (!may_manage(call, true)) {
        return false;
    }
    if (strcmp(row->user_id, call->caller.user_id) != 0) {
        return fail(call, 403, "Cannot create an application credential for another user.");
    }
    if (!row->project_id) {
        return fail(call, 400, "Invalid application credential: a token scoped to a project is needed");
    }
    if (row->expires_at && row->expires_at <= clock_now()) {
        return fail(call, 400, "Invalid input for field/attribute expires_at: it is in the past");
    }
    row->secret = secret->text;
    row->secret_hash = secret->hash;
    return take_roles(call, row) && take_rules(call, row);
}

bool identity_application_credential_delete(struct call *call, void *row) {
    identity_changed(call);
    return may_manage(call, true);
}

bool identity_application_credential_list(struct call *call, struct query *query) {
    return may_manage(call, false);
}

bool identity_application_credential_expand(struct call *call, void *pointer, size_t count) {
    struct identity_application_credential *rows = pointer;
    const char **texts = ARENA_ARRAY(call->arena, const char *, count);

    for (size_t i = 0; i < count; i++) {
        texts[i] = rows[i].role_ids ? rows[i].role_ids : "[]";
    }
    if (!roles_shown(call, texts, count, false)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].roles_shown = texts[i];
    }
    return true;
}

/* ---- access rules ---- */

bool identity_access_rule_list(struct call *call, struct query *query) {
    return may_manage(call, false);
}

bool identity_access_rule_delete(struct call *call, void *pointer) {
    const struct identity_access_rule *rule = pointer;
    static const char sql[] = "SELECT count(*) FROM identity_application_credential WHERE user_id = ? AND"
                              " access_rules_kept LIKE ?";
    const char *like = arena_printf(call->arena, "%%\"%s\"%%", rule->id);

    if (!may_manage(call, true)) {
        return false;
    }
    return !call_count(call, sql, SQL_ARGS(sql_text(rule->user_id), sql_text(like))) ||
           fail(call, 403, "Access rule %s is in use by an application credential.", rule->id);
}

/* Whether a path is one of a pattern: {name} and * stand for one segment, ** for all that
 * is left. */
static bool path_matches(const char *pattern, const char *path) {
    while (*pattern == '/' && *path == '/') {
        size_t size, given;

        pattern++;
        path++;
        size = strcspn(pattern, "/");
        given = strcspn(path, "/");
        if (size == 2 && !strncmp(pattern, "**", 2)) {
            return true;
        }
        if (!(size == 1 && *pattern == '*') && !(size && *pattern == '{' && pattern[size - 1] == '}') &&
            (size != given || strncmp(pattern, path, size) != 0)) {
            return false;
        }
        pattern += size;
        path += given;
    }
    return !*pattern && !*path;
}

bool access_rules_allow(struct call *call, const char *text) {
    const struct json *rules = json_parse(call->arena, text, strlen(text), NULL);
    const char *path = call->http->raw_path + strlen(call->service->prefix);

    for (JSON_EACH(rule, rules)) {
        if (!strcmp(json_get_text(rule, "service"), call->service->type) &&
            !strcmp(json_get_text(rule, "method"), call->http->method_name) &&
            path_matches(json_get_text(rule, "path"), path)) {
            return true;
        }
    }
    return false;
}
