/* SPDX-License-Identifier: Apache-2.0
 * What every driver of the object store must do, seen through object_store/store.h and, of blobs, through its driver.h. */
#pragma once
#include <stdbool.h>

struct conf;

/* Each life of the store is a process of its own. 'keeps': what was written is there in the next life. 'root' is a
 * directory for the store's files. */
void object_conformance(const struct conf *conf, const char *root, bool keeps);

/* Two processes change the same container at once: what they wrote and counted is all there. For drivers that are shared. */
void object_conformance_shared(const struct conf *conf, const char *root);
