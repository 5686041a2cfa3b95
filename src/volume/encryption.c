/* SPDX-License-Identifier: Apache-2.0
 * Encryption of volume types. Here call->row is the type. */
#include <string.h>

#include "base/clock.h"
#include "volume/parts.h"

static struct volume_encryption *encryption_of(struct call *call) {
    const struct volume_type *type = call->row;
    struct volume_encryption *row;

    return row_find(call, &resource_volume_encryption, type->id, &row) ? row : NULL;
}

static bool unused(struct call *call) {
    const struct volume_type *type = call->row;

    return !call_count(call, "SELECT count(*) FROM volume_volume WHERE volume_type_id = ?", SQL_ARGS(sql_text(type->id))) ||
           fail(call, 400, "Encryption specs cannot be changed. Volume type in use.");
}

static bool missing(struct call *call) {
    return call->error ? false : fail(call, 404, "Volume type encryption for type %s does not exist.",
                                      ((const struct volume_type *)call->row)->id);
}

bool volume_encryption_show(struct call *call) {
    const struct volume_encryption *row = encryption_of(call);

    if (row) {
        row_write(call, &resource_volume_encryption, row, READ, &call->out);
        return true;
    }
    json_map(&call->out);
    json_map_end(&call->out);
    return !call->error;
}

bool volume_encryption_show_one(struct call *call) {
    const struct volume_encryption *row = encryption_of(call);
    const char *key = call_parameter(call, "key");
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    const struct json *value;

    if (!row) {
        return missing(call);
    }
    row_write(call, &resource_volume_encryption, row, READ, &out);
    value = json_get(volume_map_read(call, arena_text(call->arena, buf.at)), key);
    buf_release(&buf);
    if (!value) {
        return missing(call);
    }
    json_map(&call->out);
    json_key(&call->out, key);
    json_tree(&call->out, value);
    json_map_end(&call->out);
    return true;
}

static bool parse(struct call *call, unsigned right, struct volume_encryption *row) {
    const struct json *body = json_get(call->body, "encryption");
    uint64_t given[MAX_FIELDS / 64] = {0};

    return body && body->type == JSON_MAP ? input_parse(call, &resource_volume_encryption, body, right, row, given)
                                          : fail(call, 400, "'encryption' is a required property");
}

static void respond(struct call *call, const struct volume_encryption *row, bool whole) {
    struct json_out *out = &call->out;

    json_map(out);
    json_key(out, "encryption");
    json_map(out);
    if (whole) {
        json_put_text(out, "volume_type_id", row->volume_type_id);
        json_put_text(out, "encryption_id", row->encryption_id);
    }
    json_put_text(out, "provider", row->provider);
    json_put_text(out, "control_location", row->control_location);
    json_put_text(out, "cipher", row->cipher);
    if (row->key_size != NO_INT) {
        json_put_int(out, "key_size", row->key_size);
    }
    json_map_end(out);
    json_map_end(out);
}

bool volume_encryption_create(struct call *call) {
    const struct volume_type *type = call->row;
    struct volume_encryption *row = ARENA_NEW(call->arena, struct volume_encryption);

    if (encryption_of(call)) {
        return fail(call, 400, "Volume type encryption for type %s already exists.", type->id);
    }
    if (call->error || !unused(call) || !parse(call, CREATE, row)) {
        return false;
    }
    row->volume_type_id = type->id;
    respond(call, row, true);
    return row_insert(call, &resource_volume_encryption, row);
}

bool volume_encryption_update(struct call *call) {
    struct volume_encryption *row = encryption_of(call);

    if (!row) {
        return missing(call);
    }
    if (!unused(call) || !parse(call, UPDATE, row)) {
        return false;
    }
    row->updated_at = clock_now();
    respond(call, row, false);
    return row_update(call, &resource_volume_encryption, row);
}

bool volume_encryption_delete(struct call *call) {
    struct volume_encryption *row = encryption_of(call);

    return row ? unused(call) && row_delete(call, &resource_volume_encryption, row) : missing(call);
}
