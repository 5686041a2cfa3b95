/* SPDX-License-Identifier: Apache-2.0
 * GET /v3/role_assignments: as they were made, or (effective) as they work: groups as their users, inherited ones as the
 * projects below, roles with what they imply. One statement in every case. */
#include <string.h>

#include "http/http.h"
#include "identity/types.h"
#include "rest/service.h"

/* The columns that both forms give. */
enum assignment_column {
    USER, GROUP, TARGET_TYPE, TARGET, ROLE, INHERITED,
    VIA_GROUP, VIA_TARGET, VIA_TARGET_TYPE, VIA_ROLE,
    USER_NAME, USER_DOMAIN, USER_DOMAIN_NAME, GROUP_NAME, GROUP_DOMAIN, GROUP_DOMAIN_NAME,
    TARGET_NAME, TARGET_DOMAIN, TARGET_DOMAIN_NAME, ROLE_NAME, ROLE_DOMAIN, ROLE_DOMAIN_NAME,
};

static const char sql_made[] =
    "WITH g AS (SELECT CASE actor_type WHEN 'user' THEN actor_id END AS user_id,"
    "    CASE actor_type WHEN 'group' THEN actor_id END AS group_id,"
    "    target_type, target_id, role_id, inherited, CAST(NULL AS TEXT) AS via_group, CAST(NULL AS TEXT) AS via_target,"
    "    CAST(NULL AS TEXT) AS via_type, CAST(NULL AS TEXT) AS via_role FROM identity_assignment)";

/* What inherits from where: everything below a target, or, for one project, all that is above it. */
static const char sql_below_all[] =
    "below(root, id) AS (SELECT parent_id, id FROM identity_project"
    "    WHERE parent_id IN (SELECT target_id FROM held WHERE inherited = 1)"
    "  UNION SELECT below.root, p.id FROM below JOIN identity_project p ON p.parent_id = below.id)";
static const char sql_below_one[] =
    "below(root, id) AS (SELECT parent_id, id FROM identity_project WHERE id = ?"
    "  UNION SELECT p.parent_id, below.id FROM below JOIN identity_project p ON p.id = below.root"
    "    WHERE p.parent_id IS NOT NULL)";

/* The first %s narrows down to one user, the second is one of the two above. */
static const char sql_effective[] =
    "WITH RECURSIVE held AS (SELECT * FROM identity_assignment%s), %s,"
    "  implied(prior, id) AS (SELECT id, id FROM identity_role WHERE id IN (SELECT role_id FROM held)"
    "    UNION SELECT implied.prior, r.implied_role_id FROM implied"
    "      JOIN identity_implied_role r ON r.prior_role_id = implied.id),"
    "  g AS (SELECT coalesce(m.user_id, h.actor_id) AS user_id, CAST(NULL AS TEXT) AS group_id,"
    "      CASE WHEN below.id IS NULL THEN h.target_type ELSE 'project' END AS target_type,"
    "      coalesce(below.id, h.target_id) AS target_id, i.id AS role_id, h.inherited AS inherited,"
    "      m.group_id AS via_group, below.root AS via_target,"
    "      CASE WHEN below.id IS NULL THEN NULL ELSE h.target_type END AS via_type,"
    "      CASE WHEN i.id = h.role_id THEN NULL ELSE h.role_id END AS via_role"
    "    FROM held h LEFT JOIN identity_membership m ON h.actor_type = 'group' AND m.group_id = h.actor_id"
    "      LEFT JOIN below ON h.inherited = 1 AND below.root = h.target_id JOIN implied i ON i.prior = h.role_id"
    "      JOIN identity_role own ON own.id = i.id AND own.domain_id IS NULL"
    "    WHERE (h.actor_type = 'user' OR m.user_id IS NOT NULL) AND (h.inherited = 0 OR below.id IS NOT NULL))";

static const char sql_plain[] = " SELECT g.* FROM g";

static const char sql_names[] =
    " SELECT g.*, u.name, u.domain_id, ud.name, gr.name, gr.domain_id, gd.name, p.name, pd.id, pd.name, r.name,"
    "    r.domain_id, rd.name FROM g"
    "  LEFT JOIN identity_user u ON u.id = g.user_id LEFT JOIN identity_project ud ON ud.id = u.domain_id"
    "  LEFT JOIN identity_group gr ON gr.id = g.group_id LEFT JOIN identity_project gd ON gd.id = gr.domain_id"
    "  LEFT JOIN identity_project p ON p.id = g.target_id LEFT JOIN identity_project pd ON pd.id = p.domain_id"
    "  LEFT JOIN identity_role r ON r.id = g.role_id LEFT JOIN identity_project rd ON rd.id = r.domain_id";

static const char sql_subtree[] =
    "g.target_id IN (WITH RECURSIVE tree(id) AS (SELECT CAST(? AS TEXT) UNION SELECT p.id FROM identity_project p"
    "  JOIN tree ON p.parent_id = tree.id) SELECT id FROM tree)";

static const char sql_of_domain[] =
    "(g.target_type = 'domain' AND g.target_id = ? OR"
    " g.target_type = 'project' AND g.target_id IN (SELECT id FROM identity_project WHERE domain_id = ?))";

struct search {
    struct call *call;
    const char *user, *group, *role, *domain, *project, *system;
    bool effective, names, subtree;
    struct buf sql;
    struct value args[16];
    size_t count;
    const char *before;             /* " WHERE ", then " AND " */
};

static void narrow(struct search *s, const char *condition, const char *value) {
    buf_printf(&s->sql, "%s%s", s->before, condition);
    s->before = " AND ";
    for (const char *at = strchr(condition, '?'); at; at = strchr(at + 1, '?')) {
        s->args[s->count++] = sql_text(value);
    }
}

static const char *argument(struct call *call, const char *name) {
    const char *value = call_argument(call, name);

    return value && *value ? value : NULL;
}

static bool read_arguments(struct search *s) {
    struct call *call = s->call;
    const char *inherited = call_argument(call, "scope.OS-INHERIT:inherited_to");

    s->user = argument(call, "user.id");
    s->group = argument(call, "group.id");
    s->role = argument(call, "role.id");
    s->domain = argument(call, "scope.domain.id");
    s->project = argument(call, "scope.project.id");
    s->system = argument(call, "scope.system");
    s->effective = call_argument_true(call, "effective");
    s->names = call_argument_true(call, "include_names");
    s->subtree = call_argument_true(call, "include_subtree");
    if (!!s->domain + !!s->project + !!s->system > 1) {
        return fail(call, 400, "Specify one of scope.domain.id, scope.project.id and scope.system, not several.");
    }
    if (s->user && s->group) {
        return fail(call, 400, "Specify a user or a group, not both.");
    }
    if (s->effective && (s->group || (s->domain && inherited && !strcmp(inherited, "projects")))) {
        return fail(call, 400, "Effective assignments are never of a group, nor inherited ones of a domain: "
                               "the result would always be empty.");
    }
    return !s->subtree || s->project || fail(call, 400, "scope.project.id must be specified with include_subtree.");
}

static void add_conditions(struct search *s) {
    const char *inherited = call_argument(s->call, "scope.OS-INHERIT:inherited_to");

    s->before = " WHERE ";
    if (s->user) {
        narrow(s, "g.user_id = ?", s->user);
    }
    if (s->group) {
        narrow(s, "g.group_id = ?", s->group);
    }
    if (s->role) {
        narrow(s, "g.role_id = ?", s->role);
    }
    if (s->domain) {
        narrow(s, "g.target_type = 'domain' AND g.target_id = ?", s->domain);
    }
    if (s->project) {
        narrow(s, s->subtree ? sql_subtree : "g.target_type = 'project' AND g.target_id = ?", s->project);
    }
    if (s->system) {
        narrow(s, "g.target_type = 'system'", NULL);
    }
    if (inherited) {
        narrow(s, strcmp(inherited, "projects") ? "g.inherited = 0" : "g.inherited = 1", NULL);
    }
    if (s->call->caller.domain_id) {
        narrow(s, sql_of_domain, s->call->caller.domain_id);
    }
}

static void build(struct search *s) {
    bool one_project = s->project && !s->subtree;

    if (!s->effective) {
        buf_text(&s->sql, sql_made);
    } else {
        buf_printf(&s->sql, sql_effective,
                   s->user ? " WHERE actor_id = ? OR actor_id IN"
                             " (SELECT group_id FROM identity_membership WHERE user_id = ?)" : "",
                   one_project ? sql_below_one : sql_below_all);
        s->count = s->user ? 2 : 0;
        s->args[0] = s->args[1] = sql_text(s->user);
        s->args[s->count] = sql_text(s->project);
        s->count += one_project;
    }
    buf_text(&s->sql, s->names ? sql_names : sql_plain);
    add_conditions(s);
    buf_text(&s->sql, " ORDER BY g.target_id, g.user_id, g.group_id, g.role_id");
}

/* {"id": ..., "name": ..., "domain": {...}}; 'at' is the column of the name, before those of the domain. */
static void write_ref(struct search *s, struct rows *rows, const char *key, int id, int at) {
    struct json_out *out = &s->call->out;

    json_key(out, key);
    json_map(out);
    json_put_text(out, "id", rows_text(rows, id));
    if (s->names && at) {
        json_put_text(out, "name", rows_text(rows, at));
        if (rows_text(rows, at + 1)) {
            json_key(out, "domain");
            json_map(out);
            json_put_text(out, "id", rows_text(rows, at + 1));
            json_put_text(out, "name", rows_text(rows, at + 2));
            json_map_end(out);
        }
    }
    json_map_end(out);
}

static void write_scope(struct search *s, struct rows *rows) {
    struct json_out *out = &s->call->out;
    const char *type = rows_text(rows, TARGET_TYPE);

    json_key(out, "scope");
    json_map(out);
    if (!strcmp(type, "system")) {
        json_put_raw(out, "system", "{\"all\": true}");
    } else {
        write_ref(s, rows, type, TARGET, TARGET_NAME);
    }
    if (rows_int(rows, INHERITED)) {
        json_put_text(out, "OS-INHERIT:inherited_to", "projects");
    }
    json_map_end(out);
}

/* The path of the assignment that was made, of which this row is an effect. */
static void write_links(struct search *s, struct rows *rows) {
    struct json_out *out = &s->call->out;
    struct arena *arena = s->call->arena;
    const char *base = arena_printf(arena, "%s/identity/v3", call_base_url(s->call));
    const char *user = rows_text(rows, USER), *group = rows_text(rows, VIA_GROUP), *prior = rows_text(rows, VIA_ROLE);
    const char *via = rows_text(rows, VIA_TARGET), *type = rows_text(rows, via ? VIA_TARGET_TYPE : TARGET_TYPE);
    bool inherited = rows_int(rows, INHERITED), by_user = user && !group;
    const char *where = !strcmp(type, "system") ? "/system"
                        : arena_printf(arena, "/%ss/%s", type, via ? via : rows_text(rows, TARGET));
    const char *actor = by_user ? user : group ? group : rows_text(rows, GROUP), *role = rows_text(rows, ROLE);

    json_key(out, "links");
    json_map(out);
    json_put_text(out, "assignment",
                  arena_printf(arena, "%s%s%s/%s/%s/roles/%s%s", base, inherited ? "/OS-INHERIT" : "", where,
                               by_user ? "users" : "groups", actor, prior ? prior : role,
                               inherited ? "/inherited_to_projects" : ""));
    if (group) {
        json_put_text(out, "membership", arena_printf(arena, "%s/groups/%s/users/%s", base, group, user));
    }
    if (prior) {
        json_put_text(out, "prior_role", arena_printf(arena, "%s/prior_role/%s/implies/%s", base, prior, role));
    }
    json_map_end(out);
}

static void write_row(struct search *s, struct rows *rows) {
    json_map(&s->call->out);
    write_ref(s, rows, "role", ROLE, ROLE_NAME);
    if (rows_text(rows, USER)) {
        write_ref(s, rows, "user", USER, USER_NAME);
    } else {
        write_ref(s, rows, "group", GROUP, GROUP_NAME);
    }
    write_scope(s, rows);
    write_links(s, rows);
    json_map_end(&s->call->out);
}

/* Of a tree the rule is asked about the project at its root. */
static bool may_list(struct call *call) {
    const char *id = call_argument(call, "scope.project.id");
    struct identity_project *root = NULL;

    if (!call_argument_true(call, "include_subtree")) {
        return call_allow(call, "identity:list_role_assignments", NULL, NULL);
    }
    if (id && *id && !row_find(call, &resource_identity_project, id, &root)) {
        return fail(call, 404, "Could not find project: %s.", id);
    }
    return call_allow(call, "identity:list_role_assignments_for_tree", &resource_identity_project, root);
}

bool identity_assignment_list(struct call *call) {
    struct search s = {.call = call};
    struct json_out *out = &call->out;
    struct rows *rows;

    if (!may_list(call) || !read_arguments(&s)) {
        return false;
    }
    build(&s);
    json_map(out);
    json_key(out, "role_assignments");
    json_list(out);
    rows = db_query(call->db, s.sql.at, s.args, s.count);
    while (rows_next(rows)) {
        write_row(&s, rows);
    }
    rows_end(rows);
    buf_release(&s.sql);
    json_list_end(out);
    page_identity(call, call->resource, &(struct page){0}, out);
    json_map_end(out);
    return db_failure(call->db) == DB_OK || fail_database(call);
}
