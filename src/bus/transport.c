/* SPDX-License-Identifier: Apache-2.0
 * The table of transports. */
#include "bus/transport.h"

#include <string.h>

#include "base/arena.h"

static const struct bus_transport *const transports[] = {&bus_transport_unix};

const struct bus_transport *bus_transport_find(struct arena *arena, const char *url, const char **ret_address,
                                               const char **ret_error) {
    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
        size_t size = strlen(transports[i]->scheme);

        if (!strncmp(url, transports[i]->scheme, size)) {
            *ret_address = url + size;
            return bus_transport_unreliable(transports[i]);
        }
    }
    *ret_error = arena_printf(arena, "no bus speaks '%s': unix:/PATH was expected", url);
    return NULL;
}
