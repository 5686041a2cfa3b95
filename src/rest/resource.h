/* SPDX-License-Identifier: Apache-2.0
 * What the engine knows of a resource beyond its declaration; for the engine's own files. */
#pragma once
#include "rest/call.h"

/* Computes resource->runtime; once, before anything else. The arena lives as long as the program. */
void resource_prepare(const struct resource *resource, const struct service *service, struct arena *arena);

/* Makes or extends the table. In a write transaction. */
bool resource_table(const struct resource *resource, struct db *db, struct arena *arena);

static inline void *field_slot(const struct field *field, const void *row) {
    return (char *)(uintptr_t)row + field->offset;
}
static inline const char *field_text(const struct field *field, const void *row) {
    return *(const char *const *)field_slot(field, row);
}
static inline bool field_is_text(const struct field *field) {
    return field->type < TYPE_BOOL || (field->type >= TYPE_JSON && field->type < TYPE_TREE);
}

/* The column as lists order by it: null first, the same on both databases. */
const char *sort_column(struct arena *arena, const struct field *field);

/* The next part of an order like "created_at DESC, id"; moves '*at' on. Null at its end. */
const struct field *sort_next(const struct resource *resource, const char **at, bool *ret_descending);

static inline bool bit_get(const uint64_t *bits, size_t i) {
    return bits[i / 64] >> i % 64 & 1;
}
static inline void bit_set(uint64_t *bits, size_t i) {
    bits[i / 64] |= 1ULL << i % 64;
}

/* True when the field exists in the version that the call asked for. */
static inline bool field_in_version(const struct call *call, const struct field *field) {
    return call->minor >= field->since && (!field->until || call->minor <= field->until);
}

/* Loads the current row of 'rows' into a struct in the call's arena. */
void row_load(struct call *call, const struct resource *resource, struct rows *rows, void *row);

/* The condition under which the caller sees rows, as SQL with its arguments appended to args (room for 4 more); null when
 * it sees all. */
const char *row_visible(struct call *call, const struct resource *resource, struct value *args, size_t *count);

/* Answers with a row that is expanded already. */
void row_answer(struct call *call, const struct resource *resource, const void *row);

/* Sets the defaults of fields that 'given' does not have. */
void input_defaults(struct call *call, const struct resource *resource, const uint64_t *given, void *row);

/* For an update with OP_REPLACE: what must be given was, and what may be changed and was not goes back to its default. */
bool input_replace(struct call *call, const struct resource *resource, const uint64_t *given, void *row);

/* Null in the field's C member. */
void field_set_null(const struct field *field, void *slot);

/* As much of a text as an answer repeats of what it was sent. */
const char *text_short(struct call *call, const char *text);

/* "yes"-like texts of a query or lenient body: 1 true, 0 false, -1 neither. */
int truth_of(const char *text);

/* What a value of the field is held to: a number's range, a text's characters, the items of a list or map, the bytes of
 * JSON. False for types that have no bounds. */
bool field_bounds(const struct field *field, int64_t *ret_least, int64_t *ret_most);

/* Parses one value by its type and bounds alone: neither .refers nor .check is asked. */
bool input_form(struct call *call, const struct field *field, const struct json *value, void *slot);

/* The key that wraps the operation's body; null: the body itself. */
const char *operation_key(const struct service *service, const struct resource *resource,
                          const struct operation *op);

/* The status of the operation's success. */
int operation_status(const struct operation *op);

/* The typed input of the call's operation out of its body (wrapping key, CREATE rights). Sets call->input. */
bool input_body(struct call *call);

/* A value that is not good: 400 in words that name the field. */
bool fail_field(struct call *call, const struct field *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* After a row was not found (404), or found below another parent ('row'): 403 instead for who may not even ask, where the
 * operation wants it so. Always false. */
bool missing_hidden(struct call *call, const void *row);

/* Rules OP_RULE:FIELD of the fields that the body gave, asked of the row as it would be. */
bool attributes_allowed(struct call *call, const struct resource *resource, const uint64_t *given, const void *row);

/* The request's If-Match, where the style has it, names the row's revision: 412 else, and 400 when it is malformed. */
bool revision_matches(struct call *call, const struct resource *resource, const void *row);

/* What the service's rule context_is_admin says of the caller. */
bool caller_is_admin(struct call *call);

/* Publishes what event_note collected. After commit. */
void events_publish(struct call *call);
