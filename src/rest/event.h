/* SPDX-License-Identifier: Apache-2.0
 * Events of a call, for the engine's own files; newest first. */
#pragma once
#include <stdbool.h>

struct event {
    struct event *next;
    const char *what, *id;
    const struct service *service;      /* whose operation noted it */
    bool told;                          /* the history has it */
};
