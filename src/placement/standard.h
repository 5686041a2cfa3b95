/* SPDX-License-Identifier: Apache-2.0
 * Names that placement knows without rows (those of os-resource-classes and os-traits that hosts and services use). */
#pragma once
#include <stdbool.h>

struct call;

const char *const *standard_classes(void);      /* end with null */
const char *const *standard_traits(void);
bool class_is_standard(const char *name);
bool trait_is_standard(const char *name);
bool trait_exists(struct call *call, const char *name);
/* CUSTOM_ and upper-case letters, digits, underscores. */
bool name_is_custom(const char *name);
