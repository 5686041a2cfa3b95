/* SPDX-License-Identifier: Apache-2.0
 * All that a service makes of its declarations, once, in its service.c: prototypes, tables, and the list 'resources'.
 * DEFS names what the build made of its .def files: #define DEFS "defs_network.h". */
#define DECLARE "rest/declare_hooks.h"
#include DEFS
#undef DECLARE
#define DECLARE "rest/declare_tables.h"
#include DEFS
#undef DECLARE

static const struct resource *const resources[] = {
#define DECLARE "rest/declare_list.h"
#include DEFS
#undef DECLARE
    NULL};
#undef DEFS
