/* SPDX-License-Identifier: Apache-2.0
 * Reads a body of multipart/form-data (RFC 7578) as it comes in. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct arena;

enum form_state { FORM_PREAMBLE, FORM_HEAD, FORM_BODY, FORM_OVER };

struct form_reader {
    struct arena *arena;
    const char *boundary;           /* "\r\n--boundary" */
    size_t boundary_size;
    struct buf held;                /* bytes not dealt with yet */
    enum form_state state;
    bool whole;                     /* the last boundary came */
    /* Of one part: its head, its bytes, its end. False ends the reading. */
    bool (*begin)(void *user, const char *head);
    bool (*take)(void *user, const char *bytes, size_t size);
    bool (*end)(void *user);
    bool (*long_head)(void *user);
    void *user;
};

/* Sets the boundary that the Content-Type names. False: it names none, an empty or too long one. Released with the arena. */
bool form_start(struct form_reader *form, struct arena *arena, const char *content_type);
/* False: it is over. */
bool form_add(struct form_reader *form, const void *bytes, size_t size);
/* A header of a part's head; the value of NAME="value" in a header; null when absent. */
const char *form_header(struct arena *arena, const char *head, const char *name);
const char *form_attribute(struct arena *arena, const char *header, const char *name);
