/* SPDX-License-Identifier: Apache-2.0
 * Texts of LDAP: the examples of RFC 4515 and RFC 4514, and what somebody would try. */
#include <string.h>

#include "base/arena.h"
#include "identity/ldap_text.h"
#include "test.h"

static bool is(const char *found, const char *wanted) {
    return found && wanted ? !strcmp(found, wanted) : found == wanted;
}

TEST(ldap_filter_values_have_no_meaning) {
    struct arena *arena = arena_new(0);

    check(is(filter_equals(arena, "o", "Parens R Us (for all your parenthetical needs)"),
             "(o=Parens R Us \\28for all your parenthetical needs\\29)"));
    check(is(filter_equals(arena, "cn", "*"), "(cn=\\2a)"));
    check(is(filter_equals(arena, "filename", "C:\\MyFile"), "(filename=C:\\5cMyFile)"));
    check(is(filter_escaped(arena, "a\0b", 3), "a\\00b"));
    check(is(filter_equals(arena, "sn", "Lu\xc4\x8di\xc4\x87"), "(sn=Lu\xc4\x8di\xc4\x87)"));
    check(is(filter_equals(arena, "objectGUID", "00112233-4455-6677-8899-aabbccddeeff"),
             "(objectGUID=\\33\\22\\11\\00\\55\\44\\77\\66\\88\\99\\aa\\bb\\cc\\dd\\ee\\ff)"));
    check(is(guid_text(arena, (const unsigned char *)"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
             "00112233-4455-6677-8899-aabbccddeeff"));
    arena_free(arena);
}

TEST(ldap_filter_parts_are_closed_in_themselves) {
    static const char *const good[] = {"(uid=a)", "(&(a=b)(|(c=d*)(e>=f))(!(g=h)))", "(cn:dn:2.4.6.8.10:=Dino)", "(a=b)(c=d)",
                                       "(a=\\2a)", "(a=)"};
    static const char *const bad[] = {"(uid=a", "(uid=a))", "(&)", "(!(a=b)(c=d))", "(a=\\2)", "(a=\\zz)", "(a)",
                                      "()", "(a=b)c", "((a=b))", "(a=(b)"};
    struct arena *arena = arena_new(0);
    char deep[200];

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check(is(filter_part(arena, good[i]), good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check(!filter_part(arena, bad[i]));
    }
    check(is(filter_part(arena, "uid=a"), "(uid=a)"));
    check(is(filter_part(arena, ""), "") && is(filter_part(arena, NULL), ""));
    memset(deep, '(', sizeof deep);
    deep[199] = 0;
    for (int i = 1; i < 199; i += 2) {
        deep[i] = '!';
    }
    check(!filter_part(arena, deep));
    arena_free(arena);
}

TEST(ldap_names_are_read_as_they_were_written) {
    static const char *const values[] = {"James \"Jim\" Smith, III", "Before\rAfter", " spaces ", "#hash", "a+b=c;d<e>f\\",
                                         "Lu\xc4\x8di\xc4\x87", "x"};
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *dn = arena_printf(arena, "CN=%s,DC=example,DC=net", dn_escaped(arena, values[i]));

        check(is(dn_first(arena, dn, "cn"), values[i]));
        check(!dn_first(arena, dn, "uid"));
    }
    check(is(dn_normal(arena, "UID=Jo\\2CE, ou=People"), dn_normal(arena, "uid=jo\\,e,OU=people")));
    check(!dn_normal(arena, "no name"));
    check(!dn_first(arena, "cn=a+sn=b,dc=c", "cn"));
    check(attribute_good("user;lang-de") && !attribute_good("a=b") && !attribute_good("") && !attribute_good(NULL));
    arena_free(arena);
}
