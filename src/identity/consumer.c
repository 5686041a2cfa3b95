/* SPDX-License-Identifier: Apache-2.0
 * OAuth consumers: the secret is shown once, when it is made, and kept sealed. */
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "identity/keys.h"
#include "identity/types.h"
#include "rest/call.h"

bool identity_consumer_create(struct call *call, void *pointer) {
    struct identity_consumer *consumer = pointer;

    consumer->secret = id_hex(call->arena);
    consumer->secret_kept = keys_seal(KEYS_CREDENTIAL, call->arena, consumer->secret, strlen(consumer->secret),
                                      clock_now() / SECOND);
    return true;
}
