/* SPDX-License-Identifier: Apache-2.0
 * POST, GET and DELETE /v3/auth/tokens: methods, scopes, and the token's body with its catalog. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "http/http.h"
#include "identity/assignment.h"
#include "identity/catalog.h"
#include "identity/password.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/cloud.h"

/* What an authentication has come to know. */
struct authentication {
    const struct auth_request *request;
    unsigned methods;
    const struct identity_user *user;
    const struct token *from;           /* method token */
    struct token token;                 /* being made */
    struct caller caller;
};

static bool unauthorized(struct call *call) {
    return fail(call, 401, "The request you have made requires authentication.");
}

static bool find_domain(struct call *call, const struct auth_domain *given, struct identity_domain **ret) {
    if (!given) {
        return false;
    }
    return given->id ? row_find(call, &resource_identity_domain, given->id, ret)
                     : row_first(call, &resource_identity_domain, "is_domain = 1 AND name = ?",
                                 SQL_ARGS(sql_text(given->name)), ret) && *ret;
}

static bool find_user(struct call *call, void *pointer) {
    struct authentication *auth = pointer;
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_user *given = ((const struct auth_password *)identity->password)->user;
    struct identity_domain *domain;
    struct identity_user *user = NULL;

    if (given->id) {
        row_find(call, &resource_identity_user, given->id, &user);
    } else if (given->name && find_domain(call, given->domain, &domain)) {
        row_first(call, &resource_identity_user, "domain_id = ? AND name = ?",
                  SQL_ARGS(sql_text(domain->id), sql_text(given->name)), &user);
    }
    auth->user = user;
    return true;
}

static bool method_password(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_password *password = identity->password;
    const struct auth_user *given = password ? password->user : NULL;

    if (!given || !given->password || (!given->id && !given->name)) {
        return fail(call, 400, "Invalid input: 'user' needs an id, or a name and a domain, and a password");
    }
    if (!given->id && !given->domain) {
        return fail(call, 400, "Invalid input: 'domain' is a required property");
    }
    if (!call_transaction(call, DB_READ, find_user, auth)) {
        return false;
    }
    if (!password_check(auth->user ? auth->user->id : NULL, given->password, auth->user ? auth->user->password_hash : NULL)) {
        return unauthorized(call);
    }
    auth->methods |= METHOD_PASSWORD;
    return true;
}

static bool method_token(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct auth_token *given = identity->token;

    if (!given) {
        return fail(call, 400, "Invalid input: 'token' is a required property");
    }
    auth->from = token_open(call->arena, given->id, false);
    if (!auth->from) {
        return unauthorized(call);
    }
    auth->methods |= METHOD_TOKEN | auth->from->methods;
    return true;
}

static bool run_methods(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct json *methods = json_parse(call->arena, identity->methods, strlen(identity->methods), NULL);

    for (JSON_EACH(method, methods)) {
        bool known = !strcmp(method->text, "password") || !strcmp(method->text, "token");

        if (!known) {
            return fail(call, 401, "The authentication method %.64s is not available.", method->text);
        }
        if (!(method->text[0] == 'p' ? method_password(call, auth) : method_token(call, auth))) {
            return false;
        }
    }
    return auth->methods || unauthorized(call);
}

static bool scope_project(struct call *call, struct authentication *auth, const struct auth_project *given) {
    struct identity_domain *domain = NULL;
    struct identity_project *project = NULL;

    if (given->id) {
        row_find(call, &resource_identity_project, given->id, &project);
    } else if (given->name && given->domain && find_domain(call, given->domain, &domain)) {
        row_first(call, &resource_identity_project, "domain_id = ? AND name = ?",
                  SQL_ARGS(sql_text(domain->id), sql_text(given->name)), &project);
    } else if (!given->name || !given->domain) {
        return fail(call, 400, "Invalid input: 'project' needs an id, or a name and a domain");
    }
    auth->token.scope = SCOPE_PROJECT;
    auth->token.scope_id = project ? project->id : NULL;
    return project || unauthorized(call);
}

static bool scope_domain(struct call *call, struct authentication *auth, const struct auth_domain *given) {
    struct identity_domain *domain = NULL;

    if (!find_domain(call, given, &domain)) {
        return unauthorized(call);
    }
    auth->token.scope = SCOPE_DOMAIN;
    auth->token.scope_id = domain->id;
    return true;
}

/* Without a scope: the user's default project, when the user may have it. */
static bool scope_default(struct call *call, struct authentication *auth) {
    struct identity_user *user;

    auth->token.scope = SCOPE_NONE;
    if (!auth->from && row_find(call, &resource_identity_user, auth->token.user_id, &user) && user->default_project_id) {
        struct token attempt = auth->token;

        attempt.scope = SCOPE_PROJECT;
        attempt.scope_id = user->default_project_id;
        if (caller_load(call, &attempt, &auth->caller)) {
            auth->token = attempt;
        }
    }
    return true;
}

static bool choose_scope(struct call *call, struct authentication *auth) {
    const struct json *given = auth->request->scope;
    struct auth_scope scope = {0};
    uint64_t bits[MAX_FIELDS / 64] = {0};

    if (!given) {
        return scope_default(call, auth);
    }
    if (given->type == JSON_TEXT && !strcmp(given->text, "unscoped")) {
        return true;
    }
    if (given->type != JSON_MAP) {
        return fail(call, 400, "Invalid input for field/attribute scope: an object was expected");
    }
    if (!input_parse(call, &resource_auth_scope, given, CREATE, &scope, bits)) {
        return false;
    }
    if (!!scope.project + !!scope.domain + !!scope.system > 1) {
        return fail(call, 400, "Invalid input for field/attribute scope: only one of project, domain and system may be");
    }
    if (scope.project) {
        return scope_project(call, auth, scope.project);
    }
    if (scope.domain) {
        return scope_domain(call, auth, scope.domain);
    }
    if (scope.system) {
        auth->token.scope = SCOPE_SYSTEM;
        return json_get_bool(scope.system, "all") || unauthorized(call);
    }
    return true;
}

static bool make_token(struct call *call, void *pointer) {
    struct authentication *auth = pointer;
    int64_t now = clock_now();
    int64_t life = conf_int(cloud.conf, "identity", "token_seconds", 3600) * SECOND;

    auth->token = (struct token){
        .user_id = auth->user ? auth->user->id : auth->from->user_id,
        .methods = auth->methods,
        .issued = now,
        .expires = auth->from ? auth->from->expires : (now + life) / SECOND * SECOND,
        .audit_id = token_audit_id(call->arena),
        .parent_audit_id = !auth->from ? NULL : auth->from->parent_audit_id ? auth->from->parent_audit_id : auth->from->audit_id,
    };
    if (!choose_scope(call, auth)) {
        return false;
    }
    if (!caller_load(call, &auth->token, &auth->caller)) {
        return unauthorized(call);
    }
    token_write(call, &auth->token, &auth->caller, !call_argument(call, "nocatalog"));
    return true;
}

bool identity_token_issue(struct call *call) {
    struct authentication auth = {.request = call->input};

    if (!run_methods(call, &auth) || !call_transaction(call, DB_READ, make_token, &auth)) {
        return false;
    }
    call_header(call, "X-Subject-Token", token_seal(call->arena, &auth.token));
    call_header(call, "Vary", "X-Auth-Token");
    return true;
}

/* The token that the request is about, open and with its caller. */
static bool subject(struct call *call, const struct token **ret_token, struct caller *ret_caller, bool allow_expired) {
    const char *sealed = http_header(call->http, "X-Subject-Token");
    const struct token *token = sealed ? token_open(call->arena, sealed, allow_expired) : NULL;

    if (!sealed) {
        return fail(call, 400, "The header X-Subject-Token is missing.");
    }
    if (!token || !caller_load(call, token, ret_caller)) {
        return fail(call, 404, "Could not find token.");
    }
    *ret_token = token;
    call_header(call, "X-Subject-Token", sealed);
    call_header(call, "Vary", "X-Auth-Token");
    return true;
}

static bool may_see(struct call *call, const char *rule, const struct token *token) {
    return !strcmp(token->user_id, call->caller.user_id) || call_allow(call, rule, NULL, NULL);
}

bool identity_token_show(struct call *call) {
    const struct token *token = NULL;
    struct caller caller;

    if (!subject(call, &token, &caller, call_argument_true(call, "allow_expired")) ||
        !may_see(call, "identity:validate_token", token)) {
        return false;
    }
    token_write(call, token, &caller, !call_argument(call, "nocatalog"));
    return true;
}

bool identity_token_revoke(struct call *call) {
    const struct token *token = NULL;
    struct caller caller;

    if (!subject(call, &token, &caller, false) || !may_see(call, "identity:revoke_token", token)) {
        return false;
    }
    call_after_commit(call, (void (*)(void *))token_revoke, (void *)(uintptr_t)token->audit_id);
    return row_insert(call, &resource_identity_revocation,
                      &(struct identity_revocation){.audit_id = token->audit_id, .expires_at = token->expires});
}

static void write_self(struct call *call) {
    json_key(&call->out, "links");
    json_map(&call->out);
    json_put_text(&call->out, "self", arena_printf(call->arena, "%s%s", call_base_url(call), call->http->raw_path));
    json_map_end(&call->out);
}

bool identity_auth_catalog(struct call *call) {
    if (!call->caller.project_id && !call->caller.domain_id && !call->caller.system) {
        return fail(call, 403, "An unscoped token has no catalog.");
    }
    json_map(&call->out);
    json_key(&call->out, "catalog");
    catalog_write(call, &call->caller, &call->out);
    write_self(call);
    json_map_end(&call->out);
    return true;
}

/* Systems that the user may scope to: all, or none. */
bool identity_auth_system(struct call *call) {
    static const char sql[] = "SELECT count(*) FROM identity_assignment WHERE target_id = 'system' AND " SQL_ACTOR;
    struct value user = sql_text(call->caller.user_id);

    json_map(&call->out);
    json_put_raw(&call->out, "system", call_count(call, sql, SQL_ARGS(user, user)) ? "[{\"all\": true}]" : "[]");
    write_self(call);
    json_map_end(&call->out);
    return true;
}
