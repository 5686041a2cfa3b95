/* SPDX-License-Identifier: Apache-2.0
 * QoS specs and the types that use them. */
#include <string.h>

#include "volume/parts.h"

void volume_qos_write_links(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct volume_qos *row = pointer;

    json_list(out);
    link_write(out, "self", arena_printf(call->arena, "%s/volume/v3/%s/qos-specs/%s", call_base_url(call),
                                         call->caller.project_id ? call->caller.project_id : "", row->id));
    json_list_end(out);
}

static bool good_specs(struct call *call, const char *specs) {
    for (JSON_EACH(item, volume_map_read(call, specs))) {
        if (item->type != JSON_TEXT || strlen(item->key) > 255 || item->count > 255) {
            return fail(call, 400, "The value of '%.255s' must be a text of at most 255 bytes", item->key);
        }
    }
    return true;
}

bool volume_qos_create(struct call *call) {
    const struct volume_qos_input *input = call->input;
    struct volume_qos *row = ARENA_NEW(call->arena, struct volume_qos);

    if (!input->name) {
        return fail(call, 400, "'name' is a required property");
    }
    if (call_count(call, "SELECT count(*) FROM volume_qos WHERE name = ?", SQL_ARGS(sql_text(input->name)))) {
        return fail(call, 409, "QoS Specs %s already exists.", input->name);
    }
    row_defaults(call, &resource_volume_qos, row);
    row->name = input->name;
    row->consumer = input->consumer ? input->consumer : row->consumer;
    row->specs = input->specs;
    return good_specs(call, row->specs) && resource_create(call, &resource_volume_qos, row) &&
           row_respond(call, &resource_volume_qos, row);
}

bool volume_qos_update(struct call *call) {
    const struct volume_qos_input *input = call->input;
    struct volume_qos *row = call->row, old = *row;
    const char *fresh = input->specs;

    if (!good_specs(call, fresh)) {
        return false;
    }
    row->consumer = input->consumer ? input->consumer : row->consumer;
    row->specs = volume_map_change(call, row->specs, volume_map_read(call, fresh), NULL);
    json_map(&call->out);
    json_put_raw(&call->out, "qos_specs",
                 input->consumer ? volume_map_change(call, fresh, volume_map_read(call, arena_printf(call->arena,
                                                                                                    "{\"consumer\": \"%s\"}",
                                                                                                    input->consumer)),
                                                     NULL)
                                 : fresh);
    json_map_end(&call->out);
    return resource_update(call, &resource_volume_qos, &old, row);
}

bool volume_qos_delete_keys(struct call *call) {
    const struct volume_qos_keys *input = call->input;
    struct volume_qos *row = call->row, old = *row;

    for (JSON_EACH(key, json_parse(call->arena, input->keys, strlen(input->keys), NULL))) {
        if (!json_get(volume_map_read(call, row->specs), key->text)) {
            return fail(call, 400, "QoS specs %s has no spec with key %s.", row->id, key->text);
        }
        row->specs = volume_map_change(call, row->specs, NULL, key->text);
    }
    return resource_update(call, &resource_volume_qos, &old, row);
}

static bool forget(struct call *call, const struct volume_qos *row) {
    return call_exec(call, "UPDATE volume_type SET qos_specs_id = NULL WHERE qos_specs_id = ?", SQL_ARGS(sql_text(row->id)));
}

bool volume_qos_delete(struct call *call) {
    struct volume_qos *row = call->row;

    if (!call_argument_true(call, "force") &&
        call_count(call, "SELECT count(*) FROM volume_type WHERE qos_specs_id = ?", SQL_ARGS(sql_text(row->id)))) {
        return fail(call, 400, "QoS Specs %s is still associated with entities.", row->id);
    }
    return forget(call, row) && resource_delete(call, &resource_volume_qos, row);
}

bool volume_qos_associations(struct call *call) {
    const struct volume_qos *row = call->row;
    struct volume_type *types;
    size_t count;
    struct json_out *out = &call->out;

    if (!rows_find(call, &resource_volume_type, "qos_specs_id = ? ORDER BY name", SQL_ARGS(sql_text(row->id)), &types, &count)) {
        return false;
    }
    json_map(out);
    json_key(out, "qos_associations");
    json_list(out);
    for (size_t i = 0; i < count; i++) {
        json_map(out);
        json_put_text(out, "association_type", "volume_type");
        json_put_text(out, "name", types[i].name);
        json_put_text(out, "id", types[i].id);
        json_map_end(out);
    }
    json_list_end(out);
    json_map_end(out);
    return true;
}

static bool set_type(struct call *call, const char *specs) {
    const char *id = call_argument(call, "vol_type_id");
    struct volume_type *type;

    if (!id) {
        return fail(call, 400, "Volume Type id must not be None.");
    }
    if (!row_get(call, &resource_volume_type, id, &type)) {
        return false;
    }
    if (specs && type->qos_specs_id && strcmp(type->qos_specs_id, specs) != 0) {
        return fail(call, 400, "Type %s is already associated with another qos specs: %s", id, type->qos_specs_id);
    }
    type->qos_specs_id = specs;
    return row_update(call, &resource_volume_type, type);
}

bool volume_qos_associate(struct call *call) {
    return set_type(call, ((const struct volume_qos *)call->row)->id);
}

bool volume_qos_disassociate(struct call *call) {
    return set_type(call, NULL);
}

bool volume_qos_disassociate_all(struct call *call) {
    return forget(call, call->row);
}
