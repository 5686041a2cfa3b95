/* SPDX-License-Identifier: Apache-2.0
 * The agent side of the volume service: reads each task's document and hands it to the driver of this host. Names become
 * paths, so nothing is taken on trust. */
#include <string.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "volume/driver.h"

LOG_MODULE("volume.agent");

enum { COPY_SECONDS = 3600, LARGEST = 1 << 24 };

static const struct volume_driver *driver;

bool volume_agent_start(const struct host *host) {
    static const struct volume_driver *const drivers[] = {&volume_driver_file, &volume_driver_fake};
    const char *name = conf_text(host->conf, "volume", "driver", "file");

    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (!strcmp(drivers[i]->name, name)) {
            driver = drivers[i];
            return driver->start(host);
        }
    }
    log_error("[volume] driver: there is no \"%s\"; there are file and fake", name);
    return false;
}

static bool facts(const struct host *host, struct json_out *out) {
    double total, left;
    const char *backend = conf_text(host->conf, "volume", "backend", driver->name);

    if (!driver->capacity(host, &total, &left)) {
        return false;
    }
    json_put_text(out, "backend", backend);
    json_put_text(out, "pool", conf_text(host->conf, "volume", "pool", backend));
    json_put_text(out, "zone", conf_text(host->conf, "volume", "zone", "nova"));
    json_key(out, "total_gb");
    json_real(out, total);
    json_key(out, "free_gb");
    json_real(out, left);
    return true;
}

/* "volume-ID", or null after work_fail. */
static const char *disk_name(struct work *work, const char *kind, const char *id) {
    if (!id || !id_is_uuid(id)) {
        work_fail(work, "'%.40s' is not the id of a %s", id ? id : "", kind);
        return NULL;
    }
    return arena_printf(work->arena, "%s-%s", kind, id);
}

static bool size_read(struct work *work, int64_t *ret_size) {
    int64_t size = json_get_int(work->doc, "size", 0);

    if (size <= 0 || size > LARGEST) {
        return work_fail(work, "the document of %s has no good size", work->id);
    }
    *ret_size = size << 30;
    return true;
}

/* The file of an image is where images are, whatever the document says. */
static const char *image_file(struct work *work, const char *id) {
    if (!id || !id_is_uuid(id)) {
        work_fail(work, "'%.40s' is not the id of an image", id ? id : "");
        return NULL;
    }
    return arena_printf(work->arena, "%s/images/%s", work->host->data, id);
}

static bool format_known(const char *format) {
    static const char *const formats[] = {"raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso"};

    for (size_t i = 0; format && i < sizeof formats / sizeof *formats; i++) {
        if (!strcmp(format, formats[i])) {
            return true;
        }
    }
    return false;
}

static bool image_read(struct work *work, const struct json *image, struct volume_spec *spec) {
    spec->image = image_file(work, json_get_text(image, "id"));
    spec->format = json_get_text(image, "format");
    return spec->image && (format_known(spec->format) ||
                           work_fail(work, "images of format '%.20s' cannot become volumes", spec->format ? spec->format : ""));
}

static bool source_read(struct work *work, struct volume_spec *spec) {
    const struct json *image = json_get(work->doc, "image");
    static const char *const kinds[] = {"snapshot", "volume"};

    for (int i = 0; i < 2; i++) {
        if (json_get(work->doc, kinds[i])) {
            spec->from = disk_name(work, kinds[i], json_get_text(work->doc, kinds[i]));
            return spec->from != NULL;
        }
    }
    return !image || image_read(work, image, spec);
}

static bool make(struct work *work, const char *kind) {
    struct volume_spec spec = {.name = disk_name(work, kind, work->id)};

    return spec.name && size_read(work, &spec.size) && source_read(work, &spec) && driver->make(work, &spec);
}

static bool create(struct work *work) {
    bool ok = make(work, "volume");

    if (ok) {
        json_key(&work->result, "connection");
        json_map(&work->result);
        ok = driver->connect(work, disk_name(work, "volume", work->id), &work->result);
        json_map_end(&work->result);
    }
    return ok;
}

static bool snapshot_create(struct work *work) {
    return make(work, "snapshot");
}

static bool delete(struct work *work) {
    const char *name = disk_name(work, "volume", work->id);

    return name && driver->remove(work, name);
}

static bool snapshot_delete(struct work *work) {
    const char *name = disk_name(work, "snapshot", work->id);

    return name && driver->remove(work, name);
}

static bool extend(struct work *work) {
    const char *name = disk_name(work, "volume", work->id);
    int64_t size;

    return name && size_read(work, &size) && driver->extend(work, name, size);
}

static bool upload_image(struct work *work) {
    const char *name = disk_name(work, "volume", work->id);
    const char *path = image_file(work, json_get_text(work->doc, "image")), *format = json_get_text(work->doc, "format");
    int64_t size, virtual_size;

    if (!name || !path || (!format_known(format) && !work_fail(work, "volumes cannot become images of that format")) ||
        !driver->export(work, name, path, format, &size, &virtual_size)) {
        return false;
    }
    json_put_int(&work->result, "size", size);
    json_put_int(&work->result, "virtual_size", virtual_size);
    return true;
}

/* ---- backups: the file is where they pass, whatever the document says ---- */

static const char *backup_file(struct work *work, const char *ending) {
    if (!id_is_uuid(work->id)) {
        work_fail(work, "'%.40s' is not the id of a backup", work->id);
        return NULL;
    }
    return arena_printf(work->arena, "%s/backups/%s%s", work->host->data, work->id, ending);
}

static bool backup_write(struct work *work) {
    const char *kind = json_get(work->doc, "snapshot") ? "snapshot" : "volume";
    const char *name = disk_name(work, kind, json_get_text(work->doc, kind)), *path = name ? backup_file(work, "") : NULL;
    int64_t size, virtual_size;

    return path && driver->export(work, name, path, "qcow2", &size, &virtual_size);
}

/* The disk is made anew: nobody has the volume while it is restored. */
static bool restore(struct work *work) {
    const char *id = json_get_text(work->doc, "volume");
    struct volume_spec spec = {.name = disk_name(work, "volume", id), .format = "qcow2"};
    bool ok;

    spec.image = spec.name ? backup_file(work, ".restore") : NULL;
    if (!spec.image || !size_read(work, &spec.size) || !driver->remove(work, spec.name) || !driver->make(work, &spec)) {
        return false;
    }
    json_key(&work->result, "connection");
    json_map(&work->result);
    ok = driver->connect(work, spec.name, &work->result);
    json_map_end(&work->result);
    return ok;
}

/* One part of the list: disks whose name begins with 'prefix', by what follows. */
struct part {
    struct work *work;
    const char *prefix;
};

static void put_part(void *user, const char *name) {
    const struct part *part = user;
    size_t size = strlen(part->prefix);

    if (!strncmp(name, part->prefix, size)) {
        json_text(&part->work->result, name + size);
    }
}

static bool list_part(struct work *work, const char *key, const char *prefix) {
    struct part part = {work, prefix};
    bool ok;

    json_key(&work->result, key);
    json_list(&work->result);
    ok = driver->list(work, put_part, &part);
    json_list_end(&work->result);
    return ok;
}

static bool list(struct work *work) {
    return list_part(work, "volumes", "volume-") && list_part(work, "snapshots", "snapshot-");
}

const struct work_kind volume_work[] = {
    {"volume.backup_write", backup_write, COPY_SECONDS},
    {"volume.create", create, COPY_SECONDS},
    {"volume.delete", delete},
    {"volume.extend", extend},
    {"volume.restore", restore, COPY_SECONDS},
    {"volume.snapshot_create", snapshot_create, COPY_SECONDS},
    {"volume.snapshot_delete", snapshot_delete},
    {"volume.upload_image", upload_image, COPY_SECONDS},
    {"volume.list", list, 60},
    {0},
};

const struct agent_service volume_agent_service = {
    .name = "volume",
    .work = volume_work,
    .start = volume_agent_start,
    .facts = facts,
};
