/* SPDX-License-Identifier: Apache-2.0
 * What every hypervisor driver must do, as driver.h says it: one life of a server, each step done twice. Runs through
 * the agent's table of work, with the driver that the configuration of 'host' names already started. */
#pragma once
#include "bus/work.h"

struct conformance {
    const struct host *host;
    const char *image, *format;         /* a guest that ends its boot with "BOOT COMPLETE" on the console */
    const char *image_id, *properties;  /* properties: JSON map, null for none */
    const char *volume;                 /* a raw file to attach */
    const char *scratch;                /* directory for snapshots */
    int boot_seconds;                   /* how long a boot may take */
};

/* Runs the kind of work with document 'doc'. The result is a map, null when the work failed; conformance_error() says
 * why. Both live until conformance_release(). */
const struct json *conformance_run(const struct conformance *with, const char *kind, const char *id, const char *doc);
const char *conformance_error(void);
void conformance_release(void);

/* A document of server 'id' with 'ram' MiB, a root disk of 'root' GiB and 'more' members (may be ""). */
const char *conformance_document(const struct conformance *with, const char *id, int ram, int root, const char *more);

/* True when the console of the server ends its boot in time. */
bool conformance_booted(const struct conformance *with, const char *id);

void conformance_life(const struct conformance *with);
