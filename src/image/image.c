/* SPDX-License-Identifier: Apache-2.0
 * Images as rows: who sees and changes which, lists and their filters, tags, deactivation. */
#include <string.h>

#include "base/buf.h"
#include "http/http.h"
#include "image/parts.h"
#include "rest/task.h"

enum { MAX_PROPERTIES = 128, MAX_TAGS = 128, MAX_LISTED = 100 };

bool image_mutable(struct call *call, const struct image_image *row) {
    const char *project = call->caller.project_id;

    return call->caller.internal || call->caller.admin ||
           (project && row->project_id && !strcmp(project, row->project_id)) ||
           fail(call, 403, "You are not permitted to modify this image.");
}

void image_write_link(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct image_image *row = pointer;

    if (!strcmp(field->name, "schema")) {
        json_text(out, "/v2/schemas/image");
    } else {
        json_text(out, arena_printf(call->arena, "/v2/images/%s%s", row->id, !strcmp(field->name, "file") ? "/file" : ""));
    }
}

/* "owner" is the project; "member_id" is the caller's project when the image is shared with it. */
const char *image_attribute(struct call *call, const void *pointer, const char *name) {
    const struct image_image *row = pointer;
    const char *project = call->caller.project_id;

    if (!strcmp(name, "owner")) {
        return row->project_id;
    }
    if (strcmp(name, "member_id") != 0 || !project) {
        return NULL;
    }
    return call_count(call, "SELECT count(*) FROM image_member WHERE image_id = ? AND member_id = ?",
                      SQL_ARGS(sql_text(row->id), sql_text(project)))
               ? project
               : NULL;
}

/* ---- lists ---- */

/* Like a part of a JSON text that is exactly 'json': LIKE pattern. */
static const char *part_pattern(struct call *call, const char *json) {
    struct buf buf = {0};
    const char *pattern;

    buf_char(&buf, '%');
    for (; *json; json++) {
        if (strchr("%_\\", *json)) {
            buf_char(&buf, '\\');
        }
        buf_char(&buf, *json);
    }
    buf_char(&buf, '%');
    pattern = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return pattern;
}

static void where_part(struct call *call, struct query *query, const char *sql, const char *key, const char *value) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    if (key) {
        json_key(&out, key);
    }
    json_text(&out, value);
    query_where(query, sql, SQL_ARGS(sql_text(part_pattern(call, buf.at))));
    buf_release(&buf);
}

/* "in:a,b" and "in:\"a,b\",c" of one argument. */
static bool where_in(struct call *call, struct query *query, const char *column, const char *list) {
    struct buf sql = {0};
    struct value values[MAX_LISTED];
    size_t count = 0;

    buf_printf(&sql, "%s IN (", column);
    while (*list && count < MAX_LISTED) {
        bool quoted = *list == '"';
        size_t size = strcspn(list += quoted, quoted ? "\"" : ",");

        buf_text(&sql, count ? ", ?" : "?");
        values[count++] = sql_text(arena_text_size(call->arena, list, size));
        list += size;
        list += quoted && *list == '"';
        if (*list && *list != ',') {
            buf_release(&sql);
            return fail(call, 400, "Invalid filter value of %s: a comma was expected", column);
        }
        list += *list == ',';
    }
    buf_char(&sql, ')');
    if (count) {
        query_where(query, arena_text(call->arena, sql.at), values, count);
    }
    buf_release(&sql);
    return count > 0 || fail(call, 400, "Invalid filter value of %s: an empty list", column);
}

static bool filter_in(struct call *call, struct query *query) {
    static const char *const names[] = {"id", "name", "status", "container_format", "disk_format"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = call_argument(call, names[i]);

        if (value && !strncmp(value, "in:", 3)) {
            query_take(query, names[i]);
            if (!where_in(call, query, names[i], value + 3)) {
                return false;
            }
        }
    }
    return true;
}

static bool filter_size(struct call *call, struct query *query, const char *argument, const char *sql) {
    const char *text = call_argument(call, argument);
    struct field field = {.name = argument, .type = TYPE_INT, .rights = LENIENT, .max = INT64_MAX};
    int64_t size;

    return !text || (input_value(call, &field, &(struct json){.type = JSON_TEXT, .text = text}, &size) &&
                     (query_where(query, sql, SQL_ARGS(sql_int(size))), true));
}

/* Arguments that are none of ours ask for the images whose further properties have these values. */
static void filter_properties(struct call *call, struct query *query) {
    static const char *const ours[] = {"limit", "marker", "sort", "sort_key", "sort_dir", "visibility", "member_status",
                                       "size_min", "size_max", "tag", "fields", "changes-since", "owner", "deleted"};
    const struct http_arguments *arguments = http_arguments(call->http);

    for (size_t i = 0; i < arguments->count; i++) {
        const char *name = arguments->at[i].name;
        bool known = resource_field(&resource_image_image, name) != NULL;

        for (size_t k = 0; k < sizeof ours / sizeof *ours && !known; k++) {
            known = !strcmp(name, ours[k]);
        }
        if (!known) {
            where_part(call, query, "properties LIKE ? ESCAPE '\\'", name, arguments->at[i].value);
        }
    }
}

static void filter_tags(struct call *call, struct query *query) {
    const struct http_arguments *arguments = http_arguments(call->http);

    for (size_t i = 0; i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, "tag")) {
            where_part(call, query, "tags LIKE ? ESCAPE '\\'", NULL, arguments->at[i].value);
        }
    }
}

static bool one_of(const char *text, const char *const *words) {
    while (*words && strcmp(*words, text) != 0) {
        words++;
    }
    return *words != NULL;
}

/* Community images of others are listed only when asked for; shared ones by how the project answered the offer. */
static bool filter_visibility(struct call *call, struct query *query) {
    static const char *const kinds[] = {"all", "public", "private", "shared", "community", NULL};
    static const char *const answers[] = {"all", "accepted", "pending", "rejected", NULL};
    const char *visibility = call_argument(call, "visibility"), *answer = call_argument(call, "member_status");
    const char *project = call->caller.project_id ? call->caller.project_id : "";

    answer = answer ? answer : "accepted";
    if ((visibility && !one_of(visibility, kinds)) || !one_of(answer, answers)) {
        return fail(call, 400, "Invalid %s value: %.40s", one_of(answer, answers) ? "visibility" : "status",
                    one_of(answer, answers) ? visibility : answer);
    }
    if (!visibility) {
        query_where(query, "visibility <> 'community' OR project_id = ?", SQL_ARGS(sql_text(project)));
    } else if (strcmp(visibility, "all") != 0) {
        query_where(query, "visibility = ?", SQL_ARGS(sql_text(visibility)));
    }
    if (!call->caller.admin && strcmp(answer, "all") != 0) {
        query_where(query,
                    "visibility <> 'shared' OR project_id = ? OR EXISTS (SELECT 1 FROM image_member m"
                    " WHERE m.image_id = image_image.id AND m.member_id = ? AND m.status = ?)",
                    SQL_ARGS(sql_text(project), sql_text(project), sql_text(answer)));
    }
    return true;
}

bool image_list(struct call *call, struct query *query) {
    if (!call_argument(call, "os_hidden")) {
        query_where(query, "os_hidden = 0", SQL_NO_ARGS);
    }
    filter_tags(call, query);
    filter_properties(call, query);
    return filter_visibility(call, query) && filter_in(call, query) &&
           filter_size(call, query, "size_min", "size >= ?") && filter_size(call, query, "size_max", "size <= ?");
}

/* ---- create, update, delete ---- */

static bool visibility_allowed(struct call *call, const struct image_image *row) {
    if (!strcmp(row->visibility, "public")) {
        return call_allow(call, "publicize_image", &resource_image_image, row);
    }
    return strcmp(row->visibility, "community") != 0 || call_allow(call, "communitize_image", &resource_image_image, row);
}

/* Further properties are texts; those of the service itself begin with os_glance. */
static bool check_properties(struct call *call, const struct image_image *row, const struct image_image *old) {
    const struct json *properties = json_parse(call->arena, row->properties, strlen(row->properties), NULL);

    if (old && !strcmp(row->properties, old->properties)) {
        return true;
    }
    if (properties->count > MAX_PROPERTIES) {
        return fail(call, 413, "The limit of %d properties of an image is exceeded.", MAX_PROPERTIES);
    }
    for (JSON_EACH(item, properties)) {
        if (!strncmp(item->key, "os_glance", 9)) {
            return fail(call, 403, "Attribute '%.255s' is reserved.", item->key);
        }
        if (item->type != JSON_TEXT || item->count > 65535 || strlen(item->key) > 255 || !*item->key) {
            return fail(call, 400, "The property '%.60s' must be a text of at most 65535 bytes.", item->key);
        }
    }
    return true;
}

/* A tag is there once. */
static bool unique_tags(struct call *call, struct image_image *row) {
    const struct json *tags = json_parse(call->arena, row->tags, strlen(row->tags), NULL);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    int count = 0;

    json_list(&out);
    for (JSON_EACH(tag, tags)) {
        bool before = false;

        for (const struct json *other = tags->first; other != tag && !before; other = other->next) {
            before = !strcmp(other->text, tag->text);
        }
        if (!before) {
            json_text(&out, tag->text);
            count++;
        }
    }
    json_list_end(&out);
    row->tags = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return count <= MAX_TAGS || fail(call, 413, "The limit of %d tags of an image is exceeded.", MAX_TAGS);
}

bool image_on_create(struct call *call, void *pointer) {
    struct image_image *row = pointer;
    const char *project = call->caller.project_id;

    if (!call->caller.admin && (!row->project_id || !project || strcmp(row->project_id, project) != 0)) {
        return fail(call, 403, "You are not permitted to create images owned by '%s'.",
                    row->project_id ? row->project_id : "None");
    }
    if (!visibility_allowed(call, row) || !check_properties(call, row, NULL) || !unique_tags(call, row)) {
        return false;
    }
    call_header(call, "Location", arena_printf(call->arena, "%s/image/v2/images/%s", call_base_url(call), row->id));
    call_header(call, "OpenStack-image-import-methods", "glance-direct,web-download");
    return true;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

bool image_on_update(struct call *call, const void *before, void *pointer) {
    const struct image_image *old = before;
    struct image_image *row = pointer;

    if (!image_mutable(call, old)) {
        return false;
    }
    if (!same_text(old->project_id, row->project_id) && !call->caller.admin) {
        return fail(call, 403, "Owner can't be updated by non admin.");
    }
    if (strcmp(old->status, "queued") != 0 && (!same_text(old->disk_format, row->disk_format) ||
                                               !same_text(old->container_format, row->container_format))) {
        return fail(call, 403, "The formats of an image can be changed only while it is queued.");
    }
    return (!strcmp(old->visibility, row->visibility) || visibility_allowed(call, row)) &&
           check_properties(call, row, old) && unique_tags(call, row);
}

bool image_on_delete(struct call *call, void *pointer) {
    const struct image_image *row = pointer;

    if (!image_mutable(call, row)) {
        return false;
    }
    if (row->protected) {
        return fail(call, 403, "Image %s is protected and cannot be deleted.", row->id);
    }
    return call_exec(call, "DELETE FROM image_member WHERE image_id = ?", SQL_ARGS(sql_text(row->id))) &&
           task_add(call, "image.remove", row->id, NULL, NULL);
}

/* ---- tags ---- */

static bool change_tags(struct call *call, const char *add, const char *remove) {
    struct image_image *row = call->row, *old = ARENA_NEW(call->arena, struct image_image);
    const struct json *tags = json_parse(call->arena, row->tags, strlen(row->tags), NULL);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool found = false;

    *old = *row;
    json_list(&out);
    for (JSON_EACH(tag, tags)) {
        found = found || (remove && !strcmp(tag->text, remove));
        if (!remove || strcmp(tag->text, remove) != 0) {
            json_text(&out, tag->text);
        }
    }
    if (add) {
        json_text(&out, add);
    }
    json_list_end(&out);
    row->tags = arena_text(call->arena, buf.at);
    buf_release(&buf);
    if (remove && !found) {
        return image_mutable(call, old) && fail(call, 404, "Tag %.255s could not be found.", remove);
    }
    return resource_update(call, &resource_image_image, old, row);
}

bool image_tag_add(struct call *call) {
    const char *tag = call_parameter(call, "tag");

    return (utf8_length(tag) <= 255 || fail(call, 400, "A tag has at most 255 characters.")) && change_tags(call, tag, NULL);
}

bool image_tag_remove(struct call *call) {
    return change_tags(call, NULL, call_parameter(call, "tag"));
}

/* ---- deactivation ---- */

static bool change_status(struct call *call, const char *from, const char *to) {
    struct image_image *row = call->row, old = *row;

    if (!image_mutable(call, row)) {
        return false;
    }
    if (!strcmp(row->status, to)) {
        return true;
    }
    if (strcmp(row->status, from) != 0) {
        return fail(call, 403, "Image status transition from %s to %s is not allowed.", row->status, to);
    }
    row->status = to;
    return resource_update(call, &resource_image_image, &old, row);
}

bool image_deactivate(struct call *call) {
    return change_status(call, "active", "deactivated");
}

bool image_reactivate(struct call *call) {
    return change_status(call, "deactivated", "active");
}
