/* SPDX-License-Identifier: Apache-2.0
 * The engines of a host: libvirt, Open vSwitch and OVN. The system's own instances are used where they answer; else the
 * agent runs instances of its own, whose state, sockets and logs lie in DATA/engines and which touch nothing of the
 * system's. Engines outlive the agent: guests keep running, and keep their network, while it restarts.
 *
 * Configuration, section [host]:
 *   engines           auto | own | system (auto: own where this data directory has own ones or the system has none)
 *   bridge            integration bridge (br-int)
 *   external_bridge   bridge of the physical network physnet1 (br-ex)
 *   external_address  the host's address on it (172.24.4.1/24; empty: none)
 *   external_port     a network card to put into it (none)
 *   nat               guests reach the world behind the host's address (true)
 *   encap_ip          end of the tunnels to other hosts (127.0.0.1)
 *   kvm               auto | yes | no (auto: yes where a kernel was seen to boot with it)
 *   probe_kernel      the kernel to try KVM with (DATA/guest/guest.qcow2.vmlinuz, else the one in /boot) */
#pragma once
#include <stdbool.h>

#include "bus/work.h"

/* Starts what is missing and prepares bridges, addresses and databases; what is there already stays as it is. Reads
 * host->conf, data and name; sets libvirt_uri, ovn_nb, ovn_sb, ovs, bridge, bridge_external, userspace_datapath and
 * kvm, which live as long as 'arena'. Blocks, up to some seconds. On failure *ret_error is a sentence that says what to
 * do. Call once, as root. */
bool engines_start(struct arena *arena, struct host *host, const char **ret_error);

/* Restarts own engines that died. To be called about once a second; returns at once unless one died. Does nothing
 * before engines_start. */
void engines_watch(void);

/* Shuts our guests down (up to 'guest_seconds', then cuts them off) and stops own engines; the system's own go on. With
 * 'remove' the system's engines also forget our guests and bridges. Needs no engines_start before. */
void engines_stop(const struct conf *conf, const char *data, int guest_seconds, bool remove);

/* Prints a line for each own engine: its name, and its process or "-". */
void engines_print(const char *data);

/* True when the running kernel has Open vSwitch's datapath. */
bool kernel_has_openvswitch(void);

/* True when a kernel boots with KVM here. The answer is kept below 'data' until the machine restarts. */
bool kvm_boots(struct arena *arena, const struct conf *conf, const char *data);

/* True when something accepts connections on the Unix socket 'path'. */
bool socket_answers(const char *path);

/* True when a running Open vSwitch has the userspace datapath of this network namespace; there can be one. */
bool switch_is_taken(void);
