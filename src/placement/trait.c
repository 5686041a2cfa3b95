/* SPDX-License-Identifier: Apache-2.0
 * /traits and /resource_classes. */
#include <string.h>

#include "http/http.h"
#include "placement/standard.h"
#include "placement/types.h"
#include "rest/call.h"

static const char *name_parameter(const struct call *call) {
    const char *name = call_parameter(call, "name");

    return name ? name : "";
}

/* name=in:A,B or name=startswith:CUSTOM_ */
static bool name_wanted(struct call *call, const char *filter, const char *name) {
    if (!filter) {
        return true;
    }
    if (!strncmp(filter, "startswith:", 11)) {
        return !strncmp(name, filter + 11, strlen(filter + 11));
    }
    if (!strncmp(filter, "in:", 3)) {
        for (const char **each = list_split(call, filter + 3); *each; each++) {
            if (!strcmp(*each, name)) {
                return true;
            }
        }
    }
    return false;
}

static bool associated(struct call *call, const char *name) {
    return call_count(call, "SELECT count(*) FROM placement_provider_trait WHERE trait = ?", SQL_ARGS(sql_text(name))) > 0;
}

static void put_trait(struct call *call, const char *name) {
    const char *only = call_argument(call, "associated");

    if (name_wanted(call, call_argument(call, "name"), name) &&
        (!only || associated(call, name) == (only[0] == 't' || only[0] == 'T' || only[0] == '1'))) {
        json_text(&call->out, name);
    }
}

bool placement_traits_list(struct call *call) {
    struct placement_trait *rows;
    size_t count;

    if (!rows_find(call, &resource_placement_trait, "1 = 1 ORDER BY name", SQL_NO_ARGS, &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "traits");
    json_list(&call->out);
    for (const char *const *name = standard_traits(); *name; name++) {
        put_trait(call, *name);
    }
    for (size_t i = 0; i < count; i++) {
        put_trait(call, rows[i].name);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool placement_trait_show(struct call *call) {
    return trait_exists(call, name_parameter(call)) ||
           fail(call, 404, "No such trait(s): %.255s.", name_parameter(call));
}

bool placement_trait_put(struct call *call) {
    const char *name = name_parameter(call);

    if (!name_is_custom(name)) {
        return fail(call, 400, "The trait is invalid. A valid trait must begin with prefix \"CUSTOM_\" and have only"
                               " upper-case letters, digits and \"_\".");
    }
    call_header(call, "Location", arena_printf(call->arena, "%s/placement/traits/%s", call_base_url(call), name));
    if (trait_exists(call, name)) {
        call->status = 204;
        return true;
    }
    return row_insert(call, &resource_placement_trait, &(struct placement_trait){.name = name});
}

bool placement_trait_delete(struct call *call) {
    const char *name = name_parameter(call);

    if (trait_is_standard(name)) {
        return fail(call, 400, "Cannot delete standard trait %s.", name);
    }
    if (!trait_exists(call, name)) {
        return fail(call, 404, "No such trait(s): %.255s.", name);
    }
    if (associated(call, name)) {
        return fail(call, 409, "The trait %s is in use by a resource provider.", name);
    }
    return row_delete(call, &resource_placement_trait, &(struct placement_trait){.name = name});
}

/* ---- resource classes ---- */

static void write_class(struct call *call, const char *name) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "name", name);
    link_put(out, "links", "self", arena_printf(call->arena, "/placement/resource_classes/%s", name));
    json_map_end(out);
}

bool placement_classes_list(struct call *call) {
    struct placement_class *rows;
    size_t count;

    if (!rows_find(call, &resource_placement_class, "1 = 1 ORDER BY name", SQL_NO_ARGS, &rows, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "resource_classes");
    json_list(&call->out);
    for (const char *const *name = standard_classes(); *name; name++) {
        write_class(call, *name);
    }
    for (size_t i = 0; i < count; i++) {
        write_class(call, rows[i].name);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

static bool make_class(struct call *call, const char *name) {
    if (!name_is_custom(name)) {
        return fail(call, 400, "JSON does not validate: '%s' does not match '^CUSTOM\\_[A-Z0-9_]+$'", name);
    }
    call_header(call, "Location", arena_printf(call->arena, "%s/placement/resource_classes/%s", call_base_url(call), name));
    return row_insert(call, &resource_placement_class, &(struct placement_class){.name = name});
}

bool placement_class_post(struct call *call) {
    const struct placement_class *given = call->input;

    if (class_exists(call, given->name)) {
        return fail(call, 409, "Conflicting resource class already exists: %s", given->name);
    }
    return make_class(call, given->name);
}

static bool known_class(struct call *call, const char *name) {
    return class_exists(call, name) || fail(call, 404, "No such resource class: %.255s.", name);
}

bool placement_class_show(struct call *call) {
    const char *name = name_parameter(call);

    if (!known_class(call, name)) {
        return false;
    }
    write_class(call, name);
    return true;
}

bool placement_class_put(struct call *call) {
    const char *name = name_parameter(call);

    if (class_exists(call, name)) {
        return true;
    }
    call->status = 201;
    return make_class(call, name);
}

bool placement_class_rename(struct call *call) {
    const struct placement_class *given = call->input;
    const char *name = name_parameter(call);

    if (!known_class(call, name)) {
        return false;
    }
    if (class_is_standard(name)) {
        return fail(call, 400, "Cannot update standard resource class %s", name);
    }
    if (!name_is_custom(given->name)) {
        return fail(call, 400, "JSON does not validate: '%s' does not match '^CUSTOM\\_[A-Z0-9_]+$'", given->name);
    }
    write_class(call, given->name);
    return call_exec(call, "UPDATE placement_class SET name = ? WHERE name = ?",
                     SQL_ARGS(sql_text(given->name), sql_text(name))) &&
           call_exec(call, "UPDATE placement_inventory SET resource_class = ? WHERE resource_class = ?",
                     SQL_ARGS(sql_text(given->name), sql_text(name))) &&
           call_exec(call, "UPDATE placement_allocation SET resource_class = ? WHERE resource_class = ?",
                     SQL_ARGS(sql_text(given->name), sql_text(name)));
}

bool placement_class_delete(struct call *call) {
    const char *name = name_parameter(call);

    if (!known_class(call, name)) {
        return false;
    }
    if (class_is_standard(name)) {
        return fail(call, 400, "Cannot delete standard resource class %s", name);
    }
    if (call_count(call, "SELECT count(*) FROM placement_inventory WHERE resource_class = ?", SQL_ARGS(sql_text(name)))) {
        return fail(call, 409, "Cannot delete resource class %s: it is in use by inventory.", name);
    }
    return row_delete(call, &resource_placement_class, &(struct placement_class){.name = name});
}
