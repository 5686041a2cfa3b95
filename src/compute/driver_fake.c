/* SPDX-License-Identifier: Apache-2.0
 * A hypervisor that only remembers, in a file per host (fake_state.h), so that a restart finds everything as it was and
 * one process can be thousands of hosts. It keeps the contract of driver.h in all that can be
 * seen from outside, and is fast enough to be no part of what a measurement of the rest measures. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "bus/work.h"
#include "compute/console.h"
#include "compute/driver.h"
#include "compute/fake_state.h"
#include "compute/files.h"

/* What the file of a server says. 'devices' are the serials or names of disks and the ports of interfaces. */
struct fake {
    enum power_state power;
    const char *name, *console;
    int64_t vcpus, ram, root;           /* MiB, GiB */
    int64_t before_vcpus, before_ram, before_root;      /* 0 vcpus: no resize under way */
    struct fake_list {
        const char *names[128];
        int count;
    } disks, ports;
};

static void list_read(const struct json *node, struct fake_list *list) {
    for (JSON_EACH(item, node)) {
        if (item->type == JSON_TEXT && list->count < 128) {
            list->names[list->count++] = item->text;
        }
    }
}

static void list_write(struct json_out *out, const char *key, const struct fake_list *list) {
    json_key(out, key);
    json_list(out);
    for (int i = 0; i < list->count; i++) {
        json_text(out, list->names[i]);
    }
    json_list_end(out);
}

static int list_find(const struct fake_list *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (!strcmp(list->names[i], name)) {
            return i;
        }
    }
    return -1;
}

static void list_set(struct fake_list *list, const char *name, bool there) {
    int at = list_find(list, name);

    if (there && at < 0 && list->count < 128) {
        list->names[list->count++] = name;
    } else if (!there && at >= 0) {
        list->names[at] = list->names[--list->count];
    }
}

/* Null when the server does not exist here. */
static struct fake *fake_find(struct work *work) {
    const char *error, *text = fake_state_get(work);
    const struct json *json = text ? json_parse(work->arena, text, strlen(text), &error) : NULL;
    struct fake *fake = json ? ARENA_NEW(work->arena, struct fake) : NULL;

    if (fake) {
        fake->power = (enum power_state)json_get_int(json, "power", POWER_SHUTDOWN);
        fake->name = json_get_text(json, "name");
        fake->console = json_get_text(json, "console");
        fake->vcpus = json_get_int(json, "vcpus", 1);
        fake->ram = json_get_int(json, "ram", 1);
        fake->root = json_get_int(json, "root", 0);
        fake->before_vcpus = json_get_int(json, "before_vcpus", 0);
        fake->before_ram = json_get_int(json, "before_ram", 0);
        fake->before_root = json_get_int(json, "before_root", 0);
        list_read(json_get(json, "disks"), &fake->disks);
        list_read(json_get(json, "ports"), &fake->ports);
    }
    return fake;
}

static struct fake *fake_get(struct work *work) {
    struct fake *fake = fake_find(work);

    if (!fake) {
        work_fail(work, "server %s does not exist on host %s", work->id, work->host->name);
    }
    return fake;
}

static bool fake_put(struct work *work, const struct fake *fake) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    bool ok;

    json_map(&out);
    json_put_int(&out, "power", fake->power);
    json_put_text(&out, "name", fake->name);
    json_put_text(&out, "console", fake->console);
    json_put_int(&out, "vcpus", fake->vcpus);
    json_put_int(&out, "ram", fake->ram);
    json_put_int(&out, "root", fake->root);
    json_put_int(&out, "before_vcpus", fake->before_vcpus);
    json_put_int(&out, "before_ram", fake->before_ram);
    json_put_int(&out, "before_root", fake->before_root);
    list_write(&out, "disks", &fake->disks);
    list_write(&out, "ports", &fake->ports);
    json_map_end(&out);
    ok = fake_state_put(work, buf.at);
    buf_release(&buf);
    return ok;
}

static bool fake_start(const struct host *host) {
    struct arena *arena = arena_new(0);
    bool ok = !mkdir(arena_printf(arena, "%s/fake", host->data), 0700) || errno == EEXIST;

    arena_free(arena);
    return ok;
}

static bool fake_facts(const struct host *host, struct json_out *out) {
    json_put_int(out, "vcpus", 1000);
    json_put_int(out, "memory_mb", 800000);
    json_put_int(out, "disk_gb", 600000);
    json_put_int(out, "disk_free_gb", 600000);
    json_put_text(out, "hypervisor_type", "fake");
    json_put_int(out, "hypervisor_version", 1000);
    json_put_text(out, "hypervisor_hostname", host->name);
    json_put_text(out, "host_ip", "127.0.0.1");
    json_put_raw(out, "cpu_info", "{\"arch\": \"x86_64\", \"model\": \"fake\", \"vendor\": \"fake\", \"features\": [], "
                                  "\"topology\": {\"cells\": 1, \"sockets\": 1, \"cores\": 1000, \"threads\": 1}}");
    json_put_raw(out, "traits", "[\"COMPUTE_NODE\", \"COMPUTE_VOLUME_ATTACH_WITH_TAG\", \"COMPUTE_NET_ATTACH_INTERFACE\"]");
    json_put_raw(out, "supported_instances", "[[\"x86_64\", \"fake\", \"hvm\"]]");
    return true;
}

static const char *disk_name(const struct server_disk *disk) {
    return disk->serial ? disk->serial : disk->device;
}

static void fake_describe(struct fake *fake, const struct server *server) {
    fake->vcpus = server->vcpus;
    fake->ram = server->ram;
    fake->root = server->root;
    fake->disks.count = fake->ports.count = 0;
    for (int i = 0; i < server->disk_count; i++) {
        list_set(&fake->disks, disk_name(&server->disks[i]), true);
    }
    for (int i = 0; i < server->nic_count; i++) {
        list_set(&fake->ports, server->nics[i].port_id, true);
    }
}

static void fake_boot(struct work *work, struct fake *fake, const struct server *server) {
    fake->power = POWER_RUNNING;
    fake->console = arena_printf(work->arena,
                                 "Linux version 6.1.0-fake\nconsole of %s\nclock\nmemory\ncpu\npci\ndisk\nroot\nnet\nssh\n"
                                 "BOOT COMPLETE %s\n", server->name, server->hostname);
}

/* Joins the server's ports to their networks, which need no device here. */
static bool fake_plug(struct work *work, const struct server *server) {
    for (int i = 0; compute_plug && i < server->nic_count; i++) {
        if (!compute_plug(work, server->nics[i].port_id, server->nics[i].plug)) {
            return work_fail(work, "server %s: cannot plug port %s", work->id, server->nics[i].port_id);
        }
    }
    return true;
}

/* Saves the state and tells the power. */
static bool fake_settle(struct work *work, const struct fake *fake) {
    json_put_int(&work->result, "power_state", fake->power);
    return fake_put(work, fake);
}

/* A running server of the same shape stays as it is. */
static bool fake_spawn(struct work *work, const struct server *server) {
    struct fake *fake = fake_find(work);

    if (!fake) {
        fake = ARENA_NEW(work->arena, struct fake);
    }
    fake->name = server->name;
    fake_describe(fake, server);
    if (server->power != POWER_SHUTDOWN && (!fake->power || fake->power == POWER_SHUTDOWN)) {
        fake_boot(work, fake, server);
    }
    fake->power = server->power;
    return fake_plug(work, server) && fake_settle(work, fake);
}

static bool fake_destroy(struct work *work) {
    struct fake *fake = fake_find(work);

    for (int i = 0; fake && compute_plug && i < fake->ports.count; i++) {
        if (!compute_plug(work, fake->ports.names[i], NULL)) {
            return work_fail(work, "server %s: cannot unplug port %s", work->id, fake->ports.names[i]);
        }
    }
    return !fake || fake_state_put(work, NULL);
}

/* What each action needs and leads to. */
static const struct {
    const char *name;
    unsigned from;              /* bits of power states */
    enum power_state to;
} actions[] = {
#define FROM(STATE) (1U << POWER_##STATE)
    [ACTION_START] = {"start", ~0U, POWER_RUNNING},
    [ACTION_STOP] = {"stop", ~0U, POWER_SHUTDOWN},
    [ACTION_REBOOT_SOFT] = {"reboot", ~0U, POWER_RUNNING},
    [ACTION_REBOOT_HARD] = {"reboot", ~0U, POWER_RUNNING},
    [ACTION_PAUSE] = {"pause", FROM(RUNNING) | FROM(PAUSED), POWER_PAUSED},
    [ACTION_UNPAUSE] = {"unpause", FROM(PAUSED) | FROM(RUNNING), POWER_RUNNING},
    [ACTION_SUSPEND] = {"suspend", FROM(RUNNING) | FROM(PAUSED) | FROM(SUSPENDED), POWER_SUSPENDED},
    [ACTION_RESUME] = {"resume", ~0U, POWER_RUNNING},
#undef FROM
};

static bool fake_power(struct work *work, const struct server *server, enum power_action action, int timeout_ms) {
    struct fake *fake = fake_get(work);
    bool boots = action == ACTION_START || action == ACTION_REBOOT_SOFT || action == ACTION_REBOOT_HARD;

    if (!fake) {
        return false;
    }
    if (!(actions[action].from & (1U << fake->power))) {
        return work_fail(work, "server %s: cannot %s it in power state %d", work->id, actions[action].name,
                         fake->power);
    }
    if (boots && (action != ACTION_START || fake->power != POWER_RUNNING)) {
        fake_describe(fake, server);
        fake_boot(work, fake, server);
        if (!fake_plug(work, server)) {
            return false;
        }
    }
    fake->power = actions[action].to;
    return fake_settle(work, fake);
}

static bool fake_disk(struct work *work, const struct server_disk *disk, bool there) {
    struct fake *fake = fake_get(work);

    if (fake) {
        list_set(&fake->disks, disk_name(disk), there);
    }
    return fake && fake_put(work, fake);
}

static bool fake_attach_disk(struct work *work, const struct server_disk *disk) {
    return fake_disk(work, disk, true);
}

static bool fake_detach_disk(struct work *work, const struct server_disk *disk) {
    return fake_disk(work, disk, false);
}

static bool fake_nic(struct work *work, const struct server_nic *nic, bool there) {
    struct fake *fake = fake_get(work);

    if (!fake || (compute_plug && !compute_plug(work, nic->port_id, there ? nic->plug : NULL))) {
        return work_fail(work, "server %s: cannot plug port %s", work->id, nic->port_id);
    }
    list_set(&fake->ports, nic->port_id, there);
    return fake_put(work, fake);
}

static bool fake_attach_nic(struct work *work, const struct server_nic *nic) {
    return fake_nic(work, nic, true);
}

static bool fake_detach_nic(struct work *work, const struct server_nic *nic) {
    return fake_nic(work, nic, false);
}

static bool fake_restart(struct work *work, struct fake *fake, const struct server *server) {
    fake_describe(fake, server);
    fake->power = POWER_SHUTDOWN;
    if (server->power != POWER_SHUTDOWN) {
        fake_boot(work, fake, server);
        fake->power = server->power;
    }
    return fake_settle(work, fake);
}

static bool fake_resize(struct work *work, const struct server *server, int timeout_ms) {
    struct fake *fake = fake_get(work);

    if (!fake) {
        return false;
    }
    if (!fake->before_vcpus) {
        fake->before_vcpus = fake->vcpus;
        fake->before_ram = fake->ram;
        fake->before_root = fake->root;
    }
    return fake_restart(work, fake, server);
}

static bool fake_resize_confirm(struct work *work, const struct server *server) {
    struct fake *fake = fake_get(work);

    if (fake) {
        fake->before_vcpus = 0;
    }
    return fake && fake_put(work, fake);
}

static bool fake_resize_revert(struct work *work, const struct server *server) {
    struct fake *fake = fake_get(work);

    if (fake) {
        fake->before_vcpus = 0;
    }
    return fake && fake_restart(work, fake, server);
}

static bool fake_rebuild(struct work *work, const struct server *server) {
    struct fake *fake = fake_get(work);

    return fake && fake_restart(work, fake, server);
}

/* An empty image of 1 MiB: raw, or qcow2 by the least header that is one (docs/interop/qcow2.txt of QEMU: version 2,
 * clusters of 64 KiB; header, L1 table, refcount table and refcount block take a cluster each). */
static bool image_write(struct work *work, const char *path, bool qcow2) {
    static const unsigned char header[72] = {
        'Q', 'F', 'I', 0xfb, 0, 0, 0, 2,        /* magic, version */
        [20] = 0, 0, 0, 16,                     /* cluster bits */
        [24] = 0, 0, 0, 0, 0, 16, 0, 0,         /* size: 1 MiB */
        [36] = 0, 0, 0, 1,                      /* entries of the L1 table */
        [40] = 0, 0, 0, 0, 0, 3, 0, 0,          /* L1 table at cluster 3 */
        [48] = 0, 0, 0, 0, 0, 1, 0, 0,          /* refcount table at cluster 1 */
        [56] = 0, 0, 0, 1,                      /* clusters of it */
    };
    static const unsigned char table[8] = {0, 0, 0, 0, 0, 2, 0, 0};     /* refcount block at cluster 2 */
    static const unsigned char counts[8] = {0, 1, 0, 1, 0, 1, 0, 1};    /* four clusters in use */
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    bool ok = fd >= 0 && !ftruncate(fd, qcow2 ? 4 << 16 : 1 << 20);

    ok = ok && (!qcow2 || (pwrite(fd, header, sizeof header, 0) == sizeof header
                           && pwrite(fd, table, sizeof table, 1 << 16) == sizeof table
                           && pwrite(fd, counts, sizeof counts, 2 << 16) == sizeof counts));
    if (fd >= 0) {
        close(fd);
    }
    return ok || work_fail(work, "server %s: cannot write %s: %s", work->id, path, strerror(errno));
}

static bool fake_snapshot(struct work *work, const char *path, const char *format) {
    const char *partial = path_partial(work->arena, path);
    bool qcow2 = !strcmp(format, "qcow2");

    if (!fake_get(work) || !image_write(work, partial, qcow2) || !file_give(work, partial)) {
        return false;
    }
    json_put_int(&work->result, "size", qcow2 ? 4 << 16 : 1 << 20);
    json_put_int(&work->result, "virtual_size", 1 << 20);
    return !rename(partial, path) || work_fail(work, "server %s: cannot write %s", work->id, path);
}

static bool fake_console_log(struct work *work, int64_t lines) {
    struct fake *fake = fake_get(work);

    if (fake) {
        const char *text = fake->console ? fake->console : "";

        console_put(work, text, strlen(text), lines);
    }
    return fake;
}

static bool fake_vnc(struct work *work) {
    struct fake *fake = fake_get(work);

    if (fake && fake->power != POWER_RUNNING && fake->power != POWER_PAUSED) {
        return work_fail(work, "server %s is not running", work->id);
    }
    json_put_text(&work->result, "host", "127.0.0.1");
    json_put_int(&work->result, "port", 5900);
    return fake;
}

static bool fake_diagnostics(struct work *work) {
    struct fake *fake = fake_get(work);
    struct json_out *out = &work->result;

    if (!fake) {
        return false;
    }
    json_put_text(out, "state", fake->power == POWER_RUNNING ? "running" : "shutdown");
    json_put_text(out, "driver", "fake");
    json_put_text(out, "hypervisor", "fake");
    json_put_text(out, "hypervisor_os", "linux");
    json_put_int(out, "uptime", 46664);
    json_put_bool(out, "config_drive", false);
    json_put_int(out, "num_cpus", fake->vcpus);
    json_put_int(out, "num_nics", fake->ports.count);
    json_put_int(out, "num_disks", fake->disks.count);
    json_put_raw(out, "cpu_details", "[{\"id\": 0, \"time\": 17300000000, \"utilisation\": 15}]");
    json_put_raw(out, "nic_details", "[]");
    json_put_raw(out, "disk_details", "[]");
    json_key(out, "memory_details");
    json_map(out);
    json_put_int(out, "maximum", fake->ram);
    json_put_int(out, "used", fake->ram / 2);
    json_map_end(out);
    return true;
}

static void put_server(struct json_out *out, struct arena *arena, const char *id, const struct fake *fake) {
    json_map(out);
    json_put_text(out, "id", id);
    json_put_text(out, "name", fake->name);
    json_put_int(out, "power_state", fake->power);
    json_put_bool(out, "lost", false);
    json_map_end(out);
}

static void put_attached(struct json_out *out, struct arena *arena, const char *id, const struct fake *fake) {
    for (int i = 0; i < fake->disks.count; i++) {
        if (id_is_uuid(fake->disks.names[i])) {
            json_text(out, arena_printf(arena, "%s/%s", id, fake->disks.names[i]));
        }
    }
}

static const char *fake_tap(struct arena *arena, const char *port) {
    return arena_printf(arena, "tap%.11s", port);
}

static void put_taps(struct json_out *out, struct arena *arena, const char *id, const struct fake *fake) {
    for (int i = 0; i < fake->ports.count; i++) {
        json_text(out, fake_tap(arena, fake->ports.names[i]));
    }
}

/* Calls 'visit' for each server of the host. */
static void each(struct work *work, void (*visit)(struct work *one, struct fake *fake, void *user), void *user) {
    size_t count;
    const char *const *ids = fake_state_ids(work, &count);

    for (size_t i = 0; i < count; i++) {
        struct work one = *work;
        struct fake *fake;

        one.id = ids[i];
        if ((fake = fake_find(&one))) {
            visit(&one, fake, user);
        }
    }
}

/* Writes a part of the inventory: what of each server. */
struct part {
    void (*put)(struct json_out *out, struct arena *arena, const char *id, const struct fake *fake);
    struct json_out *out;
};

static void put_part(struct work *one, struct fake *fake, void *user) {
    const struct part *part = user;

    part->put(part->out, one->arena, one->id, fake);
}

static void list_part(struct work *work, const char *key,
                      void (*put)(struct json_out *out, struct arena *arena, const char *id, const struct fake *fake)) {
    json_key(&work->result, key);
    json_list(&work->result);
    each(work, put_part, &(struct part){put, &work->result});
    json_list_end(&work->result);
}

static void forget_tap(struct work *one, struct fake *fake, void *user) {
    for (int i = 0; i < fake->ports.count; i++) {
        if (!strcmp(fake_tap(one->arena, fake->ports.names[i]), user)) {
            list_set(&fake->ports, fake->ports.names[i], false);
            fake_put(one, fake);
            return;
        }
    }
}

static bool fake_mend_nic(struct work *work, const struct server_nic *nic) {
    if (nic) {
        return fake_nic(work, nic, true);
    }
    each(work, forget_tap, (void *)(uintptr_t)work->id);
    return true;
}

static bool fake_list(struct work *work) {
    list_part(work, "servers", put_server);
    list_part(work, "attached", put_attached);
    list_part(work, "taps", put_taps);
    return true;
}

const struct compute_driver compute_driver_fake = {
    .name = "fake",
    .start = fake_start,
    .facts = fake_facts,
    .spawn = fake_spawn,
    .destroy = fake_destroy,
    .power = fake_power,
    .attach_disk = fake_attach_disk,
    .detach_disk = fake_detach_disk,
    .attach_nic = fake_attach_nic,
    .detach_nic = fake_detach_nic,
    .mend_nic = fake_mend_nic,
    .resize = fake_resize,
    .resize_confirm = fake_resize_confirm,
    .resize_revert = fake_resize_revert,
    .rebuild = fake_rebuild,
    .snapshot = fake_snapshot,
    .console_log = fake_console_log,
    .vnc = fake_vnc,
    .diagnostics = fake_diagnostics,
    .list = fake_list,
};
