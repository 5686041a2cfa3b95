/* SPDX-License-Identifier: Apache-2.0
 * Mapping rules applied to assertions. Values of an assertion are kept as lists all the way, so that no value can be
 * taken for several, whatever stands in it. */
#include "identity/mapping.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/regex.h"

enum { MAX_PATTERN = 1024, MAX_SEARCHES = 1000, MAX_VALUES = 1000, MAX_RESULTS = 1000 };

struct values {
    const char **at;
    size_t count;
};

struct state {
    struct arena *arena;
    const struct json *assertion;
    struct values direct[64];       /* what {0}, {1}, ... of the rule stand for */
    size_t direct_count;
    int searches;                   /* done so far */
    struct mapped *mapped;
    bool any;                       /* a rule fitted */
    const char *error;
};

static bool wrong(struct state *s, const char *format, const char *what) {
    s->error = s->error ? s->error : arena_printf(s->arena, format, what);
    return false;
}

static void add(struct state *s, struct values *values, const char *text) {
    if (values->count < MAX_VALUES) {
        values->at = arena_grow(s->arena, values->at, values->count, sizeof *values->at);
        values->at[values->count++] = text;
    }
}

/* ---- remote: does the rule fit? ---- */

const struct json *mapping_attribute(const struct json *assertion, const char *name) {
    const struct json *found = json_get(assertion, name);

    for (JSON_EACH(item, assertion)) {
        found = !found && item->key && !strcasecmp(item->key, name) ? item : found;
    }
    return found;
}

static struct values values_of(struct state *s, const char *name) {
    const struct json *found = mapping_attribute(s->assertion, name);
    struct values values = {0};

    if (found && found->type == JSON_TEXT) {
        add(s, &values, found->text);
    }
    for (JSON_EACH(item, found && found->type == JSON_LIST ? found : NULL)) {
        if (item->type == JSON_TEXT) {
            add(s, &values, item->text);
        }
    }
    return values;
}

static bool is_one_of(struct state *s, const struct json *list, bool regex, const char *value) {
    for (JSON_EACH(item, list)) {
        enum regex_result result;

        if (item->type != JSON_TEXT) {
            continue;
        }
        if (!regex) {
            if (!strcmp(item->text, value)) {
                return true;
            }
            continue;
        }
        result = strlen(item->text) > MAX_PATTERN || ++s->searches > MAX_SEARCHES ? REGEX_BAD
                                                                                  : regex_match(item->text, value, 1);
        if (result == REGEX_BAD) {
            return wrong(s, "the pattern '%.64s' is not valid, or takes too long", item->text);
        }
        if (result == REGEX_YES) {
            return true;
        }
    }
    return false;
}

/* The values that are (or are not) in the list. */
static struct values filter(struct state *s, const struct values *values, const struct json *list, bool regex, bool wanted) {
    struct values left = {0};

    for (size_t i = 0; !s->error && i < values->count; i++) {
        if (is_one_of(s, list, regex, values->at[i]) == wanted) {
            add(s, &left, values->at[i]);
        }
    }
    return left;
}

/* A condition asks without giving a value; all else gives what is left of its values. */
static bool requirement_holds(struct state *s, const struct json *remote) {
    const char *type = json_get_text(remote, "type");
    const struct json *any = json_get(remote, "any_one_of"), *none = json_get(remote, "not_any_of"),
                      *black = json_get(remote, "blacklist"), *white = json_get(remote, "whitelist");
    bool regex = json_get_bool(remote, "regex");
    struct values values = {0};

    if (type) {
        values = values_of(s, type);
    }
    if (!values.count) {
        return false;
    }
    if (any || none) {
        return (filter(s, &values, any ? any : none, regex, true).count > 0) == (any != NULL) && !s->error;
    }
    if (black || white) {
        values = filter(s, &values, black ? black : white, regex, !black);
    }
    if (s->direct_count == sizeof s->direct / sizeof *s->direct) {
        return wrong(s, "a rule has more than %s values", "64");
    }
    s->direct[s->direct_count++] = values;
    return !s->error;
}

static bool rule_fits(struct state *s, const struct json *rule) {
    s->direct_count = 0;
    for (JSON_EACH(remote, json_get(rule, "remote"))) {
        if (!requirement_holds(s, remote)) {
            return false;
        }
    }
    return true;
}

/* ---- local: texts with {0}, {1}, ... ---- */

enum fill { FILLED, EMPTY, BAD };      /* EMPTY: a value that is asked for has nothing left */

/* One value as it is; several as Python shows a list, which is what Keystone's users are called then. */
static void put_values(struct buf *buf, const struct values *values) {
    if (values->count == 1) {
        buf_text(buf, values->at[0]);
        return;
    }
    for (size_t i = 0; i < values->count; i++) {
        char quote = strchr(values->at[i], '\'') && !strchr(values->at[i], '"') ? '"' : '\'';

        buf_text(buf, i ? ", " : "[");
        buf_char(buf, quote);
        for (const char *c = values->at[i]; *c; c++) {
            if (*c == quote || *c == '\\') {
                buf_char(buf, '\\');
            }
            buf_char(buf, *c);
        }
        buf_char(buf, quote);
    }
    buf_char(buf, ']');
}

/* Reads "N}" after a brace; moves *at behind it. False when that is not what stands there. */
static bool read_number(const char **at, size_t *ret_number) {
    char *end;

    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    *ret_number = strtoul(*at, &end, 10);
    if (*end != '}') {
        return false;
    }
    *at = end + 1;
    return true;
}

static enum fill fill_into(struct state *s, const char *text, struct buf *buf) {
    const char *whole = text;
    size_t number;

    while (*text) {
        char c = *text++;

        if (c != '{' && c != '}') {
            buf_char(buf, c);
        } else if (*text == c) {
            buf_char(buf, c);
            text++;
        } else if (c == '}' || !read_number(&text, &number)) {
            wrong(s, "'%.64s' has a brace that is no part of {number}", whole);
            return BAD;
        } else if (number >= s->direct_count) {
            wrong(s, "'%.64s' has the number of a value that the rule does not give", whole);
            return BAD;
        } else if (!s->direct[number].count) {
            return EMPTY;
        } else {
            put_values(buf, &s->direct[number]);
        }
    }
    return FILLED;
}

/* Null when the text is absent, has an empty value, or is wrong (then s->error). */
static const char *fill(struct state *s, const char *text) {
    struct buf buf = {0};
    const char *filled = NULL;

    if (text && fill_into(s, text, &buf) == FILLED) {
        filled = arena_text_size(s->arena, buf.at ? buf.at : "", buf.size);
    }
    buf_release(&buf);
    return filled;
}

static struct mapped_domain domain_of(struct state *s, const struct json *local) {
    const struct json *domain = json_get(local, "domain");

    return (struct mapped_domain){.id = fill(s, json_get_text(domain, "id")), .name = fill(s, json_get_text(domain, "name"))};
}

/* ---- local: its parts ---- */

/* The first user counts. */
static void map_user(struct state *s, const struct json *user) {
    struct mapped *m = s->mapped;
    const char *type = fill(s, json_get_text(user, "type"));

    if (!user || m->user_id || m->user_name || m->email || m->domain.id || m->domain.name) {
        return;
    }
    m->user_id = fill(s, json_get_text(user, "id"));
    m->user_name = fill(s, json_get_text(user, "name"));
    m->email = fill(s, json_get_text(user, "email"));
    m->domain = domain_of(s, user);
    m->local = type && !strcmp(type, "local");
}

static void add_group_id(struct state *s, const char *id) {
    struct mapped *m = s->mapped;

    for (size_t i = 0; i < m->group_id_count; i++) {
        if (!strcmp(m->group_ids[i], id)) {
            return;
        }
    }
    if (m->group_id_count < MAX_RESULTS) {
        m->group_ids = arena_grow(s->arena, m->group_ids, m->group_id_count, sizeof *m->group_ids);
        m->group_ids[m->group_id_count++] = id;
    }
}

static void add_group(struct state *s, const char *name, struct mapped_domain domain) {
    struct mapped *m = s->mapped;

    if (name && (domain.id || domain.name) && m->group_count < MAX_RESULTS) {
        m->groups = arena_grow(s->arena, m->groups, m->group_count, sizeof *m->groups);
        m->groups[m->group_count++] = (struct mapped_group){.name = name, .domain = domain};
    }
}

static void map_group(struct state *s, const struct json *group) {
    const char *id = fill(s, json_get_text(group, "id"));

    if (id) {
        add_group_id(s, id);
    } else {
        add_group(s, fill(s, json_get_text(group, "name")), domain_of(s, group));
    }
}

/* "['a', "b"]": a list as rules write it themselves. False when the text is no such list. */
static bool read_list(struct state *s, const char *text, struct values *ret) {
    const char *at = text + 1 + strspn(text + 1, " ");
    struct values values = {0};

    while (*at == '\'' || *at == '"') {
        const char *end = strchr(at + 1, *at);

        if (!end) {
            return false;
        }
        add(s, &values, arena_text_size(s->arena, at + 1, (size_t)(end - at - 1)));
        at = end + 1 + strspn(end + 1, " ");
        if (*at != ',') {
            break;
        }
        at += 1 + strspn(at + 1, " ");
    }
    *ret = values;
    return at[0] == ']' && !at[1];
}

/* The names of "groups" or "group_ids": the values when the text is {0} alone, a list, or one text. A value of the
 * assertion is never read as a list. */
static struct values names_of(struct state *s, const char *text) {
    struct values values = {0};
    const char *at = text + 1, *filled;
    size_t number;

    if (*text == '{' && read_number(&at, &number) && !*at && number < s->direct_count) {
        return s->direct[number];
    }
    if (*text == '[' && !strchr(text, '{') && read_list(s, text, &values)) {
        return values;
    }
    values.count = 0;
    filled = fill(s, text);
    if (filled) {
        add(s, &values, filled);
    }
    return values;
}

/* Without a domain beside it each value is a group itself, as another Keystone asserts it: JSON:{"name":...}. */
static void add_asserted_group(struct state *s, const char *text) {
    const struct json *group = !strncmp(text, "JSON:", 5) ? json_parse(s->arena, text + 5, strlen(text + 5), NULL) : NULL;
    const struct json *domain = json_get(group, "domain");

    if (!json_get_text(group, "name") || (!json_get_text(domain, "id") && !json_get_text(domain, "name"))) {
        wrong(s, "'groups' needs a 'domain' beside it, or values that say theirs: '%.64s'", text);
        return;
    }
    add_group(s, json_get_text(group, "name"),
              (struct mapped_domain){.id = json_get_text(domain, "id"), .name = json_get_text(domain, "name")});
}

static void map_groups(struct state *s, const struct json *local) {
    const char *groups = json_get_text(local, "groups"), *ids = json_get_text(local, "group_ids");
    struct values names = {0};

    if (groups) {
        struct mapped_domain domain = domain_of(s, local);

        names = names_of(s, groups);
        for (size_t i = 0; i < names.count; i++) {
            if (json_get(local, "domain")) {
                add_group(s, names.at[i], domain);
            } else {
                add_asserted_group(s, names.at[i]);
            }
        }
    }
    if (ids) {
        names = names_of(s, ids);
        for (size_t i = 0; i < names.count; i++) {
            add_group_id(s, names.at[i]);
        }
    }
}

/* The last rule's projects count. */
static void map_projects(struct state *s, const struct json *projects) {
    struct mapped *m = s->mapped;

    m->project_count = 0;
    for (JSON_EACH(item, projects)) {
        struct mapped_project project = {.name = fill(s, json_get_text(item, "name"))};

        for (JSON_EACH(role, json_get(item, "roles"))) {
            const char *name = fill(s, json_get_text(role, "name"));

            if (name && project.role_count < MAX_RESULTS) {
                project.roles = arena_grow(s->arena, project.roles, project.role_count, sizeof *project.roles);
                project.roles[project.role_count++] = name;
            }
        }
        if (project.name && m->project_count < MAX_RESULTS) {
            m->projects = arena_grow(s->arena, m->projects, m->project_count, sizeof *m->projects);
            m->projects[m->project_count++] = project;
        }
    }
}

bool mapping_apply(struct arena *arena, const struct json *rules, const struct json *assertion, struct mapped *ret_mapped,
                   const char **ret_error) {
    struct state *s = ARENA_NEW(arena, struct state);

    *ret_mapped = (struct mapped){0};
    *s = (struct state){.arena = arena, .assertion = assertion, .mapped = ret_mapped};
    for (JSON_EACH(rule, rules)) {
        if (!rule_fits(s, rule)) {
            continue;
        }
        for (JSON_EACH(local, json_get(rule, "local"))) {
            s->any = true;
            map_user(s, json_get(local, "user"));
            map_group(s, json_get(local, "group"));
            map_groups(s, local);
            if (json_get(local, "projects")) {
                map_projects(s, json_get(local, "projects"));
            }
        }
    }
    if (!s->any) {
        wrong(s, "no rule %s the assertion", "fits");
    }
    *ret_error = s->error;
    return !s->error;
}

/* ---- what can be told without an assertion ---- */

static void find_bad_pattern(struct state *s, const struct json *remote) {
    static const char *const lists[] = {"any_one_of", "not_any_of", "blacklist", "whitelist"};

    for (size_t i = 0; json_get_bool(remote, "regex") && i < 4; i++) {
        for (JSON_EACH(item, json_get(remote, lists[i]))) {
            if (item->type != JSON_TEXT) {
                wrong(s, "a pattern of '%.64s' is no text", json_get_text(remote, "type"));
            } else if (strlen(item->text) > MAX_PATTERN || regex_match(item->text, "", 1) == REGEX_BAD) {
                wrong(s, "'%.64s' is not a valid pattern", item->text);
            }
        }
    }
}

static void find_bad_text(struct state *s, const struct json *node) {
    if (node->type == JSON_TEXT) {
        fill(s, node->text);
    }
    for (JSON_EACH(child, node)) {
        find_bad_text(s, child);
    }
}

const char *mapping_flaw(struct arena *arena, const struct json *rules) {
    struct state *s = ARENA_NEW(arena, struct state);
    static const char *one[] = {"x"};

    s->arena = arena;
    for (JSON_EACH(rule, rules)) {
        const struct json *local = json_get(rule, "local");

        s->direct_count = 0;
        for (JSON_EACH(remote, json_get(rule, "remote"))) {
            find_bad_pattern(s, remote);
            if (!json_get(remote, "any_one_of") && !json_get(remote, "not_any_of") &&
                s->direct_count < sizeof s->direct / sizeof *s->direct) {
                s->direct[s->direct_count++] = (struct values){.at = one, .count = 1};
            }
        }
        if (local) {
            find_bad_text(s, local);
        }
    }
    return s->error;
}

/* ---- showing it ---- */

static void write_domain(const struct mapped_domain *domain, struct json_out *out) {
    json_key(out, "domain");
    json_map(out);
    if (domain->id) {
        json_put_text(out, "id", domain->id);
    }
    if (domain->name) {
        json_put_text(out, "name", domain->name);
    }
    json_map_end(out);
}

static void write_user(const struct mapped *mapped, struct json_out *out) {
    const struct {
        const char *key, *value;
    } texts[] = {{"id", mapped->user_id}, {"name", mapped->user_name}, {"email", mapped->email}};

    json_key(out, "user");
    json_map(out);
    for (size_t i = 0; i < 3; i++) {
        if (texts[i].value) {
            json_put_text(out, texts[i].key, texts[i].value);
        }
    }
    if (mapped->domain.id || mapped->domain.name) {
        write_domain(&mapped->domain, out);
    }
    json_put_text(out, "type", mapped->local ? "local" : "ephemeral");
    json_map_end(out);
}

void mapped_write(const struct mapped *mapped, struct json_out *out) {
    json_map(out);
    write_user(mapped, out);
    json_key(out, "group_ids");
    json_list(out);
    for (size_t i = 0; i < mapped->group_id_count; i++) {
        json_text(out, mapped->group_ids[i]);
    }
    json_list_end(out);
    json_key(out, "group_names");
    json_list(out);
    for (size_t i = 0; i < mapped->group_count; i++) {
        json_map(out);
        json_put_text(out, "name", mapped->groups[i].name);
        write_domain(&mapped->groups[i].domain, out);
        json_map_end(out);
    }
    json_list_end(out);
    json_key(out, "projects");
    json_list(out);
    for (size_t i = 0; i < mapped->project_count; i++) {
        json_map(out);
        json_put_text(out, "name", mapped->projects[i].name);
        json_key(out, "roles");
        json_list(out);
        for (size_t j = 0; j < mapped->projects[i].role_count; j++) {
            json_map(out);
            json_put_text(out, "name", mapped->projects[i].roles[j]);
            json_map_end(out);
        }
        json_list_end(out);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
}
