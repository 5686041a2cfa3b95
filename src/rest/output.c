/* SPDX-License-Identifier: Apache-2.0
 * Rows as JSON: which fields this caller sees is decided once a request, then each row is written straight into the
 * response. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/service.h"

/* Which fields of a resource a call shows; kept per call, since policy and ?fields= are the same for all its rows. */
struct shown {
    struct shown *next;
    const struct resource *resource;
    unsigned view;
    bool tenant_id;
    uint64_t fields[MAX_FIELDS / 64];
};

/* ?fields= chooses among those of the operation's own resource, not of rows shown inside its rows. */
static bool selected(struct call *call, const struct resource *resource, const char *name) {
    bool may = call->http && call->service->style->field_selection && resource == call->resource;
    const struct http_arguments *arguments = may ? http_arguments(call->http) : NULL;
    bool any = false;

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, "fields") && *arguments->at[i].value) {
            any = true;
            if (!strcmp(arguments->at[i].value, name)) {
                return true;
            }
        }
    }
    return !any;
}

/* The rule "get_port:binding:host_id", when there is one, must pass for the field to be seen. */
static bool field_allowed(struct call *call, const struct resource *resource, const struct field *field) {
    const char *rule;

    if (!call->service->style->attribute_policy || call->caller.internal) {
        return true;
    }
    rule = arena_printf(call->arena, "get_%s:%s", resource->singular, field_json_name(field));
    return !call_has_rule(call, rule) || call_allowed(call, rule, NULL, NULL);
}

static struct shown *shown_for(struct call *call, const struct resource *resource, unsigned view) {
    const struct resource_runtime *run = resource->runtime;
    struct shown *shown = call->shown;

    while (shown && (shown->resource != resource || shown->view != view)) {
        shown = shown->next;
    }
    if (shown) {
        return shown;
    }
    shown = arena_alloc(call->http ? call->http->arena : call->arena, sizeof *shown);
    *shown = (struct shown){.next = call->shown, .resource = resource, .view = view};
    call->shown = shown;
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];

        if ((field->rights & view) && !(field->rights & OUTER) && field_in_version(call, field) && selected(call, resource, field_json_name(field)) &&
            field_allowed(call, resource, field)) {
            bit_set(shown->fields, i);
        }
    }
    shown->tenant_id = call->service->style->tenant_id && run->project && (run->project->rights & view) &&
                       selected(call, resource, "tenant_id");
    return shown;
}

static bool is_null(const struct field *field, const void *slot) {
    switch (field->type) {
    case TYPE_BOOL:
        return field->rights & OMIT_NULL && !*(const bool *)slot;
    case TYPE_REAL:
        return false;
    case TYPE_INT:
        return *(const int64_t *)slot == NO_INT;
    case TYPE_TIME:
        return !*(const int64_t *)slot;
    default:
        return !*(void *const *)slot;
    }
}

static void write_value(struct call *call, const struct field *field, const void *slot, struct json_out *out) {
    if (is_null(field, slot)) {
        json_null(out);
        return;
    }
    switch (field->type) {
    case TYPE_BOOL:
        json_bool(out, *(const bool *)slot);
        break;
    case TYPE_INT:
        json_int(out, *(const int64_t *)slot);
        break;
    case TYPE_REAL:
        json_real(out, *(const double *)slot);
        break;
    case TYPE_TIME:
        json_time(out, *(const int64_t *)slot, call->service->style->time);
        break;
    case TYPE_JSON:
    case TYPE_MAP:
    case TYPE_TEXTS:
        json_raw(out, *(const char *const *)slot);
        break;
    case TYPE_TREE:
        json_tree(out, *(const struct json *const *)slot);
        break;
    case TYPE_OBJECT:
    case TYPE_OBJECTS:
        json_null(out);
        break;
    default:
        json_text(out, *(const char *const *)slot);
    }
}

static void write_extra(struct call *call, const struct resource *resource, const char *text, struct json_out *out) {
    const struct json *extra = text ? json_parse(call->arena, text, strlen(text), NULL) : NULL;

    for (JSON_EACH(member, extra)) {
        if (!selected(call, resource, member->key)) {
            continue;
        }
        json_key(out, member->key);
        json_tree(out, member);
    }
}

void row_write(struct call *call, const struct resource *resource, const void *row, unsigned view,
               struct json_out *out) {
    const struct resource_runtime *run = resource->runtime;
    const struct shown *shown = shown_for(call, resource, view);

    json_map(out);
    for (size_t i = 0; i < run->field_count; i++) {
        const struct field *field = &run->fields[i];
        const void *slot = field_slot(field, row);

        if (!bit_get(shown->fields, i) || ((field->rights & OMIT_NULL) && is_null(field, slot))) {
            continue;
        }
        json_key_made(out, run->keys[i]);
        if (field->write) {
            field->write(call, field, row, out);
        } else {
            write_value(call, field, slot, out);
        }
    }
    if (shown->tenant_id) {
        json_put_text(out, "tenant_id", row_project(resource, row));
    }
    if (resource->extra && view == READ) {
        write_extra(call, resource, field_text(resource_field(resource, resource->extra), row), out);
    }
    json_map_end(out);
}

void link_write(struct json_out *out, const char *rel, const char *href) {
    json_map(out);
    json_put_text(out, "rel", rel);
    json_put_text(out, "href", href);
    json_map_end(out);
}

void link_put(struct json_out *out, const char *key, const char *rel, const char *href) {
    json_key(out, key);
    json_list(out);
    link_write(out, rel, href);
    json_list_end(out);
}

static unsigned view_of(const struct call *call) {
    return call->operation->flags & OP_BRIEF ? BRIEF : READ;
}

static void write_outer(struct call *call, const struct resource *resource, const void *row) {
    for (size_t i = 0; i < resource->runtime->field_count; i++) {
        const struct field *field = &resource->runtime->fields[i];

        if (field->rights & OUTER && field->rights & view_of(call)) {
            json_key_made(&call->out, resource->runtime->keys[i]);
            field->write(call, field, row, &call->out);
        }
    }
}

void row_answer(struct call *call, const struct resource *resource, const void *row) {
    if (call->service->style->bare || call->operation->flags & OP_NO_WRAP) {
        row_write(call, resource, row, view_of(call), &call->out);
        return;
    }
    json_map(&call->out);
    json_key(&call->out, resource->singular);
    row_write(call, resource, row, view_of(call), &call->out);
    write_outer(call, resource, row);
    json_map_end(&call->out);
}

bool row_respond(struct call *call, const struct resource *resource, void *row) {
    if (resource->expand && !resource->expand(call, row, 1)) {
        return false;
    }
    row_answer(call, resource, row);
    return true;
}

bool rows_respond(struct call *call, const struct resource *resource, void *rows, size_t count) {
    if (count && resource->expand && !resource->expand(call, rows, count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, resource->plural);
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        row_write(call, resource, (char *)rows + i * resource->size, view_of(call), &call->out);
    }
    json_list_end(&call->out);
    json_map_end(&call->out);
    return true;
}
