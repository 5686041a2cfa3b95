/* SPDX-License-Identifier: Apache-2.0
 * Metadata definitions: what no declaration says of namespaces and of what they hold. */
#include <string.h>

#include "http/http.h"
#include "image/parts.h"

/* What a namespace holds: how it stands in the namespace's own document. */
static const struct held {
    const struct resource *resource;
    size_t slot;                /* of struct image_namespace: its JSON */
    unsigned view;              /* of each */
    bool map;                   /* by name, else a list */
    bool listed;                /* in lists of namespaces too */
} helds[] = {
    {&resource_image_association, offsetof(struct image_namespace, resource_type_associations), READ, .listed = true},
    {&resource_image_property, offsetof(struct image_namespace, properties), BRIEF, .map = true},
    {&resource_image_object, offsetof(struct image_namespace, objects), READ},
    {&resource_image_metadef_tag, offsetof(struct image_namespace, tags), BRIEF},
};

enum { HELDS = sizeof helds / sizeof *helds };

static const char **held_json(const struct held *held, struct image_namespace *row) {
    return (const char **)((char *)row + held->slot);
}

static const char **namespace_of(const struct resource *resource, void *row) {
    return (const char **)((char *)row + resource_field(resource, "namespace")->offset);
}

void image_write_metadef_link(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct image_namespace *space = pointer;
    const struct image_object *object = pointer;
    bool of_space = field == resource_field(&resource_image_namespace, field->name);

    if (!strcmp(field->name, "schema")) {
        json_text(out, of_space ? "/v2/schemas/metadefs/namespace" : "/v2/schemas/metadefs/object");
    } else if (of_space) {
        json_text(out, arena_printf(call->arena, "/v2/metadefs/namespaces/%s", space->namespace));
    } else {
        json_text(out, arena_printf(call->arena, "/v2/metadefs/namespaces/%s/objects/%s", object->namespace, object->name));
    }
}

/* ---- what a property may be ---- */

static const struct json *parsed(struct call *call, const char *text) {
    return text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;
}

/* One thing that is held, out of its JSON; in a map its name is the key. */
static bool held_parse(struct call *call, const struct resource *resource, const struct json *item, void *row) {
    uint64_t given[MAX_FIELDS / 64] = {0};
    struct json whole = *item, name = {.type = JSON_TEXT, .key = "name", .text = item->key, .next = item->first};

    if (item->type != JSON_MAP) {
        return fail(call, 400, "Invalid input: a %s is an object", resource->singular);
    }
    if (item->key && !json_get(item, "name")) {
        name.count = (uint32_t)strlen(item->key);
        whole.first = &name;
        whole.count++;
    }
    return input_parse(call, resource, &whole, CREATE, row, given);
}

bool image_check_properties(struct call *call, const struct field *field, void *slot) {
    const struct json *map = parsed(call, *(const char **)slot);

    for (JSON_EACH(item, map)) {
        struct image_property row = {0};

        if (!held_parse(call, &resource_image_property, item, &row)) {
            return false;
        }
    }
    return true;
}

/* ---- what a namespace holds ---- */

static bool held_create(struct call *call, const struct held *held, const char *space, const char *json) {
    const struct json *all = parsed(call, json);

    if (all && all->type != (held->map ? JSON_MAP : JSON_LIST)) {
        return fail(call, 400, "Invalid input: %s are %s", held->resource->plural, held->map ? "an object" : "a list");
    }
    for (JSON_EACH(item, all)) {
        void *row = arena_alloc(call->arena, held->resource->size);

        if (!held_parse(call, held->resource, item, row)) {
            return false;
        }
        *namespace_of(held->resource, row) = space;
        if (!resource_create(call, held->resource, row)) {
            return false;
        }
    }
    return true;
}

static const char *with_prefix(struct call *call, const char *json, const char *prefix) {
    const struct json *all = parsed(call, json);
    struct buf text = {0};
    struct json_out out = {.buf = &text};
    const char *made;

    if (all->type == JSON_MAP) {
        json_map(&out);
    } else {
        json_list(&out);
    }
    for (JSON_EACH(item, all)) {
        if (all->type == JSON_MAP) {
            json_key(&out, arena_printf(call->arena, "%s%s", prefix, item->key));
            json_tree(&out, item);
        } else {
            json_text(&out, arena_printf(call->arena, "%s%s", prefix, item->text));
        }
    }
    if (all->type == JSON_MAP) {
        json_map_end(&out);
    } else {
        json_list_end(&out);
    }
    made = arena_text(call->arena, text.at);
    buf_release(&text);
    return made;
}

/* The rows that 'space' holds, of 'count' sorted by name of their namespaces, as JSON; null when there are none. */
static const char *held_write(struct call *call, const struct held *held, char *rows, size_t count, const char *space,
                              const char *prefix) {
    struct buf text = {0};
    struct json_out out = {.buf = &text};
    const char *made = NULL;

    for (size_t i = 0; i < count; i++) {
        void *row = rows + i * held->resource->size;
        const char *name = row_key(held->resource, row);
        struct image_object *object = held->resource == &resource_image_object ? row : NULL;

        if (strcmp(*namespace_of(held->resource, row), space) != 0) {
            continue;
        }
        if (!text.size && held->map) {
            json_map(&out);
        } else if (!text.size) {
            json_list(&out);
        }
        if (held->map) {
            json_key(&out, prefix ? arena_printf(call->arena, "%s%s", prefix, name) : name);
        }
        if (object && prefix) {
            object->properties = with_prefix(call, object->properties, prefix);
            object->required = with_prefix(call, object->required, prefix);
        }
        row_write(call, held->resource, row, held->view, &out);
    }
    if (text.size && held->map) {
        json_map_end(&out);
    } else if (text.size) {
        json_list_end(&out);
    }
    if (text.size) {
        made = arena_text_size(call->arena, text.at, text.size);
    }
    buf_release(&text);
    return made;
}

static const char *prefix_for(struct call *call, const struct image_namespace *row) {
    const char *type = call_argument(call, "resource_type");
    struct image_association *found = NULL;

    if (type && !row_first(call, &resource_image_association, "namespace = ? AND name = ?",
                           SQL_ARGS(sql_text(row->namespace), sql_text(type)), &found)) {
        return NULL;
    }
    return found ? found->prefix : NULL;
}

bool image_namespace_expand(struct call *call, void *pointer, size_t count) {
    struct image_namespace *rows = pointer;
    bool list = call->operation->run == op_list;
    const char *prefix = call->operation->run == op_show ? prefix_for(call, rows) : NULL;
    struct value *names = ARENA_ARRAY(call->arena, struct value, count);
    const char *where = "namespace IN (?";

    for (size_t i = 0; i < count; i++) {
        names[i] = sql_text(rows[i].namespace);
        where = i ? arena_printf(call->arena, "%s, ?", where) : where;
    }
    for (size_t k = 0; k < HELDS; k++) {
        char *found;
        size_t n;

        if (list && !helds[k].listed) {
            continue;
        }
        if (!rows_find(call, helds[k].resource, arena_printf(call->arena, "%s) ORDER BY name", where), names, count, &found,
                       &n)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            *held_json(&helds[k], &rows[i]) = held_write(call, &helds[k], found, n, rows[i].namespace, prefix);
        }
    }
    return true;
}

bool image_namespace_list(struct call *call, struct query *query) {
    const char *types = call_argument(call, "resource_types"), *word, *marks = "";
    struct value args[32];
    size_t count = 0, size;

    while (types && *types && count < 32) {
        size = strcspn(types, ",");
        word = arena_text_size(call->arena, types, size);
        args[count++] = sql_text(word);
        marks = arena_printf(call->arena, "%s%s?", marks, *marks ? ", " : "");
        types += size + (types[size] == ',');
    }
    if (count) {
        query_where(query, arena_printf(call->arena, "EXISTS (SELECT 1 FROM image_association a WHERE a.namespace ="
                                        " image_namespace.namespace AND a.name IN (%s))", marks), args, count);
    }
    return true;
}

/* ---- namespaces ---- */

static bool name_free(struct call *call, const char *name) {
    return !call_count(call, "SELECT count(*) FROM image_namespace WHERE namespace = ?", SQL_ARGS(sql_text(name))) ||
           fail(call, 409, "There is a namespace %s already.", name);
}

bool image_namespace_on_create(struct call *call, void *pointer) {
    struct image_namespace *row = pointer;

    if (!name_free(call, row->namespace)) {
        return false;
    }
    for (size_t i = 0; i < HELDS; i++) {
        if (!held_create(call, &helds[i], row->namespace, *held_json(&helds[i], row))) {
            return false;
        }
    }
    return true;
}

bool image_namespace_on_update(struct call *call, const void *before, void *pointer) {
    const struct image_namespace *old = before;
    struct image_namespace *row = pointer;

    if (!strcmp(old->namespace, row->namespace)) {
        return true;
    }
    for (size_t i = 0; i < HELDS; i++) {
        if (!call_exec(call, arena_printf(call->arena, "UPDATE %s SET namespace = ? WHERE namespace = ?", helds[i].resource->table),
                       SQL_ARGS(sql_text(row->namespace), sql_text(old->namespace)))) {
            return false;
        }
    }
    return name_free(call, row->namespace);
}

static bool unprotected(struct call *call, const struct image_namespace *row) {
    return !row->protected || fail(call, 403, "Namespace %s is protected: nothing of it can be deleted.", row->namespace);
}

static bool clear(struct call *call, const struct resource *resource, const struct image_namespace *row) {
    return call_exec(call, arena_printf(call->arena, "DELETE FROM %s WHERE namespace = ?", resource->table),
                     SQL_ARGS(sql_text(row->namespace)));
}

bool image_namespace_on_delete(struct call *call, void *row) {
    for (size_t i = 0; i < HELDS; i++) {
        if (!clear(call, helds[i].resource, row)) {
            return false;
        }
    }
    return unprotected(call, row);
}

/* ---- each of what they hold ---- */

/* The namespace that the path names, when the caller sees it. */
static struct image_namespace *parent(struct call *call) {
    struct image_namespace *row = NULL;

    row_get(call, &resource_image_namespace, call_parameter(call, "namespace"), &row);
    return row;
}

bool image_metadef_clear(struct call *call) {
    const struct image_namespace *row = parent(call);

    return row && call_allow(call, "delete_metadef_namespace", &resource_image_namespace, row) && unprotected(call, row) &&
           clear(call, call->resource, row);
}

bool image_metadef_on_delete(struct call *call, void *row) {
    const struct image_namespace *space = parent(call);

    return space && unprotected(call, space);
}

const char *image_metadef_attribute(struct call *call, const void *row, const char *name) {
    struct image_namespace *space;

    return row_find(call, &resource_image_namespace, row_attribute(call, call->resource, row, "namespace"), &space)
               ? row_attribute(call, &resource_image_namespace, space, name) : NULL;
}

bool image_property_list(struct call *call) {
    struct image_namespace *row = parent(call);

    if (!row || !call_allow(call, call->operation->policy, &resource_image_namespace, row) ||
        !image_namespace_expand(call, row, 1)) {
        return false;
    }
    json_map(&call->out);
    json_put_raw(&call->out, "properties", row->properties ? row->properties : "{}");
    json_map_end(&call->out);
    return true;
}

/* With ?resource_type the property is asked for by the name that it has there. */
bool image_property_show(struct call *call) {
    const struct image_namespace *row = parent(call);
    const char *type = call_argument(call, "resource_type"), *prefix = row ? prefix_for(call, row) : NULL;
    struct parameter *name = &call->parameters[call->parameter_count - 1];

    if (row && type && (!prefix || strncmp(name->value, prefix, strlen(prefix)) != 0)) {
        return fail(call, 404, "Property %.255s has no name that begins as those for %.255s do.", name->value, type);
    }
    name->value += prefix ? strlen(prefix) : 0;
    return row && op_show(call);
}

/* The path says it all: a body is not looked at. */
bool image_metadef_tag_add(struct call *call) {
    const struct image_namespace *row = parent(call);
    struct image_metadef_tag *tag = ARENA_NEW(call->arena, struct image_metadef_tag);
    const char *name = call_parameter(call, "name");
    const struct json value = {.type = JSON_TEXT, .text = name, .count = (uint32_t)strlen(name)};

    row_defaults(call, &resource_image_metadef_tag, tag);
    if (!row || !input_value(call, resource_field(&resource_image_metadef_tag, "name"), &value, &tag->name)) {
        return false;
    }
    tag->namespace = row->namespace;
    return resource_create(call, &resource_image_metadef_tag, tag) && row_respond(call, &resource_image_metadef_tag, tag);
}

bool image_metadef_tags_add(struct call *call) {
    const struct image_metadef_tags *input = call->input;
    const struct image_namespace *row = parent(call);
    struct image_metadef_tag *tags = input->tags.at;
    const char *append = http_header(call->http, "X-Openstack-Append");

    if (!row || (!(append && !strcasecmp(append, "true")) && !clear(call, &resource_image_metadef_tag, row))) {
        return false;
    }
    for (size_t i = 0; i < input->tags.count; i++) {
        tags[i].namespace = row->namespace;
        if (!resource_create(call, &resource_image_metadef_tag, &tags[i])) {
            return false;
        }
    }
    return rows_respond(call, &resource_image_metadef_tag, tags, input->tags.count);
}

/* ---- resource types ---- */

static bool type_known(struct call *call, const char *name) {
    struct image_resource_type *row;

    if (row_find(call, &resource_image_resource_type, name, &row)) {
        return true;
    }
    row = ARENA_NEW(call->arena, struct image_resource_type);
    row_defaults(call, &resource_image_resource_type, row);
    row->name = name;
    return !call->error && resource_create(call, &resource_image_resource_type, row);
}

bool image_association_on_create(struct call *call, void *row) {
    return type_known(call, ((struct image_association *)row)->name);
}

bool image_metadef_bootstrap(struct call *call) {
    static const char *const types[] = {"OS::Cinder::Volume", "OS::Glance::Image", "OS::Nova::Aggregate", "OS::Nova::Flavor",
                                        "OS::Nova::Server",   "OS::Trove::Instance"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!type_known(call, types[i])) {
            return false;
        }
    }
    return true;
}
