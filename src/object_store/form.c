/* SPDX-License-Identifier: Apache-2.0
 * The reader of forms: memory is bounded by a head and a boundary. */
#include "object_store/form.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"

enum { MAX_HEAD = 8 * 1024, MAX_BOUNDARY = 200 };

const char *form_attribute(struct arena *arena, const char *header, const char *name) {
    const char *at = header;
    size_t size = strlen(name);

    while ((at = strcasestr(at, name)) != NULL) {
        if ((at == header || strchr("; \t", at[-1])) && at[size] == '=' && at[size + 1] == '"') {
            const char *value = at + size + 2;

            return arena_text_size(arena, value, strcspn(value, "\"\r\n"));
        }
        at += size;
    }
    return NULL;
}

const char *form_header(struct arena *arena, const char *head, const char *name) {
    size_t size = strlen(name);

    while (*head) {
        size_t line = strcspn(head, "\r\n");

        if (!strncasecmp(head, name, size) && head[size] == ':') {
            head += size + 1;
            head += strspn(head, " \t");
            return arena_text_size(arena, head, strcspn(head, "\r\n"));
        }
        head += line;
        head += strspn(head, "\r\n");
    }
    return NULL;
}

static void drop(struct form_reader *form, size_t size) {
    memmove(form->held.at, form->held.at + size, form->held.size - size);
    form->held.size -= size;
}

static bool over(struct form_reader *form) {
    form->state = FORM_OVER;
    return false;
}

static bool read_head(struct form_reader *form) {
    struct buf *held = &form->held;
    char *found;

    if (held->size >= 2 && !memcmp(held->at, "--", 2)) {
        form->whole = true;
        return over(form);
    }
    found = memmem(held->at, held->size, "\r\n\r\n", 4);
    if (!found) {
        return held->size > MAX_HEAD ? (form->long_head(form->user), over(form)) : false;
    }
    if (!form->begin(form->user, arena_text_size(form->arena, held->at, (size_t)(found - held->at)))) {
        return over(form);
    }
    drop(form, (size_t)(found + 4 - held->at));
    form->state = FORM_BODY;
    return true;
}

/* One step over the held bytes; false when more are needed (or it is over). */
static bool step(struct form_reader *form) {
    struct buf *held = &form->held;
    char *found;

    if (form->state == FORM_OVER || !held->size) {
        return false;
    }
    if (form->state == FORM_HEAD) {
        return read_head(form);
    }
    found = memmem(held->at, held->size, form->boundary, form->boundary_size);
    if (!found) {
        size_t sure = held->size >= form->boundary_size ? held->size - form->boundary_size + 1 : 0;

        if (sure && form->state == FORM_BODY && !form->take(form->user, held->at, sure)) {
            return over(form);
        }
        drop(form, sure);
        return false;
    }
    if (form->state == FORM_BODY && (!form->take(form->user, held->at, (size_t)(found - held->at)) || !form->end(form->user))) {
        return over(form);
    }
    drop(form, (size_t)(found - held->at) + form->boundary_size);
    form->state = FORM_HEAD;
    return true;
}

bool form_add(struct form_reader *form, const void *bytes, size_t size) {
    buf_put(&form->held, bytes, size);
    while (step(form)) {
    }
    return form->state != FORM_OVER;
}

static void release(void *pointer) {
    buf_release(&((struct form_reader *)pointer)->held);
}

bool form_start(struct form_reader *form, struct arena *arena, const char *content_type) {
    const char *at = content_type ? strcasestr(content_type, "boundary=") : NULL, *boundary;

    if (!at) {
        return false;
    }
    at += 9;
    boundary = *at == '"' ? arena_text_size(arena, at + 1, strcspn(at + 1, "\"")) : arena_text_size(arena, at, strcspn(at, "; \t"));
    if (!*boundary || strlen(boundary) > MAX_BOUNDARY) {
        return false;
    }
    form->arena = arena;
    form->boundary = arena_printf(arena, "\r\n--%s", boundary);
    form->boundary_size = strlen(form->boundary);
    arena_defer(arena, release, form);
    buf_put(&form->held, "\r\n", 2);        /* the first boundary has no line before it */
    return true;
}
