/* SPDX-License-Identifier: Apache-2.0
 * Password hashes as passlib 1.7.4 wrote them, and regular expressions as password rules have them. */
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/regex.h"
#include "test.h"

#define PASSWORD "correct horse \u00e9"

static const char *const hashes[] = {
    "$2b$04$hgnwI8sadyklIS7KTjSdSOgtwhFKtksd7cdPDH9pNW7ZrfA/jNT5K",
    "$2a$04$yxJrsjg3128KHVtorOGeTO0C1iA4LzOkHlBT5tI0GgMNKxxx5n5IS",
    "$2y$04$pQhdPOi0M5FCsS4JAyHFvO5.xolKUy06umffVE5076nySBIiKsWOK",
    "$bcrypt-sha256$v=2,t=2b,r=4$7qdNvUOoGZJ8oZj.Gcw4Ju$7O2Dwg6XlzufiVnV24spj2PxDBvPr6m",
    "$bcrypt-sha256$2b,4$u.hyy1AmwKarPcdMBfvZue$f8UI5bs4dB9VQmB/OsWwcoiQxstw.Ei",
    "$bcrypt-sha256$2a,4$KzXhH3e86D50YtCKya37Ae$KEyv/L4mHfiBE3RLQdBFQ.gw1PqKWXi",
    "$scrypt$ln=8,r=8,p=1$6X1vzdl7L0WIsXbOWWsNIQ$zGlujiyFWVsXdVSYrxNWjGIJgmqV7z76j5j0+FykhGc",
    "$scrypt$ln=10,r=4,p=2$4NwbIwTAGIM$P4vLuXKfOtvRKujEojvm7vo+tVDZxtLMLaJ6DRaqNfg",
    "$pbkdf2-sha512$1000$Qsh5b815j5GyNgbAmPM.Jw$CFW3UCDv4W7Gj6hKNryLo2j9Wlxr1/.r4DfHkko4zdTdb..IFJ4KdV60w/vXaEeha6zEj4b4hu"
    "2wwv0thCpxOQ",
    "$pbkdf2-sha512$1000$4rwXYsz5H2OM$JHw.H/ly0cSalIRY6t97BJC4qelRt823NT2op/wguS6HSwB99gNN3Fq5tiHvrtv9POhc748choIti3ZSbFbAM"
    "A",
    "$6$rounds=1000$xJYKjcvwdHWOLZwk$nqd/rW.xavqjCAoWvCEBqc47z4ICARoqNfI7Pxgi6Mduqd2V9N9hA4SwDtgPWqhH1UcSpFCxXmKbT5Z8awo3A1",
    "$6$bFYOPGhy5rDb1m1O$kKJdJ8N53dNdiPBJnCNrxaP3g4o.dgRwV7GWDnM.VBPUjp85hthUwiH2m/Ue2rE9y1JDZGlFrkVOoGQcJNpMs/",
};

TEST(every_form_of_a_stored_password_is_verified) {
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        test_context(hashes[i]);
        check(password_verify(PASSWORD, hashes[i]));
        check(!password_verify("correct horse e", hashes[i]));
        check(!password_verify("", hashes[i]));
    }
    test_context(NULL);
}

TEST(a_hash_that_is_cut_or_changed_is_of_no_password) {
    char hash[256];

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        size_t size = strlen(hashes[i]);

        for (size_t cut = 0; cut < size; cut += 7) {
            memcpy(hash, hashes[i], cut);
            hash[cut] = 0;
            test_context(hash);
            check(!password_verify(PASSWORD, hash));
        }
        strcpy(hash, hashes[i]);
        hash[size - 4] = hash[size - 4] == 'A' ? 'B' : 'A';
        test_context(hash);
        check(!password_verify(PASSWORD, hash));
    }
    test_context(NULL);
    check(!password_verify(PASSWORD, "$scrypt$ln=22,r=999,p=999$6X1vzdl7L0WIsXbOWWsNIQ$zGlujiyFWVsXdVSY"));
    check(!password_verify(PASSWORD, "$pbkdf2-sha512$99999999999$Qsh5b815$CFW3UCDv"));
}

TEST(a_hash_is_current_when_it_is_ours_and_of_the_cost) {
    struct arena *arena = arena_new(0);

    check(password_hash_is_current(password_hash(arena, "x", 5), 5));
    check(!password_hash_is_current(hashes[0], 5) && password_hash_is_current(hashes[0], 4));
    check(!password_hash_is_current(hashes[1], 4) && !password_hash_is_current(hashes[6], 4));
    arena_free(arena);
}

TEST(an_expression_is_what_perl_and_python_take_it_for) {
    const char *rule = "^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$";

    check_int(regex_match(rule, "letters1", 0), REGEX_YES);
    check_int(regex_match(rule, "letters", 0), REGEX_NO);
    check_int(regex_match("b", "ab", 0), REGEX_NO);
    check_int(regex_match("b", "ab", 1), REGEX_YES);
    check_int(regex_match("(", "ab", 0), REGEX_BAD);
    check_int(regex_match("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 0), REGEX_BAD);
}
