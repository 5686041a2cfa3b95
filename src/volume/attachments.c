/* SPDX-License-Identifier: Apache-2.0
 * Attachments: the API that compute-like clients use since 3.27, and what other parts of the service do with them. */
#include <string.h>

#include "base/clock.h"
#include "volume/parts.h"

/* Clients expect an empty text where there is no time. */
void volume_attachment_write_time(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct volume_attachment *row = pointer;
    int64_t time = !strcmp(field->name, "attached_at") ? row->attached_at : row->detached_at;
    char text[TIME_TEXT_SIZE];

    json_text(out, time ? time_print(time, TIME_MICRO, text) : "");
}

bool volume_attachment_on_list(struct call *call, struct query *query) {
    const char *server = call_argument(call, "instance_id");

    if (server) {
        query_where(query, "instance = ?", SQL_ARGS(sql_text(server)));
    }
    return true;
}

bool volume_attachments_of(struct call *call, const char *volume_id, struct volume_attachment **ret_rows, size_t *ret_count) {
    return rows_find(call, &resource_volume_attachment, "volume_id = ? ORDER BY created_at", SQL_ARGS(sql_text(volume_id)),
                     ret_rows, ret_count);
}

struct volume_attachment *volume_attachment_make(struct call *call, const struct volume_volume *row, const char *server_id,
                                                 const char *status) {
    struct volume_attachment *attachment = ARENA_NEW(call->arena, struct volume_attachment);

    row_defaults(call, &resource_volume_attachment, attachment);
    attachment->volume_id = row->id;
    attachment->instance = server_id;
    attachment->status = status;
    attachment->project_id = row->project_id;
    return row_insert(call, &resource_volume_attachment, attachment) ? attachment : NULL;
}

bool volume_attachment_end(struct call *call, struct volume_volume *row, struct volume_attachment *attachment) {
    struct volume_attachment *left;
    size_t count;
    bool attached = false;

    if (!row_delete(call, &resource_volume_attachment, attachment) ||
        !volume_attachments_of(call, row->id, &left, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        attached = attached || !strcmp(left[i].status, "attached");
    }
    if (volume_status_is(row, "deleting|extending|uploading")) {
        row->previous_status = attached ? "in-use" : "available";
        return row_update(call, &resource_volume_volume, row);
    }
    return volume_set_status(call, row, attached ? "in-use" : count ? "reserved" : "available");
}

const char *volume_connection_info(struct call *call, const struct volume_volume *row, const char *attachment_id) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *connection = volume_map_read(call, row->connection);
    const char *text;

    json_map(&out);
    json_put_text(&out, "driver_volume_type", json_get(connection, "nbd") ? "nbd" : "local");
    json_key(&out, "data");
    json_map(&out);
    json_put_text(&out, "device_path", json_get_text(connection, "path"));
    json_put_text(&out, "format", json_get_text(connection, "format"));
    json_put_text(&out, "access_mode", row->readonly ? "ro" : "rw");
    json_put_bool(&out, "encrypted", row->encrypted);
    json_put_text(&out, "volume_id", row->id);
    json_map_end(&out);
    if (attachment_id) {
        json_put_text(&out, "attachment_id", attachment_id);
    }
    json_map_end(&out);
    text = arena_text(call->arena, buf.at);
    buf_release(&buf);
    return text;
}

/* ---- the API ---- */

static bool connect(struct call *call, const struct volume_volume *row, struct volume_attachment *attachment,
                    const char *connector) {
    const struct json *map = volume_map_read(call, connector);

    if (!row->connection) {
        return fail(call, 400, "Invalid volume: volume %s has no connection yet.", row->id);
    }
    attachment->connector = connector;
    attachment->attached_host = json_get_text(map, "host");
    attachment->device = json_get_text(map, "mountpoint");
    attachment->attach_mode = json_get_text(map, "mode") ? json_get_text(map, "mode") : attachment->attach_mode;
    attachment->status = "attaching";
    attachment->attached_at = clock_now();
    attachment->connection_info = volume_connection_info(call, row, attachment->id);
    return row_update(call, &resource_volume_attachment, attachment);
}

/* A server may have a second attachment of its own volume: while it moves to another host. */
static bool is_at(struct call *call, const struct volume_volume *row, const char *server_id) {
    return server_id && call_count(call, "SELECT count(*) FROM volume_attachment WHERE volume_id = ? AND instance = ?",
                                   SQL_ARGS(sql_text(row->id), sql_text(server_id))) > 0;
}

bool volume_attachment_op_create(struct call *call) {
    const struct volume_attachment_input *input = call->input;
    struct volume_volume *row;
    struct volume_attachment *attachment;
    bool again;

    if (!row_get(call, &resource_volume_volume, input->volume_uuid, &row)) {
        return false;
    }
    again = is_at(call, row, input->instance_uuid);
    if (!again && !volume_status_is(row, row->multiattach ? "available|downloading|in-use|reserved" : "available|downloading")) {
        return fail(call, 400, "Invalid volume: Volume %s status must be available or downloading to reserve, but the"
                               " current status is %s.", row->id, row->status);
    }
    attachment = volume_attachment_make(call, row, input->instance_uuid, "reserved");
    if (!attachment || (!again && !volume_status_is(row, "in-use") && !volume_set_status(call, row, "reserved"))) {
        return false;
    }
    attachment->attach_mode = input->mode;
    if (input->connector && volume_map_read(call, input->connector)->count) {
        if (!connect(call, row, attachment, input->connector)) {
            return false;
        }
        if (!volume_status_is(row, "in-use") && !volume_set_status(call, row, "attaching")) {
            return false;
        }
    }
    return row_respond(call, &resource_volume_attachment, attachment);
}

bool volume_attachment_op_update(struct call *call) {
    const struct volume_attachment_update_input *input = call->input;
    struct volume_attachment *attachment = call->row;
    struct volume_volume *row = volume_row(call, attachment->volume_id);

    if (!row) {
        return fail_not_found(call, &resource_volume_volume, attachment->volume_id);
    }
    return connect(call, row, attachment, input->connector) &&
           (volume_status_is(row, "in-use") || volume_set_status(call, row, "attaching")) && row_respond(call, &resource_volume_attachment, attachment);
}

bool volume_attachment_op_delete(struct call *call) {
    struct volume_attachment *attachment = call->row, *left;
    struct volume_volume *row = volume_row(call, attachment->volume_id);
    size_t count;

    if (!row || !volume_attachment_end(call, row, attachment) || !volume_attachments_of(call, row->id, &left, &count)) {
        return row ? false : fail_not_found(call, &resource_volume_volume, attachment->volume_id);
    }
    return rows_respond(call, &resource_volume_attachment, left, count);
}

bool volume_attachment_act_complete(struct call *call) {
    struct volume_attachment *attachment = call->row;
    struct volume_volume *row = volume_row(call, attachment->volume_id);

    attachment->status = "attached";
    attachment->attached_at = attachment->attached_at ? attachment->attached_at : clock_now();
    return row && row_update(call, &resource_volume_attachment, attachment) && volume_set_status(call, row, "in-use");
}
