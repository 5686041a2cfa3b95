/* SPDX-License-Identifier: Apache-2.0
 * Filters and names of LDAP. */
#include "identity/ldap_text.h"

#include <ctype.h>
#include <ldap.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"

enum { MAX_DEPTH = 32, MAX_FILTER = 8192 };

/* ---- filters ---- */

/* Every byte that is not a plain letter, digit or one of a few harmless signs is written in hexadecimal. */
char *filter_escaped(struct arena *arena, const char *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, size * 3 + 1), *at = text;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x80 || isalnum(c) || (c && strchr(" .,:;=-_@+/", c))) {
            *at++ = (char)c;
        } else {
            *at++ = '\\';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    *at = 0;
    return text;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes of a UUID: the first three numbers of a GUID are little-endian (MS-DTYP 2.3.4.2). */
static const unsigned char guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

char *guid_text(struct arena *arena, const unsigned char bytes[16]) {
    char *text = arena_alloc(arena, 37), *at = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = "0123456789abcdef"[bytes[guid_order[i]] >> 4];
        *at++ = "0123456789abcdef"[bytes[guid_order[i]] & 15];
    }
    return text;
}

static const char *guid_filter(struct arena *arena, const char *uuid) {
    char digits[33], *text;
    size_t count = 0;

    for (const char *at = uuid; *at; at++) {
        if (*at != '-' && (hex_digit(*at) < 0 || count == 32)) {
            return NULL;
        }
        if (*at != '-') {
            digits[count++] = *at;
        }
    }
    if (count != 32) {
        return NULL;
    }
    text = arena_alloc(arena, 16 * 3 + 1);
    for (int i = 0; i < 16; i++) {
        char *to = text + guid_order[i] * 3;

        to[0] = '\\';
        memcpy(to + 1, digits + i * 2, 2);
    }
    return text;
}

char *filter_equals(struct arena *arena, const char *attribute, const char *value) {
    const char *guid = strcasecmp(attribute, "objectGUID") ? NULL : guid_filter(arena, value);

    return arena_printf(arena, "(%s=%s)", attribute, guid ? guid : filter_escaped(arena, value, strlen(value)));
}

/* What ends an item: its parenthesis. False inside: one that opens, an escape that is none, or no '='. */
static const char *skip_item(const char *at) {
    bool equals = false;

    for (; *at && *at != ')'; at++) {
        if (*at == '(' || (*at == '\\' && (hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0))) {
            return NULL;
        }
        equals = equals || *at == '=';
    }
    return *at && equals ? at : NULL;
}

/* One filter in parentheses; returns what follows it, or null. */
static const char *skip_filter(const char *at, int depth) {
    if (*at != '(' || depth > MAX_DEPTH) {
        return NULL;
    }
    at++;
    if (*at == '&' || *at == '|' || *at == '!') {
        bool one = *at == '!';
        int count = 0;

        for (at++; at && *at == '('; count++) {
            at = skip_filter(at, depth + 1);
        }
        return at && *at == ')' && (one ? count == 1 : count > 0) ? at + 1 : NULL;
    }
    at = skip_item(at);
    return at ? at + 1 : NULL;
}

const char *filter_part(struct arena *arena, const char *filter) {
    const char *at;

    if (!filter || !*filter) {
        return "";
    }
    if (strlen(filter) > MAX_FILTER) {
        return NULL;
    }
    filter = *filter == '(' ? filter : arena_printf(arena, "(%s)", filter);
    for (at = filter; at && *at; at = skip_filter(at, 0)) {
    }
    return at ? filter : NULL;
}

bool attribute_good(const char *name) {
    return name && *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-;.") == strlen(name);
}

/* ---- names ---- */

/* In hexadecimal what has a meaning anywhere in a name (RFC 4514 2.4), controls, and spaces at the ends. */
char *dn_escaped(struct arena *arena, const char *value) {
    size_t size = strlen(value);
    char *text = arena_alloc(arena, size * 3 + 1), *at = text;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)value[i];
        bool end = i == 0 || i == size - 1;

        if (c < ' ' || c == 0x7f || strchr("\"+,;<>\\=#", c) || (c == ' ' && end)) {
            *at++ = '\\';
            *at++ = "0123456789abcdef"[c >> 4];
            *at++ = "0123456789abcdef"[c & 15];
        } else {
            *at++ = (char)c;
        }
    }
    *at = 0;
    return text;
}

char *dn_normal(struct arena *arena, const char *dn) {
    char *text = NULL, *copy = NULL;
    LDAPDN parsed = NULL;

    if (dn && ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS &&
        ldap_dn2str(parsed, &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS) {
        copy = arena_text(arena, text);
        for (char *at = copy; at && *at; at++) {
            *at = (char)tolower((unsigned char)*at);
        }
    }
    ldap_memfree(text);
    ldap_dnfree(parsed);
    return copy;
}

char *dn_first(struct arena *arena, const char *dn, const char *attribute) {
    LDAPDN parsed = NULL;
    char *value = NULL;

    if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && parsed && parsed[0] && parsed[0][0] &&
        !parsed[0][1]) {
        const LDAPAVA *first = parsed[0][0];

        if (first->la_attr.bv_len == strlen(attribute) &&
            !strncasecmp(first->la_attr.bv_val, attribute, first->la_attr.bv_len) &&
            !memchr(first->la_value.bv_val, 0, first->la_value.bv_len)) {
            value = arena_text_size(arena, first->la_value.bv_val, first->la_value.bv_len);
        }
    }
    ldap_dnfree(parsed);
    return value;
}
