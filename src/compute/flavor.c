/* SPDX-License-Identifier: Apache-2.0
 * Flavors beyond their declaration: the filters of lists, and who may use one that is not public. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "compute/types.h"
#include "compute/view.h"
#include "identity/identity.h"
#include "rest/service.h"

bool compute_flavor_check_id(struct call *call, const struct field *field, void *slot) {
    const char *id = *(const char **)slot;

    if (!id) {
        return true;
    }
    for (const char *at = id; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr(". _-", *at)) {
            return fail(call, 400,
                        "Invalid input for field/attribute id: it may have letters, digits, spaces, and . _ -");
        }
    }
    if (!*id || id[0] == ' ' || id[strlen(id) - 1] == ' ') {
        return fail(call, 400, "Invalid input for field/attribute id: it is empty, or begins or ends with a space");
    }
    return true;
}

bool compute_flavor_check_factor(struct call *call, const struct field *field, void *slot) {
    double factor = *(double *)slot;

    return (factor > 0 && factor < 3.40282e+38)
           || fail(call, 400, "Invalid input for field/attribute rxtx_factor: %g is out of range", factor);
}

void compute_flavor_swap(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    const struct compute_flavor *flavor = row;

    if (flavor->swap || call->minor >= 75) {
        json_int(out, flavor->swap);
    } else {
        json_text(out, "");
    }
}

void compute_flavor_links(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    view_links(call, "flavors", ((const struct compute_flavor *)row)->id, out);
}

/* Flavors belong to nobody: rules that ask for a project mean the caller's own. */
const char *compute_flavor_attribute(struct call *call, const void *row, const char *name) {
    return !strcmp(name, "project_id") ? call->caller.project_id : NULL;
}

/* Extra specs are shown to whom they may be listed. */
bool compute_flavor_expand(struct call *call, void *rows, size_t count) {
    struct compute_flavor *flavors = rows;

    if (call->minor < 61 || call->operation->method != HTTP_GET
        || call_allowed(call, "os_compute_api:os-flavor-extra-specs:index", NULL, NULL)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        flavors[i].extra_specs = NULL;
    }
    return true;
}

/* ---- lists ---- */

static bool at_least(struct call *call, struct query *query, const char *argument, const char *sql) {
    const char *text = call_argument(call, argument);
    char *end;
    long long value;

    if (!text) {
        return true;
    }
    value = strtoll(text, &end, 10);
    if (end == text || *end) {
        return fail(call, 400, "Invalid %s filter [%.80s]", argument, text);
    }
    query_where(query, sql, SQL_ARGS(sql_int(value)));
    return true;
}

/* An administrator may ask for those that are not public, or ("none") for all. */
static bool publicity(struct call *call, struct query *query) {
    const char *text = call_argument(call, "is_public");

    if (!call->caller.admin) {
        query_where(query, "disabled = 0", SQL_NO_ARGS);
        return true;
    }
    if (!text || !strcasecmp(text, "true") || !strcmp(text, "1") || !strcasecmp(text, "yes") || !strcasecmp(text, "t")
        || !strcasecmp(text, "on") || !strcasecmp(text, "y")) {
        return true;
    }
    query_all_projects(query, true);
    if (!strcasecmp(text, "none")) {
        return true;
    }
    if (strcasecmp(text, "false") && strcmp(text, "0") && strcasecmp(text, "no") && strcasecmp(text, "f")
        && strcasecmp(text, "off") && strcasecmp(text, "n")) {
        return fail(call, 400, "Invalid is_public filter [%.80s]", text);
    }
    query_where(query, "is_public = 0", SQL_NO_ARGS);
    return true;
}

/* Nova's words for what may be sorted by, and the columns. */
static bool sorting(struct call *call, struct query *query) {
    static const char *const keys[][2] = {
        {"flavorid", "id"},       {"memory_mb", "ram"},          {"root_gb", "disk"},
        {"id", "created_at"},     {"ephemeral_gb", "ephemeral"}, {"is_public", "is_public"},
        {"disabled", "disabled"}, {"vcpu_weight", "vcpus"},      {"name", "name"},
        {"vcpus", "vcpus"},       {"swap", "swap"},              {"rxtx_factor", "rxtx_factor"},
        {"description", "description"}, {"created_at", "created_at"}, {"updated_at", "updated_at"},
    };
    const char *key = call_argument(call, "sort_key"), *direction = call_argument(call, "sort_dir");

    if (direction && strcmp(direction, "asc") && strcmp(direction, "desc")) {
        return fail(call, 400, "Invalid input for query parameters sort_dir: '%.80s' is not one of ['asc', 'desc']",
                    direction);
    }
    query_take(query, "sort_key");
    query_take(query, "sort_dir");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!strcmp(key ? key : "flavorid", keys[i][0])) {
            query_order(query, arena_printf(call->arena, "%s%s", keys[i][1],
                                            direction && *direction == 'd' ? " DESC" : ""));
            return true;
        }
    }
    return fail(call, 400, "Invalid input for query parameters sort_key: '%.80s'", key);
}

bool compute_flavor_list(struct call *call, struct query *query) {
    query_take(query, "minRam");
    query_take(query, "minDisk");
    query_take(query, "is_public");
    return view_arguments(call, 75, "limit|marker|is_public|minRam|minDisk|sort_key|sort_dir") && publicity(call, query)
           && sorting(call, query) && at_least(call, query, "minRam", "ram >= ?")
           && at_least(call, query, "minDisk", "disk >= ?");
}

/* ---- changes ---- */

bool compute_flavor_create(struct call *call, void *row) {
    struct compute_flavor *flavor = row, *other;

    flavor->id = flavor->id ? flavor->id : id_uuid(call->arena);
    if (!row_first(call, &resource_compute_flavor, "id = ? OR name = ?",
                   SQL_ARGS(sql_text(flavor->id), sql_text(flavor->name)), &other)) {
        return false;
    }
    return !other || fail(call, 409, "Flavor with %s %s already exists.", strcmp(other->id, flavor->id) ? "name" : "ID",
                          strcmp(other->id, flavor->id) ? flavor->name : flavor->id);
}

bool compute_flavor_update(struct call *call, const void *old, void *row) {
    return call_given(call, "description") || fail(call, 400, "Invalid input: 'description' is a required property");
}

bool compute_flavor_delete(struct call *call, void *row) {
    const struct compute_flavor *flavor = row;

    return call_exec(call, "DELETE FROM compute_flavor_access WHERE flavor_id = ?", SQL_ARGS(sql_text(flavor->id)));
}

/* ---- access ---- */

static bool answer_access(struct call *call, const struct compute_flavor *flavor) {
    struct rows *rows =
        db_query(call->db, "SELECT project_id FROM compute_flavor_access WHERE flavor_id = ? ORDER BY 1",
                 SQL_ARGS(sql_text(flavor->id)));

    json_map(&call->out);
    json_key(&call->out, "flavor_access");
    json_list(&call->out);
    while (rows_next(rows)) {
        json_map(&call->out);
        json_put_text(&call->out, "flavor_id", flavor->id);
        json_put_text(&call->out, "tenant_id", rows_text(rows, 0));
        json_map_end(&call->out);
    }
    rows_end(rows);
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static bool has_access(struct call *call, const char *flavor, const char *project) {
    return call_count(call, "SELECT count(*) FROM compute_flavor_access WHERE flavor_id = ? AND project_id = ?",
                      SQL_ARGS(sql_text(flavor), sql_text(project))) > 0;
}

bool compute_flavor_show_access(struct call *call) {
    struct compute_flavor *flavor;

    if (!row_get(call, &resource_compute_flavor, call_parameter(call, "flavor_id"), &flavor)) {
        return false;
    }
    return flavor->is_public ? fail(call, 404, "Access list not available for public flavors.")
                             : answer_access(call, flavor);
}

bool compute_flavor_add_access(struct call *call) {
    struct compute_flavor *flavor;
    const struct compute_flavor_tenant *input = call->input;

    if (!identity_project_exists(call, input->tenant)) {
        return fail(call, 400, "Project ID %s is not a valid project.", input->tenant);
    }
    if (!row_get(call, &resource_compute_flavor, call_parameter(call, "flavor_id"), &flavor)) {
        return false;
    }
    if (flavor->is_public && call->minor >= 7) {
        return fail(call, 409, "Can not add access to a public flavor.");
    }
    if (has_access(call, flavor->id, input->tenant)) {
        return fail(call, 409, "Flavor access already exists for flavor %s and project %s combination.", flavor->id,
                    input->tenant);
    }
    return row_insert(call, &resource_compute_flavor_access,
                      &(struct compute_flavor_access){.flavor_id = flavor->id, .project_id = input->tenant})
           && answer_access(call, flavor);
}

bool compute_flavor_remove_access(struct call *call) {
    struct compute_flavor *flavor;
    const struct compute_flavor_tenant *input = call->input;

    if (!row_get(call, &resource_compute_flavor, call_parameter(call, "flavor_id"), &flavor)) {
        return false;
    }
    if (!has_access(call, flavor->id, input->tenant)) {
        return fail(call, 404, "Flavor access not found for %s / %s combination.", flavor->id, input->tenant);
    }
    return row_delete(call, &resource_compute_flavor_access,
                      &(struct compute_flavor_access){.flavor_id = flavor->id, .project_id = input->tenant})
           && answer_access(call, flavor);
}
