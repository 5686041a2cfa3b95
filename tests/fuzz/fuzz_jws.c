/* SPDX-License-Identifier: Apache-2.0
 * Fuzzes signed tokens: whatever the text, it is opened or refused; one of ours is opened as it was sealed, and with any
 * byte of it changed it is refused or says the same (base64 has spare bits). The first byte chooses: the rest is a text as
 * it is, or what is changed in a token of ours. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "identity/token_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char directory[] = "/tmp/fuzz-jws-XXXXXX";

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk) {
    return remove(path);
}

static int unlink_all(void) {
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *error;

    require(mkdtemp(directory) != NULL);
    require(jws_make(directory, false, &error));      /* the keys are in memory now */
    require(!unlink_all());
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct arena *arena = arena_new(0);
    const struct token token = {.user_id = "u", .scope = SCOPE_PROJECT, .scope_id = "p", .methods = 3, .issued = 1 * SECOND,
                                .expires = 2 * SECOND, .audit_id = "a"};
    char *text;

    if (size && bytes[0] & 1) {
        struct token *opened;

        text = token_seal_jws(arena, &token);
        for (size_t i = 1; i + 1 < size; i += 2) {
            text[(size_t)bytes[i] * strlen(text) / 256] = bytes[i + 1] ? (char)bytes[i + 1] : '0';
        }
        opened = token_open_jws(arena, text);
        require(!opened || (!strcmp(opened->user_id, "u") && opened->methods == 3 && opened->expires == 2 * SECOND));
    } else if (size) {
        text = arena_text_size(arena, (const char *)bytes + 1, size - 1);
        require(!token_open_jws(arena, text));
    }
    arena_free(arena);
    return 0;
}
