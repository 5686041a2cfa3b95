/* SPDX-License-Identifier: Apache-2.0
 * What the files of servers share. Everything runs inside the call's transaction; false after fail(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compute/types.h"
#include "network/network.h"
#include "rest/call.h"
#include "rest/task.h"

struct query;

/* What a flavor gives, as kept with each server. */
struct server_size {
    const char *id, *name;
    int64_t vcpus, ram, disk, ephemeral, swap;      /* MiB, GiB, GiB, MiB */
    const struct json *extra_specs;
};

/* ---- server_state.c ---- */

/* The status that clients see. */
const char *server_status(const struct compute_server *server);
/* The states that have one of 'statuses' (ends with null), as SQL: "(vm_state = 'active' AND ...) OR ..."; null: none. */
const char *server_status_sql(struct call *call, const char *const *statuses, size_t count);

/* True when 'word' is one of "a|b|c". */
bool word_in(const char *words, const char *word);

/* Fails 409 when the server is locked for the caller, its vm_state is none of 'vm_states' (null: any), or something is
 * being done to it ('busy' names task_states that do not matter, "*" all). */
bool server_ready(struct call *call, const struct compute_server *server, const char *action, const char *vm_states,
                  const char *busy);
bool server_unlocked(struct call *call, const struct compute_server *server);

/* Notes an action of the caller; with 'task_state' also marks the server. Writes the row. */
bool server_begin(struct call *call, struct compute_server *server, const char *action, const char *task_state);
bool server_note(struct call *call, const struct compute_server *server, const char *action);

/* The end of what the request of this call asked for: 'error' null is success. */
bool server_noted(struct call *call, const struct compute_server *server, const char *error);

/* The server of a task; null in '*ret_server' when it is gone or on its way out. False when the database failed. */
bool server_of_task(struct call *call, const struct task *task, struct compute_server **ret_server);
bool server_leaves(const struct compute_server *server);

/* Ends a task well: nothing is being done to the server any more. 'vm_state' null leaves it. */
bool server_settle(struct call *call, struct compute_server *server, const char *vm_state, const struct json *result);
/* Ends it badly: the fault is recorded, and vm_state becomes 'vm_state' (null: as it was). */
bool server_fail(struct call *call, struct compute_server *server, const char *vm_state, int code, const char *cause);
/* The same with 'details', which only administrators are shown. */
bool server_fail_why(struct call *call, struct compute_server *server, const char *vm_state, int code, const char *cause,
                     const char *details);
bool server_save(struct call *call, struct compute_server *server);

/* ---- server_size.c ---- */
/* The flavor by id or URL as the caller may use it. Fails 400. */
bool size_of_flavor(struct call *call, const char *reference, struct server_size *ret_size, const char **ret_json);
struct server_size size_read(struct call *call, const char *json);
/* Quotas of 'project' for 'count' more servers, and so many more cores and MiB of memory. Fails 403. */
bool size_quota(struct call *call, const char *project, int64_t count, int64_t vcpus, int64_t ram);
/* How many of 'count' servers the project's quota has room for. */
int64_t size_room(struct call *call, const char *project, int64_t count, int64_t vcpus, int64_t ram);

/* ---- server_schedule.c ---- */
/* Servers that one hint may name. */
enum { SCHEDULE_HINTS = 100 };

struct schedule {
    const char *zone, *host;            /* wanted; null: any */
    bool forced;                        /* "zone:host": filters do not matter */
    const struct json *hints;
    const char *group_id;               /* server group; null: none */
    const char *project_id;
    const char *image_properties;       /* JSON map */
    struct server_size size;
    const char *consumer;               /* whose allocations do not count against it; null: none */
    int64_t disk;                       /* GiB that the server takes on the host */
};

struct chosen {
    const char *host, *provider, *zone;
};

/* The candidates, best first. */
struct schedule_result {
    struct chosen *hosts;
    int64_t *free_ram, *free_vcpus, *free_disk;
    size_t count;
};
bool schedule_find(struct call *call, const struct schedule *schedule, struct schedule_result *ret_result);
/* Takes a host for one server out of the result: allocates there. '*ret_chosen' stays empty (host null) when there is
 * none. */
bool schedule_take(struct call *call, const struct schedule *schedule, struct schedule_result *result,
                   const char *server_id, const char *user_id, struct chosen *ret_chosen);
/* No host was found: a fault whose details say of each host why it is none. */
bool schedule_fail(struct call *call, const struct schedule *schedule, struct compute_server *server, const char *vm_state);
/* Allocates exactly 'size' on the server's host. */
bool schedule_allocate(struct call *call, const struct compute_server *server, const char *provider,
                       const struct server_size *size, int64_t disk);
/* Splits "zone:host:node"; fails 400 when it is malformed. */
bool schedule_parse_zone(struct call *call, const char *text, const char **ret_zone, const char **ret_host);
bool schedule_zone_exists(struct call *call, const char *zone);
#define NO_VALID_HOST "No valid host was found. There are not enough hosts available."

/* ---- server_network.c ---- */
struct nic_wanted {
    const char *network_id, *port_id, *fixed_ip, *tag;
};
/* What "networks" of a create asks for. */
bool networks_parse(struct call *call, const struct json *networks, struct nic_wanted **ret_nics, size_t *ret_count);
/* Security groups by name or id: 'ids' ends with null; null when the default is meant. */
bool networks_groups(struct call *call, const struct objects *names, const char *const **ret_ids);
bool networks_give(struct call *call, struct compute_server *server, const struct nic_wanted *nics, size_t count,
                   const char *const *group_ids);
/* Takes all ports from the server. */
bool networks_drop(struct call *call, const struct compute_server *server);

/* ---- server_block.c ---- */
/* The disks that a create asks for, the root disk first; 'image' null: none. Fails 400. */
struct image_info;
bool disks_parse(struct call *call, const struct compute_server_new *input, const struct image_info *image,
                 const struct server_size *size, struct compute_disk **ret_disks, size_t *ret_count);
/* Makes the rows of the server, reserves and makes volumes. '*ret_wait': a volume is being made. */
bool disks_give(struct call *call, const struct compute_server *server, const struct compute_disk *disks, size_t count,
                bool *ret_wait);
bool disks_of(struct call *call, const char *server_id, struct compute_disk **ret_disks, size_t *ret_count);
bool disks_drop(struct call *call, const struct compute_server *server);
bool disks_attached(struct call *call, const struct compute_server *server);
/* True when the server's root disk is a volume. */
bool disks_root_is_volume(struct call *call, const struct compute_server *server);
/* A device name that no disk of the server has. */
const char *disks_free_device(struct call *call, const struct compute_disk *disks, size_t count, const char *prefix);
/* GiB on the host's own storage. */
int64_t disks_local(const struct server_size *size, const struct compute_disk *disks, size_t count);

/* ---- server_document.c ---- */
/* Writes the members of the document (document.h) of the server. False after fail(). */
bool document_write(struct call *call, const struct compute_server *server, struct json_out *out);
bool document_disk(struct call *call, const struct compute_disk *disk, struct json_out *out);
void document_nic(struct call *call, const struct network_port_info *port, struct json_out *out);

/* ---- server_boot.c ---- */
bool server_destroy(struct call *call, struct compute_server *server);
bool server_gone(struct call *call, struct compute_server *server);
char *server_password_new(struct arena *arena);
const char *server_domain_name(struct arena *arena, const struct compute_server *server);

/* ---- server_view.c ---- */
/* Answers with the server as PUT and rebuild do. */
bool server_answer(struct call *call, struct compute_server *server, bool rebuild);
void server_location(struct call *call, const char *id);
/* The list of links of a server, as JSON. */
const char *server_links(struct call *call, const char *id);

/* ---- members of the tables in service.c ---- */
#define SERVER_TASKS(T)                                                                                                \
    T(spawn, 1800, 3)                                                                                                  \
    T(destroy, 604800, 0)                                                                                              \
    T(power, 1200, 3)                                                                                                  \
    T(resize, 1800, 2)                                                                                                 \
    T(resize_confirm, 86400, 0)                                                                                        \
    T(resize_revert, 1800, 3)                                                                                          \
    T(rebuild, 1800, 2)                                                                                                \
    T(snapshot, 3600, 2)                                                                                               \
    T(attach_volume, 300, 2)                                                                                           \
    T(detach_volume, 300, 3)                                                                                           \
    T(attach_interface, 300, 2)                                                                                        \
    T(detach_interface, 300, 3)                                                                                        \
    T(tap, 300, 2)

#define T(NAME, SECONDS, TRIES)                                                                                        \
    bool NAME##_prepare(struct call *call, const struct task *task, struct json_out *out);                             \
    bool NAME##_done(struct call *call, const struct task *task, const struct json *result);                           \
    bool NAME##_failed(struct call *call, const struct task *task, const char *cause);
SERVER_TASKS(T)
#undef T

bool servers_report(struct call *call, const char *host, const char *kind, const char *id, const struct json *doc);
bool servers_ask(struct call *call, const char *host, const char *kind, const char *id);
