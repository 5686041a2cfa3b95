/* SPDX-License-Identifier: Apache-2.0
 * Giving a volume to another project. */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "volume/parts.h"

void volume_transfer_write_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct volume_transfer *row = pointer;

    volume_links(call, "os-volume-transfer", row->project_id, row->id, out);
}

static const char *digest_of_key(struct call *call, const char *id, const char *key) {
    const char *text = arena_printf(call->arena, "%s:%s", id, key);

    return digest_of(call->arena, "sha256", text, strlen(text));
}

bool volume_transfer_op_create(struct call *call) {
    const struct volume_transfer_input *input = call->input;
    struct volume_transfer *row = ARENA_NEW(call->arena, struct volume_transfer);
    struct volume_volume *given;
    const char *key = id_hex(call->arena);
    char text[TIME_TEXT_SIZE];
    struct json_out *out = &call->out;

    if (!row_get(call, &resource_volume_volume, input->volume_id, &given)) {
        return false;
    }
    if (!volume_status_is(given, "available")) {
        return fail(call, 400, "Invalid volume: status must be available");
    }
    row_defaults(call, &resource_volume_transfer, row);
    row->name = input->name;
    row->volume_id = given->id;
    row->no_snapshots = input->no_snapshots;
    row->source_project_id = row->project_id = given->project_id;
    row->digest = digest_of_key(call, row->id, key);
    json_map(out);
    json_key(out, "transfer");
    json_map(out);
    json_put_text(out, "id", row->id);
    json_put_text(out, "name", row->name);
    json_put_text(out, "volume_id", row->volume_id);
    json_put_text(out, "auth_key", key);
    json_put_text(out, "created_at", time_print(row->created_at, TIME_MICRO, text));
    json_key(out, "links");
    volume_transfer_write_links(call, NULL, row, out);
    json_map_end(out);
    json_map_end(out);
    return row_insert(call, &resource_volume_transfer, row) && volume_set_status(call, given, "awaiting-transfer");
}

bool volume_transfer_op_delete(struct call *call) {
    struct volume_transfer *row = call->row;
    struct volume_volume *given = volume_row(call, row->volume_id);

    return row_delete(call, &resource_volume_transfer, row) &&
           (!given || !volume_status_is(given, "awaiting-transfer") ? !call->error : volume_set_status(call, given, "available"));
}

static bool take(struct call *call, struct volume_volume *given, const struct volume_transfer *row) {
    struct volume_type *type = NULL;

    if (given->volume_type_id) {
        row_find(call, &resource_volume_type, given->volume_type_id, &type);
    }
    if (!quota_check(call, &volume, call->caller.project_id, "volumes", 1) ||
        !volume_quota_check(call, call->caller.project_id, type, 1, 0, given->size, given->size)) {
        return false;
    }
    given->project_id = call->caller.project_id;
    given->user_id = call->caller.user_id;
    return volume_set_status(call, given, "available") &&
           (row->no_snapshots ||
            call_exec(call, "UPDATE volume_snapshot SET project_id = ?, user_id = ? WHERE volume_id = ?",
                      SQL_ARGS(sql_text(given->project_id), sql_text(given->user_id), sql_text(given->id))));
}

/* Whoever has the key may take the volume: the transfer belongs to another project. */
bool volume_transfer_op_accept(struct call *call) {
    const struct volume_transfer_accept *input = call->input;
    const char *id = call_parameter(call, "transfer");
    struct volume_transfer *row;
    struct volume_volume *given;
    struct json_out *out = &call->out;

    if (!row_find(call, &resource_volume_transfer, id, &row)) {
        return call->error ? false : fail_not_found(call, &resource_volume_transfer, id);
    }
    if (!equal_secret(row->digest, digest_of_key(call, id, input->auth_key))) {
        return fail(call, 400, "Invalid auth key: Attempt to transfer %s with invalid auth key.", id);
    }
    given = volume_row(call, row->volume_id);
    if (!given || !volume_status_is(given, "awaiting-transfer")) {
        return fail(call, 400, "Invalid volume: the volume does not await a transfer.");
    }
    json_map(out);
    json_key(out, "transfer");
    json_map(out);
    json_put_text(out, "id", row->id);
    json_put_text(out, "name", row->name);
    json_put_text(out, "volume_id", row->volume_id);
    json_key(out, "links");
    volume_transfer_write_links(call, NULL, row, out);
    json_map_end(out);
    json_map_end(out);
    return take(call, given, row) && row_delete(call, &resource_volume_transfer, row);
}
