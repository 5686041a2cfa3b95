/* SPDX-License-Identifier: Apache-2.0
 * Key pairs: imported or made. A private key is shown once, and not kept. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "compute/ssh_key.h"
#include "compute/types.h"
#include "compute/view.h"
#include "http/http.h"

#define RULE "os_compute_api:os-keypairs:"

enum { MAX_PAGE = 1000 };

bool compute_keypair_check_name(struct call *call, const struct field *field, void *slot) {
    const char *more = call->minor >= 92 ? "@._- " : "_- ";

    for (const char *at = *(const char **)slot; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr(more, *at)) {
            return fail(call, 400, "Invalid input for field/attribute name: only letters, digits and '%s' are allowed",
                        more);
        }
    }
    return true;
}

/* Whose key pairs are meant: an administrator may say so. */
static bool owner(struct call *call, const char *rule, const char *asked, const char **ret_user) {
    struct compute_keypair row = {.user_id = asked ? asked : call->caller.user_id};

    *ret_user = row.user_id;
    return call_allow(call, rule, &resource_compute_keypair, &row);
}

static const char *user_argument(struct call *call) {
    return call->minor >= 10 ? call_argument(call, "user_id") : NULL;
}

static bool find(struct call *call, const char *user, struct compute_keypair **ret_row) {
    const char *name = call_parameter(call, "name");

    return row_first(call, &resource_compute_keypair, "user_id = ? AND name = ?",
                     SQL_ARGS(sql_text(user), sql_text(name)), ret_row) &&
           (*ret_row || fail(call, 404, "Keypair %.255s not found for user %s", name, user));
}

/* What is shown of a key, by itself and when it is made. */
static void write_key(struct call *call, const struct compute_keypair *row) {
    struct json_out *out = &call->out;

    json_put_text(out, "name", row->name);
    json_put_text(out, "public_key", row->public_key);
    json_put_text(out, "fingerprint", row->fingerprint);
    json_put_text(out, "user_id", row->user_id);
    if (call->minor >= 2) {
        json_put_text(out, "type", row->type);
    }
}

bool compute_keypair_show(struct call *call) {
    struct json_out *out = &call->out;
    struct compute_keypair *row;
    const char *user;

    if (!view_arguments(call, 75, "user_id") || !owner(call, RULE "show", user_argument(call), &user)
        || !find(call, user, &row)) {
        return false;
    }
    json_map(out);
    json_key(out, "keypair");
    json_map(out);
    write_key(call, row);
    view_time(out, "created_at", row->created_at, false);
    json_put_bool(out, "deleted", false);
    json_put_null(out, "deleted_at");
    json_put_int(out, "id", row->id);
    json_put_null(out, "updated_at");
    json_map_end(out);
    json_map_end(out);
    return true;
}

bool compute_keypair_delete(struct call *call) {
    struct compute_keypair *row;
    const char *user;

    return view_arguments(call, 75, "user_id") && owner(call, RULE "delete", user_argument(call), &user)
           && find(call, user, &row) && resource_delete(call, &resource_compute_keypair, row);
}

/* ---- list ---- */

/* The page asked for (from 2.35 on): at most '*ret_limit' names after the marker. */
static bool read_page(struct call *call, const char *user, int64_t *ret_limit, const char **ret_marker) {
    *ret_limit = MAX_PAGE;
    *ret_marker = call->minor >= 35 ? call_argument(call, "marker") : NULL;
    if (call->minor >= 35 && !call_argument_count(call, "limit", 0, ret_limit)) {
        return false;
    }
    *ret_limit = *ret_limit < MAX_PAGE ? *ret_limit : MAX_PAGE;
    if (*ret_marker && !call_count(call, "SELECT count(*) FROM compute_keypair WHERE user_id = ? AND name = ?",
                                   SQL_ARGS(sql_text(user), sql_text(*ret_marker)))) {
        return fail(call, 400, "Marker %.255s could not be found.", *ret_marker);
    }
    return true;
}

static void put_next(struct call *call, const char *last, int64_t limit) {
    struct json_out *out = &call->out;
    struct buf url = {0};

    buf_printf(&url, "%s%s?limit=%lld&marker=", call_base_url(call), call->http->raw_path, (long long)limit);
    http_encode(&url, last, "");
    link_put(out, "keypairs_links", "next", url.at);
    buf_release(&url);
}

bool compute_keypair_list(struct call *call) {
    const char *known = "limit|marker|user_id", *user, *marker;
    struct compute_keypair *rows;
    int64_t limit;
    size_t count;

    if (!view_arguments(call, 75, known) || !owner(call, RULE "index", user_argument(call), &user)
        || !read_page(call, user, &limit, &marker)
        || !rows_find(call, &resource_compute_keypair, "user_id = ? AND name > ? ORDER BY name LIMIT ?",
                      SQL_ARGS(sql_text(user), sql_text(marker ? marker : ""), sql_int(limit)), &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "keypairs");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        json_map(&call->out);
        json_key(&call->out, "keypair");
        row_write(call, &resource_compute_keypair, &rows[i], BRIEF, &call->out);
        json_map_end(&call->out);
    }
    json_list_end(&call->out);
    if (count && count == (size_t)limit && call->minor >= 35) {
        put_next(call, rows[count - 1].name, limit);
    }
    json_map_end(&call->out);
    return true;
}

/* ---- create ---- */

static bool import(struct call *call, struct compute_keypair *row) {
    struct ssh_key key;
    const char *error = NULL;

    if (!strcmp(row->type, "x509")) {
        row->fingerprint = x509_fingerprint(call->arena, row->public_key);
        return row->fingerprint || fail(call, 400, "Keypair data is invalid: failed to generate X509 fingerprint");
    }
    if (!ssh_key_parse(call->arena, row->public_key, &key, &error)) {
        return fail(call, 400, "Keypair data is invalid: %s", error);
    }
    row->fingerprint = ssh_key_fingerprint(call->arena, &key);
    return true;
}

static bool generate(struct call *call, struct compute_keypair *row, const char **ret_private) {
    struct key_pair pair;
    bool ok = !strcmp(row->type, "x509") ? x509_key_make(call->arena, row->user_id, &pair)
                                         : ssh_key_make_rsa(call->arena, SSH_KEY_BITS, "Generated-by-Nova", &pair);

    if (!ok) {
        return fail(call, 500, "The key pair could not be made.");
    }
    row->public_key = pair.public_key;
    row->fingerprint = pair.fingerprint;
    *ret_private = pair.private_key;
    return true;
}

static bool store(struct call *call, void *user) {
    struct compute_keypair *row = user;
    int64_t limit = quota_limit(call, &compute, call->caller.project_id, "key_pairs");
    struct value who = sql_text(row->user_id);

    if (call_count(call, "SELECT count(*) FROM compute_keypair WHERE user_id = ? AND name = ?",
                   SQL_ARGS(who, sql_text(row->name)))) {
        return fail(call, 409, "Key pair '%s' already exists.", row->name);
    }
    if (limit >= 0 && call_count(call, "SELECT count(*) FROM compute_keypair WHERE user_id = ?", &who, 1) >= limit) {
        return fail(call, 403, "Quota exceeded, too many key pairs.");
    }
    row->id = call_count(call, "SELECT coalesce(max(id), 0) + 1 FROM compute_keypair", SQL_NO_ARGS);
    return resource_create(call, &resource_compute_keypair, row);
}

static void answer(struct call *call, const struct compute_keypair *row, const char *private_key) {
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "keypair");
    json_map(out);
    write_key(call, row);
    if (private_key) {
        json_put_text(out, "private_key", private_key);
    }
    json_map_end(out);
    json_map_end(out);
}

bool compute_keypair_create(struct call *call) {
    const struct compute_keypair_new *input = call->input;
    struct compute_keypair row;
    const char *private_key = NULL, *user;

    if (!owner(call, RULE "create", input->user_id, &user)) {
        return false;
    }
    if (!input->public_key && call->minor >= 92) {
        return fail(call, 400, "Invalid input: 'public_key' is a required property");
    }
    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_compute_keypair, &row);
    row.user_id = user;
    row.name = input->name;
    row.type = input->type;
    row.public_key = input->public_key;
    if (!(row.public_key ? import(call, &row) : generate(call, &row, &private_key))
        || !call_transaction(call, DB_WRITE, store, &row)) {
        return false;
    }
    answer(call, &row, private_key);
    return true;
}
