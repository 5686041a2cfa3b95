/* SPDX-License-Identifier: Apache-2.0
 * Messages of the bus as bytes. */
#include "bus/frame.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"

static const char *const type_names[] = {
#define FRAME_TYPE(NAME, WORD) [NAME] = WORD,
    FRAME_TYPES(FRAME_TYPE)
#undef FRAME_TYPE
};

/* Texts of a header: the names of what they are on the wire. */
static const struct header_text {
    const char *key;
    size_t offset, most;
} header_texts[] = {
    {"host", offsetof(struct frame, host), FRAME_MAX_NAME},
    {"kind", offsetof(struct frame, kind), FRAME_MAX_NAME},
    {"id", offsetof(struct frame, id), FRAME_MAX_NAME},
    {"request_id", offsetof(struct frame, request_id), FRAME_MAX_NAME},
    {"error", offsetof(struct frame, error), FRAME_MAX_ERROR},
};

enum { HEADER_TEXTS = sizeof header_texts / sizeof *header_texts };

/* The size of 'text' cut at 'most' bytes, not within a character. */
static size_t cut_size(const char *text, size_t most) {
    size_t size = strnlen(text, most + 1);

    if (size > most) {
        for (size = most; size && ((unsigned char)text[size] & 0xc0) == 0x80; size--) {
        }
    }
    return size;
}

static void put_clean(struct json_out *out, const char *text, size_t size) {
    struct buf clean = {0};

    if (utf8_valid(text, size)) {
        json_text_size(out, text, size);
        return;
    }
    buf_put(&clean, text, size);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)clean.at[i] >= 0x80) {
            clean.at[i] = '?';
        }
    }
    json_text_size(out, clean.at, size);
    buf_release(&clean);
}

void frame_print(struct buf *buf, const struct frame *frame) {
    struct json_out out = {.buf = buf};

    json_map(&out);
    json_put_text(&out, "type", type_names[frame->type]);
    for (int i = 0; i < HEADER_TEXTS; i++) {
        const char *text = *(const char *const *)((const char *)frame + header_texts[i].offset);

        if (text) {
            json_key(&out, header_texts[i].key);
            put_clean(&out, text, cut_size(text, header_texts[i].most));
        }
    }
    if (frame->number) {
        json_put_int(&out, "number", frame->number);
    }
    if (frame->seconds) {
        json_put_int(&out, "seconds", frame->seconds);
    }
    if (frame->attempt) {
        json_put_int(&out, "attempt", frame->attempt);
    }
    if (frame->ok) {
        json_put_bool(&out, "ok", true);
    }
    json_map_end(&out);
    if (frame->payload) {
        buf_char(buf, '\n');
        buf_put(buf, frame->payload, frame->payload_size);
    }
}

static bool read_type(const struct json *header, struct frame *frame) {
    const char *name = json_get_text(header, "type");

    for (int i = 0; name && i < FRAME_TYPE_COUNT; i++) {
        if (!strcmp(name, type_names[i])) {
            frame->type = (enum frame_type)i;
            return true;
        }
    }
    return false;
}

static bool read_texts(const struct json *header, struct frame *frame) {
    for (int i = 0; i < HEADER_TEXTS; i++) {
        const struct json *node = json_get(header, header_texts[i].key);

        if (node && (node->type != JSON_TEXT || node->count > header_texts[i].most)) {
            return false;
        }
        *(const char **)((char *)frame + header_texts[i].offset) = node ? node->text : NULL;
    }
    return frame->host && *frame->host;
}

static int read_count(const struct json *header, const char *key) {
    int64_t count = json_get_int(header, key, 0);

    return count < 0 ? 0 : count > INT32_MAX ? INT32_MAX : (int)count;
}

bool frame_parse(struct arena *arena, const char *bytes, size_t size, struct frame *ret_frame, const char **ret_error) {
    const char *end = memchr(bytes, '\n', size);
    size_t header_size = end ? (size_t)(end - bytes) : size;
    const struct json *header;
    struct frame frame = {0};

    if (header_size > FRAME_MAX_HEADER) {
        *ret_error = "the header is too long";
        return false;
    }
    header = json_parse(arena, bytes, header_size, ret_error);
    if (!header) {
        return false;
    }
    if (!read_type(header, &frame) || !read_texts(header, &frame)) {
        *ret_error = "the header has no known type, no host, or a text that is too long";
        return false;
    }
    frame.number = json_get_int(header, "number", 0);
    frame.seconds = read_count(header, "seconds");
    frame.attempt = read_count(header, "attempt");
    frame.ok = json_get_bool(header, "ok");
    if (end) {
        frame.payload = end + 1;
        frame.payload_size = size - header_size - 1;
    }
    *ret_frame = frame;
    return true;
}

bool frame_payload(struct arena *arena, const struct frame *frame, const struct json **ret_payload,
                   const char **ret_error) {
    const struct json *payload = NULL;

    if (frame->payload) {
        payload = json_parse(arena, frame->payload, frame->payload_size, ret_error);
        if (!payload) {
            return false;
        }
    }
    *ret_payload = payload;
    return true;
}
