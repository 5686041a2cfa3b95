/* SPDX-License-Identifier: Apache-2.0
 * Which form a listing or a report has: by ?format= or by the Accept header, as Swift weighs it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "object_store/swift_parts.h"

static const char *const types[] = {"text/plain", "application/json", "application/xml", "text/xml"};
enum { FORMATS = sizeof types / sizeof *types };

const char *swift_format_type(enum swift_format format) {
    return types[format];
}

/* ---- reading ---- */

struct accepted {
    const char *type, *subtype;
    size_t type_size, subtype_size;
    double weight;
};

static size_t token_size(const char *text) {
    size_t size = 0;

    while ((unsigned char)text[size] > ' ' && text[size] != 127 && !strchr("()<>@,;:\"/[]?={}", text[size])) {
        size++;
    }
    return size;
}

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t");
}

/* The value of a parameter, a token or quoted; null: neither. */
static const char *skip_value(const char *at) {
    size_t size = token_size(at);

    if (*at != '"') {
        return size ? at + size : NULL;
    }
    for (at++; *at && *at != '"'; at++) {
        at += *at == '\\' && at[1];
    }
    return *at ? at + 1 : NULL;
}

/* "; name=value" at 'at'; null: malformed. */
static const char *read_parameter(const char *at, struct accepted *accepted) {
    const char *name = skip_space(at + 1), *value, *end;
    size_t size = token_size(name);
    char *number_end;

    at = skip_space(name + size);
    if (!size || *at != '=') {
        return NULL;
    }
    value = skip_space(at + 1);
    end = skip_value(value);
    if (end && size == 1 && *name == 'q') {
        accepted->weight = strtod(value, &number_end);
        return number_end == end ? end : NULL;
    }
    return end;
}

/* One "type/subtype;q=1" at 'at'; null: malformed, else what is behind it. */
static const char *read_item(const char *at, struct accepted *ret) {
    *ret = (struct accepted){.type = skip_space(at), .weight = 1};
    ret->type_size = token_size(ret->type);
    at = ret->type + ret->type_size;
    if (!ret->type_size || *at != '/') {
        return NULL;
    }
    ret->subtype = at + 1;
    ret->subtype_size = token_size(ret->subtype);
    if (!ret->subtype_size) {
        return NULL;
    }
    at = skip_space(ret->subtype + ret->subtype_size);
    while (at && *at == ';') {
        at = read_parameter(at, ret);
        at = at ? skip_space(at) : NULL;
    }
    return at && (*at == ',' || !*at) ? at : NULL;
}

/* ---- choosing ---- */

static bool half_is(const char *half, size_t size, const char *wanted, size_t wanted_size) {
    return (size == 1 && *half == '*') || (size == wanted_size && !strncmp(half, wanted, size));
}

static int format_of(const struct accepted *accepted, unsigned offered) {
    for (int i = 0; i < FORMATS; i++) {
        size_t size = strcspn(types[i], "/");

        if ((offered & 1u << i) && half_is(accepted->type, accepted->type_size, types[i], size) &&
            half_is(accepted->subtype, accepted->subtype_size, types[i] + size + 1, strlen(types[i] + size + 1))) {
            return i;
        }
    }
    return -1;
}

/* What names a type goes before what has a star in it. */
static double rank(const struct accepted *accepted) {
    bool star = (accepted->type_size == 1 && *accepted->type == '*') || (accepted->subtype_size == 1 && *accepted->subtype == '*');

    return accepted->weight > 0 ? 2 * accepted->weight + !star * 1e-6 : 0;
}

static int best_of(const char *accept, unsigned offered) {
    double best_rank = 0;
    int best = SWIFT_NO_FORMAT;

    for (const char *at = accept;; at++) {
        struct accepted accepted;
        int format;

        at = read_item(at, &accepted);
        if (!at) {
            return SWIFT_BAD_ACCEPT;
        }
        format = format_of(&accepted, offered);
        if (format >= 0 && rank(&accepted) > best_rank) {
            best_rank = rank(&accepted);
            best = format;
        }
        if (!*at) {
            return best;
        }
    }
}

int swift_format_accepted(const struct swift *sw) {
    const char *accept = swift_request_header(sw, "Accept");

    return accept && *accept ? best_of(accept, ~0u) : SWIFT_PLAIN;
}

bool swift_refuse_format(struct swift *sw, int chosen) {
    if (chosen == SWIFT_BAD_ACCEPT) {
        return swift_error(sw, 400, "The Accept header is malformed.");
    }
    return swift_error(sw, 406, "This is there as text/plain, application/json or application/xml.");
}

/* Only JSON can tell of versions. */
bool swift_choose_format(struct swift *sw, bool versions, enum swift_format *ret) {
    const char *format = swift_argument(sw, "format"), *accept = swift_request_header(sw, "Accept");
    int chosen;

    if (format && *format) {
        chosen = !strcasecmp(format, "json") ? SWIFT_JSON : !strcasecmp(format, "xml") ? SWIFT_XML : SWIFT_PLAIN;
    } else if (versions) {
        chosen = accept && *accept ? best_of(accept, 1u << SWIFT_JSON) : SWIFT_JSON;
    } else {
        chosen = swift_format_accepted(sw);
    }
    if (chosen < 0 || (versions && chosen != SWIFT_JSON)) {
        return swift_refuse_format(sw, chosen < 0 ? chosen : SWIFT_NO_FORMAT), false;
    }
    if (!format && !versions) {
        swift_header(sw, "Vary", "Accept");
    }
    *ret = (enum swift_format)chosen;
    return true;
}
