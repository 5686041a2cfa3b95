/* SPDX-License-Identifier: Apache-2.0
 * One message of the bus: a header, which is a small JSON map on one line, and behind the line's end an optional
 * payload, which is JSON of its own. The header is read where the message arrives, the payload only by who works with
 * it, so that a payload that cannot be read spoils one task and not the connection. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct arena;
struct json;

enum { FRAME_MAX = 16 * 1024 * 1024, FRAME_MAX_HEADER = 64 * 1024, FRAME_MAX_NAME = 255, FRAME_MAX_ERROR = 4096 };

/* name on the wire; who sends it; meaning */
#define FRAME_TYPES(T)                                                      \
    T(FRAME_HELLO, "hello")     /* agent: I speak for 'host'; facts */      \
    T(FRAME_TASK, "task")       /* API: bring about */                      \
    T(FRAME_RESULT, "result")   /* agent: task 'number' ended */            \
    T(FRAME_ACK, "ack")         /* API: result of 'number' is recorded */   \
    T(FRAME_REPORT, "report")   /* agent: this happened */                  \
    T(FRAME_ASK, "ask")         /* both: question 'number' */               \
    T(FRAME_ANSWER, "answer")   /* both: the answer to it */                \
    T(FRAME_GONE, "gone")       /* not on the wire: the host is gone */

enum frame_type {
#define FRAME_TYPE(NAME, WORD) NAME,
    FRAME_TYPES(FRAME_TYPE)
#undef FRAME_TYPE
    FRAME_TYPE_COUNT,
};

struct frame {
    enum frame_type type;
    const char *host;               /* never null after frame_parse */
    const char *kind, *id, *request_id, *error;
    int64_t number;                 /* of the task or question */
    int seconds;
    int attempt;                    /* of the task: which sending of it this is, or is the result of; 0: not told */
    bool ok;
    const char *payload;            /* JSON text, not read yet; null: none */
    size_t payload_size;
};

/* Adds the message to 'buf'. Text that is not UTF-8 goes out with '?' in place of the bad bytes. */
void frame_print(struct buf *buf, const struct frame *frame);

/* Reads a header; the payload points into 'bytes'. False: malformed; *ret_error (in the arena) says why. */
bool frame_parse(struct arena *arena, const char *bytes, size_t size, struct frame *ret_frame, const char **ret_error);

/* Reads the payload. True when there is none (*ret_payload null) or it is well-formed. */
bool frame_payload(struct arena *arena, const struct frame *frame, const struct json **ret_payload,
                   const char **ret_error);
