/* SPDX-License-Identifier: Apache-2.0
 * Bytes as a guest may send them to the metadata proxy: what is let through can be put into a request to the API without
 * saying anything else there. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "network/metadata_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text) {
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new(0);
    struct metadata_request request;
    int status = metadata_request_parse(arena, (const char *)data, size, &request);

    if (status == 1) {
        const char *dots = strstr(request.target, "/../"), *query = strchr(request.target, '?');

        check_line(request.target);
        if (request.target[0] != '/' || strchr(request.target, ' ') || (dots && (!query || dots < query)) ||
            request.head_size > size || request.body_size > 64 * 1024) {
            abort();
        }
        for (size_t i = 0; request.headers[i]; i++) {
            check_line(request.headers[i]);
        }
    } else if (status != 0 && (status < 400 || status > 499)) {
        abort();
    }
    arena_free(arena);
    return 0;
}
