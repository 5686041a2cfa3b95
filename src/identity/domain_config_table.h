/* SPDX-License-Identifier: Apache-2.0
 * Which options a domain may have. */
#pragma once
#include <stdbool.h>

struct domain_option {
    const char *group, *name, *otherwise;   /* otherwise: the default, as JSON */
    bool secret;                            /* never shown */
};

/* The option, or (name null) the first of the group; null when there is none. */
const struct domain_option *domain_option_find(const char *group, const char *name);
