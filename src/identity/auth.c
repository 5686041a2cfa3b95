/* SPDX-License-Identifier: Apache-2.0
 * POST, GET and DELETE /v3/auth/tokens: methods, scopes, and the token's body with its catalog. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "http/http.h"
#include "identity/assignment.h"
#include "identity/audit.h"
#include "identity/auth.h"
#include "identity/backend.h"
#include "identity/catalog.h"
#include "identity/identity.h"
#include "identity/receipt.h"
#include "identity/trust.h"
#include "identity/user_password.h"
#include "rest/cloud.h"

static const struct auth_method *const methods[] = {&auth_method_password, &auth_method_token,
                                                    &auth_method_application_credential, &auth_method_oauth1,
                                                    &auth_method_totp, &auth_method_external,
                                                    &auth_method_mapped, &auth_method_openid, &auth_method_saml2,
                                                    &auth_method_oauth2};

bool auth_refused(struct call *call) {
    return fail(call, 401, "The request you have made requires authentication.");
}

void auth_delegate(struct authentication *auth, const struct identity_user *user, enum token_delegation delegation, const char *id,
                   const char *project_id, int64_t latest) {
    auth->user = user;
    auth->delegation = delegation;
    auth->delegation_id = id;
    auth->scope = SCOPE_PROJECT;
    auth->scope_id = project_id;
    auth->latest = latest;
}

/* ---- who and where, by id or name ---- */

struct identity_domain *auth_find_domain(struct call *call, const struct auth_domain *given) {
    struct identity_domain *domain = NULL;

    if (given && given->id) {
        row_find(call, &resource_identity_domain, given->id, &domain);
    } else if (given && given->name) {
        row_first(call, &resource_identity_domain, "is_domain = 1 AND name = ?", SQL_ARGS(sql_text(given->name)), &domain);
    }
    return domain;
}

struct identity_user *auth_find_user(struct call *call, const struct auth_user *given) {
    struct identity_user *user = NULL;
    struct identity_domain *domain;

    if (given->id) {
        row_find(call, &resource_identity_user, given->id, &user);
    } else if ((domain = auth_find_domain(call, given->domain))) {
        row_first(call, &resource_identity_user, "domain_id = ? AND name = ?",
                  SQL_ARGS(sql_text(domain->id), sql_text(given->name)), &user);
    }
    return user;
}

bool auth_user_named(struct call *call, const struct auth_user *given) {
    return given->id || (given->name && given->domain) ||
           fail(call, 400, "Invalid input: 'user' needs an id, or a name and a domain");
}

/* ---- methods ---- */

static const struct auth_method *method_find(const char *name) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!strcmp(methods[i]->name, name)) {
            return methods[i];
        }
    }
    return NULL;
}

/* Methods that come twice count once: each costs a hash. */
static bool run_methods(struct call *call, struct authentication *auth) {
    const struct auth_identity *identity = auth->request->identity;
    const struct json *names = json_parse(call->arena, identity->methods, strlen(identity->methods), NULL);
    unsigned done = 0;

    for (JSON_EACH(name, names)) {
        const struct auth_method *method = method_find(name->text);
        const struct identity_user *before = auth->user;

        if (!method) {
            return fail(call, 401, "Attempted to authenticate with an unsupported method: %.64s.", name->text);
        }
        if (done & method->bit) {
            continue;
        }
        done |= method->bit;
        auth->methods |= method->bit;
        if (!method->run(call, auth)) {
            return false;
        }
        if (before && auth->user && strcmp(before->id, auth->user->id) != 0) {
            return auth_refused(call);
        }
    }
    if (auth->from && auth->user && strcmp(auth->from->user_id, auth->user->id) != 0) {
        return auth_refused(call);
    }
    return auth->methods || auth_refused(call);
}

/* ---- scope ---- */

static bool scope_project(struct call *call, struct authentication *auth, const struct auth_project *given) {
    struct identity_project *project = NULL;
    struct identity_domain *domain;

    if (given->id) {
        row_find(call, &resource_identity_project, given->id, &project);
    } else if (!given->name || !given->domain) {
        return fail(call, 400, "Invalid input: 'project' needs an id, or a name and a domain");
    } else if ((domain = auth_find_domain(call, given->domain))) {
        row_first(call, &resource_identity_project, "domain_id = ? AND name = ?",
                  SQL_ARGS(sql_text(domain->id), sql_text(given->name)), &project);
    }
    auth->token.scope = SCOPE_PROJECT;
    auth->token.scope_id = project ? project->id : NULL;
    return project || auth_refused(call);
}

static bool scope_domain(struct call *call, struct authentication *auth, const struct auth_domain *given) {
    struct identity_domain *domain = auth_find_domain(call, given);

    auth->token.scope = SCOPE_DOMAIN;
    auth->token.scope_id = domain ? domain->id : NULL;
    return domain || auth_refused(call);
}

static bool use_up(struct call *call, struct identity_trust *trust) {
    if (trust->remaining_uses == NO_INT) {
        return true;
    }
    trust->remaining_uses--;
    return row_update(call, &resource_identity_trust, trust);
}

/* The trustee gets a token in the trust's project: as the trustor, or as itself with the trustor's roles. */
static bool scope_trust(struct call *call, struct authentication *auth, const struct auth_trust *given) {
    struct identity_trust *trust;

    if (!trust_find(call, given->id, &trust)) {
        return auth_refused(call);
    }
    if (strcmp(trust->trustee_user_id, auth->token.user_id) != 0) {
        return fail(call, 403, "You are not authorized to perform the requested action: user is not a trustee.");
    }
    auth->token.user_id = trust->impersonation ? trust->trustor_user_id : trust->trustee_user_id;
    auth->token.delegation = DELEGATION_TRUST;
    auth->token.delegation_id = trust->id;
    auth->token.idp_id = auth->token.protocol_id = auth->token.group_ids = NULL;
    auth->token.scope = trust->project_id ? SCOPE_PROJECT : SCOPE_NONE;
    auth->token.scope_id = trust->project_id;
    auth->latest = trust->expires_at;
    if (!caller_load(call, &auth->token, &auth->caller)) {
        return fail(call, 403, "Trustor is disabled, or has lost a role or project of the trust.");
    }
    return use_up(call, trust);
}

/* Without a scope: the user's default project, when the user may have it. */
static bool scope_default(struct call *call, struct authentication *auth) {
    struct identity_user *user;

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
    const struct json *given = auth->request ? auth->request->scope : NULL;
    struct auth_scope scope = {0};
    uint64_t bits[MAX_FIELDS / 64] = {0};

    if (!given) {
        return auth->token.scope != SCOPE_NONE || scope_default(call, auth);
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
    if (!!scope.project + !!scope.domain + !!scope.system + !!scope.trust > 1) {
        return fail(call, 400, "Invalid input for field/attribute scope: only one of project, domain, system and "
                               "OS-TRUST:trust may be");
    }
    if (scope.project) {
        return scope_project(call, auth, scope.project);
    }
    if (scope.domain) {
        return scope_domain(call, auth, scope.domain);
    }
    if (scope.system) {
        auth->token.scope = SCOPE_SYSTEM;
        return json_get_bool(scope.system, "all") || auth_refused(call);
    }
    return !scope.trust || scope_trust(call, auth, scope.trust);
}

/* ---- making it ---- */

static int64_t token_end(const struct authentication *auth, int64_t now) {
    int64_t life = conf_int(cloud.conf, "identity", "token_seconds", 3600) * SECOND;
    int64_t end = auth->from ? auth->from->expires : (now + life) / SECOND * SECOND;

    return auth->latest && auth->latest < end ? auth->latest : end;
}

bool auth_make_token(struct call *call, struct authentication *auth) {
    const struct token *from = auth->from;
    int64_t now = clock_now();

    auth->token = (struct token){
        .user_id = auth->user ? auth->user->id : from->user_id,
        .methods = auth->methods,
        .delegation = auth->delegation,
        .delegation_id = auth->delegation_id,
        .scope = auth->scope,
        .scope_id = auth->scope_id,
        .idp_id = from ? from->idp_id : auth->idp_id,
        .protocol_id = from ? from->protocol_id : auth->protocol_id,
        .group_ids = from ? from->group_ids : auth->group_ids,
        .thumbprint = from ? from->thumbprint : auth->thumbprint,
        .issued = now,
        .audit_id = token_audit_id(call->arena),
        .parent_audit_id = !from ? NULL : from->parent_audit_id ? from->parent_audit_id : from->audit_id,
    };
    if (from) {
        struct token before = *from;

        if (!caller_load(call, &before, &auth->caller)) {
            return fail(call, 404, "Could not find token.");    /* it has ended: a new password, a disabled user */
        }
    }
    if (!choose_scope(call, auth)) {
        return false;
    }
    auth->token.expires = token_end(auth, now);
    if (!caller_load(call, &auth->token, &auth->caller)) {
        return auth_refused(call);
    }
    token_write(call, &auth->token, &auth->caller, !call_argument(call, "nocatalog"));
    return true;
}

/* A token for who has passed all the methods that its rules want; a receipt for who has passed some. */
static bool make_token(struct call *call, void *pointer) {
    struct authentication *auth = pointer;
    const char *user_id = auth->user ? auth->user->id : auth->from->user_id;
    struct identity_user *user;
    unsigned before;

    if (!receipt_read(call, user_id, &before)) {
        return auth_refused(call);
    }
    auth->methods |= before;
    auth->receipt = row_find(call, &resource_identity_user, user_id, &user) && !receipt_enough(call, user, auth->methods);
    return auth->receipt ? receipt_write(call, user, auth->methods) : auth_make_token(call, auth);
}

/* Using a trust counts its uses, which writes. */
static enum db_mode mode_of(const struct authentication *auth) {
    return json_get(auth->request->scope, "OS-TRUST:trust") ? DB_WRITE : DB_READ;
}

bool auth_run(struct call *call, struct authentication *auth) {
    bool ok = run_methods(call, auth) && call_transaction(call, mode_of(auth), make_token, auth);
    const char *user_id = auth->user ? auth->user->id : auth->from ? auth->from->user_id : NULL;

    audit_authenticate(call, user_id, ok && !auth->receipt);
    return ok && user_seen(call, user_id);
}

bool identity_token_issue(struct call *call) {
    struct authentication auth = {.request = call->input};

    if (!auth_run(call, &auth)) {
        return false;
    }
    if (!auth.receipt) {
        call_header(call, "X-Subject-Token", token_seal(call->arena, &auth.token));
    }
    call_header(call, "Vary", "X-Auth-Token");
    return true;
}

/* ---- for other services ---- */

struct login {
    const char *project;
    struct authentication auth;
};

static bool find_login(struct call *call, void *pointer) {
    struct login *login = pointer;
    struct identity_project *project;

    if (row_first(call, &resource_identity_project, "name = ? AND domain_id = 'default' AND is_domain = 0",
                  SQL_ARGS(sql_text(login->project)), &project) && project) {
        login->auth.scope_id = project->id;
    }
    return true;
}

static bool make_login_token(struct call *call, void *pointer) {
    struct login *login = pointer;
    size_t size = call->response->size;
    bool ok = auth_make_token(call, &login->auth);

    if (ok) {
        call->response->size = size;        /* the token's body is not asked for */
        call->response->at[size] = 0;
        call->out = (struct json_out){.buf = call->response};
    }
    return ok;
}

bool identity_login(struct call *call, const char *project, const char *user, const char *password,
                    struct caller *ret_caller, const char **ret_token) {
    struct auth_request request = {0};
    struct login login = {project, {.request = &request, .methods = METHOD_PASSWORD, .scope = SCOPE_PROJECT}};
    struct auth_domain domain = {.id = "default"};
    struct auth_user given = {.name = user, .domain = &domain};
    enum password_state state;

    if (!call_transaction(call, DB_READ, find_login, &login) ||
        !backend_login(call, &given, password, &login.auth.user, &state)) {
        return false;
    }
    if (state != PASSWORD_GOOD || !login.auth.scope_id) {
        return auth_refused(call);
    }
    if (!call_transaction(call, DB_READ, make_login_token, &login)) {
        return false;
    }
    *ret_caller = login.auth.caller;
    *ret_token = token_seal(call->arena, &login.auth.token);
    return true;
}

/* ---- a token of somebody ---- */

/* The token that the request is about, open and with its caller. */
static bool subject(struct call *call, struct token **ret_token, struct caller *ret_caller, bool allow_expired) {
    const char *sealed = http_header(call->http, "X-Subject-Token");
    struct token *token = ARENA_NEW(call->arena, struct token);

    if (!sealed) {
        return fail(call, 400, "The header X-Subject-Token is missing.");
    }
    if (allow_expired) {
        int64_t window = conf_int(cloud.conf, "token", "allow_expired_window", 48 * 3600) * SECOND;

        token = token_open(call->arena, sealed, true);
        token = token && token->expires + window > clock_now() ? token : NULL;
    }
    if (allow_expired ? !token || !caller_load(call, token, ret_caller) : !token_find(call, sealed, token, ret_caller)) {
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
    struct token *token = NULL;
    struct caller caller;

    if (!subject(call, &token, &caller, call_argument_true(call, "allow_expired")) ||
        !may_see(call, call->http->method == HTTP_HEAD ? "identity:check_token" : "identity:validate_token", token)) {
        return false;
    }
    token_write(call, token, &caller, !call_argument(call, "nocatalog"));
    return true;
}

bool identity_token_revoke(struct call *call) {
    struct token *token = NULL;
    struct caller caller;

    if (!subject(call, &token, &caller, false) || !may_see(call, "identity:revoke_token", token)) {
        return false;
    }
    return token_revoke(call, token);
}

/* Those that some token may still be measured by. */
bool identity_revocation_list(struct call *call, struct query *query) {
    const char *since = call_argument(call, "since");
    int64_t time;

    if (since && !time_parse(since, &time)) {
        return fail(call, 400, "Invalid value for since: '%.64s' is not a time", since);
    }
    if (since) {
        query_where(query, "revoked_at >= ?", SQL_ARGS(sql_int(time)));
    }
    query_where(query, "purge_at > ?", SQL_ARGS(sql_int(clock_now())));
    return true;
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
    struct condition mine = assignments_of(call, call->caller.user_id, call->caller.token);
    const char *sql = arena_printf(call->arena, "SELECT count(*) FROM identity_assignment WHERE target_id = 'system' AND %s",
                                   mine.sql);

    json_map(&call->out);
    json_put_raw(&call->out, "system", call_count(call, sql, mine.args, mine.count) ? "[{\"all\": true}]" : "[]");
    write_self(call);
    json_map_end(&call->out);
    return true;
}
