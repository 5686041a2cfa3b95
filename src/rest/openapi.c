/* SPDX-License-Identifier: Apache-2.0
 * OpenAPI 3.1 out of the declarations: each operation with its policy and versions, each resource as a schema. */
#include "rest/openapi.h"

#include <ctype.h>
#include <string.h>

#include "rest/cloud.h"
#include "rest/resource.h"
#include "rest/service.h"

static const char *const method_names[] = {"get", "head", "post", "put", "patch", "delete", "options", "copy", "other"};

static const char *schema_type(const struct field *field) {
    if (field->rights & (A_LIST | AN_OBJECT)) {
        return field->rights & A_LIST ? "array" : "object";
    }
    switch (field->type) {
    case TYPE_BOOL: return "boolean";
    case TYPE_INT: return "integer";
    case TYPE_REAL: return "number";
    case TYPE_MAP: case TYPE_OBJECT: return "object";
    case TYPE_TEXTS: case TYPE_OBJECTS: return "array";
    case TYPE_JSON: case TYPE_TREE: return NULL;
    default: return "string";
    }
}

static const char *schema_format(enum field_type type) {
    return type == TYPE_UUID ? "uuid" : type == TYPE_TIME ? "date-time" : type == TYPE_URL ? "uri" : NULL;
}

static void write_enum(const struct field *field, struct json_out *out) {
    json_key(out, "enum");
    json_list(out);
    for (const char *at = field->values; *at; at += *at == '|') {
        size_t size = strcspn(at, "|");

        json_text_size(out, at, size);
        at += size;
    }
    json_list_end(out);
}

static void write_field(const struct field *field, struct json_out *out) {
    json_key(out, field_json_name(field));
    json_map(out);
    if (schema_type(field)) {
        json_put_text(out, "type", schema_type(field));
    }
    if (schema_format(field->type)) {
        json_put_text(out, "format", schema_format(field->type));
    }
    if (field->type == TYPE_ENUM) {
        write_enum(field, out);
    }
    if (field->max && field->type == TYPE_INT) {
        json_put_int(out, "minimum", field->min);
        json_put_int(out, "maximum", field->max);
    } else if (field->max && field_is_text(field)) {
        json_put_int(out, "maxLength", field->max);
    }
    if (!(field->rights & (CREATE | UPDATE))) {
        json_put_bool(out, "readOnly", true);
    }
    json_map_end(out);
}

static void write_schema(const struct resource *resource, struct json_out *out) {
    const struct resource_runtime *run = resource->runtime;

    json_key(out, resource->name);
    json_map(out);
    json_put_text(out, "type", "object");
    json_key(out, "properties");
    json_map(out);
    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].rights & (READ | CREATE | UPDATE)) {
            write_field(&run->fields[i], out);
        }
    }
    json_map_end(out);
    json_map_end(out);
}

static void write_operation(const struct service *service, const struct resource *resource, const struct operation *op,
                            struct json_out *out) {
    json_map(out);
    json_key(out, "tags");
    json_list(out);
    json_text(out, service->type);
    json_list_end(out);
    if (op->policy) {
        json_put_text(out, "x-policy", op->policy);
    }
    if (op->action) {
        json_put_text(out, "x-action", op->action);
    }
    if (op->since) {
        json_put_int(out, "x-since", op->since);
    }
    if (op->until) {
        json_put_int(out, "x-until", op->until);
    }
    json_put_bool(out, "x-implemented", op->run != op_not_implemented);
    json_put_text(out, "x-resource", resource->name);
    json_map_end(out);
}

/* OpenAPI has one operation a method and path: those that differ by action or version stand in x-operations. */
static void write_paths(const struct service *service, struct json_out *out, struct arena *arena) {
    for (size_t r = 0; service->resources[r]; r++) {
        const struct resource_runtime *run = service->resources[r]->runtime;

        for (size_t i = 0; i < run->operation_count; i++) {
            const struct operation *op = &run->operations[i];

            json_map(out);
            json_put_text(out, "method", method_names[op->method]);
            json_put_text(out, "path", arena_printf(arena, "%s%s", service->prefix, op->path));
            json_key(out, "operation");
            write_operation(service, service->resources[r], op, out);
            json_map_end(out);
        }
    }
}

static void write_path_item(const struct service *service, const struct resource_runtime *run, size_t from,
                            struct json_out *out, const struct resource *resource) {
    bool seen[HTTP_OTHER + 1] = {false};

    for (size_t i = from; i < run->operation_count; i++) {
        const struct operation *op = &run->operations[i];

        if (!strcmp(op->path, run->operations[from].path) && !seen[op->method] && op->method < HTTP_COPY) {
            seen[op->method] = true;
            json_key(out, method_names[op->method]);
            write_operation(service, resource, op, out);
        }
    }
}

static bool path_before(const struct resource_runtime *run, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (!strcmp(run->operations[k].path, run->operations[i].path)) {
            return true;
        }
    }
    return false;
}

void openapi_write(struct arena *arena, struct json_out *out) {
    json_map(out);
    json_put_text(out, "openapi", "3.1.0");
    json_put_raw(out, "info", "{\"title\": \"Haneul\", \"version\": \"0.1.0\"}");
    json_key(out, "paths");
    json_map(out);
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            const struct resource *resource = cloud.services[s]->resources[r];
            const struct resource_runtime *run = resource->runtime;

            for (size_t i = 0; i < run->operation_count; i++) {
                if (!path_before(run, i)) {
                    json_key(out, arena_printf(arena, "%s%s", cloud.services[s]->prefix, run->operations[i].path));
                    json_map(out);
                    write_path_item(cloud.services[s], run, i, out, resource);
                    json_map_end(out);
                }
            }
        }
    }
    json_map_end(out);
    json_key(out, "x-operations");
    json_list(out);
    for (size_t s = 0; cloud.services[s]; s++) {
        write_paths(cloud.services[s], out, arena);
    }
    json_list_end(out);
    json_key(out, "components");
    json_map(out);
    json_key(out, "schemas");
    json_map(out);
    for (size_t s = 0; cloud.services[s]; s++) {
        for (size_t r = 0; cloud.services[s]->resources[r]; r++) {
            write_schema(cloud.services[s]->resources[r], out);
        }
    }
    json_map_end(out);
    json_map_end(out);
    json_map_end(out);
}
