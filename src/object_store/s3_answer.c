/* SPDX-License-Identifier: Apache-2.0
 * Answers in S3's form: headers of all, XML, errors. Codes, statuses and sentences of errors are those of
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, since clients compare them. */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "identity/identity.h"
#include "object_store/s3.h"
#include "object_store/xml.h"

static const struct error {
    const char *code;
    int status;
    const char *message;
} errors[] = {
    {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs."},
    {"AccessDenied", 403, "Access Denied"},
    {"AccessForbidden", 403, "Access Forbidden"},
    {"AuthorizationHeaderMalformed", 400, "The authorization header that you provided is not valid."},
    {"AuthorizationQueryParametersError", 400, "The authorization query parameters that you provided are not valid."},
    {"BadDigest", 400, "The Content-MD5 or checksum value that you specified did not match what the server received."},
    {"BadRequest", 400, "The request is not valid."},
    {"BucketAlreadyExists", 409, "The requested bucket name is not available. The bucket namespace is shared by all users of "
                                 "the system. Specify a different name and try again."},
    {"BucketAlreadyOwnedByYou", 409, "The bucket that you tried to create already exists, and you own it."},
    {"BucketNotEmpty", 409, "The bucket that you tried to delete is not empty."},
    {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size."},
    {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed object size."},
    {"IllegalVersioningConfigurationException", 400, "The versioning configuration specified in the request is not valid."},
    {"IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header."},
    {"InternalError", 500, "An internal error occurred. Try again."},
    {"InvalidAccessKeyId", 403, "The AWS access key ID that you provided does not exist in our records."},
    {"InvalidArgument", 400, "Invalid Argument"},
    {"InvalidBucketAclWithObjectOwnership", 400, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced "
                                                 "setting"},
    {"InvalidBucketName", 400, "The specified bucket is not valid."},
    {"InvalidBucketState", 409, "The request is not valid for the current state of the bucket."},
    {"InvalidDigest", 400, "The Content-MD5 or checksum value that you specified is not valid."},
    {"InvalidLocationConstraint", 400, "The specified location (Region) constraint is not valid."},
    {"InvalidPart", 400, "One or more of the specified parts could not be found. The part might not have been uploaded, or "
                         "the specified entity tag might not have matched the part's entity tag."},
    {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},
    {"InvalidPartOrder", 400, "The list of parts was not in ascending order. The parts list must be specified in order by "
                              "part number."},
    {"InvalidPolicyDocument", 400, "The content of the form does not meet the conditions specified in the policy document."},
    {"InvalidRange", 416, "The requested range is not satisfiable"},
    {"InvalidRequest", 400, "Invalid Request"},
    {"InvalidRetentionPeriod", 400, "The retention period is not valid."},
    {"InvalidStorageClass", 400, "The storage class that you specified is not valid."},
    {"InvalidTag", 400, "The tag provided was not a valid tag."},
    {"InvalidURI", 400, "The specified URI couldn't be parsed."},
    {"KeyTooLongError", 400, "Your key is too long."},
    {"MalformedACLError", 400, "The ACL that you provided was not well formed or did not validate against our published "
                               "schema."},
    {"MalformedPolicy", 400, "The policy is not well formed."},
    {"MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data."},
    {"MalformedXML", 400, "The XML that you provided was not well formed or did not validate against our published schema."},
    {"MalformedTrailerError", 400, "The trailers of the request are not well formed."},
    {"MaxPostPreDataLengthExceededError", 400, "Your POST request fields preceding the upload file were too large."},
    {"MaxMessageLengthExceeded", 400, "Your request was too large."},
    {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size."},
    {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    {"MissingSecurityHeader", 400, "Your request is missing a required header."},
    {"NoSuchBucket", 404, "The specified bucket does not exist."},
    {"NoSuchBucketPolicy", 404, "The specified bucket does not have a bucket policy."},
    {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist."},
    {"NoSuchKey", 404, "The specified key does not exist."},
    {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist."},
    {"NoSuchObjectLockConfiguration", 404, "The specified object does not have an ObjectLock configuration."},
    {"NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found."},
    {"NoSuchTagSet", 404, "There is no tag set associated with the bucket."},
    {"NoSuchUpload", 404, "The specified multipart upload does not exist. The upload ID might not be valid, or the multipart "
                          "upload might have been aborted or completed."},
    {"NoSuchVersion", 404, "The version ID specified in the request does not match an existing version."},
    {"NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration."},
    {"NotImplemented", 501, "A header that you provided implies functionality that is not implemented."},
    {"ObjectLockConfigurationNotFoundError", 404, "The Object Lock configuration does not exist for this bucket."},
    {"OperationAborted", 409, "A conflicting conditional operation is currently in progress against this resource. Try again."},
    {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found."},
    {"PreconditionFailed", 412, "At least one of the preconditions that you specified did not hold."},
    {"QuotaExceeded", 403, "The quota of the bucket or its account would be exceeded."},
    {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found."},
    {"RequestTimeTooSkewed", 403, "The difference between the request time and the server's time is too large."},
    {"ServerSideEncryptionConfigurationNotFoundError", 404, "The server-side encryption configuration was not found."},
    {"ServiceUnavailable", 503, "Service is unable to handle request."},
    {"SignatureDoesNotMatch", 403, "The request signature that the server calculated does not match the signature that you "
                                   "provided. Check your AWS secret access key and signing method."},
    {"UnexpectedContent", 400, "This request contains unsupported content."},
    {"UnresolvableGrantByEmailAddress", 400, "The email address that you provided does not match any account on record."},
    {"UserKeyMustBeSpecified", 400, "The bucket POST must contain the specified field name. If it is specified, check the order "
                                    "of the fields."},
    {"XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
};

static const struct error *find_error(const char *code) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (!strcmp(errors[i].code, code)) {
            return &errors[i];
        }
    }
    return &(const struct error){"InternalError", 500, "An internal error occurred. Try again."};
}

void s3_put_header(struct s3 *s3, const char *name, const char *format, ...) {
    va_list args;

    va_start(args, format);
    http_respond_header(s3->http, name, arena_vprintf(s3->arena, format, args));
    va_end(args);
}

void s3_common_headers(struct s3 *s3) {
    http_respond_header(s3->http, "x-amz-id-2", s3->request_id);
    http_respond_header(s3->http, "x-amz-request-id", s3->request_id);
    http_respond_header(s3->http, "Server", "Haneul");
}

/* ---- errors ---- */

/* Drops what an answer that fails had already. */
static struct buf *begin_error(struct s3 *s3, const struct error *error) {
    struct http_request *http = s3->http;

    buf_clear(&http->response.body);
    http->response.stream = NULL;
    http->response.stream_size = 0;
    http->response.header_count = 0;
    http->response.status = error->status;
    http_respond_header(http, "Content-Type", "application/xml");
    return &http->response.body;
}

static bool write_error(struct s3 *s3, const char *code, const char *message, va_list *pairs) {
    const struct error *error = find_error(code);
    struct buf *out = begin_error(s3, error);
    const char *name;

    if (s3->http->method == HTTP_HEAD) {
        return true;
    }
    BUF_LITERAL(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    xml_member(out, "Code", code);
    xml_member(out, "Message", message ? message : error->message);
    while (pairs && (name = va_arg(*pairs, const char *)) != NULL) {
        const char *value = va_arg(*pairs, const char *);

        xml_member(out, name, value ? value : "");
    }
    xml_member(out, "Resource", s3->http->path);
    xml_member(out, "RequestId", s3->request_id);
    xml_member(out, "HostId", s3->request_id);
    BUF_LITERAL(out, "</Error>");
    return true;
}

bool s3_error(struct s3 *s3, const char *code, ...) {
    va_list pairs;

    va_start(pairs, code);
    write_error(s3, code, NULL, &pairs);
    va_end(pairs);
    return true;
}

bool s3_error_because(struct s3 *s3, const char *code, const char *format, ...) {
    va_list args;
    const char *message;

    va_start(args, format);
    message = arena_vprintf(s3->arena, format, args);
    va_end(args);
    return write_error(s3, code, message, NULL);
}

bool s3_failed(struct s3 *s3, enum store_result result) {
    switch (result) {
    case STORE_MISSING:
        return s3->version == STORE_CURRENT
                   ? s3_error(s3, "NoSuchKey", "Key", s3->key, NULL)
                   : s3_error(s3, "NoSuchVersion", "Key", s3->key, "VersionId", s3_argument(s3, "versionId"), NULL);
    case STORE_NO_CONTAINER:
        return s3_error(s3, "NoSuchBucket", "BucketName", s3->bucket, NULL);
    case STORE_NOT_EMPTY:
        return s3_error(s3, "BucketNotEmpty", "BucketName", s3->bucket, NULL);
    case STORE_PRECONDITION:
        return s3_error(s3, "PreconditionFailed", NULL);
    case STORE_OVER_QUOTA:
        return s3_error(s3, "QuotaExceeded", NULL);
    case STORE_HELD:
        return s3_error_because(s3, "AccessDenied", "Access Denied because object protected by object lock.");
    case STORE_FULL:
        write_error(s3, "ServiceUnavailable", "There is not enough space to save the object.", NULL);
        s3->http->response.status = 507;
        return true;
    default:
        return s3_error(s3, "ServiceUnavailable", NULL);
    }
}

bool s3_status(struct s3 *s3, int status) {
    buf_clear(&s3->http->response.body);
    s3->http->response.status = status;
    return true;
}

/* ---- times and XML ---- */

void s3_last_modified(struct s3 *s3, int64_t time) {
    char text[TIME_TEXT_SIZE];

    http_respond_header(s3->http, "Last-Modified", time_print((time + SECOND - 1) / SECOND * SECOND, TIME_HTTP, text));
}

/* The whole second that Last-Modified says too, so that clients may compare them. */
const char *s3_time(struct arena *arena, int64_t time) {
    char text[TIME_TEXT_SIZE];

    return arena_printf(arena, "%s.000Z", time_print((time + SECOND - 1) / SECOND * SECOND, TIME_PLAIN, text));
}

struct buf *s3_xml(struct s3 *s3, const char *name) {
    struct buf *out = &s3->http->response.body;

    buf_clear(out);
    s3->http->response.status = 200;
    http_respond_header(s3->http, "Content-Type", "application/xml");
    BUF_LITERAL(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    if (name) {
        buf_printf(out, "<%s xmlns=\"" S3_NAMESPACE "\">", name);
    }
    return out;
}

void s3_write_person(struct s3 *s3, struct buf *out, const char *project) {
    const struct caller *caller = &s3->call->caller;
    bool own = caller->project_id && !strcmp(caller->project_id, project);
    const char *name = own ? caller->project_name : identity_project_name(s3->call, project);

    s3->call->error = 0;
    xml_member(out, "ID", project);
    xml_member(out, "DisplayName", name ? name : project);
}

void s3_write_name(struct buf *out, const char *element, const char *text, bool encode) {
    if (!encode) {
        xml_member(out, element, text);
        return;
    }
    buf_printf(out, "<%s>", element);
    http_encode(out, text, "/*");
    buf_printf(out, "</%s>", element);
}
