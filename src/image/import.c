/* SPDX-License-Identifier: Apache-2.0
 * Import and the other tasks of images: what was staged or is fetched becomes the data; digests of what a host wrote;
 * removal of files. They run in the API process, outside transactions, and may be repeated. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http.h"
#include "image/parts.h"
#include "image/stores.h"
#include "rest/task.h"

LOG_MODULE("image.import");

static const char staged[] = ".staged";

void image_write_task_link(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct image_task *row = pointer;

    json_text(out, field->name[1] == 'c' ? "/v2/schemas/task" : arena_printf(call->arena, "/v2/tasks/%s", row->id));
}

bool image_task_list(struct call *call, struct query *query) {
    const char *id = call_parameter(call, "image_id");
    struct image_image *row;

    return !id || row_get(call, &resource_image_image, id, &row);
}

/* ---- the request ---- */

/* An address of the web, with a host, in the characters that RFC 3986 has. */
static bool uri_is_good(const char *uri) {
    const char *host = !uri ? NULL : !strncmp(uri, "http://", 7) ? uri + 7 : !strncmp(uri, "https://", 8) ? uri + 8 : NULL;

    for (const char *at = uri; host && *at; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f || strchr("\"<>\\^`{|}", *at)) {
            return false;
        }
    }
    return host && *host && !strchr("/?#:", *host);
}

static bool check_import(struct call *call, const struct image_image *row, const struct image_import_method *method) {
    bool direct = !strcmp(method->name, "glance-direct"), web = !strcmp(method->name, "web-download");

    if (!strcmp(method->name, "copy-image")) {
        return call_allow(call, "copy_image", &resource_image_image, row) &&
               fail(call, 400, "Image is already present at store '%s'; an image is in one.", row->stores ? row->stores : "");
    }
    if (!direct && !web) {
        return fail(call, 400, "Unknown import method name '%s'.", method->name);
    }
    if (!strcmp(row->status, "active")) {
        return fail(call, 409, "Image with status active cannot be target for import");
    }
    if (strcmp(row->status, direct ? "uploading" : "queued") != 0 || (direct && row->upload_id)) {
        return fail(call, 409, direct ? "Image needs to be staged before 'glance-direct' method can be used"
                                      : "Image needs to be in 'queued' state to use 'web-download' method");
    }
    if (!row->disk_format || !row->container_format) {
        return fail(call, 409, "'container_format' and 'disk_format' need to be set before import");
    }
    if (web && !uri_is_good(method->uri)) {
        return fail(call, 400, "URI for web-download does not pass filtering: %s", method->uri ? method->uri : "");
    }
    return true;
}

static bool check_stores(struct call *call, const char *stores, bool all) {
    const struct json *list = stores ? json_parse(call->arena, stores, strlen(stores), NULL) : NULL;

    if ((list && list->count > 1) || (all && image_store_next(image_store_next(NULL)))) {
        return fail(call, 501, "Images in several stores are not available in this cloud yet.");
    }
    for (JSON_EACH(store, list)) {
        if (!image_store(store->text)) {
            return fail(call, 409, "Unknown store '%s'.", store->text);
        }
    }
    return true;
}

/* An image is in one store: the first that was named, or the default. */
static const char *first_store(struct call *call, const char *stores) {
    const struct json *list = stores ? json_parse(call->arena, stores, strlen(stores), NULL) : NULL;

    return list && list->first ? list->first->text : image_store_default()->name;
}

static const char *task_input(struct call *call, const struct image_image *row, const char *store) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    json_put_text(&out, "image_id", row->id);
    json_key(&out, "import_req");
    json_tree(&out, call->body);
    json_key(&out, "backend");
    json_list(&out);
    json_text(&out, store);
    json_list_end(&out);
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

bool image_import_data(struct call *call) {
    const struct image_import *input = call->input;
    const struct image_import_method *method = input->method;
    struct image_image *row = call->row, old = *row;
    struct image_task *task = ARENA_NEW(call->arena, struct image_task);

    if (!image_mutable(call, row) || !check_import(call, row, method) || !check_stores(call, input->stores, input->all_stores)) {
        return false;
    }
    row_defaults(call, &resource_image_task, task);
    task->image_id = row->id;
    task->request_id = call->request_id;
    task->input = task_input(call, row, first_store(call, input->stores));
    row->status = "importing";
    return row_insert(call, &resource_image_task, task) && resource_update(call, &resource_image_image, &old, row) &&
           task_add(call, "image.import", row->id, NULL,
                    arena_printf(call->arena, "{\"task\": \"%s\"}", task->id));
}

/* ---- the import ---- */

static bool import_task_find(struct call *call, const struct task *task, struct image_task **ret_row) {
    const struct json *args = json_parse(call->arena, task->args, strlen(task->args), NULL);

    return row_find(call, &resource_image_task, json_get_text(args, "task"), ret_row);
}

struct import {
    const struct task *task;
    struct image_task *row;
    struct image_image *image_row;
};

static bool load_import(struct call *call, void *user) {
    struct import *import = user;

    import->row = NULL;
    import->image_row = NULL;
    if (import_task_find(call, import->task, &import->row)) {
        row_find(call, &resource_image_image, import->task->resource_id, &import->image_row);
    }
    return !call->error;
}

/* The bytes at 'url' into a file; addresses inside the cloud are refused. The image's owner is told the same whatever the
 * cause, so that nobody learns from it what answers inside; the log has it. */
static bool fetch(struct call *call, const char *url, const char *path) {
    struct http_reply reply;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0) {
        return fail(call, 500, "The staging file cannot be made: %s", strerror(errno));
    }
    ok = http_call(call->arena,
                   &(struct http_call){.method = "GET", .url = url, .response_file = fd, .refuse_private = true,
                                       .timeout_ms = 1800 * 1000, .max_response = (size_t)image_max_size()},
                   &reply);
    close(fd);
    if (!ok || reply.status != 200) {
        unlink(path);
        log_info("cannot fetch %s: %s", path, reply.error ? reply.error : arena_printf(call->arena, "status %d", reply.status));
        return fail(call, 502, "The image cannot be fetched from its address.");
    }
    return true;
}

static void write_sums(const struct image_sums *sums, struct json_out *out) {
    json_put_text(out, "checksum", sums->checksum);
    json_put_text(out, "hash", sums->hash);
    json_put_text(out, "format", image_format_name(sums->facts.format));
    json_put_int(out, "size", (int64_t)sums->facts.size);
    json_put_int(out, "virtual_size", (int64_t)sums->facts.virtual_size);
}

static struct image_sums read_sums(const struct json *result) {
    struct image_sums sums = {.checksum = json_get_text(result, "checksum"), .hash = json_get_text(result, "hash")};

    image_format_parse(json_get_text(result, "format"), &sums.facts.format);
    sums.facts.size = (uint64_t)json_get_int(result, "size", 0);
    sums.facts.virtual_size = (uint64_t)json_get_int(result, "virtual_size", 0);
    return sums;
}

static bool take_staged(struct call *call, const struct image_image *row, const char *path, struct json_out *result) {
    struct image_sums sums;
    const char *error = NULL;
    int fd;
    bool ok;

    if (!image_measure(call->arena, path, &sums, &error)) {
        return fail(call, 500, "%s", error);
    }
    error = image_refusal(call->arena, row->disk_format, &sums.facts);
    if (error) {
        return fail(call, 415, "%s", error);
    }
    write_sums(&sums, result);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ok = fd >= 0 && image_file_commit(call->arena, fd, path, row->id);
    if (fd >= 0) {
        close(fd);
    }
    return ok || fail(call, 500, "The image's file cannot be put in place: %s", strerror(errno));
}

static bool import_run(struct call *call, const struct task *task, struct json_out *result) {
    const char *path = image_path(call->arena, task->resource_id, staged), *url;
    struct import import = {.task = task};
    const struct json *request;

    if (!call_transaction(call, DB_READ, load_import, &import)) {
        return false;
    }
    if (!import.row || !import.image_row) {
        return true;
    }
    request = json_get(json_parse(call->arena, import.row->input, strlen(import.row->input), NULL), "import_req");
    url = json_get_text(json_get(request, "method"), "uri");
    if (url && !fetch(call, url, path)) {
        return false;
    }
    if (access(path, F_OK)) {       /* repeated after a crash: it has its name already */
        path = image_path(call->arena, task->resource_id, "");
    }
    return take_staged(call, import.image_row, path, result);
}

static bool end_import_task(struct call *call, const struct task *task, const char *status, const char *message) {
    struct image_task *row;

    if (!import_task_find(call, task, &row)) {
        return !call->error;
    }
    row->status = status;
    row->message = message;
    row->updated_at = clock_now();
    row->expires_at = clock_now() + 48 * 3600 * SECOND;
    return row_update(call, &resource_image_task, row);
}

static const char *import_store(struct call *call, const struct task *task) {
    struct image_task *row;
    const struct json *backend;

    if (!import_task_find(call, task, &row)) {
        return NULL;
    }
    backend = json_get(json_parse(call->arena, row->input, strlen(row->input), NULL), "backend");
    return backend && backend->first ? backend->first->text : NULL;
}

static bool import_done(struct call *call, const struct task *task, const struct json *result) {
    struct image_image *row;
    struct image_sums sums = read_sums(result);

    if (!row_find(call, &resource_image_image, task->resource_id, &row)) {
        return !call->error && task_add(call, "image.remove", task->resource_id, NULL, NULL) &&
               end_import_task(call, task, "failure", "The image was deleted.");
    }
    image_set_data(row, &sums);
    row->updated_at = clock_now();
    return row_update(call, &resource_image_image, row) && image_keep(call, row, import_store(call, task)) &&
           end_import_task(call, task, "success", "");
}

/* 'properties' with one more member. */
static const char *with_property(struct call *call, const char *properties, const char *key, const char *value) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    for (JSON_EACH(item, json_parse(call->arena, properties, strlen(properties), NULL))) {
        if (strcmp(item->key, key) != 0) {
            json_key(&out, item->key);
            json_tree(&out, item);
        }
    }
    json_put_text(&out, key, value);
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

static bool import_failed(struct call *call, const struct task *task, const char *cause) {
    struct image_image *row;

    unlink(image_path(call->arena, task->resource_id, staged));
    if (row_find(call, &resource_image_image, task->resource_id, &row)) {
        row->status = "queued";
        row->properties = with_property(call, row->properties, "os_glance_failed_import",
                                        image_store_default()->name);
        row->updated_at = clock_now();
        row_update(call, &resource_image_image, row);
    }
    return !call->error && end_import_task(call, task, "failure", cause);
}

/* ---- digests of what a host wrote; removal ---- */

static bool checksum_run(struct call *call, const struct task *task, struct json_out *result) {
    struct image_sums sums;
    const char *error = NULL;

    if (!image_measure(call->arena, image_path(call->arena, task->resource_id, ""), &sums, &error)) {
        return fail(call, 500, "%s", error);
    }
    write_sums(&sums, result);
    return true;
}

/* Digests only: what a host wrote has the format that it was told to write. A guest chooses the bytes of a raw disk, and must
 * not choose with them how they are read from then on. */
static bool checksum_done(struct call *call, const struct task *task, const struct json *result) {
    struct image_image *row;
    struct image_sums sums = read_sums(result);

    if (!row_find(call, &resource_image_image, task->resource_id, &row)) {
        return !call->error;
    }
    image_set_digests(row, &sums);
    return row_update(call, &resource_image_image, row);
}

static bool remove_run(struct call *call, const struct task *task, struct json_out *result) {
    static const char *const endings[] = {"", ".staged", ".part"};     /* .part: what a host was writing */

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *path = image_path(call->arena, task->resource_id, endings[i]);

        if (unlink(path) && errno != ENOENT) {
            return fail(call, 500, "%s cannot be removed: %s", path, strerror(errno));
        }
    }
    return image_forget(call, task->resource_id);
}

const struct task_kind image_tasks[] = {
    {.name = "image.import", .seconds = 3600, .tries = 1, .run = import_run, .done = import_done,
     .failed = import_failed},
    {.name = "image.checksum", .seconds = 3600, .run = checksum_run, .done = checksum_done},
    {.name = "image.copy", .seconds = 86400, .run = image_copy_run},
    {.name = "image.keep", .seconds = 86400, .run = image_keep_run, .done = image_keep_done},
    {.name = "image.remove", .seconds = 86400, .run = remove_run},
    {0},
};
