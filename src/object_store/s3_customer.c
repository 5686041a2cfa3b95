/* SPDX-License-Identifier: Apache-2.0
 * Keys of customers: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html. */
#include "object_store/s3_customer.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/id.h"
#include "object_store/seal.h"
#include "object_store/swift_parts.h"

#define NAME "server-side-encryption-customer-"
#define HEADER "x-amz-" NAME
enum { KEY_SIZE = 32, MD5_SIZE = 16 };

static void forget_key(void *key) {
    OPENSSL_cleanse(key, KEY_SIZE);
}

static void forget_seal(void *seal) {
    OPENSSL_cleanse(seal, sizeof(struct seal));
}

/* ---- the headers ---- */

static bool wrong(struct s3 *s3, const char *header, const char *why) {
    return s3_error_because(s3, "InvalidArgument", "%s %s.", header, why), false;
}

bool s3_customer_asked(struct s3 *s3) {
    return s3_header(s3, HEADER "algorithm") || s3_header(s3, HEADER "key") || s3_header(s3, HEADER "key-MD5");
}

bool s3_customer_read(struct s3 *s3, const char *prefix, struct s3_customer *ret) {
    static const char *const names[] = {"algorithm", "key", "key-MD5"};
    const char *headers[3], *values[3];
    uint8_t *key, made[MD5_SIZE];
    size_t size, given = 0;

    *ret = (struct s3_customer){0};
    for (int i = 0; i < 3; i++) {
        headers[i] = arena_printf(s3->arena, "%s" NAME "%s", prefix, names[i]);
        values[i] = s3_header(s3, headers[i]);
        given += values[i] != NULL;
    }
    if (!given) {
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (!values[i]) {
            return wrong(s3, headers[i], "is missing; the algorithm, the key and its MD5 belong together"), false;
        }
    }
    if (strcmp(values[0], "AES256") != 0) {
        return wrong(s3, headers[0], "must be AES256");
    }
    key = base64_decode(s3->arena, values[1], &size);
    if (!key || size != KEY_SIZE) {
        return wrong(s3, headers[1], "must be 256 bits in base64");
    }
    arena_defer(s3->arena, forget_key, key);
    if (!hex_read(digest_of(s3->arena, "md5", key, KEY_SIZE), made, MD5_SIZE) ||
        !equal_secret(base64_encode(s3->arena, made, MD5_SIZE), values[2])) {
        return wrong(s3, headers[2], "is not the MD5 of the key");
    }
    *ret = (struct s3_customer){.key = key, .md5 = values[2]};
    return true;
}

void s3_customer_headers(struct s3 *s3) {
    s3_put_header(s3, HEADER "algorithm", "AES256");
    s3_put_header(s3, HEADER "key-MD5", "%s", s3->customer.md5);
}

/* ---- the pair: "SALT:CHECK" ---- */

static struct seal *derive(struct arena *arena, const struct s3_customer *customer, const uint8_t salt[SEAL_SALT],
                           uint8_t check[SEAL_CHECK]) {
    struct seal *seal = ARENA_NEW(arena, struct seal);

    arena_defer(arena, forget_seal, seal);
    seal_customer(customer->key, salt, seal, check);
    return seal;
}

/* Null: the key is another. */
static struct seal *open_pair(struct arena *arena, const struct s3_customer *customer, const char *pair) {
    uint8_t salt[SEAL_SALT], kept[SEAL_CHECK], check[SEAL_CHECK];
    struct seal *seal;

    if (strlen(pair) != 2 * SEAL_SALT + 1 + 2 * SEAL_CHECK || !hex_read(pair, salt, SEAL_SALT) ||
        !hex_read(pair + 2 * SEAL_SALT + 1, kept, SEAL_CHECK)) {
        return NULL;
    }
    seal = derive(arena, customer, salt, check);
    return equal_secret_bytes(kept, check, SEAL_CHECK) ? seal : NULL;
}

const struct seal *s3_customer_seal(struct arena *arena, const struct s3_customer *customer, const struct store_meta *meta) {
    const char *pair = store_meta_get(meta, STORE_CUSTOMER_KEY);

    return pair && customer->key ? open_pair(arena, customer, pair) : NULL;
}

bool s3_customer_fits(struct s3 *s3, const struct s3_customer *customer, const struct store_meta *meta) {
    if (!store_meta_get(meta, STORE_CUSTOMER_KEY)) {
        return true;
    }
    if (!customer->key) {
        return s3_error_because(s3, "InvalidRequest", "The object is encrypted with a key of its owner, which the request must "
                                                      "give."), false;
    }
    return s3_customer_seal(s3->arena, customer, meta) ||
           (s3_error_because(s3, "AccessDenied", "The object is encrypted with another key."), false);
}

bool s3_customer_fits_upload(struct s3 *s3, const struct store_meta *upload, bool must) {
    bool locked = store_meta_get(upload, STORE_CUSTOMER_KEY);

    if (!s3->customer.key) {
        return !locked || !must ||
               (s3_error_because(s3, "InvalidRequest", "The upload was begun with a key of its owner; each part must be sent "
                                                       "with it."), false);
    }
    if (!locked) {
        return s3_error_because(s3, "InvalidRequest", "The upload was begun without a key."), false;
    }
    return s3_customer_seal(s3->arena, &s3->customer, upload) ||
           (s3_error_because(s3, "InvalidRequest", "The upload was begun with another key."), false);
}

/* ---- bytes ---- */

static void release(void *user) {
    struct s3 *s3 = user;

    digest_free(s3->md5);
}

void s3_customer_begin(struct s3 *s3, struct store_meta *meta) {
    uint8_t salt[SEAL_SALT], check[SEAL_CHECK];

    if (s3->customer.key) {
        random_bytes(salt, sizeof salt);
        s3->cipher = derive(s3->arena, &s3->customer, salt, check);
        s3->md5 = digest_new("md5");
        arena_defer(s3->arena, release, s3);
        store_meta_set(s3->arena, meta, STORE_CUSTOMER_KEY, arena_printf(s3->arena, "%s:%s", hex_text(s3->arena, salt, sizeof salt),
                                                                   hex_text(s3->arena, check, sizeof check)));
    }
}

bool s3_customer_add(struct s3 *s3, const void *bytes, size_t size) {
    const char *at = bytes;
    bool ok = true;

    if (!s3->cipher) {
        return store_upload_add(s3->upload, bytes, size);
    }
    s3->block = s3->block ? s3->block : arena_alloc(s3->arena, STORE_BLOCK);
    digest_add(s3->md5, bytes, size);
    while (ok && size) {
        size_t part = size < STORE_BLOCK ? size : STORE_BLOCK;

        seal_bytes(s3->cipher, s3->upload->size, at, s3->block, part);
        ok = store_upload_add(s3->upload, s3->block, part);
        at += part;
        size -= part;
    }
    return ok;
}

enum store_result s3_customer_end(struct s3 *s3) {
    enum store_result result = store_upload_end(s3->upload);
    uint8_t mac[32];

    if (result == STORE_OK && s3->cipher) {
        s3->plain_md5 = digest_hex(s3->md5, s3->arena);
        s3->md5 = NULL;
        hmac_sha256(s3->customer.key, KEY_SIZE, s3->plain_md5, strlen(s3->plain_md5), mac);
        s3->upload->etag = hex_text(s3->arena, mac, MD5_SIZE);
    }
    return result;
}

bool s3_customer_open(struct s3 *s3, const struct s3_customer *customer, struct swift_pieces *pieces) {
    bool opened = false;

    for (size_t i = 0; i < pieces->count; i++) {
        struct swift_piece *piece = &pieces->at[i];

        if (!piece->object || !store_meta_get(&piece->object->meta, STORE_CUSTOMER_KEY)) {
            continue;
        }
        if (!s3_customer_fits(s3, customer, &piece->object->meta)) {
            return false;
        }
        piece->cipher = s3_customer_seal(s3->arena, customer, &piece->object->meta);
        opened = true;
    }
    return opened || !customer->key ||
           (s3_error_because(s3, "InvalidRequest", "The encryption parameters are not applicable to this object."), false);
}
