/* SPDX-License-Identifier: Apache-2.0
 * Server-side encryption as S3 tells of it. Where the store encrypts what it keeps ([object_store] encryption), every object
 * that is written is encrypted with keys of its own, which is what S3 calls SSE-S3 ("AES256"); else nobody can ask for it.
 * Or the customer gives the key with each
 * request (SSE-C, s3_customer.c). Keys of a key service (SSE-KMS) are not there. */
#include <string.h>
#include <strings.h>

#include "base/conf.h"
#include "object_store/s3_config.h"
#include "object_store/s3_customer.h"
#include "object_store/swift_parts.h"
#include "rest/cloud.h"

#define HEADER "x-amz-server-side-encryption"

bool s3_encrypts(void) {
    return conf_bool(cloud.conf, "object_store", "encryption", false);
}

static bool unsupported(struct s3 *s3, const char *header) {
    return s3_error(s3, "NotImplemented", "Header", header, NULL), false;
}

static bool wrong(struct s3 *s3, const char *value) {
    return s3_error(s3, "InvalidArgument", "ArgumentName", HEADER, "ArgumentValue", value, NULL), false;
}

bool s3_encryption_given(struct s3 *s3) {
    return s3_header(s3, HEADER) || s3_customer_asked(s3);
}

bool s3_encryption_asked(struct s3 *s3) {
    const char *algorithm = s3_header(s3, HEADER), *key = s3_header(s3, HEADER "-aws-kms-key-id");
    bool kms = algorithm && (!strcmp(algorithm, "aws:kms") || !strcmp(algorithm, "aws:kms:dsse"));

    if (algorithm && !kms && strcmp(algorithm, "AES256") != 0) {
        return wrong(s3, algorithm);
    }
    if (s3_customer_asked(s3)) {
        return algorithm ? wrong(s3, algorithm) : s3_customer_read(s3, "x-amz-", &s3->customer);
    }
    if (key && !kms) {
        return wrong(s3, algorithm ? algorithm : "");
    }
    if (s3_header(s3, HEADER "-context")) {
        return unsupported(s3, HEADER "-context");
    }
    return !algorithm || (!kms && s3_encrypts()) || unsupported(s3, HEADER);
}

bool s3_encryption_of_read(struct s3 *s3) {
    if (s3_header(s3, HEADER)) {
        return s3_error_because(s3, "InvalidRequest", "The encryption parameters are not applicable to this object."), false;
    }
    return !s3_customer_asked(s3) || s3_customer_read(s3, "x-amz-", &s3->customer);
}

void s3_encryption_written(struct s3 *s3, const struct store_meta *meta) {
    if (s3->customer.key) {
        s3_customer_headers(s3);
    } else if (s3_encrypts() && !store_meta_get(meta, STORE_CUSTOMER_KEY)) {
        s3_put_header(s3, HEADER, "AES256");
    }
}

void s3_encryption_read(struct s3 *s3, const struct store_object *object, const struct swift_pieces *pieces) {
    bool sealed = object->seal;

    if (s3->customer.key) {
        s3_customer_headers(s3);
        return;
    }
    for (size_t i = 0; i < pieces->count; i++) {
        sealed = sealed && (!pieces->at[i].object || pieces->at[i].object->seal);
    }
    if (sealed) {
        s3_put_header(s3, HEADER, "AES256");
    }
}

/* ?encryption: what new objects get that ask for nothing; here they all get it. */
bool s3_check_encryption(struct s3 *s3, const struct xml_node *root, struct buf *out) {
    const struct xml_node *rule = xml_child(root, "Rule"), *given = xml_child(rule, "ApplyServerSideEncryptionByDefault");
    const char *algorithm = xml_child_text(given, "SSEAlgorithm");
    bool ok = rule && !rule->next && s3_only(root, "Rule") && s3_only(rule, "ApplyServerSideEncryptionByDefault BucketKeyEnabled") &&
              given && s3_only(given, "SSEAlgorithm KMSMasterKeyID") && algorithm &&
              (!strcmp(algorithm, "AES256") || !strcmp(algorithm, "aws:kms") || !strcmp(algorithm, "aws:kms:dsse"));

    if (ok) {
        s3_child_true(rule, "BucketKeyEnabled", &ok);
    }
    if (!ok) {
        return s3_error(s3, "MalformedXML", NULL), false;
    }
    if (!strcmp(algorithm, "AES256") && xml_child(given, "KMSMasterKeyID")) {
        return s3_error_because(s3, "InvalidArgument", "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms"),
               false;
    }
    return (!strcmp(algorithm, "AES256") && s3_encrypts()) || (s3_error(s3, "NotImplemented", NULL), false);
}
