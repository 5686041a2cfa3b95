/* SPDX-License-Identifier: Apache-2.0
 * Typed input: a JSON body becomes the struct that its declaration describes, or a 400 that names the field. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "rest/resource.h"
#include "rest/service.h"

static size_t find_field(const struct call *call, const struct resource *resource, const char *key, unsigned right) {
    const struct resource_runtime *run = resource->runtime;
    size_t none = run->field_count, fallback = none;

    if (!strcmp(key, "tenant_id") && call->service->style->tenant_id && !resource_field(resource, key)) {
        key = "project_id";
    }
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        if (!strcmp(field_json_name(field), key) && field_in_version(call, field)) {
            if (field->rights & right) {
                return i;
            }
            fallback = i;
        }
    }
    return fallback;
}

static bool unknown_member(struct call *call, const struct resource *resource, const struct json *member,
                           struct json_out *extra) {
    if (resource->extra) {
        json_key(extra, member->key);
        json_tree(extra, member);
        return true;
    }
    if (resource->lax || (call->operation && call->operation->flags & OP_ANY_BODY)) {
        return true;
    }
    return fail(call, 400, "Additional properties are not allowed ('%s' was unexpected)", text_short(call, member->key));
}

/* What an update may not change was given as it is, or is made by the service (links). */
static bool given_unchanged(struct call *call, const struct field *field, const struct json *value, const void *out) {
    const void *slot = field_slot(field, out);

    if (!call->service->style->unchanged_given) {
        return false;
    }
    if (field->type == TYPE_BOOL) {
        return json_is_bool(value) && (value->type == JSON_TRUE) == *(const bool *)slot;
    }
    if (field->type == TYPE_TIME) {
        int64_t time = 0;

        return (value->type == JSON_NULL || (value->type == JSON_TEXT && time_parse(value->text, &time))) &&
               time == *(const int64_t *)slot;
    }
    if (field_is_text(field)) {
        const char *text = *(const char *const *)slot;

        return value->type == JSON_TEXT ? text && !strcmp(text, value->text) : value->type == JSON_NULL && !text;
    }
    return (field->rights & VIRTUAL) != 0;
}

static bool take_member(struct call *call, const struct resource *resource, const struct json *member, unsigned right,
                        void *out, uint64_t *given, struct json_out *extra) {
    const struct resource_runtime *run = resource->runtime;
    size_t i = find_field(call, resource, member->key, right);
    const struct field *field = &run->fields[i];

    if (i == run->field_count) {
        return unknown_member(call, resource, member, extra);
    }
    if (!(field->rights & right)) {
        int status = call->service->style->read_only_status;

        return resource->lax || (right == UPDATE && given_unchanged(call, field, member, out)) ||
               fail(call, status ? status : 400, "Attribute '%s' not allowed in %s", member->key,
                    right == CREATE ? "POST" : "PUT");
    }
    if (bit_get(given, i) && field == run->project && call->service->style->tenant_id &&
        member->type == JSON_TEXT && field_text(field, out) && !strcmp(field_text(field, out), member->text)) {
        return true;        /* under both of its names */
    }
    if (bit_get(given, i)) {
        return fail_field(call, field, "it was given twice");
    }
    bit_set(given, i);
    return input_value(call, field, member, field_slot(field, out));
}

static const char *default_word(struct call *call, const char *word) {
    switch (word[1]) {
    case 'p':
        return call->caller.project_id;
    case 'u':
        return !strcmp(word, "$uuid") ? id_uuid(call->arena) : call->caller.user_id;
    case 'h':
        return id_hex(call->arena);
    case 'd':
        return call->caller.domain_id ? call->caller.domain_id : call->caller.project_domain_id;
    default:
        return NULL;
    }
}

static void set_default(struct call *call, const struct field *field, void *slot) {
    const char *dflt = field->dflt;

    field_set_null(field, slot);
    if (!dflt) {
        return;
    }
    switch (field->type) {
    case TYPE_BOOL:
        *(bool *)slot = !strcmp(dflt, "true");
        break;
    case TYPE_INT:
        *(int64_t *)slot = strtoll(dflt, NULL, 10);
        break;
    case TYPE_REAL:
        *(double *)slot = strtod(dflt, NULL);
        break;
    case TYPE_TIME:
        *(int64_t *)slot = !strcmp(dflt, "$now") ? clock_now() : 0;
        break;
    default:
        *(const char **)slot = dflt[0] == '$' && dflt[1] ? default_word(call, dflt) : dflt;
    }
}

void input_defaults(struct call *call, const struct resource *resource, const uint64_t *given, void *row) {
    const struct resource_runtime *run = resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        if (!bit_get(given, i)) {
            set_default(call, &run->fields[i], field_slot(&run->fields[i], row));
        }
    }
}

void row_defaults(struct call *call, const struct resource *resource, void *row) {
    const uint64_t none[MAX_FIELDS / 64] = {0};

    input_defaults(call, resource, none, row);
}

static bool required_given(struct call *call, const struct resource *resource, const uint64_t *given) {
    const struct resource_runtime *run = resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        if ((field->rights & REQUIRED) && !bit_get(given, i) && field_in_version(call, field)) {
            return fail(call, 400, "Invalid input: '%s' is a required property", field_json_name(field));
        }
    }
    return true;
}

bool input_replace(struct call *call, const struct resource *resource, const uint64_t *given, void *row) {
    const struct resource_runtime *run = resource->runtime;

    for (size_t i = 0; i < run->field_count; i++) {
        if (!bit_get(given, i) && run->fields[i].rights & UPDATE && !(run->fields[i].rights & REQUIRED)) {
            set_default(call, &run->fields[i], field_slot(&run->fields[i], row));
        }
    }
    return required_given(call, resource, given);
}

/* With UPDATE, members given are laid over those that the row has; null removes one. */
static void keep_extra(struct call *call, const struct resource *resource, unsigned right, struct buf *given, void *out) {
    const char **slot = field_slot(resource_field(resource, resource->extra), out);
    struct buf merged = {0};
    struct json_out json = {.buf = &merged};
    const struct json *fresh = json_parse(call->arena, given->at, given->size, NULL);
    const struct json *old = right == UPDATE && *slot ? json_parse(call->arena, *slot, strlen(*slot), NULL) : NULL;

    json_map(&json);
    for (JSON_EACH(item, old)) {
        if (!json_get(fresh, item->key)) {
            json_key(&json, item->key);
            json_tree(&json, item);
        }
    }
    for (JSON_EACH(item, fresh)) {
        if (item->type != JSON_NULL || right == CREATE) {
            json_key(&json, item->key);
            json_tree(&json, item);
        }
    }
    json_map_end(&json);
    *slot = buf_taken(&merged, call->arena);
}

bool input_parse(struct call *call, const struct resource *resource, const struct json *body, unsigned right, void *out,
                 uint64_t *given) {
    struct buf extra_text = {0};
    struct json_out extra = {.buf = &extra_text};
    bool ok = true;

    json_map(&extra);
    for (const struct json *member = body->first; ok && member; member = member->next) {
        ok = take_member(call, resource, member, right, out, given, &extra);
    }
    json_map_end(&extra);
    if (ok && right == CREATE) {
        ok = required_given(call, resource, given);
        if (ok) {
            input_defaults(call, resource, given, out);
        }
    }
    if (ok && resource->extra) {
        keep_extra(call, resource, right, &extra_text, out);
    }
    buf_release(&extra_text);
    return ok;
}

const char *operation_key(const struct service *service, const struct resource *resource,
                          const struct operation *op) {
    if (op->flags & OP_NO_WRAP) {
        return NULL;
    }
    if (op->input_key) {
        return *op->input_key ? op->input_key : NULL;
    }
    if (op->action) {
        return op->action;
    }
    return service->style->bare ? NULL : resource->singular;
}

/* Members beside the wrapping key: only fields declared OUTER. */
static bool take_outer(struct call *call, const struct resource *input, const char *key) {
    for (const struct json *member = call->body->first; member; member = member->next) {
        size_t i = find_field(call, input, member->key, OUTER);
        bool known = i < input->runtime->field_count && input->runtime->fields[i].rights & OUTER;

        if (strcmp(member->key, key) == 0 || (!known && call->operation->flags & OP_ANY_BODY)) {
            continue;
        }
        if (!known) {
            return fail(call, 400, "Additional properties are not allowed ('%s' was unexpected)",
                        text_short(call, member->key));
        }
        if (!take_member(call, input, member, OUTER, call->input, call->given, NULL)) {
            return false;
        }
    }
    return true;
}

bool input_body(struct call *call) {
    static const struct json empty = {.type = JSON_MAP};
    const struct resource *input = call->operation->input;
    const char *key = operation_key(call->service, call->resource, call->operation);
    const struct json *body = call->body;

    call->input = arena_alloc(call->arena, input->size);
    memset(call->given, 0, sizeof call->given);
    if (key) {
        body = json_get(body, key);
        if (!body) {
            return fail(call, 400, "Invalid input: '%s' is a required property", key);
        }
        if (!take_outer(call, input, key)) {
            return false;
        }
    }
    if (!body || body->type == JSON_NULL) {
        body = &empty;
    }
    if (body->type != JSON_MAP) {
        return fail(call, 400, "Invalid input: %s is not of type 'object'", key ? key : "the body");
    }
    return input_parse(call, input, body, CREATE, call->input, call->given);
}
