/* SPDX-License-Identifier: Apache-2.0
 * What connects the parts of Swift's API with each other, and nobody else needs. */
#pragma once
#include "object_store/swift.h"

void swift_prepare(const struct resource *resource);
enum http_body swift_take(struct call *call);
void swift_answer(struct call *call);

/* Headers that every answer has. */
void swift_common_headers(struct swift *sw);

/* Checks the head of an object's PUT and decides where its body goes: to sw->upload by the sink, or (null) to the
 * request's buffer. False: answered. */
bool swift_put_begin(struct swift *sw);

/* Sets the quotas of sw->change from what container and account say. */
void swift_read_quotas(struct swift *sw);

/* PUT with X-Copy-From. */
bool swift_copy_here(struct swift *sw);

/* A version as clients write it: seconds with a fraction. */
int64_t swift_version_of(const char *text);
const char *swift_version_text(struct arena *arena, int64_t version);
