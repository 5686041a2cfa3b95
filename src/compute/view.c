/* SPDX-License-Identifier: Apache-2.0
 * What the answers of compute's resources have in common. */
#include "compute/view.h"

#include <string.h>

#include "base/clock.h"
#include "http/http.h"
#include "rest/service.h"

void view_links(struct call *call, const char *collection, const char *id, struct json_out *out) {
    const char *base = arena_printf(call->arena, "%s%s", call_base_url(call), call->service->prefix);

    json_list(out);
    link_write(out, "self", arena_printf(call->arena, "%s/v2.1/%s/%s", base, collection, id));
    link_write(out, "bookmark", arena_printf(call->arena, "%s/%s/%s", base, collection, id));
    json_list_end(out);
}

static bool listed(const char *names, const char *name) {
    size_t size = strlen(name);

    while (*names) {
        size_t length = strcspn(names, "|");

        if (length == size && !memcmp(names, name, size)) {
            return true;
        }
        names += length + (names[length] == '|');
    }
    return false;
}

bool view_arguments(struct call *call, int since, const char *names) {
    const struct http_arguments *arguments = http_arguments(call->http);

    for (size_t i = 0; call->minor >= since && arguments && i < arguments->count; i++) {
        if (!listed(names, arguments->at[i].name)) {
            return fail(call, 400, "Additional properties are not allowed ('%.80s' was unexpected)",
                        arguments->at[i].name);
        }
    }
    return true;
}

void view_time(struct json_out *out, const char *key, int64_t time, bool zone) {
    char text[TIME_TEXT_SIZE];

    json_put_text(out, key, time ? time_print(time, zone ? TIME_Z : TIME_MICRO, text) : NULL);
}
