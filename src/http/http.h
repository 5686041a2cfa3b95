/* SPDX-License-Identifier: Apache-2.0
 * The HTTP server (on libmicrohttpd) and client (on libcurl). Knows nothing of services.
 *
 * The server parses the head, asks 'decide' what to do with the body, collects or streams it, and calls 'answer' on the
 * thread that received it or on the worker pool. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct arena;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_COPY,
                   HTTP_OTHER };

struct http_header {
    const char *name, *value;
};

/* What the answerer decided about a request's body and where to answer. */
enum http_body {
    HTTP_BUFFER,        /* collect up to request->max_body bytes (over: 413), then answer */
    HTTP_STREAM,        /* give each piece to request->sink as it comes, then answer; constant memory */
    HTTP_IGNORE,        /* an error: what is left of the body is thrown away, up to a bound, or the connection closed */
    HTTP_APART,         /* whoever decides may have to wait long for something outside: decide is called again, with request->apart */
    HTTP_UPGRADE,       /* answer sets status 101 and request->upgraded takes over the socket (WebSocket) */
};

struct http_request {
    struct arena *arena;                    /* lives until the response is sent */
    enum http_method method;
    const char *method_name;
    const char *target;                     /* as received, before decoding: path and query */
    const char *path;                       /* decoded; NUL, bad escapes and invalid UTF-8 were refused with 400 */
    const char *raw_path;                   /* not decoded, without the query */
    const char *query;                      /* not decoded; "" when there is none */
    /* Only with options.malformed: why 'path' ("/" then) or the query (it has no arguments then) could not be decoded, so that the
     * answer must be an error; null: it could. */
    const char *malformed, *malformed_query;
    const char *client;                     /* address of the peer */
    const void *certificate;                /* the peer's, in DER, that options.client_ca vouches for; null: none */
    size_t certificate_size;
    bool tls;
    int64_t received;                       /* clock_monotonic, microseconds */
    int64_t content_length;                 /* -1: none or chunked */
    struct http_header *headers;            /* as received, in order; names are tokens, values UTF-8 without controls */
    size_t header_count;
    struct http_arguments *arguments;       /* see http_arguments */
    size_t max_body;                        /* set by decide; default 0 */
    struct buf body;                        /* HTTP_BUFFER */

    /* HTTP_STREAM: takes a piece of the body; false stops it (the answer follows, the rest is thrown away). Set by
     * decide. */
    bool (*sink)(struct http_request *request, const void *bytes, size_t size);
    void *user;                             /* the answerer's own */

    /* Set by decide: answer, sink and response.stream may block, so they run on the worker pool, one at a time. */
    bool on_worker;

    /* Set by the server after HTTP_APART: decide, answer, sink and stream run on threads that only such requests use, so that
     * nobody else waits behind one. */
    bool apart;

    /* Set by answer instead of a response when what is asked will be done elsewhere: the connection rests, 'later' is
     * called once (it passes the request on to whoever does it), and after http_answered, which any thread calls once,
     * 'finish' fills the response on a thread of the server, without blocking. */
    void (*later)(struct http_request *request);
    void (*finish)(struct http_request *request);

    /* HTTP_UPGRADE: runs on a thread of its own, so it may block; the socket (not blocking) is closed when it returns.
     * 'extra' is what the client sent after its head already. When the server stops, the socket is shut down. */
    void (*upgraded)(struct http_request *request, int socket_fd, const void *extra, size_t extra_size);

    struct {
        int status;
        struct http_header *headers;        /* in the arena */
        size_t header_count;
        struct buf body;                    /* or: */
        const void *lasting;                /* bytes that live as long as the request, in its arena say */
        size_t lasting_size;                /* or: */
        int file;                           /* >= 0: bytes of this file (closed by the server) */
        int64_t file_offset, file_size;
        /* or: gives up to 'size' bytes; returns how many, 0 at the end, -1 to break off. 'stream_size' -1: chunked.
         * stream_end is called once when the request is over, before 'done', also when nothing was streamed. */
        ssize_t (*stream)(void *user, uint64_t position, char *bytes, size_t size);
        void (*stream_end)(void *user);
        void *stream_user;
        int64_t stream_size;                /* the answer to HEAD may give this alone, without a stream */
    } response;
    void *server_private;
};

/* Ends the rest of a request that was answered 'later'; it must not be touched any more by who calls this. */
void http_answered(struct http_request *request);

/* The value of a header (names without case), or null. A header that came twice with different values where only one
 * may be (Content-Length, Host, X-Auth-Token, ...) was refused with 400 before. */
const char *http_header(const struct http_request *request, const char *name);

/* Calls fn for each request header. */
void http_headers_each(const struct http_request *request, void (*fn)(void *user, const char *name, const char *value),
                       void *user);

/* Decodes %XX ('plus': also '+' to a space) of 'size' bytes into the arena. Null when an escape is malformed or the
 * result holds NUL or is not UTF-8. */
char *http_decode(struct arena *arena, const char *text, size_t size, bool plus);

/* Adds 'text' with everything but RFC 3986's unreserved characters, and those in 'keep', as %XX. */
void http_encode(struct buf *buf, const char *text, const char *keep);
/* The same as a text of its own. */
char *http_encoded(struct arena *arena, const char *text, const char *keep);

/* The decoded value of the first query argument 'name', or null. */
const char *http_argument(const struct http_request *request, const char *name);

/* All query arguments in order, decoded, parsed once; null when the query is malformed (NUL, bad UTF-8 or escapes, more
 * than 1,000 arguments). The server refused such a request before. An argument without '=' has the value "". */
struct http_arguments {
    size_t count;
    struct http_header *at;
};
const struct http_arguments *http_arguments(struct http_request *request);

/* Adds a response header; both are copied. Control characters in the value are dropped (no header injection); a header
 * whose name is no token, whose value is empty, or which is the server's own (Content-Length, Transfer-Encoding,
 * Connection) is left out. */
void http_respond_header(struct http_request *request, const char *name, const char *value);

struct http_range {
    int64_t first, size;
};

/* The ranges that the request's Range header asks of 'size' bytes (RFC 9110 section 14), up to 'max'. Returns how many;
 * 0: send everything (none, malformed, not a GET, more than 'max', overlapping past the whole, or If-Range names
 * another ETag or Last-Modified than the response headers have); -1: none can be satisfied (416). */
int http_ranges(const struct http_request *request, int64_t size, struct http_range *ret_ranges, int max);

/* Answers with the first 'size' bytes of 'fd' (closed by the server): 200, 206 (one range, or multipart/byteranges) or
 * 416. Add ETag and Last-Modified first. 'content_type' may be null. */
void http_respond_file(struct http_request *request, int fd, int64_t size, const char *content_type);

struct http_server;
struct http_server_options {
    const char *address;                    /* "127.0.0.1:8470", "[::1]:8470", "0.0.0.0:0" */
    const char *certificate, *key;          /* PEM files; null: no TLS */
    const char *client_ca;                  /* PEM file: clients are asked for certificates of these; null: not asked */
    int threads, workers;                   /* 0: as many as cores; 2 x cores + 2 */
    size_t max_connections;                 /* 0: 20,000 */
    int idle_seconds;                       /* 0: 75 */
    size_t max_header;                      /* memory for the head and for reading; 0: 32 KiB */
    size_t max_arena;                       /* ceiling of a request's arena; 0: 64 MiB */
    bool malformed;                         /* decide and answer see requests whose path or query cannot be decoded, too */

    /* Looks at the head; says what to do with the body. Must not block unless request->apart. */
    enum http_body (*decide)(struct http_request *request, void *user);
    /* Fills request->response. Called once for each request that decide saw, except when its body was too large (the
     * server answers 413) or did not come whole (the connection is closed). */
    void (*answer)(struct http_request *request, void *user);
    /* Called once for each request that decide saw to its end, when the response was sent or the connection broke; frees what the
     * answerer keeps in request->user. response.status (0: none) and response.body.size are still there. */
    void (*done)(struct http_request *request, void *user);
    void *user;
};

/* Null on failure, with a sentence in *ret_error (in the arena). */
struct http_server *http_server_start(struct arena *arena, const struct http_server_options *options,
                                      const char **ret_error);
int http_server_port(const struct http_server *server);
/* Stops accepting, finishes requests under way (up to 'seconds'; then those that have not begun get 503), and ends. False
 * when an answer still runs some seconds later: the server and what its answers use must be left as they are, for the
 * process to end. Null is fine. */
bool http_server_stop(struct http_server *server, int seconds);

struct http_statistics {                    /* bytes are those of bodies */
    uint64_t requests, connections, open_connections, bytes_in, bytes_out, busy_workers, queued;
};
void http_server_statistics(const struct http_server *server, struct http_statistics *ret);

/* The client. */
struct http_call {
    const char *method, *url;
    const struct http_header *headers;      /* ends with a null name; may be null */
    const void *body;
    size_t body_size;
    /* Instead of a body: gives up to 'size' bytes of the 'stream_size' that are sent; -1 breaks off. */
    ssize_t (*stream)(void *user, void *bytes, size_t size);
    void *stream_user;
    int64_t stream_size;
    bool path_as_is;                        /* segments "." and ".." of the path are names */
    int timeout_ms;                         /* 0: 30,000 */
    size_t max_response;                    /* 0: 16 MiB; more is an error */
    const char *unix_socket;                /* connect there instead; null: by the URL */
    const char *ca_file;                    /* null: the system's */
    int response_file;                      /* > 0: the body goes to this descriptor */
    bool refuse_private;                    /* refuse loopback, link-local and private addresses (tenant URLs) */
};
struct http_reply {
    int status;                             /* 0: no answer; see error */
    struct http_header *headers;
    size_t header_count;
    const char *body;                       /* NUL-terminated */
    size_t body_size;
    const char *error;
};
bool http_call(struct arena *arena, const struct http_call *call, struct http_reply *ret_reply);
