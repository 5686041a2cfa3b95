/* SPDX-License-Identifier: Apache-2.0
 * What haneul audit looks at in the object store. */
#include "rest/audit.h"
#include "object_store/store.h"

static void found_orphan(void *audit, const char *blob) {
    audit_break(audit, blob, "no object has this blob");
}

static void found_damage(void *audit, const char *what) {
    audit_break(audit, what, "its bytes are not what was written");
}

static void found_miscount(void *audit, const char *what) {
    audit_break(audit, what, "its counters are not what is there");
}

static bool looked(struct call *call, bool ok) {
    return ok || fail(call, 503, "The object store could not be looked at; the log has the cause.");
}

bool object_find_orphans(struct call *call, struct audit *audit) {
    return looked(call, store_each_orphan(call->arena, found_orphan, audit));
}

bool object_fix_orphan(struct call *call, const char *id) {
    return looked(call, store_remove_orphan(call->arena, id));
}

bool object_find_damage(struct call *call, struct audit *audit) {
    return looked(call, store_each_damaged(call->arena, found_damage, audit));
}

bool object_find_miscounts(struct call *call, struct audit *audit) {
    return looked(call, store_each_miscount(call->arena, found_miscount, audit));
}

bool object_fix_miscount(struct call *call, const char *id) {
    return looked(call, store_recount(call->arena, id));
}

static void found_part(void *audit, const char *what) {
    audit_break(audit, what, "no upload and no object asks for this part");
}

bool object_find_parts(struct call *call, struct audit *audit) {
    return looked(call, store_each_unwanted_part(call->arena, found_part, audit));
}

bool object_fix_part(struct call *call, const char *id) {
    return looked(call, store_remove_unwanted_part(call->arena, id));
}
