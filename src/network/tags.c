/* SPDX-License-Identifier: Apache-2.0
 * Tags: the operations below every resource that has a field "tags", and the filters of their lists. */
#include <string.h>

#include "network/parts.h"
#include "network/types.h"
#include "rest/resource.h"

enum { MAX_TAGS = 50, MAX_TAG_LENGTH = 60 };

static const char **tags_slot(struct call *call) {
    return field_slot(resource_field(call->resource, "tags"), call->row);
}

static const struct json *tags_of(struct call *call) {
    const char *text = *tags_slot(call);

    return json_parse(call->arena, text, strlen(text), NULL);
}

static const struct json *tag_find(const struct json *tags, const char *tag) {
    for (JSON_EACH(item, tags)) {
        if (!strcmp(item->text, tag)) {
            return item;
        }
    }
    return NULL;
}

/* The tags without 'without', each once, and 'with' at the end. */
static const char *tags_text(struct call *call, const struct json *tags, const char *without, const char *with) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_list(&out);
    for (JSON_EACH(item, tags)) {
        if ((!without || strcmp(item->text, without) != 0) && tag_find(tags, item->text) == item) {
            json_text(&out, item->text);
        }
    }
    if (with) {
        json_text(&out, with);
    }
    json_list_end(&out);
    text = buf_taken(&buf, call->arena);
    return text;
}

/* Written without the resource's hooks: nothing outside the API knows of tags. */
static bool tags_save(struct call *call, const char *text) {
    *tags_slot(call) = text;
    ++*(int64_t *)field_slot(resource_field(call->resource, "revision_number"), call->row);
    return row_update(call, call->resource, call->row);
}

static bool tag_fits(struct call *call, const char *tag) {
    return (*tag && utf8_length(tag) <= MAX_TAG_LENGTH) ||
           fail(call, 400, "'%.64s' is not a tag: 1 to %d characters", tag, MAX_TAG_LENGTH);
}

static bool tag_missing(struct call *call, const char *tag) {
    return fail_type(call, 404, "TagNotFound", "Tag %.64s could not be found.", tag);
}

static bool respond_tags(struct call *call) {
    json_map(&call->out);
    json_put_raw(&call->out, "tags", *tags_slot(call));
    json_map_end(&call->out);
    return true;
}

bool network_tags_list(struct call *call) {
    return respond_tags(call);
}

bool network_tags_replace(struct call *call) {
    const struct network_tags *input = call->input;
    const struct json *tags = json_parse(call->arena, input->tags, strlen(input->tags), NULL);

    for (JSON_EACH(item, tags)) {
        if (!tag_fits(call, item->text)) {
            return false;
        }
    }
    return tags_save(call, tags_text(call, tags, NULL, NULL)) && respond_tags(call);
}

bool network_tags_clear(struct call *call) {
    return tags_save(call, "[]");
}

bool network_tag_show(struct call *call) {
    const char *tag = call_parameter(call, "tag");

    return tag_find(tags_of(call), tag) || tag_missing(call, tag);
}

bool network_tag_add(struct call *call) {
    const char *tag = call_parameter(call, "tag");
    const struct json *tags = tags_of(call);

    if (!tag_fits(call, tag) || tag_find(tags, tag)) {
        return !call->error;
    }
    if (tags->count >= MAX_TAGS) {
        return fail(call, 400, "A resource has at most %d tags", MAX_TAGS);
    }
    return tags_save(call, tags_text(call, tags, NULL, tag));
}

bool network_tag_remove(struct call *call) {
    const char *tag = call_parameter(call, "tag");
    const struct json *tags = tags_of(call);

    return tag_find(tags, tag) ? tags_save(call, tags_text(call, tags, tag, NULL)) : tag_missing(call, tag);
}

/* ---- filters ---- */

/* The tag as it stands in the column's JSON text, as a LIKE pattern. */
static const char *tag_pattern(struct call *call, const char *tag, size_t size) {
    struct buf json = {0}, like = {0};
    struct json_out out = {.buf = &json};
    const char *text;

    json_text_size(&out, tag, size);
    buf_char(&like, '%');
    for (size_t i = 0; i < json.size; i++) {
        if (strchr("%_\\", json.at[i])) {
            buf_char(&like, '\\');
        }
        buf_char(&like, json.at[i]);
    }
    buf_char(&like, '%');
    text = arena_text_size(call->arena, like.at, like.size);
    buf_release(&json);
    buf_release(&like);
    return text;
}

void network_filter_tags(struct call *call, struct query *query) {
    static const struct {
        const char *argument, *join, *before;
    } kinds[] = {{"tags", " AND ", ""},
                 {"tags-any", " OR ", ""},
                 {"not-tags", " AND ", "NOT "},
                 {"not-tags-any", " OR ", "NOT "}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *text = call_argument(call, kinds[i].argument);
        struct value args[MAX_TAGS];
        size_t count = 0;
        struct buf sql = {0};

        query_take(query, kinds[i].argument);
        while (text && *text && count < MAX_TAGS) {
            size_t size = strcspn(text, ",");

            args[count] = sql_text(tag_pattern(call, text, size));
            buf_printf(&sql, "%stags LIKE ? ESCAPE '\\'", count++ ? kinds[i].join : "");
            text += size + (text[size] == ',');
        }
        if (count) {
            query_where(query, arena_printf(call->arena, "%s(%s)", kinds[i].before, sql.at), args, count);
        }
        buf_release(&sql);
    }
}
