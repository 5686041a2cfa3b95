/* SPDX-License-Identifier: Apache-2.0
 * Tap devices of this host. They are made before the hypervisor starts, so that the network is ready when the guest
 * asks for its address, and stay while the server is stopped. */
#pragma once
#include <stdbool.h>

struct server_nic;
struct work;

/* Makes the tap of 'nic' and joins it to its network. */
bool tap_plug(struct work *work, const struct server_nic *nic);

/* Takes the device off the network of port 'port_id' (null: not known) and removes it. */
bool tap_unplug(struct work *work, const char *port_id, const char *device);

/* Whether this cloud made the device: it carries the name of our data directory (`ip link` shows it as its alias). */
bool tap_is_ours(struct work *work, const char *device);

/* Adds the names of our devices to work->result as the list "taps". */
bool tap_list(struct work *work);
