/* SPDX-License-Identifier: Apache-2.0
 * What the others may call of the object store. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

extern const struct service object_store;           /* Swift's API, below /object-store */
extern const struct service object_store_port;      /* Swift's API, at the root of a port of its own */
extern const struct service object_store_s3;        /* S3's API, on a port of its own */
extern const struct service object_store_root;      /* what Swift's clients look for at the root: /info, /healthcheck, ... */

/* ---- bytes that other services keep here: in an account that is no project's, so that no API shows it ----
 *
 * Not in transactions: bytes are read and written. Failures come as a sentence in '*ret_error' (without full stop). */

struct arena;

/* Keeps what is to be read from 'fd', up to its end, as 'name' in 'container'; what was there is replaced when all is
 * there and durable. */
bool object_keep(struct arena *arena, const char *container, const char *name, int fd, const char **ret_error);
/* Writes the bytes to 'fd'. */
bool object_kept_read(struct arena *arena, const char *container, const char *name, int fd, const char **ret_error);
/* How many bytes there are; -1: none of that name; -2: it could not be looked at. */
int64_t object_kept_size(struct arena *arena, const char *container, const char *name);
/* Absent is success. */
bool object_forget(struct arena *arena, const char *container, const char *name, const char **ret_error);
/* Calls fn for each name in the container. */
bool object_kept_each(struct arena *arena, const char *container, void (*fn)(void *user, const char *name), void *user);

/* True when the driver of this name exists and this host has what it needs; otherwise a sentence. For haneul doctor. */
bool object_store_fit(const char *driver, const char **ret_error);
