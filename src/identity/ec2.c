/* SPDX-License-Identifier: Apache-2.0
 * EC2 keys of users, and tokens for requests signed with them. */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/id.h"
#include "http/http.h"
#include "identity/auth.h"
#include "identity/credential.h"
#include "identity/ec2_signature.h"
#include "identity/identity.h"
#include "identity/target.h"
#include "identity/trust.h"
#include "rest/cloud.h"

/* ---- the keys ---- */

static void write_key(struct call *call, const struct identity_credential *row) {
    struct json_out *out = &call->out;
    const struct json *blob = json_parse(call->arena, row->blob, strlen(row->blob), NULL);
    const char *access = json_get_text(blob, "access");

    json_map(out);
    json_put_text(out, "user_id", row->user_id);
    json_put_text(out, "tenant_id", row->project_id);
    json_put_text(out, "access", access);
    json_put_text(out, "secret", json_get_text(blob, "secret"));
    json_put_text(out, "trust_id", json_get_text(blob, "trust_id"));
    json_key(out, "links");
    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/users/%s/credentials/OS-EC2/%s",
                                            call_base_url(call), row->user_id, access ? access : ""));
    json_map_end(out);
    json_map_end(out);
}

static void respond_key(struct call *call, const struct identity_credential *row) {
    json_map(&call->out);
    json_key(&call->out, "credential");
    write_key(call, row);
    json_map_end(&call->out);
}

bool identity_ec2_list(struct call *call) {
    struct identity_credential *rows;
    struct identity_user *user;
    size_t count;

    if (!primary_only(call) || !path_row(call, "user", &user) ||
        !rows_find(call, &resource_identity_credential, "user_id = ? AND type = 'ec2' ORDER BY id",
                   SQL_ARGS(sql_text(user->id)), &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "credentials");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (!credential_open(call, &rows[i])) {
            return false;
        }
        write_key(call, &rows[i]);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool identity_ec2_create(struct call *call) {
    const struct identity_ec2_new *input = call->input;
    struct identity_credential row = {0};
    struct identity_user *user;

    if (!primary_only(call) || !path_row(call, "user", &user)) {
        return false;
    }
    if (!identity_project_exists(call, input->tenant_id)) {
        return fail(call, 404, "Could not find project: %s.", input->tenant_id);
    }
    row_defaults(call, &resource_identity_credential, &row);
    row.user_id = user->id;
    row.project_id = input->tenant_id;
    row.type = "ec2";
    row.blob = arena_printf(call->arena, "{\"access\": \"%s\", \"secret\": \"%s\"}", id_hex(call->arena), id_hex(call->arena));
    if (!resource_create(call, &resource_identity_credential, &row)) {
        return false;
    }
    respond_key(call, &row);
    return true;
}

static bool find_key(struct call *call, const char *access, struct identity_credential **ret_row) {
    return row_find(call, &resource_identity_credential, credential_ec2_id(call, access), ret_row) &&
           !strcmp((*ret_row)->type, "ec2") && credential_open(call, *ret_row);
}

static bool named_key(struct call *call, struct identity_credential **ret_row) {
    const char *access = call_parameter(call, "access");
    struct identity_user *user;

    if (!primary_only(call) || !path_row(call, "user", &user)) {
        return false;
    }
    return find_key(call, access, ret_row) || call->error || fail(call, 404, "Could not find credential: %s.", access);
}

bool identity_ec2_show(struct call *call) {
    struct identity_credential *row;

    if (!named_key(call, &row) || call->error) {
        return false;
    }
    respond_key(call, row);
    return true;
}

bool identity_ec2_delete(struct call *call) {
    struct identity_credential *row;

    return named_key(call, &row) && !call->error && resource_delete(call, &resource_identity_credential, row);
}

/* ---- tokens for signed requests ---- */

static const struct json *given_of(struct call *call) {
    static const char *const names[] = {"credentials", "credential", "ec2Credentials"};

    for (int i = 0; i < 3; i++) {
        if (json_get(call->body, names[i])) {
            return json_get(call->body, names[i]);
        }
    }
    return NULL;
}

/* The line of a text to sign of kind 4 that tells the time: "AWS4-HMAC-SHA256\nTIME\n...". */
static const char *time_of_text(struct call *call, const struct json *given) {
    const char *token = json_get_text(given, "token"), *text, *line;
    size_t size;
    const uint8_t *bytes = token ? base64_decode(call->arena, token, &size) : NULL;

    text = bytes ? arena_text_size(call->arena, (const char *)bytes, size) : "";
    line = strncmp(text, "AWS4", 4) ? NULL : strchr(text, '\n');
    return line ? arena_text_size(call->arena, line + 1, strcspn(line + 1, "\n")) : NULL;
}

int64_t identity_ec2_window(void) {
    return conf_int(cloud.conf, "credential", "auth_ttl", 15) * 60 * SECOND;
}

/* A request is good for [credential] auth_ttl minutes before and after its time, which it must tell: one that was seen by others
 * would be good for ever else. Only the texts of S3's kind 2 tell it in a form of the client's own; there it is for the
 * service that asks to look. */
static bool in_time(struct call *call, const struct json *given) {
    bool s3 = json_get(given, "token");
    const char *text = s3 ? time_of_text(call, given) : ec2_signed_time(given);
    int64_t time, window = identity_ec2_window();

    if (!text && s3) {
        return true;
    }
    if (text && strlen(text) == 16 && text[8] == 'T') {     /* 20260131T235959Z */
        text = arena_printf(call->arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6, text + 9, text + 11,
                            text + 13);
    }
    if (!text || !time_parse(text, &time) || clock_now() > time + window || clock_now() < time - window) {
        return fail(call, 401, "The signed request has expired, or its time is not valid.");
    }
    return true;
}

/* Clients differ in whether the port is part of the host that they sign. */
static bool ec2_signed(struct call *call, const struct json *given, const char *secret, const char *signature) {
    const char *host = json_get_text(given, "host");
    const char *made = ec2_signature(call->arena, secret, given, host ? host : "");

    if (made && equal_secret(made, signature)) {
        return true;
    }
    if (!host || !strchr(host, ':')) {
        return false;
    }
    made = ec2_signature(call->arena, secret, given, arena_text_size(call->arena, host, strcspn(host, ":")));
    return made && equal_secret(made, signature);
}

static bool s3_signed(struct call *call, const struct json *given, const char *secret, const char *signature) {
    const char *token = json_get_text(given, "token"), *made;
    size_t size;
    const uint8_t *text = token ? base64_decode(call->arena, token, &size) : NULL;

    made = text ? s3_signature(call->arena, secret, arena_text_size(call->arena, (const char *)text, size)) : NULL;
    return made && equal_secret(made, signature);
}

/* Keys made under a delegation stand for it and no more: its holder, its project, its roles. The blob is the user's own
 * text, so that what it names must fit whose key it is. */
static bool delegated(struct call *call, const struct json *blob, const struct identity_credential *row,
                      struct authentication *auth, const char **ret_user) {
    const char *trust_id = json_get_text(blob, "trust_id"), *by_id = json_get_text(blob, "app_cred_id");
    const char *access_id = json_get_text(blob, "access_token_id"), *project = NULL;
    struct identity_application_credential *by;
    struct identity_access_token *access;
    struct identity_trust *trust;

    auth->delegation = trust_id    ? DELEGATION_TRUST
                       : by_id     ? DELEGATION_APPLICATION_CREDENTIAL
                       : access_id ? DELEGATION_OAUTH1
                                   : DELEGATION_NONE;
    auth->delegation_id = trust_id ? trust_id : by_id ? by_id : access_id;
    *ret_user = row->user_id;
    if (auth->delegation == DELEGATION_NONE) {
        return true;
    }
    if (trust_id && trust_find(call, trust_id, &trust)) {
        *ret_user = trust->impersonation ? trust->trustor_user_id : trust->trustee_user_id;
        project = trust->project_id;
    } else if (by_id && row_find(call, &resource_identity_application_credential, by_id, &by)) {
        *ret_user = by->user_id;
        project = by->project_id;
    } else if (access_id && row_find(call, &resource_identity_access_token, access_id, &access)) {
        *ret_user = access->user_id;
        project = access->project_id;
    }
    return project && !strcmp(*ret_user, row->user_id) && !strcmp(project, row->project_id);
}

static bool respond_token(struct call *call, const struct json *blob, const struct identity_credential *row) {
    struct authentication auth = {.methods = METHOD_EC2, .scope = SCOPE_PROJECT, .scope_id = row->project_id};
    struct identity_user *user;
    const char *user_id;

    if (!row->project_id || !delegated(call, blob, row, &auth, &user_id) ||
        !row_find(call, &resource_identity_user, user_id, &user)) {
        return auth_refused(call);
    }
    auth.user = user;
    if (!auth_make_token(call, &auth)) {
        return false;
    }
    call_header(call, "X-Subject-Token", token_seal(call->arena, &auth.token));
    return true;
}

static bool token_for(struct call *call, bool (*is_signed)(struct call *, const struct json *, const char *, const char *)) {
    const struct json *given = given_of(call), *blob;
    const char *access = json_get_text(given, "access"), *signature = json_get_text(given, "signature"), *secret;
    struct identity_credential *row;

    if (!call->body) {
        return fail(call, 400, "The request must include a request body.");
    }
    if (!access || !signature) {
        return fail(call, 401, "EC2 signature not supplied.");
    }
    if (!find_key(call, access, &row)) {
        return fail(call, 401, "EC2 access key not found.");
    }
    blob = json_parse(call->arena, row->blob, strlen(row->blob), NULL);
    secret = json_get_text(blob, "secret");
    if (!secret || !is_signed(call, given, secret, signature)) {
        return fail(call, 401, "Invalid EC2 signature.");
    }
    return in_time(call, given) && respond_token(call, blob, row);
}

bool identity_ec2_token(struct call *call) {
    return token_for(call, ec2_signed);
}

bool identity_s3_token(struct call *call) {
    return token_for(call, s3_signed);
}

/* ---- for services that check signatures themselves ---- */

/* Keys in memory are looked at again after this: a delegation may have ended meanwhile. */
#define KEYS_LIFE (60 * SECOND)

static bool load_keys(struct call *call, const char *access, struct token *ret_token, struct caller *ret_caller) {
    struct authentication auth = {0};
    struct identity_credential *row;
    const struct json *blob;
    const char *user_id, *secret;

    if (!find_key(call, access, &row)) {
        return false;
    }
    blob = json_parse(call->arena, row->blob, strlen(row->blob), NULL);
    secret = json_get_text(blob, "secret");
    if (!secret || !row->project_id || !delegated(call, blob, row, &auth, &user_id)) {
        return false;
    }
    *ret_token = (struct token){.user_id = user_id, .methods = METHOD_EC2, .scope = SCOPE_PROJECT,
                                .scope_id = row->project_id, .delegation = auth.delegation,
                                .delegation_id = auth.delegation_id, .issued = clock_now(),
                                .expires = clock_now() + KEYS_LIFE, .audit_id = token_audit_id(call->arena),
                                .secret = secret};
    return caller_load(call, ret_token, ret_caller);
}

struct wanted {
    const char *access, *secret;
};

static bool find_secret(struct call *call, void *pointer) {
    struct wanted *wanted = pointer;

    wanted->secret = token_load_keys(call, wanted->access, load_keys);
    return !call->error;
}

const char *identity_ec2_secret(struct call *call, const char *access) {
    struct wanted wanted = {.access = access, .secret = token_recall_keys(call, access)};

    return wanted.secret || call_transaction(call, DB_READ, find_secret, &wanted) ? wanted.secret : NULL;
}

static bool find_name(struct call *call, void *pointer) {
    struct {
        const char *id, *name;
    } *wanted = pointer;
    struct identity_project *project;

    if (row_find(call, &resource_identity_project, wanted->id, &project) && !project->is_domain) {
        wanted->name = project->name;
    }
    return !call->error;
}

const char *identity_project_name(struct call *call, const char *project_id) {
    struct {
        const char *id, *name;
    } wanted = {project_id, NULL};

    return call_transaction(call, DB_READ, find_name, &wanted) ? wanted.name : NULL;
}
