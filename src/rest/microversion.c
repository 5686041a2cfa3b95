/* SPDX-License-Identifier: Apache-2.0
 * Microversions: which one a request asks for, and what its answer says of it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http.h"
#include "rest/operation.h"
#include "rest/service.h"

/* "2.90" with the service's major; -1: not of that form, -2: another major or out of range. */
static int parse_version(const struct microversions *v, const char *text) {
    char *end;
    long major = strtol(text, &end, 10), minor;

    if (!strcmp(text, "latest")) {
        return v->most;
    }
    if (end == text || *end != '.' || !isdigit((unsigned char)end[1])) {
        return -1;
    }
    text = end + 1;
    minor = strtol(text, &end, 10);
    if (*end || strlen(text) > 4) {
        return -1;
    }
    return major == v->major && minor >= v->least && minor <= v->most ? (int)minor : -2;
}

/* The version text for this service out of "compute 2.90, volume 3.1", or null. */
static const char *version_asked(struct call *call) {
    const struct microversions *v = &call->service->versions;
    const char *header = http_header(call->http, "OpenStack-API-Version");
    size_t size = strlen(v->type);

    while (header && *header) {
        size_t item = strcspn(header, ",");

        while (item && isspace((unsigned char)*header)) {
            header++;
            item--;
        }
        if (item > size && !strncasecmp(header, v->type, size) && isspace((unsigned char)header[size])) {
            size_t skip = size + strspn(header + size, " \t");

            while (item > skip && isspace((unsigned char)header[item - 1])) {
                item--;
            }
            return arena_text_size(call->arena, header + skip, item - skip);
        }
        header += item + (header[item] == ',');
    }
    return v->legacy_header ? http_header(call->http, v->legacy_header) : NULL;
}

bool microversion_choose(struct call *call) {
    const struct microversions *v = &call->service->versions;
    const char *text;
    int minor;

    if (!v->type) {
        return true;
    }
    text = version_asked(call);
    minor = text ? parse_version(v, text) : v->dflt;
    call->minor = minor >= 0 ? minor : v->dflt;
    if (minor == -1) {
        return fail(call, 400, "API Version String %.20s is of invalid format. Must be of format MajorNum.MinorNum.", text);
    }
    if (minor == -2) {
        return fail(call, 406, "Version %.20s is not supported by the API. Minimum is %d.%d and maximum is %d.%d.", text,
                    v->major, v->least, v->major, v->most);
    }
    return true;
}

void microversion_headers(struct call *call) {
    const struct microversions *v = &call->service->versions;

    if (v->type) {
        call_header(call, "OpenStack-API-Version", arena_printf(call->arena, "%s %d.%d", v->type, v->major, call->minor));
        if (v->legacy_header) {
            call_header(call, v->legacy_header, arena_printf(call->arena, "%d.%d", v->major, call->minor));
            call_header(call, "Vary", v->legacy_header);
        }
        call_header(call, "Vary", "OpenStack-API-Version");
    }
}
