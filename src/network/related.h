/* SPDX-License-Identifier: Apache-2.0
 * What rows show of other tables' rows: one statement for a whole batch, whatever its size. */
#pragma once
#include "rest/call.h"

/* The rows of a batch, and by which of their fields the other rows find them. */
struct batch {
    struct call *call;
    const struct resource *resource;
    void *rows;
    size_t count;
    const char *field;          /* of the batch's rows; null values match nothing */
    int column;                 /* of the results: has the value of that field */
};

/* Runs 'sql', in which "$ids" stands for the values of the
 * batch ("WHERE network_id IN ($ids)"); '?' before it are 'args'. Calls fill(call, row, result) for each pair of a row
 * of the batch and a result. */
bool related_each(const struct batch *batch, const char *sql, const struct value *args, size_t count,
                  void (*fill)(const struct batch *batch, void *row, struct rows *result));

/* The same, and gathers what 'write' writes for each result as the items of a JSON list in the rows' text field
 * 'list'. Rows without results get "[]". */
bool related_lists(const struct batch *batch, const char *sql, const struct value *args, size_t count, const char *list,
                   void (*write)(const struct batch *batch, void *row, struct rows *result,
                                 struct json_out *out));

/* related_lists of whole rows of 'child', found by its field 'by'. */
bool related_rows(struct batch batch, const struct resource *child, const char *by, const char *list,
                  void (*write)(const struct batch *batch, void *row, struct rows *result, struct json_out *out));

/* "?, ?, ..." for 'count' values, rounded up so that few different statements come about; the values go to
 * args[*arg_count], the last one repeated. 'args' must have room for the next power of two. */
const char *related_marks(struct call *call, const char *const *values, size_t count, struct value *args,
                          size_t *arg_count);
