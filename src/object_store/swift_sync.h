/* SPDX-License-Identifier: Apache-2.0
 * Containers that are kept the same as others. */
#pragma once
#include "object_store/swift_parts.h"
#include "rest/task.h"

/* Reads the configuration. Once. */
void swift_sync_prepare(void);
bool swift_sync_on(void);
void swift_sync_info(struct json_out *out);     /* "container_sync" of /info, when it is on */

struct swift_sync_target {
    const char *url;                /* of the container */
    const char *realm, *key;        /* that sign requests; null: the container's key alone goes along */
};
/* What an X-Container-Sync-To means. Returns what is wrong with it, or null. */
const char *swift_sync_target(struct arena *arena, const char *value, struct swift_sync_target *ret);
/* The signature of X-Container-Sync-Auth (Swift's, HMAC-SHA1). 'path' as in the request line. */
const char *swift_sync_signature(struct arena *arena, const char *method, const char *path, const char *time,
                                 const char *nonce, const char *realm_key, const char *key);
/* The headers of a container's PUT or POST. False: answered. */
bool swift_sync_check(struct swift *sw);

enum swift_sync_verdict { SYNC_NOT_ASKED, SYNC_ALLOWED, SYNC_DENIED };
/* The request comes from a cluster of the same realm: allowed with sw->stamp set, or answered with 401. */
enum swift_sync_verdict swift_sync_allows(struct swift *sw);

/* ---- swift_push.c: tasks ---- */
/* In the transaction of the service's start. */
bool swift_push_begin(struct call *call);
bool swift_push_look(struct call *call, const struct task *task, struct json_out *result);
bool swift_push_looked(struct call *call, const struct task *task, const struct json *result);
bool swift_push_not_looked(struct call *call, const struct task *task, const char *cause);
bool swift_push_run(struct call *call, const struct task *task, struct json_out *result);
