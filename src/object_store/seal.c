/* SPDX-License-Identifier: Apache-2.0
 * Keys and ciphers of encryption at rest. */
#include "object_store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"

LOG_MODULE("object_store.seal");

enum { MAX_ROOTS = 64, KEY = 32, SALT = 16, NONCE = 12, TAG = 16, HEAD = 2 + sizeof((struct seal){0}.wrapped) + NONCE + TAG };

struct root {
    uint32_t number;
    uint8_t key[KEY];
};

static struct root roots[MAX_ROOTS];
static size_t root_count;
static bool sealing;

/* ---- root keys ---- */

static bool read_roots(FILE *file) {
    char line[256];

    root_count = 0;
    while (fgets(line, sizeof line, file)) {
        char *end;
        unsigned long number = strtoul(line, &end, 10);

        if (*line == '#' || *line == '\n') {
            continue;
        }
        if (end == line || *end != ' ' || number > UINT32_MAX || root_count == MAX_ROOTS ||
            !hex_read(end + 1, roots[root_count].key, KEY) || (end[1 + 2 * KEY] && end[1 + 2 * KEY] != '\n')) {
            return false;
        }
        roots[root_count++].number = (uint32_t)number;
    }
    return root_count > 0;
}

static bool make_roots(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    uint8_t key[KEY];
    bool ok;

    if (!file) {
        return false;
    }
    random_bytes(key, sizeof key);
    fputs("1 ", file);
    for (int i = 0; i < KEY; i++) {
        fprintf(file, "%02x", key[i]);
    }
    fputc('\n', file);
    ok = fflush(file) == 0 && fsync(fd) == 0;
    return fclose(file) == 0 && ok;
}

bool seal_start(struct arena *arena, const char *path, bool wanted, const char **ret_error) {
    FILE *file = fopen(path, "re");
    bool ok;

    if (!file && errno == ENOENT && !wanted) {
        return true;
    }
    if (!file && errno == ENOENT && make_roots(path)) {
        file = fopen(path, "re");
    }
    ok = file && read_roots(file);
    if (file) {
        fclose(file);
    }
    sealing = wanted;
    *ret_error = arena_printf(arena, "%s cannot be read or made, or has no lines of a number and a key of 64 hexadecimal digits",
                              path);
    return ok;
}

/* ---- ciphers ---- */

static void must(bool well) {
    if (!well) {
        log_error("a cipher failed");
        abort();        /* no memory, or a library without AES */
    }
}

void seal_bytes(const struct seal *seal, int64_t offset, const void *from, void *to, size_t size) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t counter[16] = {0}, skipped[16] = {0};
    uint64_t block = (uint64_t)offset / 16;
    int done = 0, skip = (int)(offset % 16);

    for (int i = 15; block; i--, block >>= 8) {
        counter[i] = (uint8_t)block;
    }
    must(context && EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, seal->bytes_key, counter) == 1 &&
         EVP_EncryptUpdate(context, skipped, &done, skipped, skip) == 1);
    while (size) {
        int part = size < 1 << 30 ? (int)size : 1 << 30;

        must(EVP_EncryptUpdate(context, to, &done, from, part) == 1 && done == part);
        from = (const char *)from + part;
        to = (char *)to + part;
        size -= (size_t)part;
    }
    EVP_CIPHER_CTX_free(context);
}

static void gcm_seal(const uint8_t key[KEY], const uint8_t nonce[NONCE], const void *from, size_t size, uint8_t *to,
                     uint8_t tag[TAG]) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0;

    must(context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
         EVP_EncryptUpdate(context, to, &done, from, (int)size) == 1 && EVP_EncryptFinal_ex(context, to + done, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
    EVP_CIPHER_CTX_free(context);
}

static bool gcm_open(const uint8_t key[KEY], const uint8_t nonce[NONCE], const uint8_t *from, size_t size,
                     const uint8_t tag[TAG], void *to) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0;
    bool well;

    must(context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, (void *)tag) == 1);
    well = EVP_DecryptUpdate(context, to, &done, from, (int)size) == 1 &&
           EVP_DecryptFinal_ex(context, (uint8_t *)to + done, &done) == 1;
    EVP_CIPHER_CTX_free(context);
    return well;
}

/* ---- an object's keys: 'wrapped' has them in the order of the struct ---- */

static const uint8_t no_nonce[NONCE];   /* each wrapping key is used once */

const struct seal *seal_new(struct arena *arena) {
    struct seal *seal = sealing ? ARENA_NEW(arena, struct seal) : NULL;
    const struct root *root = &roots[root_count ? root_count - 1 : 0];
    uint8_t keys[2 * KEY], wrapping[KEY], *at;

    if (!seal) {
        return NULL;
    }
    at = seal->wrapped;
    random_bytes(keys, sizeof keys);
    memcpy(seal->bytes_key, keys, KEY);
    memcpy(seal->meta_key, keys + KEY, KEY);
    memcpy(at, &root->number, 4);
    random_bytes(at + 4, SALT);
    hmac_sha256(root->key, KEY, at + 4, SALT, wrapping);
    gcm_seal(wrapping, no_nonce, keys, sizeof keys, at + 4 + SALT, at + 4 + SALT + 2 * KEY);
    return seal;
}

static struct seal *unwrap(struct arena *arena, const uint8_t *wrapped) {
    struct seal *seal = ARENA_NEW(arena, struct seal);
    uint8_t keys[2 * KEY], wrapping[KEY];
    uint32_t number;

    memcpy(seal->wrapped, wrapped, sizeof seal->wrapped);
    memcpy(&number, wrapped, 4);
    for (size_t i = root_count; i-- > 0;) {
        if (roots[i].number == number) {
            hmac_sha256(roots[i].key, KEY, wrapped + 4, SALT, wrapping);
            if (gcm_open(wrapping, no_nonce, wrapped + 4 + SALT, sizeof keys, wrapped + 4 + SALT + sizeof keys, keys)) {
                memcpy(seal->bytes_key, keys, KEY);
                memcpy(seal->meta_key, keys + KEY, KEY);
                return seal;
            }
        }
    }
    log_error("an object is sealed with root key %u, which is not there or not the same", number);
    return NULL;
}

/* ---- keys of customers ---- */

void seal_customer(const uint8_t key[KEY], const uint8_t salt[SEAL_SALT], struct seal *ret, uint8_t check[SEAL_CHECK]) {
    uint8_t text[1 + SEAL_SALT] = {'b'}, mac[32];

    memcpy(text + 1, salt, SEAL_SALT);
    hmac_sha256(key, KEY, text, sizeof text, ret->bytes_key);
    text[0] = 'c';
    hmac_sha256(key, KEY, text, sizeof text, mac);
    memcpy(check, mac, SEAL_CHECK);
}

/* ---- metadata: 0, 1, wrapped keys, nonce, tag, then the bytes ---- */

size_t seal_meta_size(size_t size) {
    return HEAD + size;
}

void seal_meta(const struct seal *seal, const void *plain, size_t size, uint8_t *to) {
    uint8_t *nonce = to + 2 + sizeof seal->wrapped;

    to[0] = 0;
    to[1] = 1;
    memcpy(to + 2, seal->wrapped, sizeof seal->wrapped);
    random_bytes(nonce, NONCE);
    gcm_seal(seal->meta_key, nonce, plain, size, to + HEAD, nonce + NONCE);
}

bool seal_is(const void *bytes, size_t size) {
    const uint8_t *at = bytes;

    return size >= HEAD && at[0] == 0 && at[1] == 1;
}

const struct seal *seal_open(struct arena *arena, const void *bytes, size_t size, void **ret_plain, size_t *ret_size) {
    const uint8_t *at = bytes, *nonce = at + 2 + sizeof((struct seal){0}.wrapped);
    const struct seal *seal = unwrap(arena, at + 2);

    *ret_size = size - HEAD;
    *ret_plain = arena_alloc(arena, *ret_size + 1);
    if (seal && !gcm_open(seal->meta_key, nonce, at + HEAD, *ret_size, nonce + NONCE, *ret_plain)) {
        log_error("the metadata of an object are not what was written");
        return NULL;
    }
    return seal;
}
