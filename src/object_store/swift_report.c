/* SPDX-License-Identifier: Apache-2.0
 * Reports of requests that have many parts, each of which may fail: as text, JSON or XML. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "object_store/swift_parts.h"
#include "object_store/xml.h"

static const char *path_of(struct swift *sw, const struct swift_bulk_error *error) {
    struct buf buf = {0};

    http_encode(&buf, error->path, "/");
    return buf_taken(&buf, sw->arena);
}

static const char *value_of(struct swift *sw, const struct swift_report_line *line) {
    return line->text ? line->text : arena_printf(sw->arena, "%" PRId64, line->number);
}

static void write_text(struct swift *sw, struct buf *out, const struct swift_report *report) {
    for (const struct swift_report_line *line = report->lines; line->key; line++) {
        buf_printf(out, "%s: %s\n", line->key, value_of(sw, line));
    }
    BUF_LITERAL(out, "Errors:\n");
    for (size_t i = 0; i < report->bulk->error_count; i++) {
        buf_printf(out, "%s, %s\n", path_of(sw, &report->bulk->errors[i]), report->bulk->errors[i].status);
    }
}

static void write_json(struct swift *sw, struct buf *buf, const struct swift_report *report) {
    struct json_out out = {.buf = buf};

    json_map(&out);
    for (const struct swift_report_line *line = report->lines; line->key; line++) {
        if (line->text) {
            json_put_text(&out, line->key, line->text);
        } else {
            json_put_int(&out, line->key, line->number);
        }
    }
    json_key(&out, "Errors");
    json_list(&out);
    for (size_t i = 0; i < report->bulk->error_count; i++) {
        json_list(&out);
        json_text(&out, path_of(sw, &report->bulk->errors[i]));
        json_text(&out, report->bulk->errors[i].status);
        json_list_end(&out);
    }
    json_list_end(&out);
    json_map_end(&out);
}

/* "Response Status" is <response_status>. */
static const char *tag_of(struct swift *sw, const char *key) {
    char *tag = arena_text(sw->arena, key);

    for (char *at = tag; *at; at++) {
        *at = *at == ' ' ? '_' : (char)tolower((unsigned char)*at);
    }
    return tag;
}

static void write_xml(struct swift *sw, struct buf *out, const struct swift_report *report) {
    buf_printf(out, "<%s>\n", report->name);
    for (const struct swift_report_line *line = report->lines; line->key; line++) {
        xml_member(out, tag_of(sw, line->key), value_of(sw, line));
        buf_char(out, '\n');
    }
    BUF_LITERAL(out, "<errors>\n");
    for (size_t i = 0; i < report->bulk->error_count; i++) {
        BUF_LITERAL(out, "<object>");
        xml_member(out, "name", path_of(sw, &report->bulk->errors[i]));
        xml_member(out, "status", report->bulk->errors[i].status);
        BUF_LITERAL(out, "</object>\n");
    }
    buf_printf(out, "</errors>\n</%s>\n", report->name);
}

static enum swift_format format_of(const struct swift *sw) {
    int format = swift_format_accepted(sw);

    return format < 0 ? SWIFT_PLAIN : (enum swift_format)format;
}

void swift_write_report(struct swift *sw, struct buf *out, const struct swift_report *report) {
    enum swift_format format = format_of(sw);

    swift_header(sw, "Content-Type", format == SWIFT_PLAIN ? "%s; charset=utf-8" : "%s", swift_format_type(format));
    if (format == SWIFT_JSON) {
        write_json(sw, out, report);
    } else if (format >= SWIFT_XML) {
        write_xml(sw, out, report);
    } else {
        write_text(sw, out, report);
    }
}
