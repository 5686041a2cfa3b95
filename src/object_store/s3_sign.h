/* SPDX-License-Identifier: Apache-2.0
 * Signatures of S3 requests, versions 2 and 4, in headers or in the query: reading them, and what was signed. Nothing
 * here knows of users: who asks has the secret. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

enum s3_signed_by { S3_NOBODY, S3_SIGNED_2, S3_SIGNED_2_QUERY, S3_SIGNED_4, S3_SIGNED_4_QUERY };

struct s3_signature {
    enum s3_signed_by by;
    const char *access, *signature;
    const char *date;               /* as it was signed */
    const char *scope;              /* version 4: "20260131/us-east-1/s3/aws4_request" */
    const char *headers;            /* version 4: names of those that were signed */
    const char *payload;            /* version 4: what stands for the body's digest */
    int64_t time;                   /* microseconds; 0: it tells none */
    int64_t expires;                /* in the query: when it ends, microseconds */
    uint8_t key[32];                /* version 4: made of the secret; for chunks */
};

struct s3_problem {
    const char *code, *message;     /* message null: the code's own */
};

/* Reads the request's signature. False with *ret_problem when there is one that is malformed. A request without: by
 * S3_NOBODY. */
bool s3_signature_read(struct http_request *http, struct s3_signature *ret, struct s3_problem *ret_problem);
/* The same of the fields of a form, version 4. */
bool s3_signature_of_form(struct http_request *http, const char *algorithm, const char *credential, const char *date,
                          const char *signature, struct s3_signature *ret, struct s3_problem *ret_problem);
/* The text that was signed. 'host_bucket': the bucket, when the host names it. 'slash': version 2 with a slash behind the
 * path, as some clients sign a bucket's that has none. */
const char *s3_signature_text(struct http_request *http, const struct s3_signature *signature, const char *host_bucket,
                              bool slash);
/* Whether 'secret' signs that text so; fills signature->key. */
bool s3_signature_fits(struct arena *arena, struct s3_signature *signature, const char *secret, const char *text);
/* The name of a header x-amz-* that came and was not signed (version 4); null when all were. */
const char *s3_unsigned_header(const struct http_request *http, const struct s3_signature *signature);
/* A date as clients write it into Date, X-Amz-Date and conditions, as microseconds; 0: it is none. */
int64_t s3_time_read(const char *text);
/* Hexadecimal HMAC-SHA256 by the key of version 4. */
const char *s3_sign_more(struct arena *arena, const struct s3_signature *signature, const char *text);
