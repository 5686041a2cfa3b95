/* SPDX-License-Identifier: Apache-2.0
 * Credentials beyond their declaration: sealing, whose they are, and the ids of EC2 keys. */
#include "identity/credential.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "identity/identity.h"
#include "identity/keys.h"
#include "identity/token.h"
#include "identity/types.h"

const char *credential_ec2_id(struct call *call, const char *access) {
    return digest_of(call->arena, "sha256", access, strlen(access));
}

bool primary_only(struct call *call) {
    const struct token *token = call->caller.token;

    return !token || (token->delegation == DELEGATION_NONE && !(token->methods & METHOD_EC2)) ||
           fail(call, 403, "You are not authorized to perform the requested action: delegated tokens cannot access "
                           "credentials directly.");
}

bool credential_open(struct call *call, struct identity_credential *row) {
    size_t size;
    int64_t created;
    const uint8_t *bytes = keys_open(KEYS_CREDENTIAL, call->arena, row->sealed, &size, &created);

    row->blob = bytes ? arena_text_size(call->arena, (const char *)bytes, size) : NULL;
    return bytes || fail(call, 500, "Credential %s cannot be opened with the keys of this cloud.", row->id);
}

bool identity_credential_expand(struct call *call, void *pointer, size_t count) {
    struct identity_credential *rows = pointer;

    for (size_t i = 0; i < count; i++) {
        if (rows[i].sealed && !credential_open(call, &rows[i])) {
            return false;
        }
    }
    return true;
}

/* EC2 keys are found by their access key, which the blob has. */
static bool check_ec2(struct call *call, struct identity_credential *row, const struct json **ret_blob) {
    const struct json *blob = json_parse(call->arena, row->blob, strlen(row->blob), NULL);

    if (!json_get_text(blob, "access")) {
        return fail(call, 400, "Invalid blob in credential: a JSON object with 'access' was expected");
    }
    *ret_blob = blob;
    return true;
}

static bool is_ec2(const struct identity_credential *row) {
    return !strcasecmp(row->type, "ec2");
}

static void seal(struct call *call, struct identity_credential *row) {
    row->sealed = keys_seal(KEYS_CREDENTIAL, call->arena, row->blob, strlen(row->blob), clock_now() / SECOND);
}

bool identity_credential_create(struct call *call, void *pointer) {
    struct identity_credential *row = pointer;
    const struct json *blob;

    if (!primary_only(call)) {
        return false;
    }
    if (is_ec2(row)) {
        if (!row->project_id) {
            return fail(call, 400, "Invalid input: 'project_id' is a required property of ec2 credentials");
        }
        if (!check_ec2(call, row, &blob)) {
            return false;
        }
        row->id = credential_ec2_id(call, json_get_text(blob, "access"));
    }
    seal(call, row);
    return true;
}

/* The owner and what the keys are bound to stay as they are, unless policy lets the caller have the result too. */
bool identity_credential_update(struct call *call, const void *before, void *pointer) {
    static const char *const bound[] = {"trust_id", "app_cred_id", "access_token_id", "access_id"};
    const struct identity_credential *old = before;
    struct identity_credential *row = pointer;
    const struct json *was, *now;

    if (!primary_only(call) || !call_allow(call, "identity:update_credential", &resource_identity_credential, row)) {
        return false;
    }
    if (is_ec2(old) || is_ec2(row)) {
        was = json_parse(call->arena, old->blob, strlen(old->blob), NULL);
        if (!check_ec2(call, row, &now)) {
            return false;
        }
        for (int i = 0; i < 4; i++) {
            const char *a = json_get_text(was, bound[i]), *b = json_get_text(now, bound[i]);

            if (strcmp(a ? a : "", b ? b : "") != 0) {
                return fail(call, 400, "%s can not be updated for credential", bound[i]);
            }
        }
    }
    seal(call, row);
    identity_changed(call);
    return true;
}

bool identity_credential_delete(struct call *call, void *row) {
    identity_changed(call);
    return primary_only(call);
}

bool identity_credential_show(struct call *call) {
    return primary_only(call) && op_show(call);
}

/* Who may see anybody's sees all, everybody else their own. */
bool identity_credential_list(struct call *call, struct query *query) {
    const struct identity_credential nobodys = {.user_id = "", .id = ""};

    if (!call_allowed(call, "identity:get_credential", &resource_identity_credential, &nobodys)) {
        query_where(query, "user_id = ?", SQL_ARGS(sql_text(call->caller.user_id)));
    }
    return primary_only(call);
}
