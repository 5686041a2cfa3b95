/* SPDX-License-Identifier: Apache-2.0
 * The ground floor: above all what it makes of hostile bytes. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/escape.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/run.h"
#include "base/words.h"
#include "test.h"

static const struct json *parse(struct arena *arena, const char *text, const char **ret_error) {
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1);      /* without NUL, so that a read past the end is seen */
    const struct json *node;

    memcpy(exact, text, size);
    node = json_parse(arena, exact, size, ret_error);
    free(exact);
    return node;
}

TEST(json_comes_back_as_it_went) {
    static const char *const texts[] = {
        "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "0.1", "1.5e+300", "-2.0",
        "\"\"", "[]", "{}", "[1, [2, [3]], {\"a\": null}]", "{\"b\": 1, \"a\": {\"c\": [true]}}",
        "\"\\u0001\\n\\\"\\\\\"", "\"한\xf0\x9f\x98\x80\"",
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *error = NULL;
        const struct json *node = parse(arena, texts[i], &error);

        check_text(error, NULL);
        check_text(node ? json_print(arena, node) : NULL, texts[i]);
    }
    arena_free(arena);
}

TEST(json_escapes_are_read) {
    struct arena *arena = arena_new(0);
    const char *error = NULL;
    const struct json *node =
        parse(arena, " { \"\\u0061\" : \"\\ud83d\\ude00\\/\\b\\f\\r\\t\\u00e9\" , \"n\":1e2,"
                     "\"x\":12345678901234567890}\n", &error);

    check_text(json_get_text(node, "a"), "\xf0\x9f\x98\x80/\b\f\r\t\xc3\xa9");
    check(json_get(node, "n")->type == JSON_REAL && json_get(node, "n")->real == 100);
    check(json_get(node, "x")->type == JSON_REAL);
    check(!json_get(node, "none") && !json_get(NULL, "a") && json_get_int(node, "n", 7) == 7);
    check(!json_get_text(node, "n") && !json_get_bool(node, "n"));
    arena_free(arena);
}

TEST(json_refuses_what_is_not_json) {
    static const char *const texts[] = {
        "", " ", "nul", "nulll", "tru", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+",
        "0x10", "1e999", "\"", "\"a", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u0000\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\\"", "\"\\ud83d\\ude0\"", "\"\t\"", "\"\x01\"",
        "\"\\\x01\"", "\"\x80\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xf0\x9f\x98\"", "\"\xff\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "[1}",
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "1 2", "{} x", "// c\n1", "'a'", "\xef\xbb\xbf{}",
    };
    struct arena *arena = arena_new(0);

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *error = NULL;

        if (parse(arena, texts[i], &error) || !error || !*error) {
            test_fail(__FILE__, __LINE__, "accepted: %s", texts[i]);
        }
    }
    check(!json_parse(arena, "\"a\0b\"", 5, NULL));
    arena_free(arena);
}

TEST(json_errors_say_where) {
    struct arena *arena = arena_new(0);
    const char *error = NULL;

    check(!parse(arena, "{\"a\": x}", &error));
    check_text(error, "bad number at byte 6");
    check(!parse(arena, "{\"a\": 1, \"a\": 2}", &error));
    check_text(error, "member 'a' is there twice, at byte 16");
    arena_free(arena);
}

static void check_quoted(const char *text, size_t size) {
    char want[256], *to = want, *exact = malloc(size ? size : 1);
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};

    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        to += c == '"' || c == '\\' ? sprintf(to, "\\%c", c)
              : c == '\n'           ? sprintf(to, "\\n")
              : c < 0x20            ? sprintf(to, "\\u%04x", c)
                                    : sprintf(to, "%c", c);
    }
    strcpy(to, "\"");
    memcpy(exact, text, size);
    json_text_size(&out, exact, size);
    check_text(buf.at, want);
    check_int((int64_t)buf.size, (int64_t)strlen(want));
    free(exact);
    buf_release(&buf);
}

/* Texts are copied several bytes at a time, so each size and each place of an escape is one of its own. */
TEST(json_escapes_are_written_wherever_they_stand) {
    static const char escaped[] = {'"', '\\', '\n', 0x1f, 1};
    char text[41];

    for (size_t size = 0; size <= sizeof text; size++) {
        for (size_t at = 0; at <= size; at++) {
            memset(text, '\xc3', sizeof text);
            text[at < size ? at : 0] = at < size ? escaped[(at + size) % sizeof escaped] : 'x';
            check_quoted(text, size);
            if (at + 3 < size) {
                text[at + 3] = text[size - 1] = '"';
                check_quoted(text, size);
            }
        }
    }
}

TEST(json_keys_values_and_commas_stand_where_they_should) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    struct arena *arena = arena_new(0);

    json_map(&out);
    json_key_made(&out, json_key_make(arena, "a \"key\""));
    json_list(&out);
    json_int(&out, 0);
    json_time(&out, 1769854830000456, TIME_MICRO_Z);
    json_time(&out, 0, TIME_Z);
    json_map(&out);
    json_map_end(&out);
    json_bool(&out, false);
    json_list_end(&out);
    json_put_text(&out, "of sixteen bytes", NULL);
    json_put_raw(&out, "raw", "[]");
    json_map_end(&out);
    check_text(buf.at, "{\"a \\\"key\\\"\": [0, \"2026-01-31T10:20:30.000456Z\", null, {}, false], \"of sixteen bytes\": null, \"raw\": []}");
    buf_release(&buf);
    arena_free(arena);
}

TEST(json_depth_is_bounded) {
    struct arena *arena = arena_new(0);
    struct buf buf = {0};

    for (int depth = 63; depth <= 65; depth++) {
        buf_clear(&buf);
        for (int i = 0; i < depth; i++) {
            buf_char(&buf, '[');
        }
        for (int i = 0; i < depth; i++) {
            buf_char(&buf, ']');
        }
        check((json_parse(arena, buf.at, buf.size, NULL) != NULL) == (depth <= 64));
    }
    buf_clear(&buf);
    for (int i = 0; i < 1000000; i++) {
        buf_text(&buf, "{\"\":");
    }
    check(!json_parse(arena, buf.at, buf.size, NULL));
    buf_release(&buf);
    arena_free(arena);
}

TEST(json_cut_anywhere_is_refused) {
    static const char text[] = "{\"a\": [1, -2.5e3, \"\\ud83d\\ude00\\n\", true, null, {}], \"b\": {\"c\": false}}";
    struct arena *arena = arena_new(0);

    for (size_t size = 0; size < sizeof text - 1; size++) {
        char *exact = malloc(size ? size : 1);

        memcpy(exact, text, size);
        check(!json_parse(arena, exact, size, NULL));
        free(exact);
    }
    check(json_parse(arena, text, sizeof text - 1, NULL) != NULL);
    arena_free(arena);
}

TEST(json_many_members_are_quick) {
    struct arena *arena = arena_new(0);
    struct buf buf = {0};
    int64_t start = clock_monotonic();

    buf_char(&buf, '{');
    for (int i = 0; i < 100000; i++) {
        buf_printf(&buf, "%s\"k%d\": 1", i ? "," : "", i);
    }
    buf_char(&buf, '}');
    check(json_parse(arena, buf.at, buf.size, NULL) != NULL);
    check(clock_monotonic() - start < 5 * SECOND);
    buf_release(&buf);
    arena_free(arena);
}

TEST(json_numbers_are_written_short_and_finite) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"}, {16.0, "16.0"}, {-0.5, "-0.5"}, {1e300, "1e+300"},
                 {__builtin_inf(), "null"}, {__builtin_nan(""), "null"}, {123456.789, "123456.789"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf buf = {0};
        struct json_out out = {.buf = &buf};

        json_real(&out, cases[i].value);
        check_text(buf.at, cases[i].text);
        buf_release(&buf);
    }
}

TEST(utf8_counts_characters) {
    check_int(utf8_length(""), 0);
    check_int(utf8_length("a한\xf0\x9f\x98\x80"), 3);
    check(utf8_valid("", 0) && utf8_valid("\xf4\x8f\xbf\xbf", 4) && !utf8_valid("\xf5\x80\x80\x80", 4));
}

TEST(times_are_printed_in_every_format) {
    static const char *const texts[] = {
        [TIME_Z] = "2026-01-31T10:20:30Z",            [TIME_MICRO] = "2026-01-31T10:20:30.000456",
        [TIME_MICRO_Z] = "2026-01-31T10:20:30.000456Z", [TIME_PLAIN] = "2026-01-31T10:20:30",
        [TIME_SPACE] = "2026-01-31 10:20:30",         [TIME_HTTP] = "Sat, 31 Jan 2026 10:20:30 GMT",
    };
    char text[TIME_TEXT_SIZE];

    for (int i = TIME_Z; i <= TIME_HTTP; i++) {
        check_text(time_print(1769854830000456, (enum time_format)i, text), texts[i]);
    }
    check_text(time_print(-1, TIME_MICRO_Z, text), "1969-12-31T23:59:59.999999Z");
    check_text(time_print(0, TIME_Z, text), "1970-01-01T00:00:00Z");
}

/* What was printed last is kept: days and seconds that follow each other in any order. */
TEST(times_for_http_are_as_the_library_prints_them) {
    for (int64_t i = -3000; i < 20000; i++) {
        time_t second = (time_t)(i % 3 ? i * 86399 : i / 3 * 86400);
        char want[TIME_TEXT_SIZE], plain[TIME_TEXT_SIZE], text[TIME_TEXT_SIZE];
        struct tm tm;

        gmtime_r(&second, &tm);
        strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        strftime(plain, sizeof plain, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!check_text(time_print(second * SECOND, TIME_HTTP, text), want) ||
            !check_text(time_print(second * SECOND + 999999, TIME_PLAIN, text), plain)) {
            break;
        }
        check(time_put(second * SECOND, TIME_HTTP, text) == text + 29);
    }
}

TEST(times_are_read) {
    static const struct {
        const char *text;
        int64_t time;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"1970-01-01 00:01", 60 * SECOND},
        {"1970-01-01T00:00:01.5", 1500000},
        {"1970-01-01T00:00:01.1234567Z", 1123456},
        {"1970-01-01T02:00:00+02:00", 0},
        {"1970-01-01T02:00:00+0200", 0},
        {"1969-12-31T22:30:00-01:30", 0},
        {"2024-02-29T00:00:00Z", 1709164800 * SECOND},
        {"9999-12-31T23:59:59Z", 253402300799 * SECOND},
    };
    static const char *const wrong[] = {
        "", "x", "1970", "1970-01", "1970-1-1", "1970-13-01", "1970-00-01", "2023-02-29", "1970-01-32",
        "1970-01-01T", "1970-01-01T24:00:00", "1970-01-01T00:60", "1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+", "1970-01-01T00:00:00+1", "1970-01-01T00:00:00+25:00", " 1970-01-01", "1970-01-01 ",
        "0000-01-01", "-970-01-01", "1970-01-01T00:00:00+02:", "10000-01-01",
    };
    int64_t time;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        time = -1;
        check(time_parse(cases[i].text, &time));
        check_int(time, cases[i].time);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (time_parse(wrong[i], &time)) {
            test_fail(__FILE__, __LINE__, "accepted: '%s'", wrong[i]);
        }
    }
}

TEST(the_wall_clock_can_be_moved) {
    int64_t before = clock_now(), steady = clock_monotonic();

    clock_shift(3600 * SECOND);
    check(clock_now() - before >= 3600 * SECOND && clock_monotonic() - steady < 60 * SECOND);
    clock_shift(-3600 * SECOND);
}

/* The vector of verify.json in github.com/fernet/spec; then the same token cut or changed at every place. */
TEST(fernet_reads_the_published_vector) {
    static const char token[] = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7Jcbmr"
                                "R64jVmpU4IwqDA==";
    struct arena *arena = arena_new(0);
    struct fernet_key keys[2] = {{{0}}};
    size_t size = 0;
    int64_t created = 0;
    uint8_t *plain;
    char *changed = arena_text(arena, token);

    check(fernet_key_parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", &keys[1]));
    plain = fernet_decode(arena, keys, 2, token, &size, &created);
    check(plain && size == 5 && !memcmp(plain, "hello", 5));
    check_int(created, 499162800);
    check(!fernet_decode(arena, keys, 1, token, &size, &created));
    for (size_t i = 0; i < sizeof token - 3; i++) {
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        check(!fernet_decode(arena, keys, 2, changed, &size, &created));
        changed[i] = token[i];
    }
    for (size_t i = 0; i < sizeof token - 3; i++) {
        changed[i] = 0;
        check(!fernet_decode(arena, keys, 2, changed, &size, &created));
        changed[i] = token[i];
    }
    arena_free(arena);
}

TEST(fernet_round_trips_every_size) {
    struct arena *arena = arena_new(0);
    struct fernet_key key;
    char bytes[100];

    random_bytes(&key, sizeof key);
    random_bytes(bytes, sizeof bytes);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        size_t size = 0;
        int64_t created = 0;
        char *token = fernet_encode(arena, &key, bytes, n, 1769854830);
        uint8_t *plain = fernet_decode(arena, &key, 1, token, &size, &created);

        check(plain && size == n && !memcmp(plain, bytes, n) && created == 1769854830);
    }
    check(!fernet_key_parse("short", &key) && !fernet_key_parse("", &key));
    check(!fernet_decode(arena, &key, 1, "", &(size_t){0}, &(int64_t){0}));
    check(!fernet_decode(arena, &key, 1, "gAAAAA", &(size_t){0}, &(int64_t){0}));
    arena_free(arena);
}

/* RFC 4648 section 10; FIPS 180-4 and RFC 4231 case 2 for the digests. */
TEST(encodings_and_digests_match_their_standards) {
    static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    static const char *const wrong[] = {"A", "Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zm 9v", "Zm9v\n", "Z=g=", "*"};
    struct arena *arena = arena_new(0);
    size_t size;
    uint8_t mac[32];

    for (int i = 0; i < 7; i++) {
        check_text(base64_encode(arena, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
        check_text((const char *)base64_decode(arena, pairs[i][1], &size), pairs[i][0]);
        check_int((int64_t)size, (int64_t)strlen(pairs[i][0]));
    }
    check_text(base64url_encode(arena, "\xfb\xff", 2), "-_8=");
    check(base64_decode(arena, "+/8", &size) && size == 2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (base64_decode(arena, wrong[i], &size)) {
            test_fail(__FILE__, __LINE__, "accepted: '%s'", wrong[i]);
        }
    }
    check_text(digest_of(arena, "md5", "", 0), "d41d8cd98f00b204e9800998ecf8427e");
    check_text(digest_of(arena, "sha256", "abc", 3),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(!digest_new("nonsense"));
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    check(!memcmp(mac, "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7", 16));
    check(equal_secret("abc", "abc") && !equal_secret("abc", "abd") && !equal_secret("abc", "ab"));
    arena_free(arena);
}

TEST(passwords_are_bcrypt) {
    struct arena *arena = arena_new(0);
    char *hash = password_hash(arena, "secret", 4), longer[600];

    check(!strncmp(hash, "$2b$04$", 7) && password_verify("secret", hash) && !password_verify("Secret", hash));
    check(strcmp(hash, password_hash(arena, "secret", 4)) != 0);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    hash = password_hash(arena, longer, 4);
    check(password_verify(longer, hash));
    longer[80] = 'y';
    check(password_verify(longer, hash));
    longer[71] = 'y';
    check(!password_verify(longer, hash));
    check(!password_verify("secret", "") && !password_verify("secret", "*") && !password_verify("", "$2b$"));
    arena_free(arena);
}

TEST(ids_are_uuids) {
    struct arena *arena = arena_new(0);
    char *id = id_uuid(arena), *hex = id_hex(arena);

    check(strlen(id) == 36 && id[14] == '4' && strchr("89ab", id[19]) && id_is_uuid(id) && !id_is_hex(id));
    check(strlen(hex) == 32 && id_is_hex(hex) && id_is_uuid(hex));
    check(!id_is_uuid("") && !id_is_hex("") && !id_is_uuid("12345678-1234-1234-1234-12345678901g"));
    check(!id_is_uuid("123456781234-1234-1234-1234-56789012") && !id_is_hex("0123456789abcdef0123456789abcdef0"));
    arena_free(arena);
}

TEST(maps_hold_what_was_set) {
    struct map *map = map_new();
    char key[16];
    size_t cursor = 0, seen = 0;
    void *value;

    for (uintptr_t i = 1; i <= 5000; i++) {
        snprintf(key, sizeof key, "k%zu", (size_t)i);
        check(!map_set(map, key, (void *)i));
    }
    for (uintptr_t i = 1; i <= 5000; i += 2) {
        snprintf(key, sizeof key, "k%zu", (size_t)i);
        check(map_set(map, key, NULL) == (void *)i);
    }
    check_int((int64_t)map_count(map), 2500);
    for (uintptr_t i = 1; i <= 5000; i++) {
        snprintf(key, sizeof key, "k%zu", (size_t)i);
        check(map_get(map, key) == (i % 2 ? NULL : (void *)i));
    }
    check(map_set(map, "k2", map) == (void *)2 && map_get(map, "k2") == map && map_count(map) == 2500);
    check(!map_set(map, "absent", NULL) && !map_get(map, "absent"));
    while (map_next(map, &cursor, &value)) {
        seen++;
    }
    check_int((int64_t)seen, 2500);
    map_free(map, NULL);
    map_free(NULL, NULL);
}

static void note(void *argument) {
    char **at = argument;

    *(*at)++ = 'x';
}

TEST(arenas_align_zero_grow_and_tell) {
    struct arena *arena = arena_new(100000);
    int *numbers = NULL;
    char notes[4] = "", *at = notes;
    char *text;

    for (size_t size = 0; size < 3000; size += 7) {
        char *bytes = arena_alloc(arena, size);

        check((uintptr_t)bytes % 16 == 0);
        for (size_t i = 0; i < size; i++) {
            if (bytes[i]) {
                test_fail(__FILE__, __LINE__, "not zero");
            }
        }
        memset(bytes, 0xff, size);
    }
    check(arena_exhausted(arena));
    arena_reset(arena);
    check(!arena_exhausted(arena) && arena_used(arena) == 0);
    for (size_t i = 0; i < 1000; i++) {
        numbers = arena_grow(arena, numbers, i, sizeof *numbers);
        numbers[i] = (int)i;
    }
    for (int i = 0; i < 1000; i++) {
        check(numbers[i] == i);
    }
    text = arena_printf(arena, "%s-%d", "a", 5);
    check_text(text, "a-5");
    check(!arena_text(arena, NULL));
    check_text(arena_text_size(arena, "abcdef", 3), "abc");
    arena_defer(arena, note, &at);
    arena_defer(arena, note, &at);
    check(arena_alloc(arena, 5000000) != NULL);
    arena_free(arena);
    check_text(notes, "xx");
    arena_free(NULL);
}

static const char *config_file(const char *text) {
    static char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/haneul.conf", test_directory());
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

TEST(configuration_is_read_and_overridden) {
    char error[256] = "";
    struct conf *conf = conf_read(config_file("a = 1\n# note\n; note\n\n[ api ]\n listen = x=y \r\nworkers=4\nbad=4x\n"
                                              "on = Yes\noff = no\nempty =\n[b]\nlast = end"), error, sizeof error);

    check_text(error, "");
    check_text(conf_text(conf, "DEFAULT", "a", NULL), "1");
    check_text(conf_text(conf, "api", "listen", NULL), "x=y");
    check_text(conf_text(conf, "api", "empty", NULL), "");
    check_text(conf_text(conf, "b", "last", NULL), "end");
    check_text(conf_text(conf, "b", "listen", "other"), "other");
    check_int(conf_int(conf, "api", "workers", 9), 4);
    check_int(conf_int(conf, "api", "bad", 9), 9);
    check_int(conf_int(conf, "api", "none", 9), 9);
    check(conf_bool(conf, "api", "on", false) && !conf_bool(conf, "api", "off", true));
    check(conf_bool(conf, "api", "none", true));
    conf_set(conf, "api", "workers", "8");
    check_int(conf_int(conf, "api", "workers", 9), 8);
    conf_free(conf);
    conf = conf_read(NULL, error, sizeof error);
    check(conf && conf_int(conf, "api", "workers", 9) == 9);
    conf_free(conf);
}

TEST(configuration_errors_name_the_line) {
    char error[256] = "", text[6000];

    check(!conf_read("/nowhere/haneul.conf", error, sizeof error));
    check(strstr(error, "/nowhere/haneul.conf") != NULL);
    check(!conf_read(config_file("a = 1\nnonsense\n"), error, sizeof error));
    check(strstr(error, "line 2") != NULL);
    snprintf(text, sizeof text, "a = %05000d = b\n", 1);
    check(!conf_read(config_file(text), error, sizeof error));
    check(strstr(error, "line 1") != NULL);
}

TEST(programs_run_and_are_bounded) {
    struct arena *arena = arena_new(0);
    struct run_result result;
    int64_t start;

    check(RUN(arena, &result, "printf", "%s|", "a b", "$HOME"));
    check_text(result.output, "a b|$HOME|");
    check(!RUN(arena, &result, "sh", "-c", "echo no >&2; exit 3"));
    check_int(result.status, 3);
    check_text(result.errors, "no\n");
    check(!RUN(arena, &result, "sh", "-c", "kill -9 $$") && result.status == 128 + 9);
    check(!RUN(arena, &result, "/nowhere/program") && strstr(result.errors, "cannot run /nowhere/program"));
    check(run_program(arena, &(struct run){.argv = (const char *const[]){"sh", "-c", "cat; printf $X", NULL},
                                           .env = (const char *const[]){"X=5", NULL},
                                           .input = "in\n", .input_size = 3}, &result));
    check_text(result.output, "in\n5");
    check(run_program(arena, &(struct run){.argv = (const char *const[]){"head", "-c", "3000000", "/dev/zero", NULL},
                                           .max_output = 1000}, &result));
    check_int((int64_t)result.output_size, 1000);

    start = clock_monotonic();
    check(!run_program(arena, &(struct run){.argv = (const char *const[]){"sh", "-c", "echo x; sleep 20", NULL},
                                            .timeout_ms = 200}, &result));
    check_int(result.status, -1);
    check(strstr(result.errors, "ran out of time") != NULL);
    check(!run_program(arena, &(struct run){.argv = (const char *const[]){"sh", "-c", "exec >&- 2>&-; sleep 20", NULL},
                                            .timeout_ms = 200}, &result));
    check_int(result.status, -1);
    check(clock_monotonic() - start < 5 * SECOND);
    arena_free(arena);
}

/* Runs 'script' confined; true when it ended well. */
static bool confined(enum run_confined how, const char *script, const char *reads, const char *writes, uint64_t max_file) {
    struct arena *arena = arena_new(0);
    struct run_result result;
    bool ok = run_program(arena, &(struct run){.argv = (const char *const[]){"sh", "-c", script, NULL}, .timeout_ms = 5000,
                                               .confined = how, .max_file = max_file,
                                               .reads = (const char *const[]){reads, NULL},
                                               .writes = (const char *const[]){writes, NULL}}, &result);

    arena_free(arena);
    return ok;
}

/* True while a process of that id runs; a zombie does not. */
static bool runs(int pid) {
    char path[64], state = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = 0;
        }
        fclose(file);
    }
    return state && state != 'Z' && state != 'X';
}

TEST(a_program_dies_with_the_process_that_runs_it) {
    struct arena *arena = arena_new(0);
    const char *path = arena_printf(arena, "%s/pid", test_directory());
    struct run_result result;
    int program = 0;
    FILE *file;
    pid_t child = fork();

    if (!child) {
        run_program(arena, &(struct run){.argv = (const char *const[]){
            "sh", "-c", arena_printf(arena, "echo $$ >%s; exec sleep 60", path), NULL}, .timeout_ms = 60000}, &result);
        _exit(0);
    }
    for (int i = 0; i < 500 && !program; i++) {
        usleep(10 * 1000);
        file = fopen(path, "re");
        if (file) {
            if (fscanf(file, "%d", &program) != 1) {
                program = 0;
            }
            fclose(file);
        }
    }
    check(program && runs(program));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < 500 && runs(program); i++) {
        usleep(10 * 1000);
    }
    check(!runs(program));
    arena_free(arena);
}

TEST(confined_programs_have_limits_and_no_way_out) {
    struct arena *arena = arena_new(0);
    const char *mine = test_directory(), *secret = arena_printf(arena, "%s/secret", mine);
    const char *open_secret = arena_printf(arena, "cat %s", secret), *write = arena_printf(arena, "echo x > %s/new", mine);
    FILE *file = fopen(secret, "w");

    check(file && fputs("canary", file) >= 0 && !fclose(file) && !chmod(secret, 0644) && !chmod(mine, 0777));
    check(confined(RUN_AS_NOBODY, "true", NULL, NULL, 0));
    check(confined(RUN_AS_NOBODY, open_secret, mine, NULL, 0));
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0) {
        check(!confined(RUN_AS_NOBODY, open_secret, NULL, NULL, 0));
        check(!confined(RUN_AS_NOBODY, "cat /etc/passwd", mine, NULL, 0));
        check(!confined(RUN_AS_SELF, "cat /etc/shadow", mine, NULL, 0));
        check(!confined(RUN_AS_NOBODY, write, mine, NULL, 0));
    }
    check(confined(RUN_AS_NOBODY, write, NULL, mine, 0));
    check(!confined(RUN_AS_NOBODY, arena_printf(arena, "head -c 100000 /dev/zero > %s/new", mine), NULL, mine, 4096));
    check(confined(RUN_AS_NOBODY, "test $(ulimit -v) -le 4194304 && test $(ulimit -n) = 64 && test $(ulimit -c) = 0", NULL,
                   NULL, 0));
    check(!confined(RUN_AS_NOBODY, "ulimit -n 100", NULL, NULL, 0));
    if (!geteuid()) {
        check(confined(RUN_AS_NOBODY, "test $(id -u) != 0 && test $(id -G | wc -w) = 1", NULL, NULL, 0));
    }
    arena_free(arena);
}

TEST(confined_programs_do_not_run_for_ever_on_the_processor) {
    struct arena *arena = arena_new(0);
    struct run_result result;
    const char *const argv[] = {"sh", "-c", "while :; do :; done", NULL};
    int64_t start = clock_monotonic();

    check(!run_program(arena, &(struct run){.argv = argv, .timeout_ms = 300, .confined = RUN_AS_NOBODY}, &result));
    check(clock_monotonic() - start < 5 * SECOND);
    arena_free(arena);
}

TEST(buffers_grow) {
    struct buf buf = {0};

    buf_int(&buf, INT64_MIN);
    buf_char(&buf, ' ');
    buf_int(&buf, 0);
    buf_printf(&buf, "%*d", 1000, 7);
    BUF_LITERAL(&buf, "end");
    check(buf.size == 20 + 1 + 1 + 1000 + 3 && !strncmp(buf.at, "-9223372036854775808 0 ", 23));
    check_text(buf.at + buf.size - 4, "7end");
    buf_release(&buf);
    check(!buf.at && !buf.size);
}

TEST(integers_are_printed_in_full) {
    static const long long cases[] = {0, 7, -7, 10, 99, 100, -100, 12345, 999999999999999999, 1000000000000000000,
                                      INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf buf = {0};
        char want[24];

        sprintf(want, "%lld", cases[i]);
        buf_int(&buf, cases[i]);
        check_text(buf.at, want);
        check_int((int64_t)buf.size, (int64_t)strlen(want));
        buf_release(&buf);
    }
}

TEST(log_levels_follow_prefixes) {
    LOG_MODULE("unit.tests");

    check(log_wanted(&log_this, LOG_INFO) && !log_wanted(&log_this, LOG_DEBUG));
    log_set("unit", LOG_DEBUG);
    check(log_wanted(&log_this, LOG_DEBUG));
    log_set("", LOG_ERROR);
    check(!log_wanted(&log_this, LOG_WARN));
    log_set("", LOG_INFO);
    check(log_level_parse("warn", &(enum log_level){LOG_INFO}));
    check(!log_level_parse("loud", &(enum log_level){LOG_INFO}));
}

TEST(plain_bytes_are_told_wherever_they_stand) {
    for (size_t size = 1; size <= 25; size++) {
        for (size_t at = 0; at < size; at++) {
            for (int c = 0; c < 256; c++) {
                char *exact = malloc(size);

                memset(exact, c & 1 ? ' ' : '~', size);
                exact[at] = (char)c;
                if (bytes_are_plain(exact, size) != (c >= 0x20 && c < 0x7f)) {
                    test_fail(__FILE__, __LINE__, "byte %d at %zu of %zu", c, at, size);
                }
                free(exact);
            }
        }
    }
    check(bytes_are_plain("", 0));
}

TEST(hexadecimal_digits_are_read_back) {
    struct arena *arena = arena_new(0);
    uint8_t bytes[4] = {0};

    check_text(hex_text(arena, "\x00\x7f\xff\x1a", 4), "007fff1a");
    check(hex_read("007fFf1A", bytes, 4) && !memcmp(bytes, "\x00\x7f\xff\x1a", 4));
    check(!hex_read("007fff1", bytes, 4));
    check(!hex_read("00 fff1a", bytes, 4));
    check(!hex_read("0g", bytes, 1));
    arena_free(arena);
}

TEST(words_of_a_list_stand_between_commas_and_spaces) {
    const char *list = " a, bc,,d ", *word;
    size_t size;

    check(words_next(&list, &word, &size) && size == 1 && *word == 'a');
    check(words_next(&list, &word, &size) && size == 2 && !strncmp(word, "bc", 2));
    check(words_next(&list, &word, &size) && size == 1 && *word == 'd');
    check(!words_next(&list, &word, &size));
    check(!words_next(&list, &word, &size));
    check(words_have("a, bc", "bc"));
    check(!words_have("a, bcd", "bc"));
    check(!words_have("", ""));
}

TEST(text_stays_text_in_xml) {
    struct arena *arena = arena_new(0);
    struct buf buf = {0};

    xml_escape(&buf, "<a b='\"'>&\r\n\t\x01\x7f\xef\xbf\xbf\xc3\xa9");
    check_text(buf_taken(&buf, arena), "&lt;a b=&apos;&quot;&apos;&gt;&amp;&#13;\n\t \x7f\xef\xbf\xbd\xc3\xa9");
    check(!buf.at && !buf.size);
    check_text(buf_taken(&buf, arena), "");
    arena_free(arena);
}
