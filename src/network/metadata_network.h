/* SPDX-License-Identifier: Apache-2.0
 * The place where a network's metadata proxy listens: a network namespace with one device, the other end of which goes
 * onto the integration bridge as the network's metadata port. */
#pragma once
#include <stdbool.h>

struct arena;

/* "ovnmeta-NETWORK", the name that OpenStack's own agent gives too, and the device's end on this host. */
const char *metadata_network_name(struct arena *arena, const char *network);
const char *metadata_network_device(struct arena *arena, const char *network);

/* Makes the namespace with 'mac' and the addresses "10.0.0.2/24 ..." and 169.254.169.254/32; idempotent. */
bool metadata_network_up(struct arena *arena, const char *network, const char *mac, const char *cidrs,
                         const char **ret_error);
bool metadata_network_down(struct arena *arena, const char *network, const char **ret_error);

/* A listening TCP socket on 169.254.169.254 port 80 in namespace 'name'; -1 with errno. */
int metadata_network_listen(const char *name);
