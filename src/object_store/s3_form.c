/* SPDX-License-Identifier: Apache-2.0
 * POST of a form (https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html): fields, then the file; who signed the
 * policy puts it. The fields take the place of a PUT's headers. */
#include "object_store/s3_form.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/json.h"
#include "identity/identity.h"
#include "object_store/s3_customer.h"
#include "object_store/swift_parts.h"
#include "object_store/xml.h"
#include "rest/dispatch.h"

enum { MAX_FIELD = 20 * 1024, MAX_FIELDS_SIZE = 64 * 1024, MOST_FIELDS = 200 };

const char *s3_form_lower(struct arena *arena, const char *text) {
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

static bool fail_form(struct s3_form *form, bool answered) {
    form->failed = answered;
    return false;
}

static bool malformed(struct s3_form *form, const char *why) {
    return fail_form(form, s3_error_because(form->s3, "MalformedPOSTRequest", "%s", why));
}

static const char *field(const struct s3_form *form, const char *name) {
    return store_meta_get(&form->fields, name);
}

/* ---- who puts it ---- */

static bool find_signature(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    struct s3_problem problem;
    const char *access = field(form, "awsaccesskeyid"), *signature = field(form, "signature");

    if (access && signature) {
        s3->signature = (struct s3_signature){.by = S3_SIGNED_2_QUERY, .access = access, .signature = signature};
        return true;
    }
    if (!field(form, "x-amz-signature") || !field(form, "x-amz-credential") || !field(form, "x-amz-date") ||
        !field(form, "x-amz-algorithm")) {
        return s3_error_because(s3, "InvalidArgument", "Bucket POST must contain the fields of a signature when it has a policy."),
               false;
    }
    return s3_signature_of_form(s3->http, field(form, "x-amz-algorithm"), field(form, "x-amz-credential"),
                                field(form, "x-amz-date"), field(form, "x-amz-signature"), &s3->signature, &problem) ||
           (s3_error_because(s3, problem.code, "%s", problem.message), false);
}

/* The caller is who signed the policy. False: answered. */
static bool authenticate(struct s3_form *form, const char *policy) {
    struct s3 *s3 = form->s3;
    const char *secret;

    if (!find_signature(form)) {
        return false;
    }
    secret = identity_ec2_secret(s3->call, s3->signature.access);
    if (!secret || !s3_signature_fits(s3->arena, &s3->signature, secret, policy)) {
        bool broken = s3->call->error != 0;

        s3->call->error = 0;
        memset(&s3->call->caller, 0, sizeof s3->call->caller);
        return (broken    ? s3_error(s3, "ServiceUnavailable", NULL)
                : !secret ? s3_error(s3, "InvalidAccessKeyId", "AWSAccessKeyId", s3->signature.access, NULL)
                          : s3_error(s3, "SignatureDoesNotMatch", "AWSAccessKeyId", s3->signature.access, NULL)), false;
    }
    s3->account = arena_printf(s3->arena, "AUTH_%s", s3->call->caller.project_id);
    s3_find_bucket(s3, NULL, false);
    if (s3->looked == STORE_FAILED) {
        return s3_failed(s3, s3->looked), false;
    }
    s3_find_rights(s3);
    s3->change.account = s3->account;
    return true;
}

/* ---- the file begins ---- */

/* The fields as headers of a PUT. False: answered. */
static bool become_headers(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    const char *host = s3_header(s3, "Host");
    struct http_header *headers = ARENA_ARRAY(s3->arena, struct http_header, form->fields.count + 1);
    size_t count = 0;

    if (host) {
        headers[count++] = (struct http_header){.name = "Host", .value = host};
    }
    for (size_t i = 0; i < form->fields.count; i++) {
        const char *name = form->fields.at[i].name, *value = form->fields.at[i].value;

        if (!strcmp(name, "tagging")) {     /* a document: see read_tags */
            continue;
        }
        for (const char *at = value; *at; at++) {
            if ((unsigned char)*at < ' ' || *at == 0x7f) {
                return s3_error(s3, "InvalidArgument", "ArgumentName", name, NULL), false;
            }
        }
        headers[count++] = (struct http_header){.name = strcmp(name, "acl") ? name : "x-amz-acl", .value = value};
    }
    s3->http->headers = headers;
    s3->http->header_count = count;
    return true;
}

static bool read_key(struct s3_form *form, const char *filename) {
    static const char mark[] = "${filename}";
    struct s3 *s3 = form->s3;
    const char *key = field(form, "key"), *at = key ? strstr(key, mark) : NULL, *slash;

    if (!key || !*key) {
        return s3_error_because(s3, "InvalidArgument", "Bucket POST must contain a field named 'key'. If it is specified, please "
                                                       "check the order of the fields."), false;
    }
    slash = strrchr(filename, '/');
    slash = slash ? slash : strrchr(filename, '\\');
    if (at) {
        key = arena_printf(s3->arena, "%.*s%s%s", (int)(at - key), key, slash ? slash + 1 : filename, at + sizeof mark - 1);
    }
    if (strlen(key) > S3_MAX_KEY) {
        return s3_error(s3, "KeyTooLongError", NULL), false;
    }
    if (!*key || !utf8_valid(key, strlen(key))) {
        return s3_error(s3, "InvalidArgument", "ArgumentName", "key", NULL), false;
    }
    s3->key = s3->change.name = key;
    return true;
}

/* The field "tagging" is the document that PUT ?tagging has. False: answered. */
static bool read_tags(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    const char *text = field(form, "tagging"), *tags;

    if (!text) {
        return true;
    }
    if (!s3_parse_tags(s3, text, strlen(text), S3_OBJECT_TAGS, &tags)) {
        return false;
    }
    if (*tags) {
        store_meta_set(s3->arena, &s3->change.object.meta, "sys-s3-tags", tags);
    }
    return true;
}

/* The field x-amz-checksum-NAME of the file. False: answered. */
static bool begin_sum(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    size_t size;

    for (enum s3_sum_kind kind = S3_CRC32; kind < S3_SUM_KINDS; kind++) {
        const char *name = arena_printf(s3->arena, "x-amz-checksum-%s", s3_sum_names[kind]), *value = field(form, name);

        if (value && form->sum_wanted) {
            return s3_error_because(s3, "InvalidRequest", "Expecting a single x-amz-checksum- field."), false;
        }
        if (value && (!base64_decode(s3->arena, value, &size) || size != s3_sum_size(kind))) {
            return s3_error_because(s3, "InvalidRequest", "Value for %s field is invalid.", name), false;
        }
        if (value) {
            form->sum_wanted = value;
            s3_sum_begin(&form->sum, kind);
        }
    }
    return true;
}

static bool begin_file(struct s3_form *form, const char *head, const char *filename) {
    struct s3 *s3 = form->s3;
    const char *policy = field(form, "policy"), *type = form_header(s3->arena, head, "Content-Type");

    form->in_file = true;
    if (!read_key(form, filename) || (policy && (!authenticate(form, policy) || !s3_policy_check(form, policy))) ||
        !s3_allow_bucket(s3, S3_WRITE) || !become_headers(form)) {
        return fail_form(form, true);
    }
    if (swift_keeps_old(s3_swift(s3, s3->account, &s3->found))) {
        return fail_form(form, s3_error(s3, "InvalidBucketState", NULL));
    }
    s3_read_quotas(s3);
    if (!s3_read_object_headers(s3, &s3->change.object) || !read_tags(form) || !begin_sum(form)) {
        return fail_form(form, true);
    }
    if (!field(form, "content-type") && type) {
        s3->change.object.type = type;
    }
    s3->upload = store_upload_new(s3->arena);
    return true;
}

/* ---- the parts ---- */

static bool begin_part(void *user, const char *head) {
    struct s3_form *form = user;
    struct arena *arena = form->s3->arena;
    const char *disposition = form_header(arena, head, "Content-Disposition");
    const char *name = disposition ? form_attribute(arena, disposition, "name") : NULL;
    const char *filename = disposition ? form_attribute(arena, disposition, "filename") : NULL;

    form->field = NULL;
    buf_clear(&form->value);
    if (form->filed || !name) {
        return name || malformed(form, "A part of the form has no name.");       /* what follows the file does not count */
    }
    if (!strcasecmp(name, "file")) {
        return begin_file(form, head, filename ? filename : "");
    }
    if (form->fields.count == MOST_FIELDS) {
        return malformed(form, "The form has too many fields.");
    }
    form->field = s3_form_lower(arena, name);
    return true;
}

static bool take(void *user, const char *bytes, size_t size) {
    struct s3_form *form = user;

    if (form->in_file) {
        if (form->s3->upload->size + (int64_t)size > form->most) {
            return fail_form(form, s3_error(form->s3, "EntityTooLarge", NULL));
        }
        s3_sum_add(&form->sum, bytes, size);
        s3_customer_add(form->s3, bytes, size);
        return true;
    }
    form->fields_size += size;
    if (form->value.size + size > MAX_FIELD || form->fields_size > MAX_FIELDS_SIZE) {
        return fail_form(form, s3_error(form->s3, "MaxPostPreDataLengthExceededError", NULL));
    }
    buf_put(&form->value, bytes, size);
    return true;
}

static bool end_part(void *user) {
    struct s3_form *form = user;
    struct arena *arena = form->s3->arena;

    if (form->in_file) {
        form->in_file = false;
        form->filed = true;
        return form->s3->upload->size >= form->least || fail_form(form, s3_error(form->s3, "EntityTooSmall", NULL));
    }
    if (form->field) {
        const char *text = arena_text_size(arena, form->value.at ? form->value.at : "", form->value.size);

        if (strlen(text) != form->value.size || !utf8_valid(text, form->value.size) || field(form, form->field)) {
            return malformed(form, "A field of the form is there twice, or is no text.");
        }
        store_meta_set(arena, &form->fields, form->field, text);
    }
    return true;
}

static bool long_head(void *user) {
    return malformed(user, "The head of a part is too long.");
}

static bool sink(struct http_request *http, const void *bytes, size_t size) {
    return form_add(&((struct s3_form *)s3_of(dispatch_call(http))->extra)->reader, bytes, size);
}

static void release(void *pointer) {
    struct s3_form *form = pointer;

    buf_release(&form->value);
    digest_free(form->sum.digest);
}

/* ---- the operation ---- */

bool s3_form_begin(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct s3_form *form = ARENA_NEW(s3->arena, struct s3_form);
    const char *type = s3_header(s3, "Content-Type");

    if (s3->signature.by != S3_NOBODY) {        /* a form is signed in its fields */
        return s3_error(s3, "MethodNotAllowed", "Method", s3->http->method_name, "ResourceType", "BUCKET", NULL), false;
    }
    *form = (struct s3_form){.s3 = s3, .most = S3_MAX_SIZE};
    if (!type || strncasecmp(type, "multipart/form-data", 19) != 0 || !form_start(&form->reader, s3->arena, type)) {
        return s3_error_because(s3, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data"), false;
    }
    form->reader.begin = begin_part;
    form->reader.take = take;
    form->reader.end = end_part;
    form->reader.long_head = long_head;
    form->reader.user = form;
    arena_defer(s3->arena, release, form);
    s3->extra = form;
    s3->http->sink = sink;
    s3->http->on_worker = true;
    return true;
}

/* The file has the checksum that was told; it is kept. False: answered. */
static bool check_sum(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    enum s3_sum_kind kind = form->sum.kind;
    const char *made = kind ? s3_sum_end(&form->sum, s3->arena) : NULL;

    if (made) {
        store_meta_set(s3->arena, &s3->change.object.meta, "sys-s3-sum", arena_printf(s3->arena, "%s:%s", s3_sum_names[kind], made));
    }
    return !made || !strcmp(made, form->sum_wanted) ||
           (s3_error_because(s3, "BadDigest", "The %s you specified did not match the calculated checksum.", s3_sum_names[kind]),
            false);
}

static bool respond(struct s3_form *form) {
    struct s3 *s3 = form->s3;
    const char *to = field(form, "success_action_redirect"), *status = field(form, "success_action_status"), *location;
    struct buf key = {0}, out = {0};

    to = to ? to : field(form, "redirect");
    http_encode(&key, s3->key, "/");
    location = arena_printf(s3->arena, "%s/%s/%s", call_base_url(s3->call), s3->bucket, key.at);
    if (to && (!strncmp(to, "http://", 7) || !strncmp(to, "https://", 8))) {
        http_encode(&out, s3->key, "");
        s3_put_header(s3, "Location", "%s%cbucket=%s&key=%s&etag=%%22%s%%22", to, strchr(to, '?') ? '&' : '?', s3->bucket, out.at,
                      s3->upload->etag);
        s3_status(s3, 303);
    } else if (status && !strcmp(status, "201")) {
        struct buf *body;

        s3_put_header(s3, "Location", "%s", location);
        body = s3_xml(s3, NULL);
        BUF_LITERAL(body, "<PostResponse>");
        xml_member(body, "Location", location);
        xml_member(body, "Bucket", s3->bucket);
        xml_member(body, "Key", s3->key);
        xml_member(body, "ETag", arena_printf(s3->arena, "\"%s\"", s3->upload->etag));
        BUF_LITERAL(body, "</PostResponse>");
        s3->http->response.status = 201;
    } else {
        s3_put_header(s3, "Location", "%s", location);
        s3_status(s3, status && !strcmp(status, "200") ? 200 : 204);
    }
    buf_release(&key);
    buf_release(&out);
    return true;
}

bool s3_form_post(struct call *call) {
    struct s3 *s3 = s3_of(call);
    struct s3_form *form = s3->extra;
    enum store_result result;

    if (form->failed) {
        return true;
    }
    if (!form->reader.whole) {
        malformed(form, "The form does not end with its boundary.");
        return true;
    }
    if (!form->filed) {
        return s3_error_because(s3, "InvalidArgument", "POST requires exactly one file upload per request.");
    }
    if (!check_sum(form)) {
        return true;
    }
    result = s3_customer_end(s3);
    if (result != STORE_OK) {
        return s3_failed(s3, result);
    }
    s3->change.upload = s3->upload;
    s3->change.result = store_put_object(&s3->change);
    return !s3_put_done(s3) || respond(form);
}
