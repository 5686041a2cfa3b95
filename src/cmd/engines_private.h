/* SPDX-License-Identifier: Apache-2.0
 * What the parts of engines share: engines.c starts and watches daemons, engines_place.c decides whose are used and
 * where, engines_network.c sets up bridges and addresses, engines_libvirt.c writes libvirt's files and ends guests. */
#pragma once
#include <stdbool.h>

struct arena;
struct conf;
struct host;

enum group { CENTRAL, SWITCH, CONTROLLER, LIBVIRT, GROUPS };

/* Where engines run: below 'base' (DATA/engines) those groups that are our own, the system's otherwise. */
struct place {
    const char *base;
    bool own[GROUPS];
};

const char *place_base(struct arena *arena, const char *data);

/* Decides by the configuration, by what answers and by what we had before; sets libvirt_uri, ovn_nb, ovn_sb and ovs. */
bool place_choose(struct arena *arena, struct host *host, struct place *ret_place, const char **ret_error);

/* Makes the directories, empty of what an earlier boot of the machine left running. */
bool place_make(struct arena *arena, const char *base, const char **ret_error);

/* True when a process holds the tap device 'name'; one that is left over from an ended process is free. */
bool tap_busy(const char *name);

/* Database files of OVN and Open vSwitch below 'base' (DATA/engines), made when absent and converted when their schema
 * is older. */
bool databases_make(struct arena *arena, const char *base, const char **ret_error);

/* Bridges, chassis settings, the host's address and its NAT, all in the running Open vSwitch at host->ovs. Called again
 * after each start of ovs-vswitchd: in userspace its devices go away with it. */
bool network_prepare(struct arena *arena, const struct host *host, bool own_ovs, const char **ret_error);

/* Configuration files of our own libvirt, below 'base'. */
bool libvirt_prepare(struct arena *arena, const char *base, const char **ret_error);

/* Asks the running guests of 'uri' that lie below 'data' to shut down and cuts off those that still run after
 * 'seconds'; with 'undefine' libvirt forgets them. */
void guests_stop(const char *uri, const char *data, int seconds, bool undefine);

/* Removes the NAT, what is plugged into the integration bridge of host->ovs, the namespaces of metadata proxies and,
 * from a switch of the system's, what network_prepare made there. */
void network_remove(struct arena *arena, const struct host *host, bool own_ovs);

/* Writes the file unless it says so already. */
bool file_write(const char *path, const char *text);

/* The first line of a file without its end, "" when it cannot be read. */
const char *file_line(struct arena *arena, const char *path);

/* As the comment of run_program, with a sentence in *ret_error: "NAME: what it printed". */
bool run_or(struct arena *arena, const char **ret_error, const char *const *argv);
