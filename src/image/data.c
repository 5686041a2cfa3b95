/* SPDX-License-Identifier: Apache-2.0
 * Upload, stage and download. An upload goes to a file of its own, ID.UPLOAD.part, while digests and inspector look on;
 * it takes the image's name only when it is whole and durable, and the image becomes active after that. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "http/http.h"
#include "image/parts.h"
#include "image/stores.h"
#include "rest/cloud.h"
#include "rest/dispatch.h"

LOG_MODULE("image.data");

enum { FLUSH_BYTES = 16 * 1024 * 1024 };

struct upload {
    struct call *call;
    const char *id, *upload_id, *path, *disk_format;
    const char *status;         /* of the image meanwhile */
    const char *store;          /* that the client chose; null: the default */
    struct image_reader *reader;
    struct image_sums sums;
    int64_t size, flushed;      /* bytes written, and of those on their way to the disk */
    int fd;
    bool begun, over;
};

/* ---- beginning ---- */

static bool back_to_queued(struct call *call, void *user) {
    const struct upload *upload = user;

    return call_exec(call,
                     "UPDATE image_image SET status = 'queued', upload_id = NULL, upload_host = NULL"
                     " WHERE id = ? AND upload_id = ?",
                     SQL_ARGS(sql_text(upload->id), sql_text(upload->upload_id)));
}

/* Ends an upload that will not be: as if it had never begun. */
static void upload_end(struct upload *upload) {
    if (!upload->begun || upload->over) {
        return;
    }
    upload->over = true;
    if (upload->fd >= 0) {
        close(upload->fd);
        unlink(upload->path);
    }
    cloud_transaction(&image, DB_WRITE, NULL, back_to_queued, upload);
}

static void upload_release(void *pointer) {
    upload_end(pointer);
}

static struct upload *upload_of(struct call *call, const struct image_image *row) {
    struct upload *upload = call->input;

    if (!upload) {
        upload = call->input = ARENA_NEW(call->arena, struct upload);
        *upload = (struct upload){.call = call, .fd = -1, .upload_id = id_hex(call->arena)};
        upload->reader = image_reader_new(call->arena);
        arena_defer(call->arena, upload_release, upload);
    }
    upload->id = row->id;
    upload->disk_format = row->disk_format;
    upload->path = image_path(call->arena, row->id, arena_printf(call->arena, ".%s.part", upload->upload_id));
    return upload;
}

static bool begin(struct call *call, const char *status) {
    struct image_image *row = call->row, old = *row;
    struct upload *upload = upload_of(call, row);
    const char *type = http_header(call->http, "Content-Type");

    if (!type || strncmp(type, "application/octet-stream", 24) != 0) {
        return fail(call, 415, "The Content-Type of image data must be application/octet-stream.");
    }
    upload->store = http_header(call->http, "X-Image-Meta-Store");
    if (upload->store && !image_store(upload->store)) {
        return fail(call, 400, "There is no store '%.255s'.", upload->store);
    }
    if (!image_mutable(call, row)) {
        return false;
    }
    if (strcmp(row->status, "queued") != 0) {
        return fail(call, 409, "Image status transition from %s to %s is not allowed.", row->status, status);
    }
    if (!row->disk_format || !row->container_format) {
        return fail(call, 400, "Properties disk_format, container_format must be set prior to saving data.");
    }
    if (call->http->content_length > image_max_size()) {
        return fail(call, 413, "An image has at most %" PRId64 " bytes.", image_max_size());
    }
    row->status = upload->status = status;
    row->upload_id = upload->upload_id;
    row->upload_host = cloud.host;
    upload->begun = true;
    return resource_update(call, &resource_image_image, &old, row);
}

bool image_upload_begin(struct call *call) {
    return begin(call, "saving");
}

bool image_stage_begin(struct call *call) {
    return begin(call, "uploading");
}

/* ---- bytes ---- */

static bool upload_open(struct upload *upload) {
    if (upload->fd < 0) {
        upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    return upload->fd >= 0;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t written = write(fd, bytes, size);

        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

static bool disk_failed(struct upload *upload) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    struct call *call = upload->call;

    if (!full) {
        log_error("%s: %s", upload->path, strerror(errno));
    }
    upload_end(upload);
    return full ? fail(call, 413, "There is not enough disk space on the image storage media.")
                : fail(call, 503, "The image storage media failed.");
}

/* Lets the disk work while bytes still come, so that little is left to wait for at the end. */
static void write_behind(struct upload *upload) {
    if (upload->size - upload->flushed >= FLUSH_BYTES) {
        sync_file_range(upload->fd, upload->flushed, upload->size - upload->flushed, SYNC_FILE_RANGE_WRITE);
        upload->flushed = upload->size;
    }
}

bool image_upload_sink(struct http_request *request, const void *bytes, size_t size) {
    struct call *call = dispatch_call(request);
    struct upload *upload = call->input;

    if (!upload_open(upload)) {
        return disk_failed(upload);
    }
    if (upload->size + (int64_t)size > image_max_size()) {
        upload_end(upload);
        return fail(call, 413, "An image has at most %" PRId64 " bytes.", image_max_size());
    }
    if (!write_all(upload->fd, bytes, size)) {
        return disk_failed(upload);
    }
    upload->size += (int64_t)size;
    write_behind(upload);
    image_reader_feed(upload->reader, bytes, size);
    return true;
}

/* ---- end ---- */

/* The row of the image whose upload this still is. */
static struct image_image *uploaded_row(struct call *call, const struct upload *upload) {
    struct image_image *row;

    if (!row_find(call, &resource_image_image, upload->id, &row)) {
        fail(call, 410, "Image %s was deleted during the upload.", upload->id);
        return NULL;
    }
    if (!row->upload_id || strcmp(row->upload_id, upload->upload_id) != 0) {
        fail(call, 409, "Image %s was changed during the upload.", upload->id);
        return NULL;
    }
    return row;
}

static bool record_upload(struct call *call, void *user) {
    const struct upload *upload = user;
    struct image_image *row = uploaded_row(call, upload), old;

    if (!row) {
        return false;
    }
    old = *row;
    image_set_data(row, &upload->sums);
    return resource_update(call, &resource_image_image, &old, row) && image_keep(call, row, upload->store);
}

static bool record_stage(struct call *call, void *user) {
    const struct upload *upload = user;
    struct image_image *row = uploaded_row(call, upload);

    if (!row) {
        return false;
    }
    row->upload_id = row->upload_host = NULL;
    return row_update(call, &resource_image_image, row);
}

bool image_upload(struct call *call) {
    struct upload *upload = call->input;
    const char *refusal;

    if (!upload_open(upload)) {
        return disk_failed(upload);
    }
    upload->sums = image_reader_finish(upload->reader);
    refusal = image_refusal(call->arena, upload->disk_format, &upload->sums.facts);
    if (refusal) {
        upload_end(upload);
        return fail(call, 415, "%s", refusal);
    }
    if (!image_file_commit(call->arena, upload->fd, upload->path, upload->id)) {
        return disk_failed(upload);
    }
    if (!call_transaction(call, DB_WRITE, record_upload, upload)) {
        unlink(image_path(call->arena, upload->id, ""));
        upload_end(upload);
        return false;
    }
    close(upload->fd);
    upload->over = true;
    return true;
}

bool image_stage(struct call *call) {
    struct upload *upload = call->input;

    if (!upload_open(upload) || fsync(upload->fd) ||
        rename(upload->path, image_path(call->arena, upload->id, ".staged"))) {
        return disk_failed(upload);
    }
    if (!call_transaction(call, DB_WRITE, record_stage, upload)) {
        unlink(image_path(call->arena, upload->id, ".staged"));
        upload_end(upload);
        return false;
    }
    close(upload->fd);
    upload->over = true;
    return true;
}

bool image_download(struct call *call) {
    const struct image_image *row = call->row;
    int fd;

    if (!strcmp(row->status, "deactivated") && !call->caller.admin) {
        return fail(call, 403, "The requested image has been deactivated. Image data download is forbidden.");
    }
    if ((strcmp(row->status, "active") != 0 && strcmp(row->status, "deactivated") != 0) || row->size == 0) {
        call->status = 204;
        return true;
    }
    if (!image_copy_make(call, row)) {
        return false;
    }
    fd = open(image_path(call->arena, row->id, ""), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        log_error("image %s: its file cannot be opened: %s", row->id, strerror(errno));
        return fail(call, 404, "The data of image %s could not be found.", row->id);
    }
    call_header(call, "Content-MD5", row->checksum);
    call->answered = true;
    http_respond_file(call->http, fd, row->size, "application/octet-stream");
    return true;
}
