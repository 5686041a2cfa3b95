/* SPDX-License-Identifier: Apache-2.0
 * What a simulated host remembers of its servers: one file per host, DATA/fake/HOST.log, with a line "ID TEXT" for each
 * change; the last one of an id counts, and one without a text says that it is gone. So a change is one write, whatever
 * the file system makes of new files, and a restart finds everything as it was. What others append is seen too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct work;

/* The text of the work's id on its host, in the work's arena; null when there is none. */
const char *fake_state_get(struct work *work);
/* Sets it; null: it is gone. False: the work has failed with the cause. */
bool fake_state_put(struct work *work, const char *text);
/* The ids on the work's host, in no order. */
const char *const *fake_state_ids(struct work *work, size_t *ret_count);
