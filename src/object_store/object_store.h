/* SPDX-License-Identifier: Apache-2.0
 * What the others may call of the object store. */
#pragma once
#include <stdbool.h>

#include "rest/service.h"

extern const struct service object_store;           /* Swift's API, below /object-store */
extern const struct service object_store_s3;        /* S3's API, on a port of its own */
extern const struct service object_store_root;      /* what Swift's clients look for at the root: /info, /healthcheck, ... */

/* True when the driver of this name exists and this host has what it needs; otherwise a sentence. For haneul doctor. */
bool object_store_fit(const char *driver, const char **ret_error);
