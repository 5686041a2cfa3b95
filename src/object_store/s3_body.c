/* SPDX-License-Identifier: Apache-2.0
 * Bodies that become bytes of objects: plain, or "aws-chunked" with a signature a chunk and trailers
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html). Every check is over before a change is made:
 * the digest or the chunks' signatures that were signed, the length, Content-MD5, and the checksum of a header or trailer.
 * Memory does not grow with the body. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "object_store/s3_customer.h"
#include "rest/dispatch.h"

enum { MAX_LINE = 4096, MAX_TRAILERS = 16, HEX = 64 };
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum state { PLAIN, CHUNK_LINE, CHUNK_DATA, CHUNK_END, TRAILER, OVER };

struct s3_body {
    struct s3 *s3;
    enum state state;
    bool chunked, signs, trails;    /* chunks are signed; trailers follow them */
    char line[MAX_LINE];
    size_t line_size;
    int64_t left;                   /* bytes of the chunk */
    struct digest *chunk;
    char chunk_signature[HEX + 1], previous[HEX + 1];   /* of this chunk; of the one before */
    struct arena *scratch;          /* for one chunk */
    bool last;                      /* the chunk is the empty one */
    int64_t wanted;                 /* bytes there must be; -1: it is not said */
    struct digest *sha256;          /* of all, when that was signed */
    const char *md5;                /* hex; null: not given */
    struct s3_sum sum;
    bool told;                      /* the client says what it is, now or in the trailer */
    const char *sum_wanted;         /* base64; null: none, or it comes in the trailer */
    const char *sum_made;
    struct buf trailers;            /* as they are signed */
    int trailer_count;
    const char *trailer_signature;
    const char *problem;            /* the code of what is wrong */
};

static void release(void *pointer) {
    struct s3_body *body = pointer;

    digest_free(body->chunk);
    digest_free(body->sha256);
    digest_free(body->sum.digest);
    buf_release(&body->trailers);
    arena_free(body->scratch);
}

static bool wrong(struct s3_body *body, const char *code) {
    body->problem = body->problem ? body->problem : code;
    return false;
}

/* ---- the bytes ---- */

static bool add_bytes(struct s3_body *body, const char *bytes, size_t size) {
    struct s3 *s3 = body->s3;

    if (s3->upload->size + (int64_t)size > S3_MAX_SIZE || (body->wanted >= 0 && s3->upload->size + (int64_t)size > body->wanted)) {
        return wrong(body, body->wanted >= 0 && body->wanted <= S3_MAX_SIZE ? "IncompleteBody" : "EntityTooLarge");
    }
    if (body->sha256) {
        digest_add(body->sha256, bytes, size);
    }
    s3_sum_add(&body->sum, bytes, size);
    return s3_customer_add(s3, bytes, size);
}

/* ---- chunks ---- */

/* "SIZE;chunk-signature=HEX" */
static bool read_chunk_line(struct s3_body *body) {
    static const char mark[] = ";chunk-signature=";
    size_t digits = strspn(body->line, "0123456789abcdefABCDEF");
    const char *rest = body->line + digits;

    if (!digits || digits > 15 || (*rest && *rest != ';')) {
        return wrong(body, "IncompleteBody");
    }
    body->left = strtoll(body->line, NULL, 16);
    body->last = !body->left;
    if (body->signs) {
        if (strncmp(rest, mark, sizeof mark - 1) != 0 || strlen(rest + sizeof mark - 1) != HEX) {
            return wrong(body, "SignatureDoesNotMatch");
        }
        memcpy(body->chunk_signature, rest + sizeof mark - 1, HEX);
        body->chunk = digest_new("sha256");
    }
    body->state = CHUNK_DATA;
    return true;
}

/* The chunk's bytes are all there: is its signature theirs? */
static bool check_chunk(struct s3_body *body) {
    struct s3 *s3 = body->s3;
    const char *text, *made;

    if (!body->signs) {
        return true;
    }
    arena_reset(body->scratch);
    text = arena_printf(body->scratch, "AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s\n%s\n" EMPTY_SHA256 "\n%s", s3->signature.date,
                        s3->signature.scope, body->previous, digest_hex(body->chunk, body->scratch));
    body->chunk = NULL;
    made = s3_sign_more(body->scratch, &s3->signature, text);
    memcpy(body->previous, body->chunk_signature, HEX);
    return equal_secret(made, body->chunk_signature) || wrong(body, "SignatureDoesNotMatch");
}

static bool check_trailers(struct s3_body *body) {
    struct s3 *s3 = body->s3;
    const char *text;

    if (!body->signs) {
        return true;
    }
    if (!body->trailer_signature) {
        return wrong(body, "SignatureDoesNotMatch");
    }
    text = arena_printf(s3->arena, "AWS4-HMAC-SHA256-TRAILER\n%s\n%s\n%s\n%s", s3->signature.date, s3->signature.scope,
                        body->previous, digest_of(s3->arena, "sha256", body->trailers.at ? body->trailers.at : "", body->trailers.size));
    return equal_secret(s3_sign_more(s3->arena, &s3->signature, text), body->trailer_signature) ||
           wrong(body, "SignatureDoesNotMatch");
}

/* "x-amz-checksum-crc32:VALUE" or the signature of the trailers. */
static bool read_trailer(struct s3_body *body) {
    struct arena *arena = body->s3->arena;
    char *colon = strchr(body->line, ':');
    const char *value;

    if (!body->line_size) {
        body->state = OVER;
        return true;
    }
    if (!colon || ++body->trailer_count > MAX_TRAILERS) {
        return wrong(body, "MalformedTrailerError");
    }
    value = colon + 1 + strspn(colon + 1, " \t");
    *colon = 0;
    for (char *at = body->line; *at; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at;
    }
    if (!strcmp(body->line, "x-amz-trailer-signature")) {
        body->trailer_signature = arena_text(arena, value);
        return true;
    }
    buf_printf(&body->trailers, "%s:%s\n", body->line, value);
    if (!strncmp(body->line, "x-amz-checksum-", 15) && s3_sum_of(body->line + 15) == body->sum.kind && body->sum.kind) {
        body->sum_wanted = arena_text(arena, value);
    }
    return true;
}

/* A line whole, without its end; the next state is chosen. */
static bool take_line(struct s3_body *body) {
    bool ok;

    body->line[body->line_size] = 0;
    if (strlen(body->line) != body->line_size) {
        return wrong(body, "IncompleteBody");
    }
    if (body->state == CHUNK_LINE) {
        ok = read_chunk_line(body);
        /* The empty chunk has no bytes, so its end is at hand. Trailers follow it at once, else an empty line. */
        if (ok && body->last) {
            ok = check_chunk(body);
            body->state = TRAILER;
        }
    } else if (body->state == CHUNK_END) {
        ok = !body->line_size || wrong(body, "IncompleteBody");
        body->state = CHUNK_LINE;
    } else {
        ok = read_trailer(body);
    }
    body->line_size = 0;
    return ok;
}

static bool add_chunked(struct s3_body *body, const char *bytes, size_t size) {
    while (size) {
        if (body->state == OVER) {
            return true;            /* nothing that counts follows */
        }
        if (body->state == CHUNK_DATA) {
            size_t part = (int64_t)size < body->left ? size : (size_t)body->left;

            if (body->chunk) {
                digest_add(body->chunk, bytes, part);
            }
            if (!add_bytes(body, bytes, part)) {
                return false;
            }
            bytes += part;
            size -= part;
            body->left -= (int64_t)part;
            if (!body->left) {
                if (!check_chunk(body)) {
                    return false;
                }
                body->state = CHUNK_END;
            }
            continue;
        }
        if (*bytes == '\n') {
            body->line_size -= body->line_size && body->line[body->line_size - 1] == '\r';
            if (!take_line(body)) {
                return false;
            }
        } else if (body->line_size == MAX_LINE - 1) {
            return wrong(body, "IncompleteBody");
        } else {
            body->line[body->line_size++] = *bytes;
        }
        bytes++;
        size--;
    }
    return true;
}

static bool add(struct s3_body *body, const char *bytes, size_t size) {
    return body->chunked ? add_chunked(body, bytes, size) : add_bytes(body, bytes, size);
}

static bool sink(struct http_request *http, const void *bytes, size_t size) {
    return add(s3_of(dispatch_call(http))->body, bytes, size);
}

/* ---- the beginning ---- */

bool s3_read_md5(struct s3 *s3, const char **ret) {
    const char *text = s3_header(s3, "Content-MD5");
    const uint8_t *bytes;
    size_t size;

    *ret = NULL;
    if (!text) {
        return true;
    }
    bytes = strlen(text) == 24 ? base64_decode(s3->arena, text, &size) : NULL;
    if (!bytes || size != 16) {
        return s3_error(s3, "InvalidDigest", "Content-MD5", text, NULL), false;
    }
    *ret = hex_text(s3->arena, bytes, size);
    return true;
}

/* x-amz-checksum-NAME of the head, or the one that x-amz-trailer announces. */
static bool read_sums(struct s3_body *body) {
    struct s3 *s3 = body->s3;
    const char *trailer = s3_header(s3, "x-amz-trailer");
    enum s3_sum_kind found = S3_SUM_NONE;
    size_t size;

    for (enum s3_sum_kind kind = S3_CRC32; kind < S3_SUM_KINDS; kind++) {
        const char *name = arena_printf(s3->arena, "x-amz-checksum-%s", s3_sum_names[kind]), *value = s3_header(s3, name);
        bool announced = trailer && !strcasecmp(trailer, name);

        if (!value && !announced) {
            continue;
        }
        if (found || (announced && !body->trails)) {
            return s3_error_because(s3, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types "
                                                          "are not allowed."), false;
        }
        if (value && (!base64_decode(s3->arena, value, &size) || size != s3_sum_size(kind))) {
            return s3_error_because(s3, "InvalidRequest", "Value for %s header is invalid.", name), false;
        }
        found = kind;
        body->sum_wanted = value;
    }
    if (trailer && !found && !strncasecmp(trailer, "x-amz-checksum-", 15)) {
        return s3_error_because(s3, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"), false;
    }
    body->told = found;
    found = found ? found : s3->sum_kind;
    if (s3->sum_kind && found != s3->sum_kind) {
        return s3_error_because(s3, "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum "
                                                      "Type: %s", s3_sum_names[s3->sum_kind], s3_sum_names[found]), false;
    }
    s3_sum_begin(&body->sum, found);
    return true;
}

static bool is_digest(const char *text) {
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

/* What x-amz-content-sha256 says of the body's form. */
static bool read_form(struct s3_body *body) {
    static const char signed_chunks[] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", unsigned_chunks[] = "STREAMING-UNSIGNED-PAYLOAD";
    struct s3 *s3 = body->s3;
    const char *payload = s3_header(s3, "x-amz-content-sha256"), *rest = NULL;

    payload = payload ? payload : s3->signature.payload;
    if (!payload || !strcmp(payload, "UNSIGNED-PAYLOAD")) {
        return true;
    }
    if (!strncmp(payload, signed_chunks, sizeof signed_chunks - 1)) {
        rest = payload + sizeof signed_chunks - 1;
        body->signs = true;
        if (s3->signature.by != S3_SIGNED_4) {
            return s3_error(s3, "AccessDenied", NULL), false;
        }
        body->scratch = arena_new(0);
        memcpy(body->previous, s3->signature.signature, HEX);       /* which fits, so it is of this length */
    } else if (!strncmp(payload, unsigned_chunks, sizeof unsigned_chunks - 1)) {
        rest = payload + sizeof unsigned_chunks - 1;
    } else if (is_digest(payload)) {
        body->sha256 = digest_new("sha256");
        return true;
    }
    body->chunked = rest != NULL;
    body->trails = rest && !strcmp(rest, "-TRAILER");
    if (!rest || (*rest && !body->trails) || (!body->signs && !body->trails)) {
        return s3_error_because(s3, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                                                       "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or a valid sha256 value."), false;
    }
    body->state = CHUNK_LINE;
    return true;
}

static bool read_length(struct s3_body *body) {
    struct s3 *s3 = body->s3;
    const char *decoded = s3_header(s3, "x-amz-decoded-content-length");
    int64_t length = s3->http->content_length;

    if (length < 0 && !s3_header(s3, "Transfer-Encoding")) {
        return s3_error(s3, "MissingContentLength", NULL), false;
    }
    if (body->chunked) {
        if (!decoded || !*decoded || strspn(decoded, "0123456789") != strlen(decoded) || strlen(decoded) > 15) {
            return s3_error(s3, "MissingContentLength", NULL), false;
        }
        length = strtoll(decoded, NULL, 10);
    }
    body->wanted = length;
    if (length > S3_MAX_SIZE) {
        return s3_error(s3, "EntityTooLarge", "ProposedSize", arena_printf(s3->arena, "%" PRId64, length),
                        "MaxSizeAllowed", arena_printf(s3->arena, "%lld", S3_MAX_SIZE), NULL), false;
    }
    return true;
}

bool s3_body_begin(struct s3 *s3) {
    struct s3_body *body = ARENA_NEW(s3->arena, struct s3_body);
    struct http_request *http = s3->http;

    body->s3 = s3;
    arena_defer(s3->arena, release, body);
    if (!read_form(body) || !read_length(body) || !s3_read_md5(s3, &body->md5) || !read_sums(body)) {
        return false;
    }
    s3->body = body;
    s3->upload = store_upload_new(s3->arena);
    s3->upload->expected = body->wanted;
    http->max_body = STORE_INLINE;
    if (http->content_length < 0 || http->content_length > STORE_INLINE) {
        http->sink = sink;
        http->on_worker = true;
    }
    return true;
}

/* ---- the end ---- */

static bool check_plain(struct s3_body *body) {
    struct s3 *s3 = body->s3;
    const char *sha256 = body->sha256 ? digest_hex(body->sha256, s3->arena) : NULL;
    const char *wanted = s3_header(s3, "x-amz-content-sha256");

    body->sha256 = NULL;
    if (!sha256) {
        return true;
    }
    wanted = wanted ? wanted : s3->signature.payload;
    return !strcasecmp(sha256, wanted) ||
           (s3_error(s3, "XAmzContentSHA256Mismatch", "ClientComputedContentSHA256", wanted,
                     "S3ComputedContentSHA256", sha256, NULL), false);
}

static bool check_sums(struct s3_body *body) {
    struct s3 *s3 = body->s3;

    const char *md5 = s3->cipher ? s3->plain_md5 : s3->upload->etag;

    if (body->md5 && strcmp(body->md5, md5) != 0) {
        return s3_error(s3, "BadDigest", "ExpectedDigest", body->md5, "CalculatedDigest", md5, NULL), false;
    }
    if (!body->sum.kind) {
        return true;
    }
    body->sum_made = s3_sum_end(&body->sum, s3->arena);
    if (!body->told) {              /* it is kept with the part */
        return true;
    }
    if (!body->sum_wanted) {
        return s3_error_because(s3, "InvalidRequest", "The trailer with the checksum did not come."), false;
    }
    return !strcmp(body->sum_made, body->sum_wanted) ||
           (s3_error_because(s3, "BadDigest", "The %s you specified did not match the calculated checksum.",
                             s3_sum_names[body->sum.kind]), false);
}

bool s3_body_end(struct s3 *s3) {
    struct s3_body *body = s3->body;
    struct http_request *http = s3->http;
    enum store_result result;

    if (!http->sink && !body->chunked && !s3->cipher) {
        s3_sum_add(&body->sum, http->body.at ? http->body.at : "", http->body.size);
        if (body->sha256) {
            digest_add(body->sha256, http->body.at ? http->body.at : "", http->body.size);
        }
        store_upload_whole(s3->upload, http->body.at, http->body.size);
    } else if (!http->sink) {
        add(body, http->body.at ? http->body.at : "", http->body.size);
    }
    if (!body->problem && s3->upload->failed == STORE_OK && body->chunked &&
        (body->state != OVER && !(body->state == TRAILER && !body->trails && !body->line_size))) {
        wrong(body, "IncompleteBody");
    }
    if (!body->problem && body->trails) {
        check_trailers(body);
    }
    if (!body->problem && s3->upload->failed == STORE_OK && body->wanted >= 0 && s3->upload->size != body->wanted) {
        wrong(body, "IncompleteBody");
    }
    if (body->problem) {
        return s3_error(s3, body->problem, NULL), false;
    }
    result = s3_customer_end(s3);
    return result == STORE_OK ? check_plain(body) && check_sums(body) : (s3_failed(s3, result), false);
}

void s3_body_keep_sum(struct s3 *s3, struct store_meta *meta) {
    const struct s3_body *body = s3->body;

    if (body->sum_made) {
        store_meta_set(s3->arena, meta, "sys-s3-sum",
                       arena_printf(s3->arena, "%s:%s", s3_sum_names[body->sum.kind], body->sum_made));
    }
}
