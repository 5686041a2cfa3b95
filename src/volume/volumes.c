/* SPDX-License-Identifier: Apache-2.0
 * Volumes as rows: what is shown, lists, making and deleting one. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "http/http.h"
#include "image/image.h"
#include "rest/service.h"
#include "volume/backups.h"

/* ---- showing ---- */

void volume_links(struct call *call, const char *kind, const char *project, const char *id, struct json_out *out) {
    static const char *const rels[] = {"self", "bookmark"};

    json_list(out);
    for (int i = 0; i < 2; i++) {
        link_write(out, rels[i],
                   arena_printf(call->arena, "%s/volume%s/%s/%s/%s", call_base_url(call), i ? "" : "/v3",
                                call->caller.project_id ? call->caller.project_id : project, kind, id));
    }
    json_list_end(out);
}

void volume_write_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct volume_volume *row = pointer;

    volume_links(call, "volumes", row->project_id, row->id, out);
}

void volume_write_bootable(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    json_text(out, ((const struct volume_volume *)pointer)->bootable ? "true" : "false");
}

void volume_write_true(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    json_bool(out, true);
}

/* Names of types; there are few. */
static void expand_types(struct call *call, struct volume_volume *rows, size_t count) {
    struct volume_type *types;
    size_t type_count;

    rows_find(call, &resource_volume_type, NULL, SQL_NO_ARGS, &types, &type_count);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; rows[i].volume_type_id && k < type_count; k++) {
            if (!strcmp(rows[i].volume_type_id, types[k].id)) {
                rows[i].volume_type = types[k].name;
            }
        }
    }
}

static void write_attachment(const struct volume_attachment *attachment, int64_t attached_at, struct json_out *out) {
    char text[TIME_TEXT_SIZE];

    json_map(out);
    json_put_text(out, "id", attachment->volume_id);
    json_put_text(out, "attachment_id", attachment->id);
    json_put_text(out, "volume_id", attachment->volume_id);
    json_put_text(out, "server_id", attachment->instance);
    json_put_text(out, "host_name", attachment->attached_host);
    json_put_text(out, "device", attachment->device);
    json_put_text(out, "attached_at", attached_at ? time_print(attached_at, TIME_MICRO, text) : NULL);
    json_map_end(out);
}

static bool expand_attachments(struct call *call, struct volume_volume *rows, size_t count) {
    struct value *args = ARENA_ARRAY(call->arena, struct value, count);
    struct buf sql = {0};
    struct volume_attachment *all;
    size_t found;
    bool ok;

    buf_text(&sql, "status = 'attached' AND volume_id IN (");
    for (size_t i = 0; i < count; i++) {
        buf_text(&sql, i ? ", ?" : "?");
        args[i] = sql_text(rows[i].id);
    }
    buf_text(&sql, ") ORDER BY created_at");
    ok = rows_find(call, &resource_volume_attachment, sql.at, args, count, &all, &found);
    buf_release(&sql);
    for (size_t i = 0; ok && i < count; i++) {
        struct buf list = {0};
        struct json_out out = {.buf = &list};

        json_list(&out);
        for (size_t k = 0; k < found; k++) {
            if (!strcmp(all[k].volume_id, rows[i].id)) {
                write_attachment(&all[k], all[k].attached_at, &out);
            }
        }
        json_list_end(&out);
        rows[i].attachments = arena_text(call->arena, list.at);
        buf_release(&list);
    }
    return ok;
}

bool volume_expand(struct call *call, void *pointer, size_t count) {
    struct volume_volume *rows = pointer;
    bool read = call->operation && call->operation->method == HTTP_GET;
    bool admin = read && call->caller.admin;
    bool made = call->operation && call->operation->method == HTTP_POST && !call->operation->action;

    if (call->operation && call->operation->flags & OP_BRIEF) {
        return true;
    }
    expand_types(call, rows, count);
    for (size_t i = 0; i < count; i++) {
        rows[i].attachments = "[]";
        rows[i].image_metadata = made ? NULL : rows[i].image_metadata;     /* the answer to a create does not have it */
        rows[i].shown_project = read ? rows[i].project_id : NULL;
        rows[i].shown_image_metadata = read ? rows[i].image_metadata : NULL;
        rows[i].shown_host = admin ? rows[i].host : NULL;
        rows[i].shown_migration = rows[i].shown_name_id = rows[i].migration_status = admin ? "null" : NULL;
    }
    return expand_attachments(call, rows, count);
}

/* ---- lists ---- */

/* {'key': 'value'} as some clients write maps in a query. */
static const struct json *loose_map(struct call *call, const char *text) {
    char *copy = arena_text(call->arena, text);
    const struct json *map = json_parse(call->arena, copy, strlen(copy), NULL);

    for (char *at = copy; !map && *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    map = map ? map : json_parse(call->arena, copy, strlen(copy), NULL);
    return map && map->type == JSON_MAP ? map : NULL;
}

static bool filter_map(struct call *call, struct query *query, const char *argument, const char *column) {
    const char *text = call_argument(call, argument);
    const struct json *map;

    if (!text) {
        return true;
    }
    query_take(query, argument);
    map = loose_map(call, text);
    if (!map) {
        return fail(call, 400, "The filter '%s' is not a map.", argument);
    }
    for (JSON_EACH(item, map)) {
        struct buf buf = {0};
        struct json_out out = {.buf = &buf};

        json_key(&out, item->key);
        json_text(&out, item->type == JSON_TEXT ? item->text : json_print(call->arena, item));
        query_where(query, arena_printf(call->arena, "replace(%s, ?, '') <> %s", column, column),
                    SQL_ARGS(sql_text(arena_text(call->arena, buf.at))));
        buf_release(&buf);
    }
    return true;
}

/* name~=part: since 3.34. */
static bool filter_part(struct call *call, struct query *query, const char *argument, const char *column) {
    const char *text = call_argument(call, argument);

    if (text && call->minor >= 34) {
        query_where(query, arena_printf(call->arena, "replace(%s, ?, '') <> %s", column, column),
                    SQL_ARGS(sql_text(text)));
    }
    return true;
}

static bool filter_text(struct call *call, struct query *query, const char *argument, const char *column) {
    const char *text = call_argument(call, argument);

    if (text) {
        query_where(query, arena_printf(call->arena, "%s = ?", column), SQL_ARGS(sql_text(text)));
    }
    return true;
}

bool volume_on_list(struct call *call, struct query *query) {
    return filter_map(call, query, "metadata", "metadata") &&
           filter_map(call, query, "glance_metadata", "coalesce(image_metadata, '{}')") &&
           filter_part(call, query, "name~", "display_name") && filter_part(call, query, "status~", "status") &&
           filter_text(call, query, "display_name", "display_name");
}

bool volume_op_summary(struct call *call) {
    bool all = call->caller.admin && call_argument_true(call, "all_tenants");
    const char *where = all ? "1 = 1 OR project_id = ?" : "project_id = ?";
    struct value project = sql_text(call->caller.project_id);
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "volume-summary");
    json_map(out);
    json_put_int(out, "total_count",
                 call_count(call, arena_printf(call->arena, "SELECT count(*) FROM volume_volume WHERE %s", where), &project, 1));
    json_put_int(out, "total_size",
                 call_count(call, arena_printf(call->arena, "SELECT coalesce(sum(size), 0) FROM volume_volume WHERE %s", where),
                            &project, 1));
    if (call->minor >= 36) {
        json_put_raw(out, "metadata", "{}");
    }
    json_map_end(out);
    json_map_end(out);
    return true;
}

/* ---- rows ---- */

struct volume_volume *volume_row(struct call *call, const char *id) {
    struct volume_volume *row;

    return row_find(call, &resource_volume_volume, id, &row) ? row : NULL;
}

bool volume_status_is(const struct volume_volume *row, const char *statuses) {
    size_t size = strlen(row->status);

    for (const char *at = statuses; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, row->status, size) && (!at[size] || at[size] == '|')) {
            return true;
        }
    }
    return false;
}

bool volume_set_status(struct call *call, struct volume_volume *row, const char *status) {
    return resource_set_status(call, &resource_volume_volume, row, status);
}

bool volume_message_add(struct call *call, const struct volume_volume *row, const char *event, const char *text) {
    struct volume_message *message = ARENA_NEW(call->arena, struct volume_message);

    row_defaults(call, &resource_volume_message, message);
    message->project_id = row->project_id;
    message->resource_uuid = row->id;
    message->request_id = call->request_id ? call->request_id : "";
    message->event_id = event;
    message->user_message = text;
    message->guaranteed_until = message->created_at + 30LL * 24 * 3600 * SECOND;
    return row_insert(call, &resource_volume_message, message);
}

bool volume_task(struct call *call, const char *kind, const char *id, const char *host, const char *args) {
    return task_add(call, kind, id, arena_text_size(call->arena, host, strcspn(host, "@")), args);
}

bool volume_on_update(struct call *call, const void *old, void *pointer) {
    struct volume_volume *row = pointer;

    if (row->given_name) {
        row->display_name = row->given_name;
    }
    if (row->display_description) {
        row->description = row->display_description;
    }
    return true;
}

/* ---- making ---- */

struct source {
    struct volume_type *type;
    struct volume_snapshot_row *snapshot;
    struct volume_volume *volume;
    struct image_info image;
};

static bool check_image(struct call *call, struct volume_request *request, struct image_info *info) {
    int64_t need;

    if (!image_get(call, request->image_id, info)) {
        if (call->error == 404) {
            call->error = 400;
        }
        return false;
    }
    if (strcmp(info->status, "active") != 0) {
        return fail(call, 400, "Image %s is unacceptable: its status is not active", info->id);
    }
    if (!info->path) {
        return fail(call, 400, "Image %s is unacceptable: it has no data", info->id);
    }
    need = (info->virtual_size > info->size ? info->virtual_size : info->size) + (1 << 30) - 1;
    if (request->size == NO_INT) {
        return fail(call, 400, "Invalid input received: 'size' is required to create a volume from an image.");
    }
    if (need >> 30 > request->size) {
        return fail(call, 400, "Size of specified image %lldGB is larger than volume size %lldGB.",
                    (long long)(need >> 30), (long long)request->size);
    }
    if (info->min_disk > request->size) {
        return fail(call, 400, "Volume size %lldGB cannot be smaller than the image minDisk size %lldGB.",
                    (long long)request->size, (long long)info->min_disk);
    }
    return true;
}

static bool check_snapshot(struct call *call, struct volume_request *request, struct source *source) {
    if (!row_get(call, &resource_volume_snapshot_row, request->snapshot_id, &source->snapshot)) {
        return false;
    }
    if (strcmp(source->snapshot->status, "available") != 0) {
        return fail(call, 400, "Invalid snapshot: Originating snapshot status must be one of 'available' values");
    }
    request->size = request->size == NO_INT ? source->snapshot->size : request->size;
    return request->size >= source->snapshot->size ||
           fail(call, 400, "Invalid input received: Volume size %lldGB cannot be smaller than the snapshot size %lldGB.",
                (long long)request->size, (long long)source->snapshot->size);
}

static bool check_volume(struct call *call, struct volume_request *request, struct source *source) {
    if (!row_get(call, &resource_volume_volume, request->source_volid, &source->volume)) {
        return false;
    }
    if (!volume_status_is(source->volume, "available|in-use")) {
        return fail(call, 400, "Invalid volume: Source volume status must be available or in-use.");
    }
    request->size = request->size == NO_INT ? source->volume->size : request->size;
    return request->size >= source->volume->size ||
           fail(call, 400, "Invalid input received: Clones currently must be >= original volume size.");
}

static bool check_backup(struct call *call, struct volume_request *request) {
    if (strcmp(request->backup->status, "available") != 0) {
        return fail(call, 400, "Invalid backup: it must be available, and is %s.", request->backup->status);
    }
    request->size = request->size == NO_INT ? request->backup->size : request->size;
    return request->size >= request->backup->size ||
           fail(call, 400, "Invalid volume: %lld GiB are too few for a backup of %lld GiB.", (long long)request->size,
                (long long)request->backup->size);
}

static bool check_source(struct call *call, struct volume_request *request, struct source *source) {
    int count = (request->image_id != NULL) + (request->snapshot_id != NULL) + (request->source_volid != NULL) +
                (request->backup != NULL);

    if (count > 1) {
        return fail(call, 400, "May specify only one of snapshot, imageRef, source volume or backup.");
    }
    if (request->backup && !check_backup(call, request)) {
        return false;
    }
    if ((request->image_id && !check_image(call, request, &source->image)) ||
        (request->snapshot_id && !check_snapshot(call, request, source)) ||
        (request->source_volid && !check_volume(call, request, source))) {
        return false;
    }
    return (request->size != NO_INT && request->size > 0) ||
           fail(call, 400, "Invalid input received: Volume size must be a positive integer.");
}

static bool find_type(struct call *call, const struct volume_request *request, struct source *source) {
    const char *inherited = source->snapshot ? source->snapshot->volume_type_id
                            : source->volume ? source->volume->volume_type_id
                            : request->backup ? request->backup->volume_type_id : NULL;
    const char *name = request->type ? request->type : inherited ? inherited : volume_project_type(call, request->project_id);

    if (!volume_type_find(call, name, request->project_id, &source->type)) {
        return false;
    }
    return !call_count(call, "SELECT count(*) FROM volume_encryption WHERE volume_type_id = ?",
                       SQL_ARGS(sql_text(source->type->id))) ||
           fail(call, 501, "Encrypted volumes are not available in this cloud yet.");
}

/* What the image says of itself goes with the volume. */
static const char *image_metadata(struct call *call, const struct image_info *info) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_map(&out);
    json_put_text(&out, "image_id", info->id);
    json_put_text(&out, "image_name", info->name ? info->name : "");
    json_put_text(&out, "container_format", info->container_format);
    json_put_text(&out, "disk_format", info->disk_format);
    json_put_text(&out, "checksum", info->checksum ? info->checksum : "");
    json_put_text(&out, "min_disk", arena_printf(call->arena, "%lld", (long long)info->min_disk));
    json_put_text(&out, "min_ram", arena_printf(call->arena, "%lld", (long long)info->min_ram));
    json_put_text(&out, "size", arena_printf(call->arena, "%lld", (long long)info->size));
    for (JSON_EACH(item, volume_map_read(call, info->properties))) {
        if (item->type == JSON_TEXT) {
            json_key(&out, item->key);
            json_tree(&out, item);
        }
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

static bool multiattach_of(struct call *call, const struct volume_type *type) {
    const char *text = type ? json_get_text(volume_map_read(call, type->extra_specs), "multiattach") : NULL;

    return text && !strcmp(text, "<is> True");
}

static void fill_row(struct call *call, const struct volume_request *request, const struct source *source,
                     struct volume_volume *row) {
    row_defaults(call, &resource_volume_volume, row);
    row->display_name = request->name;
    row->description = request->description;
    row->project_id = request->project_id;
    row->user_id = request->user_id;
    row->size = request->size;
    row->metadata = request->metadata ? request->metadata : "{}";
    row->snapshot_id = request->snapshot_id;
    row->source_volid = request->source_volid;
    row->image_id = request->image_id;
    row->volume_type_id = source->type ? source->type->id : NULL;
    row->multiattach = multiattach_of(call, source->type);
    if (request->image_id) {
        row->image_metadata = image_metadata(call, &source->image);
        row->bootable = true;
    } else if (source->snapshot || source->volume) {
        row->image_metadata = source->snapshot ? source->snapshot->image_metadata : source->volume->image_metadata;
        row->bootable = source->snapshot ? source->snapshot->bootable : source->volume->bootable;
    }
}

/* Copies are made where their source is. */
static const char *find_place(struct call *call, const struct volume_request *request, const struct source *source) {
    return source->snapshot ? source->snapshot->host
           : source->volume ? source->volume->host
                            : volume_place(call, source->type, request->zone, request->size);
}

static bool zone_known(struct call *call, const char *zone) {
    return !zone || call_count(call, "SELECT count(*) FROM volume_service WHERE zone = ?", SQL_ARGS(sql_text(zone))) ||
           fail(call, 400, "Availability zone '%.255s' is invalid.", zone);
}

bool volume_make(struct call *call, const struct volume_request *wanted, struct volume_volume **ret_row) {
    struct volume_request request = *wanted;
    struct source source = {0};
    struct volume_volume *row = ARENA_NEW(call->arena, struct volume_volume);

    if (!check_source(call, &request, &source) || !find_type(call, &request, &source) ||
        !zone_known(call, request.zone)) {
        return false;
    }
    if (!volume_quota_check(call, request.project_id, source.type, 1, 0, request.size, request.size)) {
        return false;
    }
    fill_row(call, &request, &source, row);
    row->host = find_place(call, &request, &source);
    row->availability_zone = request.zone ? request.zone : "nova";
    if (!row->host && request.must_fit) {
        return fail(call, 409, "No host has room for a volume of %lld GiB.", (long long)request.size);
    }
    row->status = row->host ? "creating" : "error";
    *ret_row = row;
    return resource_create(call, &resource_volume_volume, row) &&
           (row->host ? request.backup || volume_task(call, "volume.create", row->id, row->host, NULL)
                      : volume_message_add(call, row, "VOLUME_VOLUME_001_003",
                                           "schedule allocate volume:Could not find any available weighted backend."));
}

static const char *not_empty(const char *text) {
    return text && *text ? text : NULL;
}

bool volume_op_create(struct call *call) {
    const struct volume_create_input *input = call->input;
    struct volume_backup *backup = NULL;
    struct volume_volume *row;

    if (input->multiattach) {
        return fail(call, 400, "multiattach parameter has been removed. Use a volume type with multiattach.");
    }
    if (not_empty(input->group_id) || not_empty(input->consistencygroup_id)) {
        return fail(call, 501, "Volumes in groups are not available in this cloud yet.");
    }
    if (input->backup_id && !row_get(call, &resource_volume_backup, input->backup_id, &backup)) {
        return false;
    }
    return volume_make(call,
                       &(struct volume_request){
                           .backup = backup,
                           .name = input->name ? input->name : input->display_name,
                           .description = input->description ? input->description : input->display_description,
                           .project_id = call->caller.project_id,
                           .user_id = call->caller.user_id,
                           .type = not_empty(input->volume_type),
                           .zone = not_empty(input->availability_zone),
                           .metadata = input->metadata,
                           .image_id = not_empty(input->imageRef ? input->imageRef : input->image_id),
                           .snapshot_id = not_empty(input->snapshot_id),
                           .source_volid = not_empty(input->source_volid),
                           .size = input->size,
                       },
                       &row) &&
           (!backup || !row->host || volume_backup_begin_restore(call, backup, row)) && row_respond(call, &resource_volume_volume, row);
}

/* ---- deleting ---- */

bool volume_begin_delete(struct call *call, struct volume_volume *row) {
    if (!call_exec(call, "DELETE FROM volume_attachment WHERE volume_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return false;
    }
    if (!row->host || !volume_place_known(call, row->host)) {
        return resource_delete(call, &resource_volume_volume, row);
    }
    return volume_set_status(call, row, "deleting") && volume_task(call, "volume.delete", row->id, row->host, NULL);
}

static bool delete_snapshots(struct call *call, const struct volume_volume *row, bool force) {
    struct volume_snapshot_row *snapshots;
    size_t count;

    if (!rows_find(call, &resource_volume_snapshot_row, "volume_id = ?", SQL_ARGS(sql_text(row->id)), &snapshots, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool idle = !strcmp(snapshots[i].status, "available") || !strcmp(snapshots[i].status, "error");

        if (!force && !idle && strcmp(snapshots[i].status, "deleting") != 0) {
            return fail(call, 400, "Invalid volume: Failed to update snapshot.");
        }
        if (strcmp(snapshots[i].status, "deleting") != 0 && !volume_snapshot_begin_delete(call, &snapshots[i])) {
            return false;
        }
    }
    return true;
}

static bool refuse_delete(struct call *call) {
    return fail(call, 400,
                "Invalid volume: Volume status must be available or error or error_restoring or error_extending or"
                " error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a"
                " transfer, or be disassociated from snapshots after volume transfer.");
}

bool volume_op_delete(struct call *call) {
    struct volume_volume *row = call->row;
    bool cascade = call_argument_true(call, "cascade");
    bool force = call_argument_true(call, "force");

    if (force && !call_allow(call, "volume:force_delete", &resource_volume_volume, row)) {
        return false;
    }
    if (!force && !volume_status_is(row, "available|error|error_deleting|error_restoring|error_extending|error_managing")) {
        return refuse_delete(call);
    }
    if (call_count(call, "SELECT count(*) FROM volume_attachment WHERE volume_id = ?", SQL_ARGS(sql_text(row->id))) ||
        call_count(call, "SELECT count(*) FROM volume_volume WHERE source_volid = ? AND status = 'creating'",
                   SQL_ARGS(sql_text(row->id))) ||
        (!cascade && call_count(call, "SELECT count(*) FROM volume_snapshot WHERE volume_id = ?", SQL_ARGS(sql_text(row->id))))) {
        return refuse_delete(call);
    }
    return (!cascade || delete_snapshots(call, row, force)) && volume_begin_delete(call, row);
}

/* ---- encryption ---- */

bool volume_op_encryption(struct call *call) {
    json_raw(&call->out, "{\"encryption_key_id\": null}");
    return true;
}

bool volume_op_encryption_key(struct call *call) {
    return fail(call, 404, "The volume is not encrypted.");
}
