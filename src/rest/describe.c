/* SPDX-License-Identifier: Apache-2.0
 * The declarations as JSON, nothing left out: the same tables that the engine runs on, for tests and tools to walk. */
#include "rest/describe.h"

#include <string.h>

#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/service.h"

struct word {
    unsigned bit;
    const char *name;
};

#define WORD(NAME) {NAME, #NAME}

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY", "OTHER"};

static const char *const types[] = {
    [TYPE_TEXT] = "TEXT", [TYPE_UUID] = "UUID", [TYPE_ENUM] = "ENUM", [TYPE_MAC] = "MAC", [TYPE_IP] = "IP",
    [TYPE_CIDR] = "CIDR", [TYPE_URL] = "URL", [TYPE_BOOL] = "BOOL", [TYPE_INT] = "INT", [TYPE_REAL] = "REAL",
    [TYPE_TIME] = "TIME", [TYPE_JSON] = "JSON", [TYPE_MAP] = "MAP", [TYPE_TEXTS] = "TEXTS", [TYPE_TREE] = "TREE",
    [TYPE_OBJECT] = "OBJECT", [TYPE_OBJECTS] = "OBJECTS"};

static const struct word rights_words[] = {
    WORD(READ), WORD(BRIEF), WORD(CREATE), WORD(UPDATE), WORD(REQUIRED), WORD(FILTER), WORD(SORT), WORD(KEY),
    WORD(INDEX), WORD(NULLABLE), WORD(VIRTUAL), WORD(OMIT_NULL), WORD(LENIENT), WORD(ALLOW_EMPTY), WORD(NOT_EMPTY),
    WORD(TRIM), WORD(OUTER), WORD(A_LIST), WORD(AN_OBJECT), {0}};

static const struct word flag_words[] = {
    WORD(OP_BRIEF), WORD(OP_PUBLIC), WORD(OP_STREAM), WORD(OP_NO_TRANSACTION), WORD(OP_WRITE), WORD(OP_READ),
    WORD(OP_BULK), WORD(OP_BLOCKING), WORD(OP_RAW_BODY), WORD(OP_NO_WRAP), WORD(OP_ANY_BODY), WORD(OP_NO_ROW),
    WORD(OP_UPGRADE), WORD(OP_NO_BODY), WORD(OP_HIDE_MISSING), WORD(OP_PATCH_DOCUMENT),
    WORD(OP_REPLACE), WORD(OP_WHOLE), {0}};

static void put_words(struct json_out *out, const char *key, const struct word *words, unsigned bits) {
    json_key(out, key);
    json_list(out);
    for (; words->name; words++) {
        if (bits & words->bit) {
            json_text(out, words->name);
        }
    }
    json_list_end(out);
}

static void put_optional(struct json_out *out, const char *key, const char *text) {
    if (text) {
        json_put_text(out, key, text);
    }
}

static void put_number(struct json_out *out, const char *key, int64_t number) {
    if (number) {
        json_put_int(out, key, number);
    }
}

static void write_field(const struct field *field, struct json_out *out) {
    int64_t least, most;

    json_map(out);
    json_put_text(out, "name", field->name);
    json_put_text(out, "json", field_json_name(field));
    json_put_text(out, "type", types[field->type]);
    put_words(out, "rights", rights_words, field->rights);
    if (field_bounds(field, &least, &most)) {
        json_put_int(out, "min", least);
        json_put_int(out, "max", most);
    }
    put_optional(out, "default", field->dflt);
    put_optional(out, "values", field->values);
    put_optional(out, "refers", field->refers ? field->refers->name : NULL);
    put_optional(out, "of", field->of ? field->of->name : NULL);
    put_number(out, "since", field->since);
    put_number(out, "until", field->until);
    json_put_bool(out, "check", field->check != NULL);
    json_map_end(out);
}

static const char *kind_of(const struct operation *op) {
    static const struct {
        bool (*run)(struct call *call);
        const char *name;
    } kinds[] = {{op_list, "list"},     {op_show, "show"},       {op_create, "create"}, {op_update, "update"},
                 {op_delete, "delete"}, {op_link, "link"},       {op_linked, "linked"}, {op_unlink, "unlink"},
                 {op_not_implemented, "gap"}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].run == op->run) {
            return kinds[i].name;
        }
    }
    return "own";
}

static void write_operation(const struct service *service, const struct resource *resource, const struct operation *op,
                            struct json_out *out) {
    json_map(out);
    json_put_text(out, "method", methods[op->method]);
    json_put_text(out, "path", op->path);
    json_put_text(out, "kind", kind_of(op));
    put_optional(out, "action", op->action);
    put_optional(out, "input", op->input ? op->input->name : NULL);
    put_optional(out, "key", operation_key(service, resource, op));
    put_optional(out, "policy", op->policy);
    put_number(out, "since", op->since);
    put_number(out, "until", op->until);
    json_put_int(out, "status", operation_status(op));
    put_number(out, "max_body", (int64_t)op->max_body);
    put_words(out, "flags", flag_words, op->flags);
    json_map_end(out);
}

static void write_resource(const struct service *service, const struct resource *resource, struct json_out *out) {
    const struct resource_runtime *run = resource->runtime;

    json_map(out);
    json_put_text(out, "name", resource->name);
    put_optional(out, "singular", resource->singular);
    put_optional(out, "plural", resource->plural);
    put_optional(out, "table", resource->table);
    put_optional(out, "extra", resource->extra);
    put_optional(out, "visible", resource->visible);
    put_optional(out, "quota", resource->quota);
    put_optional(out, "project", run->project ? run->project->name : NULL);
    json_put_bool(out, "every_project", resource->every_project);
    json_put_bool(out, "lax", resource->lax);
    json_key(out, "fields");
    json_list(out);
    for (size_t i = 0; i < run->field_count; i++) {
        write_field(&run->fields[i], out);
    }
    json_list_end(out);
    json_key(out, "operations");
    json_list(out);
    for (size_t i = 0; i < run->operation_count; i++) {
        write_operation(service, resource, &run->operations[i], out);
    }
    json_list_end(out);
    json_map_end(out);
}

static void write_style(const struct api_style *style, struct json_out *out) {
    json_key(out, "style");
    json_map(out);
    json_put_bool(out, "bare", style->bare);
    json_put_bool(out, "admin_sees_all", style->admin_sees_all);
    put_optional(out, "all_projects", style->all_projects);
    json_put_bool(out, "attribute_policy", style->attribute_policy);
    json_put_bool(out, "inexact_filters", style->inexact_filters);
    json_put_bool(out, "strict_arguments", style->strict_arguments);
    json_put_bool(out, "sort_pairs", style->sort_pairs);
    json_put_bool(out, "tenant_id", style->tenant_id);
    json_put_bool(out, "unchanged_given", style->unchanged_given);
    json_put_int(out, "wrong_media", style->wrong_media);
    json_put_int(out, "missing_marker", style->missing_marker ? style->missing_marker : 400);
    json_put_int(out, "missing_reference", style->missing_reference ? style->missing_reference : 400);
    json_put_int(out, "read_only_status", style->read_only_status ? style->read_only_status : 400);
    json_map_end(out);
}

static void write_versions(const struct microversions *versions, struct json_out *out) {
    if (!versions->type) {
        return;
    }
    json_key(out, "versions");
    json_map(out);
    json_put_text(out, "type", versions->type);
    put_optional(out, "legacy_header", versions->legacy_header);
    json_put_int(out, "major", versions->major);
    json_put_int(out, "least", versions->least);
    json_put_int(out, "most", versions->most);
    json_put_int(out, "default", versions->dflt);
    json_map_end(out);
}

static void write_policies(const struct service *service, struct json_out *out) {
    json_key(out, "policies");
    json_list(out);
    for (size_t i = 0; i < service->policy_count; i++) {
        json_map(out);
        json_put_text(out, "name", service->policies[i].name);
        json_put_text(out, "check", service->policies[i].check);
        put_optional(out, "legacy", service->policies[i].legacy);
        json_map_end(out);
    }
    json_list_end(out);
}

void describe_write(struct arena *arena, struct json_out *out) {
    json_map(out);
    json_key(out, "services");
    json_list(out);
    for (size_t s = 0; cloud.services[s]; s++) {
        const struct service *service = cloud.services[s];

        json_map(out);
        json_put_text(out, "type", service->type);
        json_put_text(out, "folder", service_folder(service));
        json_put_text(out, "prefix", service->prefix);
        put_optional(out, "project_after", service->project_after);
        json_put_bool(out, "project_required", service->project_required);
        write_versions(&service->versions, out);
        write_style(service->style, out);
        write_policies(service, out);
        json_key(out, "resources");
        json_list(out);
        for (size_t r = 0; service->resources[r]; r++) {
            write_resource(service, service->resources[r], out);
        }
        json_list_end(out);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
}
