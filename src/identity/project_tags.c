/* SPDX-License-Identifier: Apache-2.0
 * Tags of projects: a set of texts in the row, changed one by one or whole, and filters of lists. */
#include <string.h>

#include "http/http.h"
#include "identity/assignment.h"
#include "identity/types.h"

enum { MAX_TAGS = 80, MAX_TAG = 255 };

static const struct json *tags_of(struct call *call, const char *text) {
    return json_parse(call->arena, text ? text : "[]", text ? strlen(text) : 2, NULL);
}

static bool has_tag(const struct json *tags, const char *tag) {
    for (JSON_EACH(item, tags)) {
        if (!strcmp(item->text, tag)) {
            return true;
        }
    }
    return false;
}

static bool tag_good(struct call *call, const char *tag) {
    size_t length = utf8_length(tag);

    return (length && length <= MAX_TAG && !strpbrk(tag, ",/")) ||
           fail(call, 400, "Invalid input for field/attribute tags: a tag has 1 to 255 characters, without comma and slash");
}

bool identity_tags_check(struct call *call, const struct field *field, void *slot) {
    const struct json *tags = tags_of(call, *(const char **)slot);

    for (JSON_EACH(item, tags)) {
        if (!tag_good(call, item->text)) {
            return false;
        }
        for (const struct json *other = item->next; other; other = other->next) {
            if (!strcmp(other->text, item->text)) {
                return fail(call, 400, "Invalid input for field/attribute tags: the tag '%s' is there twice", item->text);
            }
        }
    }
    return true;
}

/* The tags without 'but', then 'also' unless null. */
static const char *tags_with(struct call *call, const struct json *tags, const char *but, const char *also) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_list(&out);
    for (JSON_EACH(item, tags)) {
        if (!but || strcmp(item->text, but) != 0) {
            json_text(&out, item->text);
        }
    }
    if (also) {
        json_text(&out, also);
    }
    json_list_end(&out);
    text = buf_taken(&buf, call->arena);
    return text;
}

static void respond_tags(struct call *call, const char *tags) {
    json_map(&call->out);
    json_put_raw(&call->out, "tags", tags ? tags : "[]");
    json_key(&call->out, "links");
    json_map(&call->out);
    json_put_text(&call->out, "self", arena_printf(call->arena, "%s%s", call_base_url(call), call->http->raw_path));
    json_map_end(&call->out);
    json_map_end(&call->out);
}

static bool store(struct call *call, const char *tags) {
    struct identity_project *project = call->row;

    project->tags = tags;
    return row_update(call, &resource_identity_project, project);
}

bool identity_tags_list(struct call *call) {
    respond_tags(call, ((struct identity_project *)call->row)->tags);
    return true;
}

bool identity_tags_set(struct call *call) {
    const struct identity_tags *input = call->input;

    if (!store(call, input ? input->tags : "[]")) {
        return false;
    }
    respond_tags(call, input ? input->tags : "[]");
    return true;
}

bool identity_tag_check(struct call *call) {
    const struct identity_project *project = call->row;
    const char *tag = call_parameter(call, "value");

    return has_tag(tags_of(call, project->tags), tag) || fail(call, 404, "Could not find project tag: %s.", tag);
}

bool identity_tag_add(struct call *call) {
    const struct identity_project *project = call->row;
    const struct json *tags = tags_of(call, project->tags);
    const char *tag = call_parameter(call, "value");

    if (!tag_good(call, tag)) {
        return false;
    }
    if (tags->count >= MAX_TAGS && !has_tag(tags, tag)) {
        return fail(call, 400, "A project has at most %d tags.", MAX_TAGS);
    }
    call_header(call, "Location", arena_printf(call->arena, "%s%s", call_base_url(call), call->http->raw_path));
    return store(call, tags_with(call, tags, tag, tag));
}

bool identity_tag_remove(struct call *call) {
    const struct identity_project *project = call->row;
    const char *tag = call_parameter(call, "value");

    return identity_tag_check(call) && store(call, tags_with(call, tags_of(call, project->tags), tag, NULL));
}

/* ---- filters: tags (all of them), tags-any, not-tags, not-tags-any, each "a,b" ---- */

/* The tag as it stands in the column, with % and _ taken as they are. */
static const char *pattern(struct call *call, const char *tag, size_t size) {
    const struct json text = {.type = JSON_TEXT, .text = arena_text_size(call->arena, tag, size), .count = (uint32_t)size};
    struct buf buf = {0};

    buf_char(&buf, '%');
    for (const char *at = json_print(call->arena, &text); *at; at++) {
        if (*at == '%' || *at == '_' || *at == '!') {
            buf_char(&buf, '!');
        }
        buf_char(&buf, *at);
    }
    buf_char(&buf, '%');
    return buf_taken(&buf, call->arena);
}

static void filter(struct call *call, struct query *query, const char *list, bool not, bool any) {
    struct value values[MAX_TAGS];
    const char *sql = NULL;
    size_t count = 0;

    while (*list && count < MAX_TAGS) {
        size_t size = strcspn(list, ",");

        if (size) {
            values[count++] = sql_text(pattern(call, list, size));
            sql = arena_printf(call->arena, "%s%stags LIKE ? ESCAPE '!'", sql ? sql : "", !sql ? "" : any ? " OR " : " AND ");
        }
        list += size + (list[size] == ',');
    }
    if (count) {
        query_where(query, not ? arena_printf(call->arena, "NOT (%s)", sql) : sql, values, count);
    }
}

bool project_tags_filter(struct call *call, struct query *query) {
    static const struct {
        const char *name;
        bool not, any;
    } filters[] = {{"tags", false, false}, {"tags-any", false, true}, {"not-tags", true, false}, {"not-tags-any", true, true}};

    for (size_t i = 0; i < 4; i++) {
        const char *list = call_argument(call, filters[i].name);

        if (list) {
            filter(call, query, list, filters[i].not, filters[i].any);
        }
    }
    return true;
}
