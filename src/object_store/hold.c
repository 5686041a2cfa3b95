/* SPDX-License-Identifier: Apache-2.0
 * Objects that are held: nobody, by whichever door, deletes a version before its time; only with its project an account goes
 * all the same. In a container with the pair
 * "sys-s3-lock" an object may have "sys-s3-lock-mode" (GOVERNANCE or COMPLIANCE) with "sys-s3-lock-until" (seconds since 1970), and
 * "sys-s3-lock-hold" (ON or OFF). "sys-s3-lock-default" of the container, "MODE SECONDS", is for objects that come without. Such a
 * container keeps versions for ever. The writer asks here, so that no change overtakes another. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "object_store/index.h"

static bool is_locked(const struct store_container *container) {
    return store_meta_get(&container->meta, "sys-s3-lock");
}

/* Seconds since 1970 until which an object is retained; 0: it is not, now. */
static int64_t retained_until(const struct store_meta *meta) {
    const char *until = store_meta_get(meta, "sys-s3-lock-until");
    int64_t seconds = until ? strtoll(until, NULL, 10) : 0;

    return seconds * SECOND > clock_now() ? seconds : 0;
}

static bool has_mode(const struct store_meta *meta, const char *mode) {
    const char *has = store_meta_get(meta, "sys-s3-lock-mode");

    return has && !strcmp(has, mode);
}

bool hold_keeps(const struct store_container *container, const struct store_object *object, bool bypass) {
    const char *hold = store_meta_get(&object->meta, "sys-s3-lock-hold");

    return is_locked(container) && ((hold && !strcmp(hold, "ON")) ||
                                    (retained_until(&object->meta) && !(bypass && has_mode(&object->meta, "GOVERNANCE"))));
}

bool hold_put(const struct store_container *container, struct store_change *change) {
    const char *text = store_meta_get(&container->meta, "sys-s3-lock-default"), *space = text ? strchr(text, ' ') : NULL;
    struct store_meta *meta = &change->object.meta;

    if (!is_locked(container)) {
        return true;
    }
    if (space && !store_meta_get(meta, "sys-s3-lock-mode")) {
        store_meta_set(change->arena, meta, "sys-s3-lock-mode", arena_text_size(change->arena, text, (size_t)(space - text)));
        store_meta_set(change->arena, meta, "sys-s3-lock-until",
                       arena_printf(change->arena, "%lld", (long long)(clock_now() / SECOND) + strtoll(space + 1, NULL, 10)));
    }
    return !change->object.expires || !hold_keeps(container, &change->object, false);
}

bool hold_post(const struct store_container *container, const struct store_object *was, struct store_change *change) {
    bool sets = false, sets_mode = false;
    const char *mode;
    int64_t until = retained_until(&was->meta), new_until;

    for (size_t i = 0; i < change->set.count; i++) {
        sets = sets || !strncmp(change->set.at[i].name, "sys-s3-lock-", 12);
        sets_mode = sets_mode || !strcmp(change->set.at[i].name, "sys-s3-lock-mode");
    }
    if (!sets) {
        return change->object.expires <= 0 || !hold_keeps(container, was, false);
    }
    change->object.expires = 0;         /* it does not end by itself before it may */
    if (!sets_mode || !until || (change->bypass && has_mode(&was->meta, "GOVERNANCE"))) {
        return true;
    }
    mode = store_meta_get(&change->set, "sys-s3-lock-mode");
    new_until = mode ? strtoll(store_meta_get(&change->set, "sys-s3-lock-until"), NULL, 10) : 0;
    return mode && has_mode(&was->meta, mode) && new_until >= until;
}

bool hold_container(const struct store_container *was, const struct store_change *change) {
    return !is_locked(was) || !change->versions || change->versions == VERSIONS_ON + 1;
}
