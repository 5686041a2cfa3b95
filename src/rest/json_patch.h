/* SPDX-License-Identifier: Apache-2.0
 * JSON Patch (RFC 6902), for operations with OP_PATCH_DOCUMENT. */
#pragma once
#include "rest/call.h"

/* Applies 'patch' to 'document', which changes, and returns what it became; it shares memory with both. Null after
 * fail(): 400 when the patch is not well-formed, 409 when it names what is not there or a test does not hold. An
 * operation may also be written as {"replace": "/path", "value": 1}, as the drafts of the standard had it. */
struct json *json_patch(struct call *call, struct json *document, const struct json *patch);

/* The body of an ordinary update that does to 'row' what the call's body, a patch, wants: members that differ with their
 * new value, removed ones as null. Null after fail(). */
const struct json *json_patch_update(struct call *call, const struct resource *resource, const void *row);
