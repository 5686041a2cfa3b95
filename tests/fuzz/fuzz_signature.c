/* SPDX-License-Identifier: Apache-2.0
 * Signed requests of EC2 and S3, which anybody may hand in: a JSON document is the request, and a line of text what S3 signs. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "identity/ec2_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const struct json *given = json_parse(arena, (const char *)bytes, size, NULL);
    const char *text = arena_text_size(arena, (const char *)bytes, size);

    if (given) {
        const char *first = ec2_signature(arena, "secret", given, "host"), *second = ec2_signature(arena, "secret", given, "host");

        if (!first != !second || (first && strcmp(first, second) != 0)) {
            abort();
        }
        ec2_signed_time(given);
    }
    s3_signature(arena, "secret", text);
    arena_free(arena);
    return 0;
}
