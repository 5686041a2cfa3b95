/* SPDX-License-Identifier: Apache-2.0
 * Key pairs of type x509: self-signed certificates with which a user logs in to Windows. */
#include "compute/ssh_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "compute/ssh_key_parts.h"

enum { LIFE_DAYS = 3650, SERIAL_BITS = 159 };

#define OID_USER_PRINCIPAL_NAME "1.3.6.1.4.1.311.20.2.3"

static void free_pkey(EVP_PKEY **pkey) {
    EVP_PKEY_free(*pkey);
}

static void free_certificate(X509 **certificate) {
    X509_free(*certificate);
}

static void free_bio(BIO **bio) {
    BIO_free(*bio);
}

static void free_pkcs12(PKCS12 **pkcs12) {
    PKCS12_free(*pkcs12);
}

#define AUTO_PKEY __attribute__((cleanup(free_pkey))) EVP_PKEY *
#define AUTO_CERTIFICATE __attribute__((cleanup(free_certificate))) X509 *
#define AUTO_BIO __attribute__((cleanup(free_bio))) BIO *
#define AUTO_PKCS12 __attribute__((cleanup(free_pkcs12))) PKCS12 *

static bool set_serial(X509 *certificate) {
    BIGNUM *serial = BN_new();
    bool done = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
                BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));

    BN_free(serial);
    return done;
}

static bool add_client_usage(X509 *certificate) {
    EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
    bool done = usage && sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_client_auth)) > 0 &&
                X509_add1_ext_i2d(certificate, NID_ext_key_usage, usage, 0, X509V3_ADD_DEFAULT) == 1;

    sk_ASN1_OBJECT_pop_free(usage, ASN1_OBJECT_free);
    return done;
}

/* A subject alternative name of the kind "other": the user principal name. */
static GENERAL_NAME *principal_name(const char *name) {
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_OBJECT *kind = OBJ_txt2obj(OID_USER_PRINCIPAL_NAME, 1);
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();

    if (general && kind && value && text && ASN1_STRING_set(text, name, -1)) {
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
        text = NULL;
        if (GENERAL_NAME_set0_othername(general, kind, value)) {
            return general;
        }
    }
    ASN1_UTF8STRING_free(text);
    ASN1_TYPE_free(value);
    ASN1_OBJECT_free(kind);
    GENERAL_NAME_free(general);
    return NULL;
}

static bool add_principal_name(X509 *certificate, const char *name) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *general = principal_name(name);
    bool done = false;

    if (names && general && sk_GENERAL_NAME_push(names, general) > 0) {
        general = NULL;
        done = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    }
    GENERAL_NAME_free(general);
    GENERAL_NAMES_free(names);
    return done;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *pkey, const char *user_id, const char *principal) {
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), LIFE_DAYS, 0, NULL) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const uint8_t *)user_id, -1, -1, 0) &&
           X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, pkey) &&
           add_client_usage(certificate) && add_principal_name(certificate, principal) &&
           X509_sign(certificate, pkey, EVP_sha256()) > 0;
}

static char *print_certificate(struct arena *arena, X509 *certificate) {
    AUTO_BIO pem = BIO_new(BIO_s_mem());
    char *text;

    if (!pem || !PEM_write_bio_X509(pem, certificate)) {
        return NULL;
    }

    long size = BIO_get_mem_data(pem, &text);

    return arena_text_size(arena, text, (size_t)size);
}

static char *print_pkcs12(struct arena *arena, EVP_PKEY *pkey, X509 *certificate) {
    AUTO_PKCS12 pkcs12 = PKCS12_create("", NULL, pkey, certificate, NULL, 0, 0, 0, 0, 0);
    uint8_t *bytes = NULL;
    int size = pkcs12 ? i2d_PKCS12(pkcs12, &bytes) : -1;
    char *text = size > 0 ? base64_encode(arena, bytes, (size_t)size) : NULL;

    OPENSSL_free(bytes);
    return text;
}

bool x509_key_make(struct arena *arena, const char *user_id, struct key_pair *ret_pair) {
    AUTO_PKEY pkey = EVP_RSA_gen(SSH_KEY_BITS);
    AUTO_CERTIFICATE certificate = X509_new();
    struct key_pair pair;

    if (!pkey || !certificate ||
        !fill_certificate(certificate, pkey, user_id, arena_printf(arena, "%s@localhost", user_id))) {
        return false;
    }
    pair.public_key = print_certificate(arena, certificate);
    pair.private_key = print_pkcs12(arena, pkey, certificate);
    pair.fingerprint = pair.public_key ? x509_fingerprint(arena, pair.public_key) : NULL;
    if (!pair.private_key || !pair.fingerprint) {
        return false;
    }
    *ret_pair = pair;
    return true;
}

char *x509_fingerprint(struct arena *arena, const char *text) {
    size_t size = strnlen(text, SSH_KEY_LARGEST_TEXT + 1);
    AUTO_BIO pem = size <= SSH_KEY_LARGEST_TEXT ? BIO_new_mem_buf(text, (int)size) : NULL;
    AUTO_CERTIFICATE certificate = pem ? PEM_read_bio_X509(pem, NULL, NULL, "") : NULL;
    uint8_t *bytes = NULL;
    int bytes_size = certificate ? i2d_X509(certificate, &bytes) : -1;
    char *fingerprint =
        bytes_size > 0 ? hex_pairs(arena, digest_of(arena, "sha1", bytes, (size_t)bytes_size)) : NULL;

    ERR_clear_error();
    OPENSSL_free(bytes);
    return fingerprint;
}
