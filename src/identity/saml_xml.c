/* SPDX-License-Identifier: Apache-2.0
 * XML in canonical form, and signatures of it (XML Signature, RSA with SHA-256) with the key of [saml] keyfile. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "identity/saml.h"
#include "rest/cloud.h"

LOG_MODULE("identity.saml");

enum { MAX_SIGNATURE = 1024 };

/* ---- writing ---- */

static void put_escaped(struct buf *out, const char *text, bool attribute) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '\r':
            buf_text(out, "&#xD;");
            break;
        case '>':
            buf_text(out, attribute ? ">" : "&gt;");
            break;
        case '"':
            buf_text(out, attribute ? "&quot;" : "\"");
            break;
        case '\t':
            buf_text(out, attribute ? "&#x9;" : "\t");
            break;
        case '\n':
            buf_text(out, attribute ? "&#xA;" : "\n");
            break;
        default:
            buf_char(out, *text);
        }
    }
}

static void open_with(struct buf *out, const char *name, va_list pairs) {
    const char *key;

    buf_printf(out, "<%s", name);
    while ((key = va_arg(pairs, const char *))) {
        buf_printf(out, " %s=\"", key);
        put_escaped(out, va_arg(pairs, const char *), true);
        buf_char(out, '"');
    }
    buf_char(out, '>');
}

void saml_open(struct buf *out, const char *name, ...) {
    va_list pairs;

    va_start(pairs, name);
    open_with(out, name, pairs);
    va_end(pairs);
}

void saml_close(struct buf *out, const char *name) {
    buf_printf(out, "</%s>", name);
}

void saml_text(struct buf *out, const char *text) {
    put_escaped(out, text, false);
}

void saml_element(struct buf *out, const char *text, const char *name, ...) {
    va_list pairs;

    va_start(pairs, name);
    open_with(out, name, pairs);
    va_end(pairs);
    saml_text(out, text);
    saml_close(out, name);
}

bool saml_can_say(const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
            (c == 0xef && (unsigned char)text[1] == 0xbf && (unsigned char)text[2] >= 0xbe)) {     /* U+FFFE, U+FFFF */
            return false;
        }
    }
    return true;
}

/* ---- key and certificate ---- */

static FILE *open_file(const char *option) {
    const char *path = conf_text(cloud.conf, "saml", option, "");
    FILE *file = *path ? fopen(path, "re") : NULL;

    if (*path && !file) {
        log_error("[saml] %s: %s cannot be read", option, path);
    }
    return file;
}

const char *saml_certificate(struct call *call) {
    FILE *file = open_file("certfile");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    uint8_t *der = NULL;
    int size = certificate ? i2d_X509(certificate, &der) : 0;
    const char *text = size > 0 ? base64_encode(call->arena, der, (size_t)size) : NULL;

    if (file) {
        fclose(file);
    }
    if (file && !text) {
        log_error("[saml] certfile has no certificate");
    }
    OPENSSL_free(der);
    X509_free(certificate);
    return text;
}

static EVP_PKEY *read_key(void) {
    FILE *file = open_file("keyfile");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, "") : NULL;

    if (file) {
        fclose(file);
    }
    if (key && (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_size(key) > MAX_SIGNATURE)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    if (file && !key) {
        log_error("[saml] keyfile has no RSA key");
    }
    return key;
}

/* ---- signing ---- */

static const char *digest(struct call *call, const char *bytes, size_t size) {
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned value_size = 0;

    EVP_Digest(bytes, size, value, &value_size, EVP_sha256(), NULL);
    return base64_encode(call->arena, value, value_size);
}

static const char *sign_bytes(struct call *call, const char *bytes, size_t size) {
    EVP_PKEY *key = read_key();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t value[MAX_SIGNATURE];
    size_t value_size = sizeof value;
    bool ok = key && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(context, value, &value_size, (const uint8_t *)bytes, size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok ? base64_encode(call->arena, value, value_size) : NULL;
}

static void write_signed_info(struct buf *out, const char *id, const char *digest_value) {
    static const char canonical[] = "http://www.w3.org/2001/10/xml-exc-c14n#";

    saml_open(out, "ds:SignedInfo", "xmlns:ds", XML_SIGNATURE, NULL);
    saml_element(out, "", "ds:CanonicalizationMethod", "Algorithm", canonical, NULL);
    saml_element(out, "", "ds:SignatureMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", NULL);
    buf_printf(out, "<ds:Reference URI=\"#%s\">", id);
    saml_open(out, "ds:Transforms", NULL);
    saml_element(out, "", "ds:Transform", "Algorithm", XML_SIGNATURE "enveloped-signature", NULL);
    saml_element(out, "", "ds:Transform", "Algorithm", canonical, NULL);
    saml_close(out, "ds:Transforms");
    saml_element(out, "", "ds:DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256", NULL);
    saml_element(out, digest_value, "ds:DigestValue", NULL);
    saml_close(out, "ds:Reference");
    saml_close(out, "ds:SignedInfo");
}

const char *saml_sign(struct call *call, const char *id, const char *bytes, size_t size) {
    const char *certificate = saml_certificate(call), *value, *text = NULL;
    struct buf out = {0};
    size_t from;

    saml_open(&out, "ds:Signature", "xmlns:ds", XML_SIGNATURE, NULL);
    from = out.size;
    write_signed_info(&out, id, digest(call, bytes, size));
    value = certificate ? sign_bytes(call, out.at + from, out.size - from) : NULL;
    if (value) {
        saml_element(&out, value, "ds:SignatureValue", NULL);
        saml_open(&out, "ds:KeyInfo", NULL);
        saml_open(&out, "ds:X509Data", NULL);
        saml_element(&out, certificate, "ds:X509Certificate", NULL);
        saml_close(&out, "ds:X509Data");
        saml_close(&out, "ds:KeyInfo");
        saml_close(&out, "ds:Signature");
        text = arena_text_size(call->arena, out.at, out.size);
    }
    buf_release(&out);
    return text;
}
