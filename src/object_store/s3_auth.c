/* SPDX-License-Identifier: Apache-2.0
 * Who signed a request: identity's EC2 credentials have the secret, and say which user and project call. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "identity/identity.h"
#include "object_store/s3.h"

static bool refuse(struct s3 *s3, const struct s3_problem *problem) {
    return (problem->message ? s3_error_because(s3, problem->code, "%s", problem->message)
                             : s3_error(s3, problem->code, NULL)), false;
}

static const char *iso(struct s3 *s3, int64_t time) {
    char text[TIME_TEXT_SIZE];

    return arena_text(s3->arena, time_print(time, TIME_Z, text));
}

/* A signature is good around its time, or until it says. */
static bool in_time(struct s3 *s3) {
    const struct s3_signature *signature = &s3->signature;
    int64_t now = clock_now(), window = identity_ec2_window();

    if (signature->expires || signature->by == S3_SIGNED_2_QUERY || signature->by == S3_SIGNED_4_QUERY) {
        if (signature->time > now + window) {
            return s3_error_because(s3, "AccessDenied", "Request is not valid yet"), false;
        }
        if (signature->expires < now) {
            return s3_error_because(s3, "AccessDenied", "Request has expired"), false;
        }
        return true;
    }
    if (signature->time < now - window || signature->time > now + window) {
        return s3_error(s3, "RequestTimeTooSkewed", "RequestTime", iso(s3, signature->time), "ServerTime", iso(s3, now),
                        "MaxAllowedSkewMilliseconds", arena_printf(s3->arena, "%lld", (long long)(window / 1000)), NULL), false;
    }
    return true;
}

static bool check_signature(struct s3 *s3, const char *secret) {
    const char *text = s3_signature_text(s3->http, &s3->signature, s3->host_bucket, false), *header;
    bool slash = s3->depth == S3_BUCKET && s3->http->raw_path[strlen(s3->http->raw_path) - 1] != '/';

    if (!s3_signature_fits(s3->arena, &s3->signature, secret, text) &&
        !(slash && s3_signature_fits(s3->arena, &s3->signature, secret,
                                     s3_signature_text(s3->http, &s3->signature, s3->host_bucket, true)))) {
        return s3_error(s3, "SignatureDoesNotMatch", "AWSAccessKeyId", s3->signature.access, "StringToSign", text,
                        "SignatureProvided", s3->signature.signature, NULL), false;
    }
    header = s3->signature.by == S3_SIGNED_4 || s3->signature.by == S3_SIGNED_4_QUERY
                 ? s3_unsigned_header(s3->http, &s3->signature) : NULL;
    if (header) {
        s3_error(s3, "AccessDenied", "HeadersNotSigned", header, NULL);
        return false;
    }
    return true;
}

bool s3_authenticate(struct s3 *s3) {
    struct call *call = s3->call;
    struct s3_problem problem;
    const char *secret;

    if (!s3_signature_read(s3->http, &s3->signature, &problem)) {
        return refuse(s3, &problem);
    }
    if (s3->signature.by == S3_NOBODY) {
        return true;
    }
    secret = identity_ec2_secret(call, s3->signature.access);
    if (!secret) {
        bool failed = call->error != 0;

        call->error = 0;
        memset(&call->caller, 0, sizeof call->caller);
        return (failed ? s3_error(s3, "ServiceUnavailable", NULL)
                       : s3_error(s3, "InvalidAccessKeyId", "AWSAccessKeyId", s3->signature.access, NULL)), false;
    }
    if (!in_time(s3) || !check_signature(s3, secret)) {
        memset(&call->caller, 0, sizeof call->caller);
        return false;
    }
    s3->account = arena_printf(s3->arena, "AUTH_%s", call->caller.project_id);
    return true;
}

/* ---- bodies in memory ---- */

static bool check_digest(struct s3 *s3, const char *bytes, size_t size) {
    const char *wanted = s3_header(s3, "x-amz-content-sha256"), *made;

    if (!wanted || !strncmp(wanted, "UNSIGNED-PAYLOAD", 16)) {
        return true;
    }
    if (!strncmp(wanted, "STREAMING-", 10)) {
        return s3_error(s3, "NotImplemented", NULL), false;
    }
    made = digest_of(s3->arena, "sha256", bytes, size);
    return !strcasecmp(made, wanted) ||
           (s3_error(s3, "XAmzContentSHA256Mismatch", "ClientComputedContentSHA256", wanted, "S3ComputedContentSHA256", made,
                     NULL), false);
}

/* Checks x-amz-checksum-*; '*ret_any': there was one. */
static bool check_sum(struct s3 *s3, const char *bytes, size_t size, bool *ret_any) {
    for (enum s3_sum_kind kind = S3_CRC32; kind < S3_SUM_KINDS; kind++) {
        const char *wanted = s3_header(s3, arena_printf(s3->arena, "x-amz-checksum-%s", s3_sum_names[kind]));
        struct s3_sum sum;

        if (wanted) {
            *ret_any = true;
            s3_sum_begin(&sum, kind);
            s3_sum_add(&sum, bytes, size);
            if (strcmp(s3_sum_end(&sum, s3->arena), wanted) != 0) {
                return s3_error(s3, "BadDigest", NULL), false;
            }
        }
    }
    return true;
}

bool s3_check_body(struct s3 *s3, bool must) {
    const struct buf *body = &s3->http->body;
    const char *bytes = body->at ? body->at : "", *md5;
    bool any = false;

    if (!check_digest(s3, bytes, body->size)) {
        return false;
    }
    /* Who begins an upload may tell sums of what is yet to come. */
    if (s3->depth == S3_OBJECT && s3_argument(s3, "uploads")) {
        return true;
    }
    if (!s3_read_md5(s3, &md5)) {
        return false;
    }
    if (md5 && strcmp(md5, digest_of(s3->arena, "md5", bytes, body->size)) != 0) {
        return s3_error(s3, "BadDigest", NULL), false;
    }
    /* Where the parts' own checksums are told, they are not of this body. */
    if (!s3_argument(s3, "uploadId") && !check_sum(s3, bytes, body->size, &any)) {
        return false;
    }
    return !must || md5 || any ||
           (s3_error_because(s3, "InvalidRequest", "Missing required header for this request: Content-MD5"), false);
}
