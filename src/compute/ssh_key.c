/* SPDX-License-Identifier: Apache-2.0
 * Reading OpenSSH public keys: RFC 4253 section 6.6 (RSA, DSS), RFC 5656 (ECDSA), RFC 8709 (Ed25519). */
#include "compute/ssh_key.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "compute/ssh_key_parts.h"

enum {
    RSA_SMALLEST = 1024,        /* bits; OpenSSH refuses smaller ones */
    RSA_LARGEST = 16384,        /* as OpenSSH */
    DSS_PRIME = 1024,
    DSS_ORDER = 160,
};

/* What is left of a blob. */
struct reader {
    const uint8_t *at;
    size_t left;
};

struct part {
    const uint8_t *at;
    size_t size;
};

struct key_type {
    const char *name;
    bool (*check)(struct reader *reader, const struct key_type *type, int *ret_bits);
    const char *curve;          /* of ECDSA */
    int nid, bits;
};

/* A string of RFC 4251 section 5: its size in four bytes, then its bytes. */
static bool read_part(struct reader *reader, struct part *ret_part) {
    uint32_t size;

    if (reader->left < 4) {
        return false;
    }
    size = (uint32_t)reader->at[0] << 24 | reader->at[1] << 16 | reader->at[2] << 8 | reader->at[3];
    if (size > reader->left - 4) {
        return false;
    }
    *ret_part = (struct part){reader->at + 4, size};
    reader->at += 4 + size;
    reader->left -= 4 + size;
    return true;
}

static bool part_is(struct part part, const char *text) {
    return part.size == strlen(text) && memcmp(part.at, text, part.size) == 0;
}

/* A positive integer without needless leading zeros. */
static bool read_number(struct reader *reader, struct part *ret_number) {
    struct part part;

    if (!read_part(reader, &part) || part.size == 0 || part.at[0] & 0x80) {
        return false;
    }
    if (part.at[0] == 0) {
        if (part.size == 1 || !(part.at[1] & 0x80)) {
            return false;
        }
        part.at++;
        part.size--;
    }
    *ret_number = part;
    return true;
}

static int bits_of(struct part number) {
    int bits = (int)(number.size - 1) * 8;

    for (unsigned top = number.at[0]; top; top >>= 1) {
        bits++;
    }
    return bits;
}

static bool is_odd(struct part number) {
    return number.at[number.size - 1] & 1;
}

static bool is_below(struct part a, struct part b) {
    return a.size != b.size ? a.size < b.size : memcmp(a.at, b.at, a.size) < 0;
}

static bool check_rsa(struct reader *reader, const struct key_type *type, int *ret_bits) {
    struct part exponent, modulus;

    if (!read_number(reader, &exponent) || !read_number(reader, &modulus)) {
        return false;
    }
    *ret_bits = bits_of(modulus);
    return *ret_bits >= RSA_SMALLEST && *ret_bits <= RSA_LARGEST && is_odd(modulus) && is_odd(exponent) &&
           bits_of(exponent) > 1 && is_below(exponent, modulus);
}

static bool check_dss(struct reader *reader, const struct key_type *type, int *ret_bits) {
    struct part p, q, g, y;

    if (!read_number(reader, &p) || !read_number(reader, &q) || !read_number(reader, &g) || !read_number(reader, &y)) {
        return false;
    }
    *ret_bits = bits_of(p);
    return *ret_bits == DSS_PRIME && bits_of(q) == DSS_ORDER && bits_of(g) > 1 && is_below(g, p) && bits_of(y) > 1 &&
           is_below(y, p);
}

static bool point_is_on_curve(int nid, struct part point) {
    EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
    EC_POINT *made = group ? EC_POINT_new(group) : NULL;
    bool is = made && EC_POINT_oct2point(group, made, point.at, point.size, NULL) == 1 &&
              EC_POINT_is_at_infinity(group, made) == 0;

    ERR_clear_error();
    EC_POINT_free(made);
    EC_GROUP_free(group);
    return is;
}

static bool check_ecdsa(struct reader *reader, const struct key_type *type, int *ret_bits) {
    struct part curve, point;

    *ret_bits = type->bits;
    return read_part(reader, &curve) && part_is(curve, type->curve) && read_part(reader, &point) && point.size > 0 &&
           point.at[0] == POINT_CONVERSION_UNCOMPRESSED && point_is_on_curve(type->nid, point);
}

static bool check_ed25519(struct reader *reader, const struct key_type *type, int *ret_bits) {
    struct part point;

    *ret_bits = type->bits;
    return read_part(reader, &point) && point.size == 32;
}

static const struct key_type types[] = {
    {"ssh-rsa", check_rsa},
    {"ssh-dss", check_dss},
    {"ssh-ed25519", check_ed25519, .bits = 256},
    {"ecdsa-sha2-nistp256", check_ecdsa, .curve = "nistp256", .nid = NID_X9_62_prime256v1, .bits = 256},
    {"ecdsa-sha2-nistp384", check_ecdsa, .curve = "nistp384", .nid = NID_secp384r1, .bits = 384},
    {"ecdsa-sha2-nistp521", check_ecdsa, .curve = "nistp521", .nid = NID_secp521r1, .bits = 521},
};

static const struct key_type *find_type(const char *text, size_t size) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (part_is((struct part){(const uint8_t *)text, size}, types[i].name)) {
            return &types[i];
        }
    }
    return NULL;
}

/* The blob repeats the type, and nothing follows the key in it. */
static bool check_blob(const struct key_type *type, struct ssh_key *key) {
    struct reader reader = {key->blob, key->blob_size};
    struct part name;

    return read_part(&reader, &name) && part_is(name, type->name) && type->check(&reader, type, &key->bits) &&
           reader.left == 0;
}

static bool parse_error(const char **ret_error, const char *error) {
    *ret_error = error;
    return false;
}

/* A key may end with its base64. */
static bool ends_word(char c) {
    return c == 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The blob of the base64 at 'text', which must be padded as OpenSSH pads it. Null when it is not. *ret_end is what
 * follows it. */
static const uint8_t *read_base64(struct arena *arena, const char *text, size_t *ret_size, const char **ret_end) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    size_t size = strspn(text, digits);

    *ret_end = text + size;
    if (size == 0 || size % 4 != 0 || !ends_word(text[size])) {
        return NULL;
    }
    return base64_decode(arena, arena_text_size(arena, text, size), ret_size);
}

bool ssh_key_parse(struct arena *arena, const char *text, struct ssh_key *ret_key, const char **ret_error) {
    size_t type_size;
    const struct key_type *type;
    const char *comment;
    struct ssh_key key = {0};

    if (strnlen(text, SSH_KEY_LARGEST_TEXT + 1) > SSH_KEY_LARGEST_TEXT) {
        return parse_error(ret_error, "The public key is too long");
    }
    type_size = strcspn(text, " \t\r\n");
    type = find_type(text, type_size);
    if (!type) {
        return parse_error(ret_error, "The public key is of no known type");
    }
    text += type_size + strspn(text + type_size, " \t");
    key.blob = read_base64(arena, text, &key.blob_size, &comment);
    if (!key.blob) {
        return parse_error(ret_error, "The public key is not in base64");
    }
    if (!check_blob(type, &key)) {
        return parse_error(ret_error, "The public key is not a valid key of its type");
    }
    comment += strspn(comment, " \t");
    key.comment = arena_text_size(arena, comment, strcspn(comment, "\r\n"));
    key.type = type->name;
    *ret_key = key;
    return true;
}

char *hex_pairs(struct arena *arena, const char *hex) {
    char *text = arena_alloc(arena, strlen(hex) * 3 / 2 + 1), *at = text;

    for (; hex[0] && hex[1]; hex += 2) {
        *at++ = hex[0];
        *at++ = hex[1];
        *at++ = hex[2] ? ':' : 0;
    }
    return text;
}

char *ssh_key_fingerprint(struct arena *arena, const struct ssh_key *key) {
    return hex_pairs(arena, digest_of(arena, "md5", key->blob, key->blob_size));
}
