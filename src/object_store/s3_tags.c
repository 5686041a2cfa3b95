/* SPDX-License-Identifier: Apache-2.0
 * Tags of buckets and objects, kept as "sys-s3-tags" in the form of a query: "name=value&...". */
#include <string.h>

#include "base/json.h"
#include "object_store/s3.h"
#include "object_store/xml.h"

enum { MAX_NAME = 128, MAX_VALUE = 256 };

struct tags {
    struct s3 *s3;
    const char **names;
    size_t count, most;
    struct buf out;
};

/* False: answered. */
static bool add(struct tags *tags, const char *name, const char *value) {
    struct s3 *s3 = tags->s3;

    if (!*name || utf8_length(name) > MAX_NAME || utf8_length(value) > MAX_VALUE || !strncmp(name, "aws:", 4)) {
        return s3_error(s3, "InvalidTag", "TagKey", name, "TagValue", value, NULL), false;
    }
    for (size_t i = 0; i < tags->count; i++) {
        if (!strcmp(tags->names[i], name)) {
            return s3_error_because(s3, "InvalidTag", "Cannot provide multiple Tags with the same key"), false;
        }
    }
    if (tags->count == tags->most) {
        return s3_error_because(s3, "InvalidTag", "Object tags cannot be greater than %zu", tags->most), false;
    }
    tags->names = arena_grow(s3->arena, tags->names, tags->count, sizeof *tags->names);
    tags->names[tags->count++] = name;
    buf_text(&tags->out, tags->out.size ? "&" : "");
    http_encode(&tags->out, name, "");
    buf_char(&tags->out, '=');
    http_encode(&tags->out, value, "");
    return true;
}

bool s3_parse_tags(struct s3 *s3, const char *bytes, size_t size, size_t most, const char **ret) {
    const struct xml_node *root = xml_parse(s3->arena, bytes, size);
    const struct xml_node *set = xml_child(root, "TagSet");
    struct tags tags = {.s3 = s3, .most = most};
    bool ok = true;

    if (!root || strcmp(root->name, "Tagging") != 0 || !set) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    for (const struct xml_node *tag = set->first; tag && ok; tag = tag->next) {
        const char *name = xml_child_text(tag, "Key"), *value = xml_child_text(tag, "Value");

        ok = !strcmp(tag->name, "Tag") && name && value ? add(&tags, name, value)
                                                        : (s3_error(s3, "MalformedXML", NULL), false);
    }
    *ret = buf_taken(&tags.out, s3->arena);
    return ok;
}

bool s3_read_tags(struct s3 *s3, size_t most, const char **ret) {
    return s3_parse_tags(s3, s3->http->body.at, s3->http->body.size, most, ret);
}

bool s3_each_tag(struct s3 *s3, const char *text, bool (*fn)(void *user, const char *name, const char *value), void *user) {
    while (*text) {
        size_t size = strcspn(text, "&"), equals = strcspn(text, "=");
        const char *name, *value = "";

        equals = equals < size ? equals : size;
        name = http_decode(s3->arena, text, equals, true);
        if (equals < size) {
            value = http_decode(s3->arena, text + equals + 1, size - equals - 1, true);
        }
        if (!name || !value || !fn(user, name, value)) {
            return false;
        }
        text += size + (text[size] == '&');
    }
    return true;
}

static bool add_each(void *user, const char *name, const char *value) {
    return add(user, name, value);
}

bool s3_header_tags(struct s3 *s3, const char **ret) {
    const char *header = s3_header(s3, "x-amz-tagging");
    struct tags tags = {.s3 = s3, .most = S3_OBJECT_TAGS};
    bool ok;

    *ret = NULL;
    if (!header || !*header) {
        return true;
    }
    ok = s3_each_tag(s3, header, add_each, &tags);
    *ret = buf_taken(&tags.out, s3->arena);
    if (!ok && !s3->http->response.status) {
        s3_error_because(s3, "InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
                                                "parameters without tag name duplicates.");
    }
    return ok;
}

static bool write_each(void *user, const char *name, const char *value) {
    struct buf *out = user;

    BUF_LITERAL(out, "<Tag>");
    xml_member(out, "Key", name);
    xml_member(out, "Value", value);
    BUF_LITERAL(out, "</Tag>");
    return true;
}

bool s3_write_tags(struct s3 *s3, const char *text) {
    struct buf *out = s3_xml(s3, "Tagging");

    BUF_LITERAL(out, "<TagSet>");
    s3_each_tag(s3, text ? text : "", write_each, out);
    BUF_LITERAL(out, "</TagSet></Tagging>");
    return true;
}

static bool count_each(void *user, const char *name, const char *value) {
    ++*(int *)user;
    return true;
}

int s3_count_tags(struct s3 *s3, const char *text) {
    int count = 0;

    s3_each_tag(s3, text ? text : "", count_each, &count);
    return count;
}

/* ---- of objects ---- */

static void changed(struct s3 *s3) {
    if (s3->change.result != STORE_OK) {
        s3_failed(s3, s3->change.result);
        return;
    }
    if (s3->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, s3->change.was.version));
    }
    s3_status(s3, s3->http->method == HTTP_DELETE ? 204 : 200);
}

bool s3_object_tagging_get(struct call *call) {
    struct s3 *s3 = s3_of(call);

    if (!s3_allow_object(s3, S3_READ)) {
        return true;
    }
    if (s3->found.container.versions != VERSIONS_OFF) {
        s3_put_header(s3, "x-amz-version-id", "%s", s3_version_text(s3->arena, s3->found.object.version));
    }
    return s3->found.object.kind == STORE_MARKER ? s3_error(s3, "MethodNotAllowed", NULL)
                                                 : s3_write_tags(s3, store_meta_get(&s3->found.object.meta, "sys-s3-tags"));
}

static bool change(struct s3 *s3, const char *tags) {
    store_meta_set(s3->arena, &s3->change.set, "sys-s3-tags", tags);
    s3->change.object.expires = -1;
    s3->change.keep_time = true;
    return s3_change(s3, store_post_object, changed);
}

bool s3_object_tagging_put(struct call *call) {
    struct s3 *s3 = s3_of(call);
    const char *tags;

    return !s3_allow_bucket(s3, S3_WRITE) || !s3_read_tags(s3, S3_OBJECT_TAGS, &tags) || change(s3, *tags ? tags : NULL);
}

bool s3_object_tagging_delete(struct call *call) {
    struct s3 *s3 = s3_of(call);

    return !s3_allow_bucket(s3, S3_WRITE) || change(s3, NULL);
}
