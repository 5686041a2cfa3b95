/* SPDX-License-Identifier: Apache-2.0
 * Versions, schemas (out of the declarations), stores, import methods, usage. */
#include <string.h>

#include "image/parts.h"
#include "image/stores.h"

/* ---- versions ---- */

static void write_version(struct call *call, const char *id, const char *status) {
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "id", id);
    json_put_text(out, "status", status);
    link_put(out, "links", "self", arena_printf(call->arena, "%s/image/v2/", call_base_url(call)));
    json_map_end(out);
}

bool image_versions(struct call *call) {
    static const char *const ids[] = {"v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7",
                                      "v2.6",  "v2.5",  "v2.4",  "v2.3",  "v2.2",  "v2.1", "v2.0"};

    json_map(&call->out);
    json_key(&call->out, "versions");
    json_list(&call->out);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        write_version(call, ids[i], i ? "SUPPORTED" : "CURRENT");
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}

bool image_versions_choice(struct call *call) {
    return image_versions(call);
}

/* ---- schemas ---- */

static const char *type_word(const struct field *field) {
    switch (field->type) {
    case TYPE_BOOL:
        return "boolean";
    case TYPE_INT:
        return "integer";
    case TYPE_TEXTS:
        return "array";
    case TYPE_JSON:
        return "object";
    default:
        return "string";
    }
}

static void write_values(const struct field *field, struct json_out *out) {
    json_key(out, "enum");
    json_list(out);
    if (field->rights & NULLABLE) {
        json_null(out);
    }
    for (const char *at = field->values; *at;) {
        size_t size = strcspn(at, "|");

        json_text_size(out, at, size);
        at += size + (at[size] == '|');
    }
    json_list_end(out);
}

static void write_property(const struct field *field, struct json_out *out) {
    json_key(out, field_json_name(field));
    json_map(out);
    json_key(out, "type");
    if (field->rights & NULLABLE) {
        json_list(out);
        json_text(out, "null");
        json_text(out, type_word(field));
        json_list_end(out);
    } else {
        json_text(out, type_word(field));
    }
    if (!(field->rights & (CREATE | UPDATE))) {
        json_put_bool(out, "readOnly", true);
    }
    if (field->type == TYPE_ENUM) {
        write_values(field, out);
    }
    if (field->type == TYPE_TEXT && field->max) {
        json_put_int(out, "maxLength", field->max);
    }
    if (field->type == TYPE_TEXTS) {
        json_put_raw(out, "items", "{\"type\": \"string\", \"maxLength\": 255}");
    }
    json_map_end(out);
}

static void write_schema(const struct resource *resource, struct json_out *out) {
    const struct resource_runtime *run = resource->runtime;

    json_map(out);
    json_put_text(out, "name", resource->singular);
    json_key(out, "properties");
    json_map(out);
    for (size_t i = 0; i < run->field_count; i++) {
        if (run->fields[i].rights & READ) {
            write_property(&run->fields[i], out);
        }
    }
    json_map_end(out);
    if (resource->extra) {
        json_put_raw(out, "additionalProperties", "{\"type\": \"string\"}");
        json_put_raw(out, "links", "[{\"rel\": \"self\", \"href\": \"{self}\"}, {\"rel\": \"enclosure\", \"href\": \"{file}\"},"
                                   " {\"rel\": \"describedby\", \"href\": \"{schema}\"}]");
    }
    json_map_end(out);
}

bool image_schema(struct call *call) {
    write_schema(call->resource, &call->out);
    return true;
}

bool image_schemas(struct call *call) {
    const struct resource *resource = call->resource;
    struct json_out *out = &call->out;

    json_map(out);
    json_put_text(out, "name", resource->plural);
    json_key(out, "properties");
    json_map(out);
    json_key(out, resource->plural);
    json_map(out);
    json_put_text(out, "type", "array");
    json_key(out, "items");
    write_schema(resource, out);
    json_map_end(out);
    json_put_raw(out, "first", "{\"type\": \"string\"}");
    json_put_raw(out, "next", "{\"type\": \"string\"}");
    json_put_raw(out, "schema", "{\"type\": \"string\"}");
    json_map_end(out);
    json_put_raw(out, "links", "[{\"rel\": \"first\", \"href\": \"{first}\"}, {\"rel\": \"next\", \"href\": \"{next}\"},"
                               " {\"rel\": \"describedby\", \"href\": \"{schema}\"}]");
    json_map_end(out);
    return true;
}

/* ---- info ---- */

bool image_info_import(struct call *call) {
    json_raw(&call->out, "{\"import-methods\": {\"description\": \"Import methods available.\", \"type\": \"array\","
                         " \"value\": [\"glance-direct\", \"web-download\"]}}");
    return true;
}

static bool write_stores(struct call *call, bool detail) {
    const struct image_driver *driver = NULL;
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "stores");
    json_list(out);
    while ((driver = image_store_next(driver))) {
        json_map(out);
        json_put_text(out, "id", driver->name);
        json_put_text(out, "description", driver->description);
        if (driver == image_store_default()) {
            json_put_text(out, "default", "true");
        }
        if (detail) {
            json_put_text(out, "type", driver->name);
            json_key(out, "properties");
            json_map(out);
            if (!driver->keep) {
                json_put_text(out, "data_dir", image_path(call->arena, "", ""));
            }
            json_map_end(out);
        }
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

bool image_info_stores(struct call *call) {
    return write_stores(call, false);
}

bool image_info_stores_detail(struct call *call) {
    return write_stores(call, true);
}

bool image_info_usage(struct call *call) {
    static const struct {
        const char *name, *sql;
    } counts[] = {
        {"image_size_total", "SELECT coalesce(sum(size), 0) / 1048576 FROM image_image WHERE project_id = ?"},
        {"image_stage_total", "SELECT 0 FROM image_image WHERE project_id = ? LIMIT 1"},
        {"image_count_total", "SELECT count(*) FROM image_image WHERE project_id = ?"},
        {"image_count_uploading",
         "SELECT count(*) FROM image_image WHERE project_id = ? AND status IN ('saving', 'uploading', 'importing')"},
    };
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "usage");
    json_map(out);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        json_key(out, counts[i].name);
        json_map(out);
        json_put_int(out, "limit", -1);
        json_put_int(out, "usage", call_count(call, counts[i].sql, SQL_ARGS(sql_text(call->caller.project_id))));
        json_map_end(out);
    }
    json_map_end(out);
    json_map_end(out);
    return true;
}
