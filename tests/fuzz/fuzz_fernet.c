/* SPDX-License-Identifier: Apache-2.0
 * Fernet: any text is refused or opens to what was sealed. The first byte chooses: the rest as a token; as the bytes of a
 * token whose signature is right, so that what is behind it is reached; or as what is sealed, changed in one place. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct fernet_key key = {"0123456789abcdef0123456789abcdef"};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void open_token(struct arena *arena, const char *token) {
    struct fernet_key parsed;
    int64_t created;
    size_t size = 0;

    require(!fernet_decode(arena, &key, 1, token, &size, &created) || size < 8192);
    fernet_key_parse(token, &parsed);
}

static void open_signed(struct arena *arena, const uint8_t *bytes, size_t size) {
    uint8_t *token = arena_alloc(arena, size + 32);

    memcpy(token, bytes, size);
    hmac_sha256(key.bytes, 16, token, size, token + size);
    open_token(arena, base64url_encode(arena, token, size + 32));
}

static void seal_and_change(struct arena *arena, const uint8_t *bytes, size_t size) {
    char *token = fernet_encode(arena, &key, bytes + 2, size - 2, 1700000000);
    size_t place = (bytes[0] | (size_t)bytes[1] << 8) % strlen(token), opened = 0;
    int64_t created = 0;
    const uint8_t *again = fernet_decode(arena, &key, 1, token, &opened, &created);

    if (strlen(token) <= 8192) {
        require(again && opened == size - 2 && memcmp(again, bytes + 2, opened) == 0 && created == 1700000000);
    }
    if (token[place] != '=') {
        token[place] = token[place] == 'A' ? 'B' : 'A';
        require(!fernet_decode(arena, &key, 1, token, &opened, &created));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);

    if (size > 3 && bytes[0] % 3 == 0) {
        open_token(arena, arena_text_size(arena, (const char *)bytes + 1, size - 1));
    } else if (size > 3 && bytes[0] % 3 == 1) {
        open_signed(arena, bytes + 1, size - 1);
    } else if (size > 3) {
        seal_and_change(arena, bytes + 1, size - 1);
    }
    arena_free(arena);
    return 0;
}
