/* SPDX-License-Identifier: Apache-2.0
 * Tokens as JSON Web Signatures, with the claims that Keystone's JWS provider gives them, and their keys. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/id.h"
#include "identity/jwt.h"
#include "identity/token_form.h"

LOG_MODULE("identity.jws");

enum { MAX_PUBLIC = 16, SIGNATURE = 64, HALF = SIGNATURE / 2, MAX_JWS = 8192 };
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"

static struct {
    EVP_PKEY *private, *public[MAX_PUBLIC];
    size_t count;
} keys;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

/* ---- keys ---- */

static EVP_PKEY *read_key(const char *path, EVP_PKEY *(*reader)(FILE *, EVP_PKEY **, pem_password_cb *, void *)) {
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? reader(file, NULL, NULL, NULL) : NULL;

    if (file) {
        fclose(file);
    }
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

void jws_load(const char *directory) {
    char path[1024];
    struct dirent *entry;
    DIR *dir;

    pthread_rwlock_wrlock(&lock);
    EVP_PKEY_free(keys.private);
    while (keys.count) {
        EVP_PKEY_free(keys.public[--keys.count]);
    }
    snprintf(path, sizeof path, "%s/private/private.pem", directory);
    keys.private = read_key(path, PEM_read_PrivateKey);
    snprintf(path, sizeof path, "%s/public", directory);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)) && keys.count < MAX_PUBLIC) {
        snprintf(path, sizeof path, "%s/public/%s", directory, entry->d_name);
        keys.public[keys.count] = entry->d_name[0] == '.' ? NULL : read_key(path, PEM_read_PUBKEY);
        keys.count += keys.public[keys.count] != NULL;
    }
    if (dir) {
        closedir(dir);
    }
    pthread_rwlock_unlock(&lock);
}

bool jws_ready(void) {
    return keys.private && keys.count;
}

static FILE *create(const char *path, mode_t mode, const char *owner) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    struct stat whose;

    if (fd >= 0 && geteuid() == 0 && (stat(owner, &whose) != 0 || fchown(fd, whose.st_uid, whose.st_gid) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static bool write_pair(const char *directory, EVP_PKEY *key) {
    char private[1024], public[1024], new[1024];
    FILE *file;
    bool ok;

    snprintf(private, sizeof private, "%s/private/private.pem", directory);
    snprintf(new, sizeof new, "%s/private/.new", directory);
    snprintf(public, sizeof public, "%s/public/%lld.pem", directory, (long long)(clock_now() / SECOND));
    file = create(public, 0644, directory);
    ok = file && PEM_write_PUBKEY(file, key) == 1;
    ok = file && fclose(file) == 0 && ok;
    file = ok ? create(new, 0600, directory) : NULL;
    ok = file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = file && fclose(file) == 0 && ok;
    return ok && rename(new, private) == 0;
}

static void make_directory(const char *directory, const char *name) {
    char path[1024];
    struct stat whose;

    snprintf(path, sizeof path, "%s%s", directory, name);
    if (mkdir(path, 0700) == 0 && geteuid() == 0 && *name && stat(directory, &whose) == 0 &&
        chown(path, whose.st_uid, whose.st_gid) != 0) {
        log_warn("cannot give %s away: %s", path, strerror(errno));
    }
}

bool jws_make(const char *directory, bool again, const char **ret_error) {
    EVP_PKEY *key;
    bool ok;

    jws_load(directory);
    if (jws_ready() && !again) {
        return true;
    }
    make_directory(directory, "");
    make_directory(directory, "/private");
    make_directory(directory, "/public");
    key = EVP_EC_gen("P-256");
    ok = key && write_pair(directory, key);
    EVP_PKEY_free(key);
    *ret_error = ok ? NULL : "the key pair cannot be written";
    jws_load(directory);
    return ok;
}

/* ---- signatures: r and s, 32 bytes each (RFC 7518 section 3.4); OpenSSL has them in DER ---- */

static bool sign(EVP_PKEY *key, const char *text, size_t size, uint8_t signature[SIGNATURE]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[128];
    const uint8_t *at = der;
    size_t der_size = sizeof der;
    ECDSA_SIG *parts = NULL;
    bool ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(context, der, &der_size, (const uint8_t *)text, size) == 1 &&
              (parts = d2i_ECDSA_SIG(NULL, &at, (long)der_size)) &&
              BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, HALF) == HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + HALF, HALF) == HALF;

    ECDSA_SIG_free(parts);
    EVP_MD_CTX_free(context);
    return ok;
}

static bool verify_any(const char *text, size_t size, const uint8_t *signature) {
    bool good = false;

    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; !good && i < keys.count; i++) {
        good = jwt_signed(keys.public[i], "ES256", text, size, signature, SIGNATURE);
    }
    pthread_rwlock_unlock(&lock);
    return good;
}

/* ---- the compact form ---- */

static char *encode(struct arena *arena, const void *bytes, size_t size) {
    char *text = base64url_encode(arena, bytes, size);

    text[strcspn(text, "=")] = 0;
    return text;
}

static const struct json *decode(struct arena *arena, const char *text, size_t size) {
    size_t decoded;
    const uint8_t *bytes = base64_decode(arena, arena_text_size(arena, text, size), &decoded);

    return bytes ? json_parse(arena, (const char *)bytes, decoded, NULL) : NULL;
}

/* The claims of a text that one of our keys has signed; null else. */
static const struct json *open_claims(struct arena *arena, const char *sealed) {
    const char *first = strchr(sealed, '.'), *second = first ? strchr(first + 1, '.') : NULL, *algorithm;
    const uint8_t *signature;
    size_t size;

    if (!second || strlen(sealed) > MAX_JWS) {
        return NULL;
    }
    algorithm = json_get_text(decode(arena, sealed, (size_t)(first - sealed)), "alg");
    signature = base64_decode(arena, second + 1, &size);
    if (!algorithm || strcmp(algorithm, "ES256") != 0) {
        return NULL;
    }
    if (!signature || size != SIGNATURE || !verify_any(sealed, (size_t)(second - sealed), signature)) {
        return NULL;
    }
    return decode(arena, first + 1, (size_t)(second - first - 1));
}

/* ---- claims ---- */

static const char *const delegation_claims[] = {NULL, "openstack_trust_id", "openstack_app_cred_id",
                                                "openstack_access_token_id"};

static void write_claims(struct json_out *out, const struct token *token) {
    json_map(out);
    json_put_text(out, "sub", token->user_id);
    json_put_int(out, "iat", token->issued / SECOND);
    json_put_int(out, "iat_micros", token->issued);
    json_put_int(out, "exp", token->expires / SECOND);
    json_key(out, "openstack_methods");
    token_methods_write(out, token->methods);
    json_key(out, "openstack_audit_ids");
    json_list(out);
    json_text(out, token->audit_id);
    if (token->parent_audit_id) {
        json_text(out, token->parent_audit_id);
    }
    json_list_end(out);
    if (token->scope == SCOPE_SYSTEM) {
        json_put_text(out, "openstack_system", "all");
    } else if (token->scope != SCOPE_NONE) {
        json_put_text(out, token->scope == SCOPE_PROJECT ? "openstack_project_id" : "openstack_domain_id", token->scope_id);
    }
    if (token->idp_id) {
        json_put_text(out, "openstack_idp_id", token->idp_id);
        json_put_text(out, "openstack_protocol_id", token->protocol_id);
        json_put_raw(out, "openstack_group_ids", token->group_ids);
    }
    if (token->thumbprint) {
        json_put_text(out, "openstack_thumbprint", token->thumbprint);
    }
    if (token->delegation != DELEGATION_NONE) {
        json_put_text(out, delegation_claims[token->delegation], token->delegation_id);
    }
    json_map_end(out);
}

char *token_seal_jws(struct arena *arena, const struct token *token) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    uint8_t signature[SIGNATURE];
    char *text;
    bool ok;

    write_claims(&out, token);
    text = arena_printf(arena, "%s.%s", encode(arena, HEADER, sizeof HEADER - 1), encode(arena, buf.at, buf.size));
    buf_release(&buf);
    pthread_rwlock_rdlock(&lock);
    ok = keys.private && sign(keys.private, text, strlen(text), signature);
    pthread_rwlock_unlock(&lock);
    if (!ok) {
        log_error("there is no key to sign tokens with (haneul identity jws-setup)");
        return token_seal_fernet(arena, token);
    }
    return arena_printf(arena, "%s.%s", text, encode(arena, signature, sizeof signature));
}

static unsigned read_methods(const struct json *names) {
    unsigned methods = 0;

    for (JSON_EACH(name, names)) {
        for (unsigned i = 0; token_method_names[i]; i++) {
            methods |= name->type == JSON_TEXT && !strcmp(name->text, token_method_names[i]) ? 1u << i : 0;
        }
    }
    return methods;
}

struct token *token_open_jws(struct arena *arena, const char *sealed) {
    struct token *token = ARENA_NEW(arena, struct token);
    const struct json *claims = open_claims(arena, sealed), *audit = json_get(claims, "openstack_audit_ids"), *first;
    const char *project = json_get_text(claims, "openstack_project_id"), *domain = json_get_text(claims, "openstack_domain_id");

    first = audit && audit->type == JSON_LIST ? audit->first : NULL;
    if (!claims || !json_get_text(claims, "sub") || !first || first->type != JSON_TEXT) {
        return NULL;
    }
    token->user_id = json_get_text(claims, "sub");
    token->methods = read_methods(json_get(claims, "openstack_methods"));
    token->scope = json_get_text(claims, "openstack_system") ? SCOPE_SYSTEM
                   : project                                 ? SCOPE_PROJECT
                   : domain                                  ? SCOPE_DOMAIN
                                                             : SCOPE_NONE;
    token->scope_id = project ? project : domain;
    for (enum token_delegation kind = DELEGATION_TRUST; kind <= DELEGATION_OAUTH1; kind++) {
        const char *id = json_get_text(claims, delegation_claims[kind]);

        token->delegation = id ? kind : token->delegation;
        token->delegation_id = id ? id : token->delegation_id;
    }
    token->idp_id = json_get_text(claims, "openstack_idp_id");
    token->protocol_id = json_get_text(claims, "openstack_protocol_id");
    token->group_ids = token->idp_id ? json_print(arena, json_get(claims, "openstack_group_ids")) : NULL;
    token->thumbprint = json_get_text(claims, "openstack_thumbprint");
    token->issued = json_get_int(claims, "iat_micros", json_get_int(claims, "iat", 0) * SECOND);
    token->expires = json_get_int(claims, "exp", 0) * SECOND;
    token->audit_id = first->text;
    token->parent_audit_id = first->next && first->next->type == JSON_TEXT ? first->next->text : NULL;
    return token;
}
