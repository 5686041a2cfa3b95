/* SPDX-License-Identifier: Apache-2.0
 * Signatures of S3 requests, which anybody may send: the input is a method and target, and a header a line. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/http.h"
#include "object_store/s3_sign.h"

enum { MAX_HEADERS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char *next_line(char **at) {
    char *line = *at, *end = line ? strchr(line, '\n') : NULL;

    if (end) {
        *end = 0;
    }
    *at = end ? end + 1 : NULL;
    return line;
}

static void read_target(struct http_request *http, char *target) {
    char *mark = strchr(target, '?');

    http->query = mark ? mark + 1 : "";
    if (mark) {
        *mark = 0;
    }
    http->raw_path = target;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    struct http_header headers[MAX_HEADERS];
    struct http_request http = {.arena = arena, .headers = headers, .method_name = "GET", .method = HTTP_GET};
    struct s3_signature signature;
    struct s3_problem problem = {0};
    char *at = arena_text_size(arena, (const char *)bytes, size), *line = next_line(&at);

    read_target(&http, line);
    while ((line = next_line(&at)) && http.header_count < MAX_HEADERS) {
        char *colon = strchr(line, ':');

        if (colon) {
            *colon = 0;
            headers[http.header_count++] = (struct http_header){line, colon + 1};
        }
    }
    if (http_arguments(&http) && s3_signature_read(&http, &signature, &problem) && signature.by != S3_NOBODY) {
        const char *text = s3_signature_text(&http, &signature, size % 2 ? "bucket" : NULL, size % 3 == 0);

        if (s3_signature_fits(arena, &signature, "secret", text) != s3_signature_fits(arena, &signature, "secret", text)) {
            abort();
        }
        if (signature.by >= S3_SIGNED_4) {
            s3_unsigned_header(&http, &signature);
        }
    } else if (signature.by != S3_NOBODY && http.arguments && !problem.code) {
        abort();        /* refused without saying why */
    }
    arena_free(arena);
    return 0;
}
