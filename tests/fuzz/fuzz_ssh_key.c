/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes the reader of OpenSSH public keys: what it accepts must be accepted again from its own parts, with the same
 * fingerprint. The first byte chooses the type and whether the rest is text as it is, or a blob to be put in base64. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "compute/ssh_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static void parse(struct arena *arena, const char *text) {
    struct ssh_key key, again;
    const char *error, *line;

    if (ssh_key_parse(arena, text, &key, &error)) {
        line = arena_printf(arena, "%s %s %s", key.type, base64_encode(arena, key.blob, key.blob_size), key.comment);
        require(ssh_key_parse(arena, line, &again, &error));
        require(strcmp(ssh_key_fingerprint(arena, &key), ssh_key_fingerprint(arena, &again)) == 0);
        require(strcmp(key.comment, again.comment) == 0 && key.bits == again.bits && key.bits > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const types[] = {"ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256",
                                        "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"};
    struct arena *arena;

    if (size == 0) {
        return 0;
    }
    arena = arena_new(0);
    if (bytes[0] & 0x80) {
        parse(arena, arena_text_size(arena, (const char *)bytes + 1, size - 1));
    } else {
        parse(arena, arena_printf(arena, "%s %s", types[bytes[0] % (sizeof types / sizeof *types)],
                                  base64_encode(arena, bytes + 1, size - 1)));
    }
    arena_free(arena);
    return 0;
}
