/* SPDX-License-Identifier: Apache-2.0
 * Keys of key pairs: ours are read by ssh-keygen and openssl, theirs by us, and bad ones are refused. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/run.h"
#include "compute/ssh_key.h"
#include "test.h"

#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAI"

static const char *in_directory(struct arena *arena, const char *name) {
    return arena_printf(arena, "%s/%s", test_directory(), name);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    check(file && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
}

static const char *read_file(struct arena *arena, const char *path) {
    char *text = arena_alloc(arena, 16384);
    FILE *file = fopen(path, "r");

    check(file && fread(text, 1, 16383, file) > 0);
    if (file) {
        fclose(file);
    }
    return text;
}

/* Runs a tool of others. False, and the test is skipped, where it is not there. */
static bool run_tool(struct arena *arena, const char *const *argv, const char **ret_output) {
    struct run_result result;
    bool done = run_program(arena, &(struct run){.argv = argv}, &result);

    if (!done && result.status == 127) {
        test_skip(arena_printf(arena, "no %s", argv[0]));
        return false;
    }
    if (!done) {
        test_fail(__FILE__, __LINE__, "%s: %s", argv[0], result.errors);
    }
    *ret_output = result.output;
    return done;
}

#define RUN_TOOL(ARENA, OUTPUT, ...) run_tool((ARENA), (const char *const[]){__VA_ARGS__, NULL}, (OUTPUT))

TEST(keys_of_ssh_keygen_are_read) {
    static const char *const cases[][3] = {
        /* its type and size, ours */
        {"rsa", "2048", "ssh-rsa"},
        {"rsa", "1024", "ssh-rsa"},
        {"dsa", "1024", "ssh-dss"},
        {"ed25519", "256", "ssh-ed25519"},
        {"ecdsa", "256", "ecdsa-sha2-nistp256"},
        {"ecdsa", "384", "ecdsa-sha2-nistp384"},
        {"ecdsa", "521", "ecdsa-sha2-nistp521"},
    };
    struct arena *arena = arena_new(0);
    const char *output, *error;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = in_directory(arena, arena_printf(arena, "key%zu", i));
        const char *public = arena_printf(arena, "%s.pub", path);
        struct ssh_key key = {0};

        test_context(cases[i][2]);
        if (RUN_TOOL(arena, &output, "ssh-keygen", "-q", "-t", cases[i][0], "-b", cases[i][1], "-N", "", "-C",
            "me at home",
                     "-f", path) && RUN_TOOL(arena, &output, "ssh-keygen", "-l", "-E", "md5", "-f", public)) {
            check(ssh_key_parse(arena, read_file(arena, public), &key, &error));
            check_text(key.type, cases[i][2]);
            check_text(key.comment, "me at home");
            check(strncmp(output, arena_printf(arena, "%d MD5:%s ", key.bits, ssh_key_fingerprint(arena, &key)),
                          strlen(cases[i][1]) + 52) == 0);
        }
        test_context(NULL);
    }
    arena_free(arena);
}

TEST(a_known_key_has_its_fingerprint) {
    /* 32 zero bytes as the key; the digest was computed with md5sum */
    static const char text[] = "ssh-ed25519 " ED25519 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nmore\n";
    struct arena *arena = arena_new(0);
    struct ssh_key key;
    const char *error;

    check(ssh_key_parse(arena, text, &key, &error));
    check_text(key.comment, "");
    check_int((int64_t)key.blob_size, 51);
    check_text(ssh_key_fingerprint(arena, &key), "3d:52:38:ce:ff:94:f5:d7:81:a4:a4:f9:2b:4f:fe:a0");
    arena_free(arena);
}

TEST(bad_public_keys_are_refused) {
    static const char *const cases[][2] = {
        {"", "no known type"},
        {"ssh-rsa", "not in base64"},
        {"ssh-rsa ", "not in base64"},
        {"ssh-rsa !!!!", "not in base64"},
        {"ssh-rsa AAAA", "not a valid key"},
        {"ssh-rsa AAAAB3NzaC1yc2E=", "not a valid key"},
        {"ssh-rsa AAAAB3NzaC1yc2", "not in base64"},
        {"ssh-rsa AAAAB3NzaC1yc2E=/command", "not in base64"},
        {"\nssh-rsa AAAA", "no known type"},
        {" ssh-rsa AAAA", "no known type"},
        {"ssh-foo AAAA", "no known type"},
        {"ssh-rsa-cert-v01@openssh.com AAAA", "no known type"},
        {"-----BEGIN RSA PRIVATE KEY-----\nAAAA", "no known type"},
        {"ssh-rsa " ED25519 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not a valid key"},
        {"ssh-ed25519 " ED25519 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not a valid key"},
        {"ssh-ed25519 " ED25519 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "not a valid key"},
    };
    struct arena *arena = arena_new(0);
    char *large = arena_alloc(arena, SSH_KEY_LARGEST_TEXT + 2);
    struct ssh_key key;
    const char *error;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error = "accepted";
        check(!ssh_key_parse(arena, cases[i][0], &key, &error));
        if (!strstr(error, cases[i][1])) {
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i][0], error);
        }
    }
    memset(large, 'A', SSH_KEY_LARGEST_TEXT + 1);
    memcpy(large, "ssh-rsa ", 8);
    check(!ssh_key_parse(arena, large, &key, &error) && strstr(error, "too long"));
    arena_free(arena);
}

/* A public key of parts given as texts with their size in front: {size, bytes}... ends with size -1. */
struct part {
    int size;
    const char *bytes;
};

static bool accepts(const char *type, const struct part *parts) {
    struct arena *arena = arena_new(0);
    uint8_t *blob = arena_alloc(arena, 8192), *at = blob;
    struct ssh_key key;
    const char *error;
    bool accepted;

    for (; parts->size >= 0; parts++) {
        memcpy(at, (uint8_t[]){0, 0, (uint8_t)(parts->size >> 8), (uint8_t)parts->size}, 4);
        memcpy(at + 4, parts->bytes, (size_t)parts->size);
        at += 4 + parts->size;
    }
    accepted = ssh_key_parse(arena, arena_printf(arena, "%s %s", type, base64_encode(arena, blob, (size_t)(at - blob))),
                             &key, &error);
    arena_free(arena);
    return accepted;
}

#define ACCEPTS(TYPE, ...) accepts((TYPE), (const struct part[]){{sizeof(TYPE) - 1, TYPE}, __VA_ARGS__, {-1, NULL}})

TEST(numbers_of_public_keys_must_make_sense) {
    char modulus[258], point[65] = {4};

    memset(modulus, 0xff, sizeof modulus);
    modulus[0] = 0;
    check(ACCEPTS("ssh-rsa", {3, "\1\0\1"}, {257, modulus}));
    check(!ACCEPTS("ssh-rsa", {3, "\1\0\1"}, {257, modulus}, {1, "x"}));    /* something follows */
    check(!ACCEPTS("ssh-rsa", {3, "\1\0\1"}, {256, modulus + 1}));          /* negative */
    check(!ACCEPTS("ssh-rsa", {4, "\0\1\0\1"}, {257, modulus}));            /* needless zero */
    check(!ACCEPTS("ssh-rsa", {1, "\1"}, {257, modulus}));
    check(!ACCEPTS("ssh-rsa", {1, "\4"}, {257, modulus}));
    check(!ACCEPTS("ssh-rsa", {0, ""}, {257, modulus}));
    check(!ACCEPTS("ssh-rsa", {3, "\1\0\1"}, {65, modulus}));               /* 512 bits */
    check(!ACCEPTS("ssh-rsa", {257, modulus}, {3, "\1\0\1"}));
    check(!ACCEPTS("ecdsa-sha2-nistp256", {8, "nistp256"}, {65, point}));   /* 0, 0 is not on the curve */
    check(!ACCEPTS("ecdsa-sha2-nistp256", {8, "nistp256"}, {1, "\0"}));     /* infinity */
    check(!ACCEPTS("ecdsa-sha2-nistp256", {8, "nistp384"}, {65, point}));
    check(!ACCEPTS("ssh-dss", {257, modulus}, {3, "\1\0\1"}, {1, "\2"}, {1, "\2"}));
}

/* ssh-keygen must find in the private key the public one that came with it. */
static void check_pair(struct arena *arena, const struct key_pair *pair, const char *begins) {
    const char *path = in_directory(arena, "private"), *output, *error;
    struct ssh_key key;

    check(ssh_key_parse(arena, pair->public_key, &key, &error));
    check_text(key.comment, "Generated-by-Nova");
    check_text(ssh_key_fingerprint(arena, &key), pair->fingerprint);
    check(strncmp(pair->private_key, begins, strlen(begins)) == 0);
    write_file(path, pair->private_key);
    if (RUN_TOOL(arena, &output, "ssh-keygen", "-y", "-P", "", "-f", path)) {
        size_t same = strlen(pair->public_key) - strlen(" Generated-by-Nova");

        check(strncmp(output, pair->public_key, same) == 0 && strchr(" \n", output[same]));
    }
}

TEST(new_pairs_are_read_by_ssh_keygen) {
    struct arena *arena = arena_new(0);
    struct key_pair pair;

    check(ssh_key_make_rsa(arena, SSH_KEY_BITS, "Generated-by-Nova", &pair));
    check_pair(arena, &pair, "-----BEGIN RSA PRIVATE KEY-----\n");
    check(ssh_key_make_ed25519(arena, "Generated-by-Nova", &pair));
    check_pair(arena, &pair, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    arena_free(arena);
}

TEST(new_certificates_are_read_by_openssl) {
    struct arena *arena = arena_new(0);
    const char *path = in_directory(arena, "certificate"), *bundle = in_directory(arena, "bundle"), *output;
    struct key_pair pair;
    size_t size;

    check(x509_key_make(arena, "0123456789abcdef0123456789abcdef", &pair));
    check_text(x509_fingerprint(arena, pair.public_key), pair.fingerprint);
    check_int((int64_t)strlen(pair.fingerprint), 59);
    write_file(path, pair.public_key);
    if (RUN_TOOL(arena, &output, "openssl", "x509", "-in", path, "-noout", "-text")) {
        check(strstr(output, "CN = 0123456789abcdef0123456789abcdef") &&
              strstr(output, "TLS Web Client Authentication"));
        check(strstr(output, "othername") && strstr(output, "UPN") && strstr(output, "RSA"));
    }
    check(base64_decode(arena, pair.private_key, &size) != NULL);
    write_file(bundle, pair.private_key);
    if (RUN_TOOL(arena, &output, "openssl", "base64", "-d", "-A", "-in", bundle, "-out", path) &&
        RUN_TOOL(arena, &output, "openssl", "pkcs12", "-in", path, "-passin", "pass:", "-nodes")) {
        check(strstr(output, "BEGIN PRIVATE KEY") && strstr(output, "BEGIN CERTIFICATE"));
    }
    arena_free(arena);
}

TEST(what_cannot_be_a_certificate_is_refused) {
    struct arena *arena = arena_new(0);
    char name[66];
    struct key_pair pair;

    memset(name, 'x', 65);
    name[65] = 0;
    check(!x509_key_make(arena, name, &pair));
    check(!x509_fingerprint(arena, "") && !x509_fingerprint(arena, "ssh-rsa AAAA"));
    check(!x509_fingerprint(arena, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    arena_free(arena);
}
