/* SPDX-License-Identifier: Apache-2.0
 * Events of a call, for the engine's own files; newest first. */
#pragma once

struct event {
    struct event *next;
    const char *what, *id;
};
