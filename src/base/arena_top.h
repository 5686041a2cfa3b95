/* SPDX-License-Identifier: Apache-2.0
 * Which requests and tasks of this process took most memory. */
#pragma once

struct arena;
struct buf;

/* What 'kind' and 'what' name ends now and used the arena; it is remembered when few used more. Cheap; any thread. Texts
 * are copied, cut at 120 bytes; the request id may be null. */
void arena_seen(const struct arena *arena, const char *kind, const char *what, const char *request_id);

/* Lines "BYTES WHAT REQUEST", largest first. */
void arena_top_print(struct buf *out);
