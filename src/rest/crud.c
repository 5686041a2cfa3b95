/* SPDX-License-Identifier: Apache-2.0
 * The generic operations: create, show, update, delete, out of the declaration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "rest/json_patch.h"
#include "rest/resource.h"
#include "rest/service.h"

static bool expand_one(struct call *call, const struct resource *resource, void *row) {
    return !resource->expand || resource->expand(call, row, 1);
}

static void note(struct call *call, const struct resource *resource, const char *what, const void *row) {
    if (!resource->silent) {
        event_note(call, arena_printf(call->arena, "%s.%s", resource->singular, what), row_key(resource, row));
    }
}

/* What belongs to a project is made for one: a token for a domain or the system, or for nothing, has none. */
static bool has_owner(struct call *call, const struct resource *resource, const void *row) {
    const struct field *project = resource->runtime->project;

    return !project || project->rights & NULLABLE || row_project(resource, row) ||
           fail(call, 400, "A %s belongs to a project, and the token is for none.",
                resource->singular ? resource->singular : resource->name);
}

bool resource_create(struct call *call, const struct resource *resource, void *row) {
    const struct service *service = resource->runtime->service;

    if (!has_owner(call, resource, row)) {
        return false;
    }
    if (resource->quota && !quota_check(call, service, row_project(resource, row), resource->quota, 1)) {
        return false;
    }
    if (resource->on_create && !resource->on_create(call, row)) {
        return false;
    }
    if (!row_insert(call, resource, row)) {
        return false;
    }
    note(call, resource, "create", row);
    return true;
}

static void touch(const struct resource *resource, void *row) {
    const struct field *updated = resource_field(resource, "updated_at");
    const struct field *revision = resource_field(resource, "revision_number");

    if (updated && updated->type == TYPE_TIME && !(updated->rights & VIRTUAL)) {
        *(int64_t *)field_slot(updated, row) = clock_now();
    }
    if (revision && revision->type == TYPE_INT) {
        ++*(int64_t *)field_slot(revision, row);
    }
}

bool resource_update(struct call *call, const struct resource *resource, const void *old, void *row) {
    if (resource->on_update && !resource->on_update(call, old, row)) {
        return false;
    }
    touch(resource, row);
    if (!row_rename(call, resource, old, row)) {
        return false;
    }
    note(call, resource, "update", row);
    return true;
}

bool resource_delete(struct call *call, const struct resource *resource, void *row) {
    if (resource->on_delete && !resource->on_delete(call, row)) {
        return false;
    }
    if (!row_delete(call, resource, row)) {
        return false;
    }
    note(call, resource, "delete", row);
    return true;
}

/* The row's own name out of the path is held to the field's form, as it would be in a body. */
static bool key_from_path(struct call *call, const struct field *field, const char *text, void *row) {
    struct json value = {.type = JSON_TEXT, .text = text};

    if (strpbrk(text, "\r\n\t")) {
        return fail_field(call, field, "it has a control character");
    }
    return input_form(call, field, &value, field_slot(field, row));
}

/* Where the rows' parent, or the row itself, is named by the path, the field is set from there; what it refers to must be
 * there. */
static bool set_parents(struct call *call, const struct resource *resource, void *row) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct parameter *parameter = &call->parameters[i];
        const struct field *field = resource_field(resource, parameter->name);
        void *parent;

        if (field && field != resource->runtime->project && field_is_text(field)) {
            *(const char **)field_slot(field, row) = parameter->value;
            if (field->refers && !row_get(call, field->refers, parameter->value, &parent)) {
                return false;
            }
            if (field->rights & KEY && !field->refers && !key_from_path(call, field, parameter->value, row)) {
                return false;
            }
        }
    }
    return true;
}

static bool create_one(struct call *call, const struct json *body, void *row) {
    const struct resource *resource = call->resource;
    uint64_t given[MAX_FIELDS / 64] = {0};

    if (body->type != JSON_MAP) {
        return fail(call, 400, "Invalid input: %s is not of type 'object'", resource->singular);
    }
    if (body->count == 1 && call->operation->flags & OP_BULK && json_get(body, resource->singular) &&
        json_get(body, resource->singular)->type == JSON_MAP) {
        body = json_get(body, resource->singular);      /* an item of a bulk may be wrapped as it is alone */
    }
    if (!input_parse(call, resource, body, CREATE, row, given)) {
        return false;
    }
    memcpy(call->given, given, sizeof given);
    return (set_parents(call, resource, row) || missing_hidden(call, row)) &&
           (!call->operation->policy || call_allow(call, call->operation->policy, resource, row)) &&
           attributes_allowed(call, resource, given, row) && resource_create(call, resource, row);
}

static bool create_many(struct call *call, const struct json *bodies) {
    const struct resource *resource = call->resource;
    char *rows = arena_alloc(call->arena, resource->size * (bodies->count + 1));
    size_t n = 0;

    if (!bodies->count) {
        return fail(call, 400, "Resource body required");
    }
    for (JSON_EACH(body, bodies)) {
        if (!create_one(call, body, rows + n++ * resource->size)) {
            return false;
        }
    }
    return rows_respond(call, resource, rows, n);
}

/* The body's map: under the operation's key, or bare. */
static const struct json *unwrapped(struct call *call) {
    const struct json *body = call->body;
    const char *key = operation_key(call->service, call->resource, call->operation);

    if (!body || body->type != JSON_MAP) {
        fail(call, 400, "Invalid input: a JSON object was expected as the body");
        return NULL;
    }
    if (!key) {
        return body;
    }
    if (!json_get(body, key)) {
        fail(call, 400, "Invalid input: '%s' is a required property", key);
        return NULL;
    }
    if (body->count != 1 && !(call->operation->flags & OP_ANY_BODY)) {
        fail(call, 400, "Additional properties are not allowed beside '%s'", key);
        return NULL;
    }
    return json_get(body, key);
}

bool op_create(struct call *call) {
    const struct resource *resource = call->resource;
    const struct json *many = call->operation->flags & OP_BULK ? json_get(call->body, resource->plural) : NULL;
    const struct json *body;
    void *row;

    if (many && many->type == JSON_LIST) {
        return create_many(call, many);
    }
    body = unwrapped(call);
    row = arena_alloc(call->arena, resource->size);
    if (!body || !create_one(call, body, row) || !expand_one(call, resource, row)) {
        return false;
    }
    call->row = row;
    row_answer(call, resource, row);
    return true;
}

static const char *last_parameter(const struct call *call) {
    return call->parameter_count ? call->parameters[call->parameter_count - 1].value : NULL;
}

/* A row below another is found only under its own parent. Where the row does not tell whose it is, the parent does. */
static bool under_parent(struct call *call, const struct resource *resource, const void *row) {
    void *parent;

    for (size_t i = 0; i + 1 < call->parameter_count; i++) {
        const struct field *field = resource_field(resource, call->parameters[i].name);

        if (field && field != resource->runtime->project && field_is_text(field)) {
            const char *text = field_text(field, row);

            if (!text || strcmp(text, call->parameters[i].value) != 0) {
                return fail_not_found(call, resource, last_parameter(call));
            }
            if (field->refers && !resource->runtime->project && !row_get(call, field->refers, text, &parent)) {
                return false;
            }
        }
    }
    return true;
}

/* Whether the key is made of several fields, of which the path names the first ones. */
static const struct field *second_key(const struct call *call) {
    const struct resource_runtime *run = call->resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        if ((run->fields[i].rights & KEY) && &run->fields[i] != run->key && call_parameter(call, run->fields[i].name)) {
            return &run->fields[i];
        }
    }
    return NULL;
}

static bool row_named(struct call *call, void *ret_row) {
    const struct field *other = second_key(call);
    const char *id = last_parameter(call);

    if (!other) {
        return row_get(call, call->resource, id, ret_row);
    }
    return row_first(call, call->resource,
                     arena_printf(call->arena, "%s = ? AND %s = ?", call->resource->runtime->key->name, other->name),
                     SQL_ARGS(sql_text(id), sql_text(call_parameter(call, other->name))), ret_row) &&
           (*(void **)ret_row || fail_not_found(call, call->resource, id));
}

static bool get_named(struct call *call, void *ret_row) {
    return row_named(call, ret_row) ? under_parent(call, call->resource, *(void **)ret_row) ||
                                          missing_hidden(call, *(void **)ret_row)
                                    : missing_hidden(call, NULL);
}

bool op_show(struct call *call) {
    void *row = NULL;

    if (!get_named(call, &row) || !expand_one(call, call->resource, row) ||
        (call->operation->policy && !call_allow(call, call->operation->policy, call->resource, row))) {
        return false;
    }
    call->row = row;
    row_answer(call, call->resource, row);
    return true;
}

bool revision_matches(struct call *call, const struct resource *resource, const void *row) {
    static const char form[] = "revision_number=";
    const char *given = call->service->style->revision_match && call->http ? http_header(call->http, "If-Match") : NULL;
    const struct field *field = given ? resource_field(resource, "revision_number") : NULL;
    int64_t wanted;
    char *end;

    if (!field) {
        return true;
    }
    wanted = strtoll(strncmp(given, form, strlen(form)) ? "" : given + strlen(form), &end, 10);
    if (strncmp(given, form, strlen(form)) != 0 || !given[strlen(form)] || *end) {
        return fail(call, 400, "If-Match is of the form revision_number=N");
    }
    return *(int64_t *)field_slot(field, row) == wanted ||
           fail_type(call, 412, "RevisionNumberConstraintFailed", "%s %s is at revision %lld, not %lld.",
                     resource->what ? resource->what : resource->singular, row_key(resource, row),
                     (long long)*(int64_t *)field_slot(field, row), (long long)wanted);
}

bool op_update(struct call *call) {
    const struct resource *resource = call->resource;
    bool patch = call->operation->flags & OP_PATCH_DOCUMENT;
    const struct json *body = patch ? NULL : unwrapped(call);
    void *old = NULL, *row = arena_alloc(call->arena, resource->size);

    if ((!patch && !body) || !get_named(call, &old) || !expand_one(call, resource, old) ||
        (call->operation->policy && !call_allow(call, call->operation->policy, resource, old)) ||
        !revision_matches(call, resource, old)) {
        return false;
    }
    if (patch) {
        body = json_patch_update(call, resource, old);
        if (!body) {
            return false;
        }
    }
    if (body->type != JSON_MAP) {
        return fail(call, 400, "Invalid input: %s is not of type 'object'", resource->singular);
    }
    memcpy(row, old, resource->size);
    memset(call->given, 0, sizeof call->given);
    if (!input_parse(call, resource, body, UPDATE, row, call->given) ||
        (call->operation->flags & OP_REPLACE && !input_replace(call, resource, call->given, row)) ||
        !attributes_allowed(call, resource, call->given, row) || !resource_update(call, resource, old, row) ||
        !expand_one(call, resource, row)) {
        return false;
    }
    call->row = row;
    row_answer(call, resource, row);
    return true;
}

bool op_delete(struct call *call) {
    void *row = NULL;

    if (!get_named(call, &row) || !expand_one(call, call->resource, row) ||
        (call->operation->policy && !call_allow(call, call->operation->policy, call->resource, row))) {
        return false;
    }
    call->row = row;
    return revision_matches(call, call->resource, row) && resource_delete(call, call->resource, row);
}

bool resource_set_status(struct call *call, const struct resource *resource, void *row, const char *status) {
    *(const char **)field_slot(resource_field(resource, "status"), row) = status;
    touch(resource, row);
    note(call, resource, "update", row);
    return row_update(call, resource, row);
}

bool op_set_status(struct call *call) {
    const struct field *status = resource_field(call->operation->input, "status");

    return resource_set_status(call, call->resource, call->row, field_text(status, call->input));
}

bool op_not_implemented(struct call *call) {
    return fail(call, 501, "%s %s is not available in this cloud yet.", call->http->method_name,
                call->operation->path);
}
