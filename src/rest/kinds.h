/* SPDX-License-Identifier: Apache-2.0
 * Finding a task's kind in the services' tables. */
#pragma once
#include "rest/task.h"

struct service;

/* The kind of that name, and its service; null when there is none. */
const struct task_kind *task_kind_find(const char *name, const struct service **ret_service);
