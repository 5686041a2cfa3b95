/* SPDX-License-Identifier: Apache-2.0
 * Signatures: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html say what is signed. */
#include "object_store/s3_sign.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define LONGEST_LIFE (7 * 24 * 3600)

static bool problem(struct s3_problem *ret, const char *code, const char *message) {
    *ret = (struct s3_problem){code, message};
    return false;
}

/* ---- times ---- */

/* "20260131T102030Z" as microseconds; 0: it is none. */
static int64_t compact_time(const char *text) {
    struct tm tm = {0};
    const char *end = strlen(text) == 16 ? strptime(text, "%Y%m%dT%H%M%SZ", &tm) : NULL;

    return end && !*end ? (int64_t)timegm(&tm) * SECOND : 0;
}

int64_t s3_time_read(const char *text) {
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S %z", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y", "%d %b %Y %H:%M:%S %z", "%Y-%m-%dT%H:%M:%SZ"};
    int64_t time = compact_time(text);

    for (size_t i = 0; !time && i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        long offset = tm.tm_gmtoff;

        if (end && !*end) {
            time = ((int64_t)timegm(&tm) - offset) * SECOND;
        }
    }
    return time;
}

/* ---- reading: version 2 ---- */

static bool read_2(struct http_request *http, const char *value, struct s3_signature *ret, struct s3_problem *ret_problem) {
    const char *colon = strrchr(value, ':'), *amz = http_header(http, "X-Amz-Date"), *date = http_header(http, "Date");

    if (!colon || colon == value || !colon[1]) {
        return problem(ret_problem, "InvalidArgument", "The Authorization header names no access key and signature.");
    }
    *ret = (struct s3_signature){.by = S3_SIGNED_2, .signature = colon + 1,
                                 .access = arena_text_size(http->arena, value, (size_t)(colon - value)),
                                 .date = amz ? "" : date ? date : ""};
    date = amz ? amz : date;
    ret->time = date ? s3_time_read(date) : 0;
    return ret->time > 0 || problem(ret_problem, "AccessDenied",
                                    "AWS authentication requires a valid Date or x-amz-date header");
}

static bool read_2_query(struct http_request *http, struct s3_signature *ret, struct s3_problem *ret_problem) {
    const char *expires = http_argument(http, "Expires");

    *ret = (struct s3_signature){.by = S3_SIGNED_2_QUERY, .access = http_argument(http, "AWSAccessKeyId"),
                                 .signature = http_argument(http, "Signature"), .date = expires};
    if (!ret->access || !ret->signature || !expires) {
        return problem(ret_problem, "AccessDenied",
                       "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
    }
    if (!*expires || strspn(expires, "0123456789") != strlen(expires) || strlen(expires) > 12 ||
        strtoll(expires, NULL, 10) > INT32_MAX) {
        return problem(ret_problem, "AccessDenied", "Invalid date (should be seconds since epoch)");
    }
    ret->expires = strtoll(expires, NULL, 10) * SECOND;
    return true;
}

/* ---- reading: version 4 ---- */

/* "KEY/20260131/REGION/s3/aws4_request" in its parts. */
static bool read_credential(struct http_request *http, const char *text, struct s3_signature *ret, struct s3_problem *ret_problem,
                            const char *code) {
    const char *at = text + strlen(text);
    const char *parts[4];

    for (int i = 3; i >= 0; i--) {
        const char *slash = memrchr(text, '/', (size_t)(at - text));

        if (!slash) {
            return problem(ret_problem, code, "The credential is not of the form KEY/DATE/REGION/s3/aws4_request.");
        }
        parts[i] = arena_text_size(http->arena, slash + 1, (size_t)(at - slash - 1));
        at = slash;
    }
    if (at == text || strlen(parts[0]) != 8 || strcmp(parts[2], "s3") != 0 || strcmp(parts[3], "aws4_request") != 0) {
        return problem(ret_problem, code, "The credential is not of the form KEY/DATE/REGION/s3/aws4_request.");
    }
    ret->access = arena_text_size(http->arena, text, (size_t)(at - text));
    ret->scope = at + 1;
    return true;
}

/* The value of NAME= in "Credential=..., SignedHeaders=..., Signature=..."; null when it is absent. */
static const char *auth_part(struct arena *arena, const char *text, const char *name) {
    size_t size = strlen(name);

    while (*text) {
        size_t item = strcspn(text, ",");
        size_t skip = strspn(text, " \t");

        if (skip < item && !strncmp(text + skip, name, size) && text[skip + size] == '=') {
            const char *value = text + skip + size + 1;
            size_t length = item - skip - size - 1;

            while (length && strchr(" \t", value[length - 1])) {
                length--;
            }
            return arena_text_size(arena, value, length);
        }
        text += item + (text[item] == ',');
    }
    return NULL;
}

static bool is_signed(const char *headers, const char *name, size_t size) {
    for (const char *at = headers; *at;) {
        size_t item = strcspn(at, ";");

        if (item == size && !strncasecmp(at, name, size)) {
            return true;
        }
        at += item + (at[item] == ';');
    }
    return false;
}

static bool same_day(const struct s3_signature *of) {
    return !strncmp(of->date, of->scope, 8);
}

static bool read_4(struct http_request *http, const char *value, struct s3_signature *ret, struct s3_problem *ret_problem) {
    static const char code[] = "AuthorizationHeaderMalformed";
    const char *credential = auth_part(http->arena, value, "Credential"), *date = http_header(http, "X-Amz-Date");

    *ret = (struct s3_signature){.by = S3_SIGNED_4, .signature = auth_part(http->arena, value, "Signature"),
                                 .headers = auth_part(http->arena, value, "SignedHeaders"),
                                 .payload = http_header(http, "X-Amz-Content-SHA256")};
    if (!credential || !ret->signature || !ret->headers) {
        return problem(ret_problem, code, "The authorization header is malformed; it wants Credential, SignedHeaders and "
                                          "Signature.");
    }
    if (!read_credential(http, credential, ret, ret_problem, code)) {
        return false;
    }
    ret->date = date ? date : http_header(http, "Date");
    ret->time = ret->date ? s3_time_read(ret->date) : 0;
    if (ret->time <= 0) {
        return problem(ret_problem, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    }
    if (!compact_time(ret->date)) {         /* in the text to sign it is always of this form */
        time_t seconds = (time_t)(ret->time / SECOND);
        char *text = arena_alloc(http->arena, 32);
        struct tm tm;

        gmtime_r(&seconds, &tm);
        strftime(text, 32, "%Y%m%dT%H%M%SZ", &tm);
        ret->date = text;
    }
    if (!same_day(ret)) {
        return problem(ret_problem, "SignatureDoesNotMatch", "The date of the credential is not that of the request.");
    }
    if (!ret->payload) {
        return problem(ret_problem, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
    }
    return is_signed(ret->headers, "host", 4) ||
           problem(ret_problem, "AccessDenied", "The header host must be signed.");
}

/* False: it is none, or does not fit. */
static bool whole_number(const char *text, int64_t *ret) {
    size_t sign = *text == '-';
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    return text[sign] >= '0' && text[sign] <= '9' && !*end && !errno;
}

static bool read_4_query(struct http_request *http, struct s3_signature *ret, struct s3_problem *ret_problem) {
    static const char code[] = "AuthorizationQueryParametersError";
    const char *credential = http_argument(http, "X-Amz-Credential"), *life = http_argument(http, "X-Amz-Expires");
    const char *algorithm = http_argument(http, "X-Amz-Algorithm"), *payload = http_header(http, "X-Amz-Content-SHA256");
    int64_t seconds = 0;

    *ret = (struct s3_signature){.by = S3_SIGNED_4_QUERY, .signature = http_argument(http, "X-Amz-Signature"),
                                 .headers = http_argument(http, "X-Amz-SignedHeaders"),
                                 .date = http_argument(http, "X-Amz-Date"),
                                 .payload = payload ? payload : "UNSIGNED-PAYLOAD"};
    if (!credential || !algorithm || strcmp(algorithm, ALGORITHM) != 0 ||
        !ret->signature || !ret->headers || !ret->date || !life) {
        return problem(ret_problem, code, "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                                          "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                                          "X-Amz-Expires parameters.");
    }
    ret->time = compact_time(ret->date);
    if (ret->time <= 0) {
        return problem(ret_problem, code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    }
    if (!whole_number(life, &seconds)) {
        return problem(ret_problem, code, "X-Amz-Expires should be a number");
    }
    if (seconds < 0) {
        return problem(ret_problem, code, "X-Amz-Expires must be non-negative");
    }
    if (seconds > LONGEST_LIFE) {
        return problem(ret_problem, code, "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                                          "X-Amz-Expires must be less than 604800 seconds");
    }
    ret->expires = ret->time + seconds * SECOND;
    if (!read_credential(http, credential, ret, ret_problem, code)) {
        return false;
    }
    if (!same_day(ret)) {
        return problem(ret_problem, code, "The date of the credential is not that of the request.");
    }
    return is_signed(ret->headers, "host", 4) ||
           problem(ret_problem, "AccessDenied", "The header host must be signed.");
}

bool s3_signature_of_form(struct http_request *http, const char *algorithm, const char *credential, const char *date,
                          const char *signature, struct s3_signature *ret, struct s3_problem *ret_problem) {
    *ret = (struct s3_signature){.by = S3_SIGNED_4_QUERY, .signature = signature, .date = date};
    if (strcmp(algorithm, ALGORITHM) != 0 || !compact_time(date)) {
        return problem(ret_problem, "InvalidArgument", "X-Amz-Algorithm or X-Amz-Date is not valid.");
    }
    return read_credential(http, credential, ret, ret_problem, "InvalidArgument") &&
           (same_day(ret) || problem(ret_problem, "InvalidArgument", "The date of the credential is not that of the request."));
}

bool s3_signature_read(struct http_request *http, struct s3_signature *ret, struct s3_problem *ret_problem) {
    const char *header = http_header(http, "Authorization");
    bool query_4 = http_argument(http, "X-Amz-Algorithm") || http_argument(http, "X-Amz-Signature");
    bool query_2 = http_argument(http, "Signature") || http_argument(http, "AWSAccessKeyId");

    *ret = (struct s3_signature){0};
    if (header && *header && (query_4 || query_2)) {
        return problem(ret_problem, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query "
                                                       "parameter, Signature query string parameter or the Authorization "
                                                       "header should be specified");
    }
    if (header && *header) {
        return !strncmp(header, "AWS ", 4)          ? read_2(http, header + 4, ret, ret_problem)
               : !strncmp(header, ALGORITHM " ", 17) ? read_4(http, header + 17, ret, ret_problem)
               : strncmp(header, ALGORITHM, 16)      ? problem(ret_problem, "AccessDenied", NULL)
                                                     : problem(ret_problem, "AuthorizationHeaderMalformed", NULL);
    }
    return query_4 ? read_4_query(http, ret, ret_problem) : query_2 ? read_2_query(http, ret, ret_problem) : true;
}

/* ---- what was signed: common ---- */

/* A header's value without spaces around it; runs of spaces inside count as one. */
static void put_value(struct buf *out, const char *value) {
    bool space = false;

    value += strspn(value, " \t");
    for (; *value; value++) {
        if (*value == ' ' || *value == '\t') {
            space = true;
            continue;
        }
        if (space) {
            buf_char(out, ' ');
        }
        space = false;
        buf_char(out, *value);
    }
}

/* All values of a header, in the order in which they came. */
static bool put_values(struct buf *out, const struct http_request *http, const char *name, size_t size) {
    bool found = false;

    for (size_t i = 0; i < http->header_count; i++) {
        if (strlen(http->headers[i].name) == size && !strncasecmp(http->headers[i].name, name, size)) {
            if (found) {
                buf_char(out, ',');
            }
            put_value(out, http->headers[i].value);
            found = true;
        }
    }
    return found;
}

static const char *take_text(struct arena *arena, struct buf *buf) {
    const char *text = arena_text_size(arena, buf->at ? buf->at : "", buf->size);

    buf_release(buf);
    return text;
}

static const char *lower(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- what was signed: version 2 ---- */

/* Arguments that name what is wanted of a resource, and are signed with it; in order. */
static const char *const subresources[] = {
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "intelligent-tiering", "inventory",
    "legal-hold", "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls",
    "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
    "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "retention", "select", "select-type", "tagging", "torrent",
    "uploadId", "uploads", "versionId", "versioning", "versions", "website"};

static void put_amz_headers(struct buf *out, struct http_request *http) {
    const char **names = ARENA_ARRAY(http->arena, const char *, http->header_count + 1);
    size_t count = 0;

    for (size_t i = 0; i < http->header_count; i++) {
        if (!strncasecmp(http->headers[i].name, "x-amz-", 6)) {
            names[count++] = lower(http->arena, http->headers[i].name);
        }
    }
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++) {
        if (!i || strcmp(names[i - 1], names[i]) != 0) {
            buf_printf(out, "%s:", names[i]);
            put_values(out, http, names[i], strlen(names[i]));
            buf_char(out, '\n');
        }
    }
}

static const char *text_2(struct http_request *http, const struct s3_signature *signature, const char *host_bucket,
                          bool slash) {
    const char *md5 = http_header(http, "Content-MD5"), *type = http_header(http, "Content-Type");
    struct buf out = {0};
    char mark = '?';

    buf_printf(&out, "%s\n%s\n%s\n%s\n", http->method_name, md5 ? md5 : "", type ? type : "", signature->date);
    put_amz_headers(&out, http);
    if (host_bucket) {
        buf_printf(&out, "/%s", host_bucket);
    }
    buf_printf(&out, "%s%s", http->raw_path, slash ? "/" : "");
    for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++) {
        const char *value = http_argument(http, subresources[i]);

        if (value) {
            buf_printf(&out, "%c%s", mark, subresources[i]);
            if (*value) {
                buf_printf(&out, "=%s", value);
            }
            mark = '&';
        }
    }
    return take_text(http->arena, &out);
}

/* ---- what was signed: version 4 ---- */

/* Name and value joined by a byte that sorts before all others, so that texts sort as pairs. */
static void put_query(struct buf *out, struct http_request *http) {
    const struct http_arguments *arguments = http_arguments(http);
    const char **pairs = ARENA_ARRAY(http->arena, const char *, arguments->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < arguments->count; i++) {
        if (strcmp(arguments->at[i].name, "X-Amz-Signature") != 0) {
            pairs[count++] = arena_printf(http->arena, "%s\x01%s", http_encoded(http->arena, arguments->at[i].name, ""),
                                          http_encoded(http->arena, arguments->at[i].value, ""));
        }
    }
    qsort(pairs, count, sizeof *pairs, by_text);
    for (size_t i = 0; i < count; i++) {
        size_t name = strcspn(pairs[i], "\x01");

        buf_text(out, i ? "&" : "");
        buf_put(out, pairs[i], name);
        buf_printf(out, "=%s", pairs[i] + name + 1);
    }
}

static void put_signed_headers(struct buf *out, struct http_request *http, const char *names) {
    while (*names) {
        size_t size = strcspn(names, ";");

        buf_put(out, names, size);
        buf_char(out, ':');
        put_values(out, http, names, size);
        buf_char(out, '\n');
        names += size + (names[size] == ';');
    }
}

static const char *text_4(struct http_request *http, const struct s3_signature *signature) {
    const char *path = http_decode(http->arena, http->raw_path, strlen(http->raw_path), false), *digest;
    struct buf out = {0};

    buf_printf(&out, "%s\n", http->method_name);
    http_encode(&out, path ? path : "", "/");
    buf_char(&out, '\n');
    put_query(&out, http);
    buf_char(&out, '\n');
    put_signed_headers(&out, http, signature->headers);
    buf_printf(&out, "\n%s\n%s", signature->headers, signature->payload);
    digest = digest_of(http->arena, "sha256", out.at, out.size);
    buf_release(&out);
    return arena_printf(http->arena, ALGORITHM "\n%s\n%s\n%s", signature->date, signature->scope, digest);
}

static bool is_2(const struct s3_signature *signature) {
    return signature->by == S3_SIGNED_2 || signature->by == S3_SIGNED_2_QUERY;
}

const char *s3_signature_text(struct http_request *http, const struct s3_signature *signature, const char *host_bucket,
                              bool slash) {
    return is_2(signature) ? text_2(http, signature, host_bucket, slash) : text_4(http, signature);
}

const char *s3_unsigned_header(const struct http_request *http, const struct s3_signature *signature) {
    for (size_t i = 0; i < http->header_count; i++) {
        const char *name = http->headers[i].name;
        bool covered = is_signed(signature->headers, name, strlen(name));

        if (!covered && !strncasecmp(name, "x-amz-", 6)) {
            return name;
        }
    }
    return NULL;
}

/* ---- signing ---- */

static bool fits_2(struct arena *arena, const struct s3_signature *signature, const char *secret, const char *text) {
    uint8_t mac[20];

    hmac_sha1(secret, strlen(secret), text, strlen(text), mac);
    return equal_secret(base64_encode(arena, mac, sizeof mac), signature->signature);
}

const char *s3_sign_more(struct arena *arena, const struct s3_signature *signature, const char *text) {
    return hmac_hex(arena, "sha256", signature->key, sizeof signature->key, text, strlen(text));
}

bool s3_signature_fits(struct arena *arena, struct s3_signature *signature, const char *secret, const char *text) {
    const char *first = arena_printf(arena, "AWS4%s", secret);
    bool begun = false;

    if (is_2(signature)) {
        return fits_2(arena, signature, secret, text);
    }
    for (const char *at = signature->scope; *at; begun = true) {
        size_t size = strcspn(at, "/");

        hmac_sha256(begun ? (const void *)signature->key : first, begun ? sizeof signature->key : strlen(first), at, size,
                    signature->key);
        at += size + (at[size] == '/');
    }
    return equal_secret(s3_sign_more(arena, signature, text), signature->signature);
}
