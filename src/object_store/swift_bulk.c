/* SPDX-License-Identifier: Apache-2.0
 * Bulk deletion, and the report that bulk operations end with. */
#include <stdlib.h>
#include <string.h>

#include "object_store/swift_parts.h"

enum { MAX_DELETES = 10000, MAX_BODY = MAX_DELETES * 4096 };

void swift_bulk_error(struct swift *sw, struct swift_bulk *bulk, const char *path, int status, const char *what) {
    bulk->errors = arena_grow(sw->arena, bulk->errors, bulk->error_count, sizeof *bulk->errors);
    bulk->errors[bulk->error_count++] = (struct swift_bulk_error){
        path, arena_printf(sw->arena, "%d %s", status, *what ? what : status_title(status))};
    if (status == 401) {
        bulk->denied = status;
    }
}

void swift_bulk_delete_object(struct swift *sw, struct swift_bulk *bulk, const char *container, const char *name,
                              int64_t version) {
    struct store_change change = {.arena = sw->arena, .account = sw->account, .container = container, .name = name,
                                  .version = version};
    const char *path = bulk->given ? bulk->given : arena_printf(sw->arena, "/%s/%s", container, name);
    struct store_find find = {.account = sw->account, .container = container};
    struct store_found found;
    enum store_result result = store_find(sw->arena, &find, &found);

    if (result == STORE_OK && !swift_may(sw, sw->account, &found.container, true)) {
        swift_bulk_error(sw, bulk, path, sw->call->caller.user_id ? 403 : 401, "");
        return;
    }
    change.detach = version == STORE_CURRENT && found.container.versions == VERSIONS_SUSPENDED;
    result = result == STORE_OK ? store_delete_object(&change) : result;
    if (result == STORE_OK) {
        bulk->done++;
    } else if (result == STORE_MISSING || result == STORE_NO_CONTAINER) {
        bulk->missing++;
    } else {
        swift_bulk_error(sw, bulk, path, result == STORE_FULL ? 507 : 503, "");
    }
}

static void delete_container(struct swift *sw, struct swift_bulk *bulk, const char *container) {
    struct store_change change = {.arena = sw->arena, .account = sw->account, .container = container};
    const char *path = bulk->given;
    enum store_result result;

    if (!sw->owner || !*container) {
        swift_bulk_error(sw, bulk, path, sw->call->caller.user_id ? 403 : 401, "");
        return;
    }
    result = store_delete_container(&change);
    if (result == STORE_OK) {
        bulk->done++;
    } else if (result == STORE_NO_CONTAINER) {
        bulk->missing++;
    } else {
        swift_bulk_error(sw, bulk, path, result == STORE_NOT_EMPTY ? 409 : 503, "");
    }
}

/* ---- the report ---- */

bool swift_bulk_respond(struct swift *sw, const struct swift_bulk *bulk, const char *word) {
    bool deletes = !strcmp(word, "Number Deleted");
    const char *invalid = "";
    const char *status = bulk->status ? bulk->status
                         : bulk->denied ? arena_printf(sw->arena, "%d %s", bulk->denied, status_title(bulk->denied))
                         : bulk->error_count ? "400 Bad Request"
                         : deletes ? "200 OK" : "201 Created";
    struct swift_report_line lines[5] = {{word, NULL, (int64_t)bulk->done}}, *line = lines + 1;

    if (!bulk->status && !bulk->error_count && !bulk->done && !bulk->missing) {
        status = "400 Bad Request";
        invalid = deletes ? "The body names nothing to delete." : "";
    }
    if (deletes) {
        *line++ = (struct swift_report_line){"Number Not Found", NULL, (int64_t)bulk->missing};
    }
    *line++ = (struct swift_report_line){"Response Body", bulk->body ? bulk->body : invalid, 0};
    *line = (struct swift_report_line){"Response Status", status, 0};
    sw->http->response.status = 200;
    swift_write_report(sw, &sw->http->response.body, &(struct swift_report){deletes ? "delete" : "extract", lines, bulk});
    return true;
}

/* ---- POST or DELETE ?bulk-delete ---- */

bool swift_bulk_delete_begin(struct swift *sw) {
    sw->http->max_body = MAX_BODY;
    sw->http->on_worker = true;
    return true;
}

/* One line of the body, without blanks around it; null: the body is over. */
static const char *next_line(struct swift *sw, const char **at) {
    while (**at) {
        size_t size = strcspn(*at, "\n"), skip = strspn(*at, " \r\t"), left = skip < size ? size - skip : 0;
        const char *line = *at + skip;

        while (left && strchr(" \r\t", line[left - 1])) {
            left--;
        }
        *at += size + ((*at)[size] == '\n');
        if (left) {
            return arena_text_size(sw->arena, line, left);
        }
    }
    return NULL;
}

/* Containers go after all objects, wherever they stand. */
static void delete_line(struct swift *sw, struct swift_bulk *bulk, const char *line, bool containers) {
    const char *path = http_decode(sw->arena, line, strlen(line), false), *container, *name;
    bool object = path && swift_split_path(sw->arena, path, &container, &name);

    if (containers == object || (!path && containers)) {
        return;
    }
    bulk->given = path ? path : line;
    if (!path) {
        swift_bulk_error(sw, bulk, line, 412, "");
    } else if (object) {
        swift_bulk_delete_object(sw, bulk, container, name, STORE_CURRENT);
    } else {
        char *only = arena_text(sw->arena, path + strspn(path, "/"));

        only[strcspn(only, "/")] = 0;
        delete_container(sw, bulk, only);
    }
}

bool swift_bulk_delete(struct swift *sw) {
    const char *body = sw->http->body.at ? sw->http->body.at : "";
    struct swift_bulk bulk = {0};

    if (swift_format_accepted(sw) < 0) {
        bulk.status = "406 Not Acceptable";
    }
    for (int pass = 0; pass < 2 && !bulk.status; pass++) {
        const char *at = body, *line;
        size_t count = 0;

        while ((line = next_line(sw, &at)) != NULL) {
            if (++count > MAX_DELETES) {
                bulk.status = "413 Request Entity Too Large";
                bulk.body = arena_printf(sw->arena, "Maximum Bulk Deletes: %d per request", MAX_DELETES);
                break;
            }
            delete_line(sw, &bulk, line, pass == 1);
        }
    }
    return swift_bulk_respond(sw, &bulk, "Number Deleted");
}
