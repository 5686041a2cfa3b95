/* SPDX-License-Identifier: Apache-2.0
 * Metadata definitions: what no declaration says of namespaces. */
#include <string.h>

#include "image/parts.h"

void image_write_namespace_link(struct call *call, const struct field *field, const void *pointer, struct json_out *out) {
    const struct image_namespace *row = pointer;

    json_text(out, !strcmp(field->name, "schema") ? "/v2/schemas/metadefs/namespace"
                                                  : arena_printf(call->arena, "/v2/metadefs/namespaces/%s", row->namespace));
}

static bool name_free(struct call *call, const char *name) {
    return !call_count(call, "SELECT count(*) FROM image_namespace WHERE namespace = ?", SQL_ARGS(sql_text(name))) ||
           fail(call, 409, "There is a namespace %s already.", name);
}

bool image_namespace_on_create(struct call *call, void *pointer) {
    return name_free(call, ((struct image_namespace *)pointer)->namespace);
}

bool image_namespace_on_update(struct call *call, const void *before, void *pointer) {
    const struct image_namespace *old = before;
    struct image_namespace *row = pointer;

    return !strcmp(old->namespace, row->namespace) || name_free(call, row->namespace);
}

bool image_namespace_on_delete(struct call *call, void *pointer) {
    const struct image_namespace *row = pointer;

    return !row->protected || fail(call, 403, "Namespace %s is protected and cannot be deleted.", row->namespace);
}
