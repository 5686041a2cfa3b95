/* SPDX-License-Identifier: Apache-2.0
 * Quota sets and quota classes. A limit is a row of the engine's; that of the class "default" stands under the project
 * '', and one of a user under PROJECT/USER. */
#include "compute/quota.h"

#include <stdlib.h>
#include <string.h>

#include "compute/compute.h"
#include "compute/types.h"
#include "compute/view.h"
#include "identity/identity.h"

#define SUM_OF(COLUMN) \
    "SELECT coalesce(sum(" COLUMN "), 0) FROM compute_server WHERE project_id = ? AND deleted = 0"

const struct quota compute_quotas[] = {
    {"instances", 10, "SELECT count(*) FROM compute_server WHERE project_id = ? AND deleted = 0"},
    {"cores", 20, SUM_OF("vcpus")},
    {"ram", 51200, SUM_OF("memory")},
    {"fixed_ips", -1, NULL},
    {"floating_ips", -1, NULL},
    {"metadata_items", 128, NULL},
    {"injected_files", 5, NULL},
    {"injected_file_content_bytes", 10240, NULL},
    {"injected_file_path_bytes", 255, NULL},
    {"security_groups", -1, NULL},
    {"security_group_rules", -1, NULL},
    {"key_pairs", 100, NULL},
    {"server_groups", 10, "SELECT count(*) FROM compute_server_group WHERE project_id = ?"},
    {"server_group_members", 10, NULL},
    {NULL, 0, NULL},
};

enum { MAX_QUOTAS = sizeof compute_quotas / sizeof *compute_quotas };

static bool word_of(const char *const *words, const char *name) {
    while (*words && strcmp(*words, name) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool of_network(const char *name) {
    return word_of((const char *const[]){"fixed_ips", "floating_ips", "security_groups", "security_group_rules", NULL},
                   name);
}

bool quota_in_version(const struct call *call, const char *name) {
    return !(call->minor >= 36 && of_network(name)) && !(call->minor >= 57 && !strncmp(name, "injected_", 9));
}

/* Classes lost and gained names at other versions. */
static bool class_in_version(const struct call *call, const char *name) {
    if (call->minor < 50) {
        return strncmp(name, "server_group", 12) != 0;
    }
    return !of_network(name) && !(call->minor >= 57 && !strncmp(name, "injected_", 9));
}

/* ---- whose ---- */

static bool may(struct call *call, const char *rule, const char *project) {
    struct compute_quota_set row = {.project_id = project};

    return call_allow(call, rule, &resource_compute_quota_set, &row);
}

static bool begin(struct call *call, const char *rule, const char **ret_project) {
    const char *project = *ret_project = call_parameter(call, "id");

    if (!may(call, rule, project) || !view_arguments(call, 75, "user_id")) {
        return false;
    }
    return identity_project_exists(call, project) ||
           fail(call, 400, "Project ID %.64s is not a valid project.", project);
}

/* The name under which limits of the project, or of the user that the query names, are kept. */
static const char *holder(struct call *call, const char *project) {
    const char *user = call_argument(call, "user_id");

    return user && *user ? arena_printf(call->arena, "%s/%s", project, user) : project;
}

/* A user without a limit of its own has the project's. */
static int64_t limit_of(struct call *call, const char *project, const char *name) {
    const char *who = holder(call, project);
    int64_t whole = quota_limit(call, &compute, project, name);

    return who == project
               ? whole
               : db_query_int(
                     call->db,
                     "SELECT quota_limit FROM rest_quota WHERE service = 'compute' AND project_id = ? AND name = ?",
                     SQL_ARGS(sql_text(who), sql_text(name)), whole);
}

/* ---- show ---- */

static void answer_begin(struct call *call, const char *key, const char *id) {
    json_map(&call->out);
    json_key(&call->out, key);
    json_map(&call->out);
    if (id) {
        json_put_text(&call->out, "id", id);
    }
}

static bool answer_end(struct call *call) {
    json_map_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static bool answer_limits(struct call *call, const char *id, const char *project) {
    answer_begin(call, "quota_set", id);
    for (const struct quota *q = compute_quotas; q->name; q++) {
        if (quota_in_version(call, q->name)) {
            json_put_int(&call->out, q->name, limit_of(call, project, q->name));
        }
    }
    return answer_end(call);
}

bool compute_quota_show(struct call *call) {
    const char *project;

    return begin(call, "os_compute_api:os-quota-sets:show", &project) && answer_limits(call, project, project);
}

bool compute_quota_detail(struct call *call) {
    const char *project;

    if (!begin(call, "os_compute_api:os-quota-sets:detail", &project)) {
        return false;
    }
    answer_begin(call, "quota_set", project);
    for (const struct quota *q = compute_quotas; q->name; q++) {
        if (quota_in_version(call, q->name)) {
            json_key(&call->out, q->name);
            json_map(&call->out);
            json_put_int(&call->out, "in_use", quota_used(call, &compute, project, q->name));
            json_put_int(&call->out, "limit", limit_of(call, project, q->name));
            json_put_int(&call->out, "reserved", 0);
            json_map_end(&call->out);
        }
    }
    return answer_end(call);
}

bool compute_quota_defaults(struct call *call) {
    const char *project = call_parameter(call, "id");

    if (!identity_project_exists(call, project)) {
        return fail(call, 400, "Project ID %.64s is not a valid project.", project);
    }
    answer_begin(call, "quota_set", project);
    for (const struct quota *q = compute_quotas; q->name; q++) {
        if (quota_in_version(call, q->name)) {
            json_put_int(&call->out, q->name, quota_limit(call, &compute, "", q->name));
        }
    }
    return answer_end(call);
}

/* ---- update ---- */

static bool read_limit(struct call *call, const struct json *item, int64_t *ret_limit) {
    long long limit = 0;
    char *end = NULL;

    if (item->type == JSON_TEXT) {
        limit = strtoll(item->text, &end, 10);
    } else if (item->type == JSON_INT) {
        limit = item->integer;
    }
    if ((item->type != JSON_INT && item->type != JSON_TEXT) || (end && (end == item->text || *end)) || limit < -1
        || limit > INT32_MAX) {
        return fail(call, 400, "Invalid input for field/attribute %.80s: an integer from -1 to %d is expected",
                    item->key, INT32_MAX);
    }
    *ret_limit = limit;
    return true;
}

static const struct quota *known(struct call *call, const char *name,
                                 bool (*in_version)(const struct call *, const char *)) {
    const struct quota *q = compute_quotas;

    while (q->name && (strcmp(q->name, name) != 0 || !in_version(call, name))) {
        q++;
    }
    if (!q->name) {
        fail(call, 400, "Additional properties are not allowed ('%.80s' was unexpected)", name);
    }
    return q->name ? q : NULL;
}

static const struct json *wrapped(struct call *call, const char *key) {
    const struct json *body = json_get(call->body, key);

    if (!body || body->type != JSON_MAP || call->body->count != 1) {
        fail(call, 400, "Invalid input: '%s' is a required property, and the only one", key);
        return NULL;
    }
    return body;
}

static bool is_forced(const struct json *body) {
    const struct json *force = json_get(body, "force");

    return force && (force->type == JSON_TRUE
                     || (force->type == JSON_TEXT && strchr("1tTyY", *force->text) && *force->text));
}

static bool set_one(struct call *call, const char *project, const struct json *item, bool forced) {
    const struct quota *quota;
    int64_t limit, used;

    if (!strcmp(item->key, "force")) {
        return json_is_bool(item) || item->type == JSON_TEXT
               || fail(call, 400, "Invalid input for field/attribute force: it is not of type 'boolean'");
    }
    quota = known(call, item->key, quota_in_version);
    if (!quota || !read_limit(call, item, &limit)) {
        return false;
    }
    used = forced || limit < 0 ? 0 : quota_used(call, &compute, project, quota->name);
    if (limit >= 0 && limit < used) {
        return fail(call, 400,
                    "Quota limit %lld for %s must be greater than or equal to already used and reserved %lld.",
                    (long long)limit, quota->name, (long long)used);
    }
    return quota_set(call, &compute, holder(call, project), quota->name, limit);
}

bool compute_quota_update(struct call *call) {
    const char *project;
    const struct json *body;

    if (!begin(call, "os_compute_api:os-quota-sets:update", &project) || !(body = wrapped(call, "quota_set"))) {
        return false;
    }
    for (JSON_EACH(item, body)) {
        if (!set_one(call, project, item, is_forced(body))) {
            return false;
        }
    }
    return answer_limits(call, NULL, project);
}

bool compute_quota_delete(struct call *call) {
    const char *project = call_parameter(call, "id");

    return may(call, "os_compute_api:os-quota-sets:delete", project) && view_arguments(call, 75, "user_id")
           && quota_reset(call, &compute, holder(call, project));
}

/* ---- classes ---- */

static const char *class_holder(struct call *call, const char *name) {
    return strcmp(name, "default") ? arena_printf(call->arena, "class:%s", name) : "";
}

static bool answer_class(struct call *call, const char *id, const char *holder_name) {
    answer_begin(call, "quota_class_set", id);
    for (const struct quota *q = compute_quotas; q->name; q++) {
        if (class_in_version(call, q->name)) {
            json_put_int(&call->out, q->name, quota_limit(call, &compute, holder_name, q->name));
        }
    }
    return answer_end(call);
}

bool compute_quota_class_show(struct call *call) {
    const char *name = call_parameter(call, "id");

    return answer_class(call, name, class_holder(call, name));
}

bool compute_quota_class_update(struct call *call) {
    const char *name = call_parameter(call, "id"), *who = class_holder(call, name);
    const struct json *body = wrapped(call, "quota_class_set");

    if (!body || !*name || strlen(name) > 255) {
        return body && fail(call, 400, "The name of a quota class has 1 to 255 characters.");
    }
    for (JSON_EACH(item, body)) {
        const struct quota *quota = known(call, item->key, class_in_version);
        int64_t limit;

        if (!quota || !read_limit(call, item, &limit) || !quota_set(call, &compute, who, quota->name, limit)) {
            return false;
        }
    }
    return answer_class(call, NULL, who);
}
