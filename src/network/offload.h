/* SPDX-License-Identifier: Apache-2.0
 * Checksum offload of network devices. Open vSwitch's userspace datapath hands packets on as they are, so a sender that
 * leaves the checksum to a device which is none is never understood: TCP hangs where ICMP passes. */
#pragma once
#include <stdbool.h>

/* Turns transmit checksum offload (and with it segmentation) of 'device' off in the calling thread's network namespace.
 * False with errno: no such device, or it cannot. */
bool offload_disable(const char *device);
