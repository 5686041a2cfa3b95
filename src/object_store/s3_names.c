/* SPDX-License-Identifier: Apache-2.0
 * Buckets by name. Each project has its own names, as it has its own containers. A name that the caller does not have
 * stands for the bucket of who made it first through S3, so that what is shared by access lists can be found: object
 * NAME of container "names" in account ".s3" tells the account in "sys-account". A note that no bucket follows (a process
 * died between the two) gives way to the next who makes a bucket of that name. */
#include <string.h>

#include "object_store/s3.h"

#define NAMES_ACCOUNT ".s3"
#define NAMES_CONTAINER "names"

bool s3_bucket_name_valid(const char *name) {
    size_t size = strlen(name);
    int dots = 0, digits = 0;

    if (size < 3 || size > 63 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != size || strchr(".-", name[0]) ||
        strchr(".-", name[size - 1]) || strstr(name, "..") || strstr(name, ".-") || strstr(name, "-.")) {
        return false;
    }
    for (const char *at = name; *at; at++) {
        dots += *at == '.';
        digits += *at >= '0' && *at <= '9';
    }
    return !(dots == 3 && digits + dots == (int)size);      /* an address */
}

/* The account that the note tells; null: there is none. */
static const char *noted(struct s3 *s3, const char *bucket) {
    struct store_find find = {.account = NAMES_ACCOUNT, .container = NAMES_CONTAINER, .name = bucket, .version = STORE_CURRENT};
    struct store_found found;

    return store_find(s3->arena, &find, &found) == STORE_OK ? store_meta_get(&found.object.meta, "sys-account") : NULL;
}

void s3_find_bucket(struct s3 *s3, const char *key, bool want_bytes) {
    struct store_find find = {.account = s3->account, .container = s3->bucket, .name = key, .version = s3->version,
                              .want_bytes = want_bytes};
    const char *other;

    s3->looked = s3->account ? store_find(s3->arena, &find, &s3->found) : STORE_NO_CONTAINER;
    if (s3->looked != STORE_NO_CONTAINER || !(other = noted(s3, s3->bucket)) ||
        (s3->account && !strcmp(other, s3->account))) {
        return;
    }
    find.account = other;
    s3->looked = store_find(s3->arena, &find, &s3->found);
    if (s3->looked != STORE_NO_CONTAINER) {
        s3->account = other;
    }
}

const char *s3_account_of(struct s3 *s3, const char *bucket) {
    const char *project = s3->call->caller.project_id, *own = project ? arena_printf(s3->arena, "AUTH_%s", project) : NULL;
    struct store_find find = {.account = own, .container = bucket};
    struct store_found found;
    const char *other;

    if (own && store_find(s3->arena, &find, &found) == STORE_OK) {
        return own;
    }
    other = noted(s3, bucket);
    return other ? other : own;
}

static enum store_result put_note(struct s3 *s3, bool over) {
    struct store_change change = {.arena = s3->arena, .account = NAMES_ACCOUNT, .container = NAMES_CONTAINER,
                                  .name = s3->bucket, .if_absent = !over, .policy = -1,
                                  .object = {.type = "application/directory"}, .upload = store_upload_new(s3->arena)};

    store_meta_set(s3->arena, &change.object.meta, "sys-account", s3->account);
    store_upload_end(change.upload);
    return store_put_object(&change);
}

void s3_name_take(struct s3 *s3) {
    enum store_result result = put_note(s3, false);
    struct store_change container = {.arena = s3->arena, .account = NAMES_ACCOUNT, .container = NAMES_CONTAINER, .policy = -1};
    struct store_find find = {.container = s3->bucket};
    struct store_found found;

    if (result == STORE_NO_CONTAINER && store_put_container(&container) <= STORE_CREATED) {
        result = put_note(s3, false);
    }
    if (result == STORE_PRECONDITION && (find.account = noted(s3, s3->bucket)) != NULL &&
        store_find(s3->arena, &find, &found) == STORE_NO_CONTAINER) {
        put_note(s3, true);
    }
}

void s3_name_leave(struct s3 *s3) {
    struct store_change change = {.arena = s3->arena, .account = NAMES_ACCOUNT, .container = NAMES_CONTAINER,
                                  .name = s3->bucket, .version = STORE_CURRENT, .policy = -1};
    const char *other = noted(s3, s3->bucket);

    if (other && !strcmp(other, s3->account)) {
        store_delete_object(&change);
    }
}
