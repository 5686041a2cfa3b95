/* SPDX-License-Identifier: Apache-2.0
 * Disks in use: copying the root disk of a running guest, and forgetting the state that a resize kept inside disks. */
#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "compute/disks.h"
#include "compute/driver_libvirt.h"
#include "compute/files.h"
#include "compute/xml.h"

enum { POLL_MICROSECONDS = 100000 };

/* The target name of the disk whose file is 'path'; null when the domain has none. */
static const char *target_of(struct work *work, const char *xml, const char *path) {
    const char *at = NULL, *disk;

    while ((disk = xml_find(work->arena, xml, "disk", NULL, &at))) {
        const char *file = xml_find_attribute(work->arena, disk, "source", "file");

        if (file && !strcmp(file, path)) {
            return xml_find_attribute(work->arena, disk, "target", "dev");
        }
    }
    return NULL;
}

/* A backup job that copies only 'target', whole, into the new qcow2 file 'to'. */
static const char *backup_xml(struct work *work, const char *domain, const char *target, const char *to) {
    struct buf buf = {0};
    struct xml xml = {.buf = &buf};
    const char *at = NULL, *disk, *text;

    xml_begin(&xml, "domainbackup");
    xml_attribute(&xml, "mode", "push");
    xml_begin(&xml, "disks");
    while ((disk = xml_find(work->arena, domain, "disk", NULL, &at))) {
        const char *name = xml_find_attribute(work->arena, disk, "target", "dev");
        bool wanted = name && !strcmp(name, target);

        xml_begin(&xml, "disk");
        xml_attribute(&xml, "name", name);
        xml_attribute(&xml, "backup", wanted ? "yes" : "no");
        if (wanted) {
            xml_attribute(&xml, "type", "file");
            XML_LEAF(&xml, "driver", "type", "qcow2");
            XML_LEAF(&xml, "target", "file", to);
        }
        xml_end(&xml);
    }
    xml_end(&xml);
    xml_end(&xml);
    text = buf_taken(&buf, work->arena);
    return text;
}

static bool job_is_running(virDomainPtr domain) {
    virDomainJobInfo info;

    return !virDomainGetJobInfo(domain, &info) && info.type != VIR_DOMAIN_JOB_NONE;
}

/* Waits for the job to end and says whether it reached its goal. */
static bool job_wait(struct work *work, virDomainPtr domain) {
    virTypedParameterPtr parameters = NULL;
    int type = VIR_DOMAIN_JOB_NONE, count = 0, success = 0;

    while (job_is_running(domain)) {
        if (work->deadline && clock_monotonic() >= work->deadline) {
            virDomainAbortJob(domain);
            return work_fail(work, "server %s: the snapshot ran out of time", work->id);
        }
        usleep(POLL_MICROSECONDS);
    }
    if (virDomainGetJobStats(domain, &type, &parameters, &count, VIR_DOMAIN_JOB_STATS_COMPLETED)) {
        return libvirt_fail(work, "see how the snapshot went");
    }
    virTypedParamsGetBoolean(parameters, count, VIR_DOMAIN_JOB_SUCCESS, &success);
    virTypedParamsFree(parameters, count);
    return success || type == VIR_DOMAIN_JOB_COMPLETED || work_fail(work, "server %s: the snapshot failed", work->id);
}

/* A job that an earlier run of this task left behind. */
static void job_end(virDomainPtr domain) {
    if (job_is_running(domain)) {
        virDomainAbortJob(domain);
    }
    for (int i = 0; i < 100 && job_is_running(domain); i++) {
        usleep(POLL_MICROSECONDS);
    }
}

/* Copies root disk 'disk' of the running domain to the qcow2 file 'to'. */
static bool live_copy(struct work *work, virDomainPtr domain, const char *disk, const char *to) {
    const char *xml = libvirt_xml(work, domain, 0);
    const char *target = xml ? target_of(work, xml, disk) : NULL;

    if (!target) {
        return work_fail(work, "server %s has no local root disk", work->id);
    }
    job_end(domain);
    unlink(to);
    return (!virDomainBackupBegin(domain, backup_xml(work, xml, target, to), NULL, 0)
            || libvirt_fail(work, "snapshot it"))
           && job_wait(work, domain);
}

/* Moves the finished qcow2 'from' to 'to' as 'format'; a plain rename where that is enough. */
static bool copy_hand_over(struct work *work, const char *from, const char *to, const char *format) {
    bool moved = !strcmp(format, "qcow2") && !rename(from, to);
    bool ok = moved || disk_export(work, from, to, format);

    unlink(from);
    return ok;
}

bool libvirt_snapshot(struct work *work, const char *path, const char *format) {
    virDomainPtr domain = libvirt_domain(work);
    const char *disk = server_path(work->arena, work->host, work->id, "disk");
    const char *copy = server_path(work->arena, work->host, work->id, "snapshot");
    const char *partial = path_partial(work->arena, path);
    bool ok;

    if (!domain) {
        return false;
    }
    if (libvirt_is_active(domain)) {
        ok = live_copy(work, domain, disk, copy) && copy_hand_over(work, copy, partial, format);
        unlink(copy);
    } else {
        ok = disk_export(work, disk, partial, format);
    }
    return ok && disk_deliver(work, partial, format)
           && (!rename(partial, path)
               || work_fail(work, "server %s: cannot write %s: %s", work->id, path, strerror(errno)));
}

/* Sends a command to QEMU itself, for what libvirt has no call; null after work_fail. */
static const struct json *monitor(struct work *work, virDomainPtr domain, const char *command) {
    char *answer = NULL;
    const char *error = NULL;
    const struct json *json;

    if (virDomainQemuMonitorCommand(domain, command, &answer, 0)) {
        libvirt_fail(work, "ask its QEMU");
        return NULL;
    }
    json = json_parse(work->arena, answer, strlen(answer), &error);
    free(answer);
    if (!json || json_get(json, "error")) {
        const char *cause = json_get_text(json_get(json, "error"), "desc");

        work_fail(work, "server %s: QEMU refuses: %s", work->id, cause ? cause : error);
        return NULL;
    }
    return json_get(json, "return");
}

static const char *command_forget(struct work *work, const char *node) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    json_map(&out);
    json_put_text(&out, "execute", "blockdev-snapshot-delete-internal-sync");
    json_key(&out, "arguments");
    json_map(&out);
    json_put_text(&out, "device", node);
    json_put_text(&out, "name", disk_kept_name);
    json_map_end(&out);
    json_map_end(&out);
    return buf_taken(&buf, work->arena);
}

static bool node_has_kept(const struct json *node) {
    for (JSON_EACH(snapshot, json_get(json_get(node, "image"), "snapshots"))) {
        const char *name = json_get_text(snapshot, "name");

        if (name && !strcmp(name, disk_kept_name)) {
            return true;
        }
    }
    return false;
}

bool libvirt_forget_kept(struct work *work, const struct server *server, virDomainPtr domain) {
    const struct json *nodes = monitor(work, domain, "{\"execute\": \"query-named-block-nodes\"}");

    for (JSON_EACH(node, nodes)) {
        const char *name = json_get_text(node, "node-name"), *format = json_get_text(node, "drv");

        if (name && format && !strcmp(format, "qcow2") && node_has_kept(node)
            && !monitor(work, domain, command_forget(work, name))) {
            return false;
        }
    }
    return nodes;
}
