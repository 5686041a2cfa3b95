/* SPDX-License-Identifier: Apache-2.0
 * Domains and projects beyond their declarations: where they may stand in the tree, and what ends with them. */
#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "identity/assignment.h"
#include "identity/catalog.h"
#include "identity/federation.h"
#include "identity/forget.h"
#include "identity/identity.h"
#include "identity/options.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"

enum { MAX_ANCESTORS = 5 };     /* the domain and four projects */

/* A project and all above it: one '?', its id. */
#define SQL_UP \
    "WITH RECURSIVE up(id) AS (SELECT id FROM identity_project WHERE id = ? UNION SELECT p.parent_id FROM identity_project p" \
    "  JOIN up ON p.id = up.id WHERE p.parent_id IS NOT NULL)"
/* All below a project: one '?', its id. */
#define SQL_DOWN \
    "WITH RECURSIVE down(id) AS (SELECT id FROM identity_project WHERE parent_id = ?" \
    "  UNION SELECT p.id FROM identity_project p JOIN down ON p.parent_id = down.id)"

/* ---- names ---- */

/* Spaces around a name are no part of it, and it is not made of them alone. */
bool identity_name_check(struct call *call, const struct field *field, void *slot) {
    const char **text = slot, *at = *text;
    size_t size;

    while (isspace((unsigned char)*at)) {
        at++;
    }
    size = strlen(at);
    while (size && isspace((unsigned char)at[size - 1])) {
        size--;
    }
    if (!size) {
        return fail(call, 400, "Invalid input for field/attribute %s: it must not be empty", field_json_name(field));
    }
    *text = arena_text_size(call->arena, at, size);
    return true;
}

/* ---- creating ---- */

static bool create_acting_as_domain(struct call *call, struct identity_project *project) {
    if (project->parent_id || (project->domain_id && *project->domain_id)) {
        return fail(call, 400, "Only root projects are allowed to act as domains: they have no parent and no domain.");
    }
    project->domain_id = "";
    return true;
}

static const char *caller_domain(const struct call *call) {
    return call->caller.domain_id           ? call->caller.domain_id
           : call->caller.project_domain_id ? call->caller.project_domain_id
                                            : "default";
}

static bool check_place(struct call *call, const struct identity_project *project) {
    struct value parent = sql_text(project->parent_id);

    if (call_count(call, SQL_UP " SELECT count(*) FROM up JOIN identity_project p ON p.id = up.id WHERE p.enabled = 0",
                   SQL_ARGS(parent))) {
        return fail(call, 400, "Cannot create a project in a branch containing a disabled project.");
    }
    if (call_count(call, SQL_UP " SELECT count(*) FROM up", SQL_ARGS(parent)) > MAX_ANCESTORS) {
        return fail(call, 403, "Max hierarchy depth reached for %s branch.", project->parent_id);
    }
    return true;
}

static bool create_below(struct call *call, struct identity_project *project) {
    struct identity_project *parent = NULL, *domain;

    if (project->parent_id && !row_find(call, &resource_identity_project, project->parent_id, &parent)) {
        return fail(call, 400, "Could not find project: %s.", project->parent_id);
    }
    if (!project->domain_id) {
        project->domain_id = !parent ? caller_domain(call) : parent->is_domain ? parent->id : parent->domain_id;
    }
    if (!row_find(call, &resource_identity_project, project->domain_id, &domain) || !domain->is_domain) {
        return fail(call, 400, "Could not find domain: %s.", project->domain_id);
    }
    if (parent && strcmp(parent->is_domain ? parent->id : parent->domain_id, domain->id) != 0) {
        return fail(call, 400, "Cannot create project, since it specifies its domain_id %s, but a parent in a different "
                               "domain.", domain->id);
    }
    if (!parent) {
        project->parent_id = domain->id;
    }
    return check_place(call, project);
}

bool identity_project_create(struct call *call, void *pointer) {
    struct identity_project *project = pointer;

    project->options = options_merged(call, NULL, project->options);
    return project->is_domain ? create_acting_as_domain(call, project) : create_below(call, project);
}

bool identity_domain_create(struct call *call, void *pointer) {
    struct identity_domain *domain = pointer;

    domain->options = options_merged(call, NULL, domain->options);
    domain->id = domain->explicit_domain_id ? domain->explicit_domain_id : domain->id;
    return true;
}

/* ---- changing ---- */

/* What domains and projects have alike: their tokens end when they are disabled. */
static bool change(struct call *call, const char *what, const char *id, const char *old_options, const char **options,
                   bool was_enabled, bool enabled, int64_t *tokens_from) {
    if (!immutable_update(call, what, id, old_options)) {
        return false;
    }
    *options = options_merged(call, old_options, *options);
    if (was_enabled && !enabled) {
        *tokens_from = clock_now();
        token_revoked_by(call, what, id);
    }
    identity_changed(call);
    return true;
}

bool identity_domain_update(struct call *call, const void *before, void *pointer) {
    const struct identity_domain *old = before;
    struct identity_domain *domain = pointer;

    return change(call, "domain", old->id, old->options, &domain->options, old->enabled, domain->enabled,
                  &domain->tokens_from);
}

static bool check_enabled(struct call *call, const struct identity_project *old, const struct identity_project *project) {
    if (!old->enabled && project->enabled && !project->is_domain &&
        call_count(call, SQL_UP " SELECT count(*) FROM up JOIN identity_project p ON p.id = up.id WHERE p.enabled = 0",
                   SQL_ARGS(sql_text(old->parent_id)))) {
        return fail(call, 403, "Cannot enable project %s since it has disabled parents.", old->id);
    }
    if (old->enabled && !project->enabled && !project->is_domain &&
        call_count(call, SQL_DOWN " SELECT count(*) FROM down JOIN identity_project p ON p.id = down.id WHERE p.enabled = 1",
                   SQL_ARGS(sql_text(old->id)))) {
        return fail(call, 403, "Cannot disable project %s since its subtree contains enabled projects.", old->id);
    }
    return true;
}

bool identity_project_update(struct call *call, const void *before, void *pointer) {
    const struct identity_project *old = before;
    struct identity_project *project = pointer;

    if (strcmp(old->parent_id ? old->parent_id : "", project->parent_id ? project->parent_id : "") != 0) {
        return fail(call, 403, "Update of `parent_id` is not allowed.");
    }
    return check_enabled(call, old, project) &&
           change(call, "project", old->id, old->options, &project->options, old->enabled, project->enabled,
                  &project->tokens_from);
}

/* ---- deleting ---- */

static bool delete_domain(struct call *call, const char *id, bool enabled, const char *options) {
    if (enabled) {
        return fail(call, 403, "Cannot delete a domain that is enabled, please disable it first.");
    }
    return immutable_delete(call, "domain", id, options) && providers_forget(call, id) && forget_domain(call, id);
}

bool identity_domain_delete(struct call *call, void *pointer) {
    const struct identity_domain *domain = pointer;

    return delete_domain(call, domain->id, domain->enabled, domain->options);
}

bool identity_project_delete(struct call *call, void *pointer) {
    const struct identity_project *project = pointer;

    if (project->is_domain) {
        return delete_domain(call, project->id, project->enabled, project->options);
    }
    if (!immutable_delete(call, "project", project->id, project->options)) {
        return false;
    }
    if (call_count(call, "SELECT count(*) FROM identity_project WHERE parent_id = ?", SQL_ARGS(sql_text(project->id)))) {
        return fail(call, 403, "Cannot delete the project %s since it is not a leaf in the hierarchy.", project->id);
    }
    return forget(call, "project", "?", project->id);
}

/* ---- lists ---- */

bool identity_domain_list(struct call *call, struct query *query) {
    if (strcmp(call->operation->path, "/v3/domains") != 0) {
        struct condition mine = domains_of(call, call->caller.user_id, call->caller.token);

        query_where(query, mine.sql, mine.args, mine.count);
        query_where(query, "enabled = 1", SQL_NO_ARGS);
    }
    return true;
}

static bool list_projects_of(struct call *call, struct query *query) {
    const char *user = call_parameter(call, "user_id");
    struct identity_user *found;
    struct condition of;

    if (user && !path_row(call, "user", &found)) {
        return false;
    }
    of = projects_of(call, user ? user : call->caller.user_id, user ? NULL : call->caller.token);
    query_where(query, of.sql, of.args, of.count);
    if (!user) {
        query_where(query, "enabled = 1", SQL_NO_ARGS);
    }
    return true;
}

bool identity_project_list(struct call *call, struct query *query) {
    if (!call_argument(call, "is_domain")) {
        query_where(query, "is_domain = 0", SQL_NO_ARGS);
    }
    if (call_parameter(call, "endpoint_id") || call_parameter(call, "endpoint_group_id")) {
        return list_projects_of_endpoint(call, query);
    }
    if (strcmp(call->operation->path, "/v3/projects") != 0) {
        return list_projects_of(call, query);
    }
    if (call->caller.domain_id) {
        query_where(query, "domain_id = ?", SQL_ARGS(sql_text(call->caller.domain_id)));
    }
    return project_tags_filter(call, query);
}

bool identity_project_exists(struct call *call, const char *project_id) {
    struct identity_project *project;

    return row_find(call, &resource_identity_project, project_id, &project);
}

/* ---- parents and subtree in a project's show ---- */

void identity_project_domain(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    const struct identity_project *project = row;

    json_text(out, project->is_domain ? NULL : project->domain_id);
}

/* [{"project": {...}}, ...] of those among 'ids' (SQL with one '?') where the caller has a role. */
static const char *as_list(struct call *call, const char *ids, const char *id) {
    struct condition mine = projects_of(call, call->caller.user_id, call->caller.token);
    const char *where = arena_printf(call->arena, "id <> ? AND id IN (%s) AND %s ORDER BY id", ids, mine.sql);
    struct value *args = ARENA_ARRAY(call->arena, struct value, mine.count + 2);
    struct identity_project *rows;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    size_t count;

    args[0] = args[1] = sql_text(id);
    memcpy(args + 2, mine.args, mine.count * sizeof *args);
    rows_find(call, &resource_identity_project, where, args, mine.count + 2, &rows, &count);
    json_list(&out);
    for (size_t i = 0; i < count; i++) {
        json_map(&out);
        json_key(&out, "project");
        row_write(call, &resource_identity_project, &rows[i], READ, &out);
        json_map_end(&out);
    }
    json_list_end(&out);
    return buf_taken(&buf, call->arena);
}

/* {"parent": {"its parent": null}} */
static const char *parents_as_ids(struct call *call, const struct identity_project *project) {
    const char *text = "null", *ids[MAX_ANCESTORS + 1];
    size_t count = 0;

    while (project->parent_id && count <= MAX_ANCESTORS) {
        struct identity_project *parent;

        ids[count++] = project->parent_id;
        if (!row_find(call, &resource_identity_project, project->parent_id, &parent)) {
            break;
        }
        project = parent;
    }
    while (count) {
        text = arena_printf(call->arena, "{\"%s\": %s}", ids[--count], text);
    }
    return text;
}

struct edge {
    const char *id, *parent;
};

/* {"child": {"its child": null}, ...} of the edges below 'id', which are sorted by nothing. */
static void write_below(struct json_out *out, const struct edge *edges, size_t count, const char *id, int depth) {
    bool any = false;

    for (size_t i = 0; i < count && depth <= MAX_ANCESTORS; i++) {
        if (!strcmp(edges[i].parent, id)) {
            if (!any) {
                json_map(out);
            }
            any = true;
            json_key(out, edges[i].id);
            write_below(out, edges, count, edges[i].id, depth + 1);
        }
    }
    if (any) {
        json_map_end(out);
    } else {
        json_null(out);
    }
}

static const char *subtree_as_ids(struct call *call, const char *id) {
    struct rows *rows = db_query(call->db, SQL_DOWN " SELECT p.id, p.parent_id FROM identity_project p JOIN down"
                                                    " ON down.id = p.id ORDER BY p.id", SQL_ARGS(sql_text(id)));
    struct edge *edges = NULL;
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    size_t count = 0;

    while (rows_next(rows)) {
        edges = arena_grow(call->arena, edges, count, sizeof *edges);
        edges[count++] = (struct edge){arena_text(call->arena, rows_text(rows, 0)),
                                       arena_text(call->arena, rows_text(rows, 1))};
    }
    rows_end(rows);
    write_below(&out, edges, count, id, 0);
    return buf_taken(&buf, call->arena);
}

bool identity_project_expand(struct call *call, void *rows, size_t count) {
    struct identity_project *project = rows;
    bool up_list = call_argument_true(call, "parents_as_list"), up_ids = call_argument_true(call, "parents_as_ids");
    bool down_list = call_argument_true(call, "subtree_as_list"), down_ids = call_argument_true(call, "subtree_as_ids");

    if (call->operation->run != op_show || !(up_list || up_ids || down_list || down_ids)) {
        return true;
    }
    if ((up_list && up_ids) || (down_list && down_ids)) {
        return fail(call, 400, "Cannot use %s_as_list and %s_as_ids query params at the same time.",
                    up_list && up_ids ? "parents" : "subtree", up_list && up_ids ? "parents" : "subtree");
    }
    project->parents = up_list  ? as_list(call, SQL_UP " SELECT id FROM up", project->id)
                       : up_ids ? parents_as_ids(call, project) : NULL;
    project->subtree = down_list  ? as_list(call, SQL_DOWN " SELECT id FROM down", project->id)
                       : down_ids ? subtree_as_ids(call, project->id) : NULL;
    return true;
}
