/* SPDX-License-Identifier: Apache-2.0
 * Members: the projects with which an image is shared, and how they answered. Here call->row is the image. */
#include <string.h>

#include "base/clock.h"
#include "image/parts.h"

enum { MAX_MEMBERS = 128 };

void image_write_member_schema(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    json_text(out, "/v2/schemas/member");
}

static bool is_shared(struct call *call, int status) {
    const struct image_image *image_row = call->row;

    return !strcmp(image_row->visibility, "shared") || fail(call, status, "Only shared images have members.");
}

static bool owns(const struct call *call) {
    const struct image_image *image_row = call->row;

    return call->caller.project_id && image_row->project_id && !strcmp(call->caller.project_id, image_row->project_id);
}

/* The member that the path names, when the caller may know of it. */
static struct image_member *member_get(struct call *call) {
    const struct image_image *image_row = call->row;
    const char *id = call_parameter(call, "member_id");
    struct image_member *member = NULL;

    if (!row_first(call, &resource_image_member, "image_id = ? AND member_id = ?",
                   SQL_ARGS(sql_text(image_row->id), sql_text(id)), &member)) {
        return NULL;
    }
    if (!member || (!call->caller.admin && !owns(call) && strcmp(call->caller.project_id, id) != 0)) {
        fail(call, 404, "%.255s not found in the member list of the image %s.", id, image_row->id);
        return NULL;
    }
    return member;
}

bool image_member_list(struct call *call) {
    const struct image_image *image_row = call->row;
    const char *only = call->caller.admin || owns(call) ? NULL : call->caller.project_id;
    struct image_member *members;
    size_t count;

    if (!is_shared(call, 403) || !rows_find(call, &resource_image_member, "image_id = ? ORDER BY created_at, member_id",
                                            SQL_ARGS(sql_text(image_row->id)), &members, &count)) {
        return false;
    }
    json_map(&call->out);
    json_key(&call->out, "members");
    json_list(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (!only || !strcmp(only, members[i].member_id)) {
            row_write(call, &resource_image_member, &members[i], READ, &call->out);
        }
    }
    json_list_end(&call->out);
    json_put_text(&call->out, "schema", "/v2/schemas/members");
    json_map_end(&call->out);
    return true;
}

bool image_member_add(struct call *call) {
    const struct image_member_new *input = call->input;
    const struct image_image *image_row = call->row;
    struct image_member *member = ARENA_NEW(call->arena, struct image_member);
    int64_t count = call_count(call, "SELECT count(*) FROM image_member WHERE image_id = ?", SQL_ARGS(sql_text(image_row->id)));

    if (!is_shared(call, 403) || !image_mutable(call, image_row)) {
        return false;
    }
    if (count >= MAX_MEMBERS) {
        return fail(call, 413, "The limit of %d members of an image is exceeded.", MAX_MEMBERS);
    }
    row_defaults(call, &resource_image_member, member);
    member->image_id = image_row->id;
    member->member_id = input->member;
    return row_insert(call, &resource_image_member, member) && row_respond(call, &resource_image_member, member);
}

bool image_member_show(struct call *call) {
    struct image_member *member = is_shared(call, 404) ? member_get(call) : NULL;

    return member && row_respond(call, &resource_image_member, member);
}

/* Only the project itself (or an admin) answers an offer. */
bool image_member_set(struct call *call) {
    const struct image_member_status *input = call->input;
    struct image_member *member = is_shared(call, 403) ? member_get(call) : NULL;

    if (!member) {
        return false;
    }
    if (!call->caller.admin && (owns(call) || strcmp(call->caller.project_id, member->member_id) != 0)) {
        return fail(call, 403, "You are not permitted to modify 'status' on this image member.");
    }
    member->status = input->status;
    member->updated_at = clock_now();
    return row_update(call, &resource_image_member, member) && row_respond(call, &resource_image_member, member);
}

bool image_member_drop(struct call *call) {
    struct image_member *member = is_shared(call, 403) ? member_get(call) : NULL;

    if (member && !call->caller.admin && !owns(call)) {
        return fail(call, 403, "You cannot delete image member.");
    }
    return member && row_delete(call, &resource_image_member, member);
}
