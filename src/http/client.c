/* SPDX-License-Identifier: Apache-2.0
 * The HTTP client: one call at a time on a handle of this thread, which keeps its connections. It follows no redirects
 * and uses no proxy from the environment. */
#include "http/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/allocation.h"
#include "base/arena.h"

enum { TIMEOUT_MS = 30000, CONNECT_MS = 10000, MAX_RESPONSE = 16 * 1024 * 1024, MAX_HEADERS = 256 };

/* A call under way. */
struct state {
    struct arena *arena;
    const struct http_call *call;
    struct http_reply reply;
    struct buf body;
    size_t size, max;
    const char *error;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t handle_key;

/* Without memory libcurl may send another request than it was given (7.88 leaves out the query): as with our own memory the
 * process ends then, and is started anew. */
static void *had(void *memory, size_t size) {
    if (!memory && size) {
        abort();
    }
    return memory;
}

static void *take(size_t size) {
    return had(library_allocation_fails() ? NULL : malloc(size), size);
}

static void *take_again(void *old, size_t size) {
    return had(library_allocation_fails() ? NULL : realloc(old, size), size);
}

static void *take_many(size_t count, size_t size) {
    return had(library_allocation_fails() ? NULL : calloc(count, size), count * size);
}

static char *take_copy(const char *text) {
    return had(library_allocation_fails() ? NULL : strdup(text), 1);
}

static void prepare(void) {
    curl_global_init_mem(CURL_GLOBAL_ALL, take, free, take_again, take_copy, take_many);
    pthread_key_create(&handle_key, curl_easy_cleanup);
}

static CURL *handle_get(void) {
    CURL *curl;

    pthread_once(&once, prepare);
    curl = pthread_getspecific(handle_key);
    if (curl) {
        curl_easy_reset(curl);
        return curl;
    }
    curl = curl_easy_init();
    if (!curl) {
        abort();
    }
    pthread_setspecific(handle_key, curl);
    return curl;
}

/* True for addresses that are not of the public Internet (RFC 6890 and the registries it founded). */
static bool is_private_v4(uint32_t address) {
    static const struct {
        uint32_t network;
        int bits;
    } blocks[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16}, {0xac100000, 12},
        {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 4},  {0xf0000000, 4},
    };

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if ((address ^ blocks[i].network) >> (32 - blocks[i].bits) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t read32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Only global unicast (2000::/3) is public; in it, 6to4 and Teredo hide IPv4 addresses, as NAT64 does outside. */
static bool is_private_v6(const uint8_t *bytes) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0) {
        return is_private_v4(read32(bytes + 12));
    }
    if (bytes[0] == 0x20 && bytes[1] == 0x02) {
        return is_private_v4(read32(bytes + 2));
    }
    return (bytes[0] & 0xe0) != 0x20 || (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0);
}

static bool is_private(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        return is_private_v4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    }
    return address->sa_family != AF_INET6 || is_private_v6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
}

/* Called with the very address that will be connected to, after the name was resolved. */
static curl_socket_t socket_open(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
    struct state *state = user;

    if (state->call->refuse_private && is_private(&address->addr)) {
        state->error = "the address is not public";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t written = write(fd, bytes, size);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *user) {
    struct state *state = user;

    if (size > state->max - state->size) {
        state->error = "the response is too large";
        return 0;
    }
    state->size += size;
    if (state->call->response_file <= 0) {
        buf_put(&state->body, bytes, size);
    } else if (!write_all(state->call->response_file, bytes, size)) {
        state->error = "the response could not be written";
        return 0;
    }
    return size;
}

/* One line of the head. A status line begins a new head: what came before it was an interim response. */
static size_t take_header(char *line, size_t one, size_t size, void *user) {
    struct state *state = user;
    struct http_reply *reply = &state->reply;
    const char *colon = memchr(line, ':', size), *end = line + size;

    if (size > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        reply->headers = NULL;
        reply->header_count = 0;
    } else if (colon && reply->header_count < MAX_HEADERS) {
        const char *value = colon + 1;

        while (end > value && strchr(" \t\r\n", end[-1])) {
            end--;
        }
        while (value < end && strchr(" \t", *value)) {
            value++;
        }
        reply->headers = arena_grow(state->arena, reply->headers, reply->header_count, sizeof *reply->headers);
        reply->headers[reply->header_count++] = (struct http_header){
            .name = arena_text_size(state->arena, line, (size_t)(colon - line)),
            .value = arena_text_size(state->arena, value, (size_t)(end - value)),
        };
    }
    return size;
}

/* The headers as libcurl wants them; null when one could break out of its line. */
static bool header_list(struct state *state, struct curl_slist **ret_list) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (const struct http_header *header = state->call->headers; header && header->name; header++) {
        const char *form = *header->value ? "%s: %s" : "%s;";

        if (strpbrk(header->name, "\r\n:") || strpbrk(header->value, "\r\n")) {
            state->error = "a request header holds a line break";
            break;
        }
        list = curl_slist_append(list, arena_printf(state->arena, form, header->name, header->value));
    }
    *ret_list = list;
    return !state->error;
}

static size_t give_body(char *bytes, size_t one, size_t size, void *user) {
    const struct state *state = user;
    ssize_t got = state->call->stream(state->call->stream_user, bytes, one * size);

    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void set_stream(CURL *curl, struct state *state) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, state);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)state->call->stream_size);
    /* A kept connection that proves dead would need the body from its beginning. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_request(CURL *curl, struct state *state, struct curl_slist *headers) {
    const struct http_call *call = state->call;
    const char *method = call->method ? call->method : "GET";

    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, call->path_as_is ? 1L : 0L);
    if (call->stream) {
        set_stream(curl, state);
    } else if (call->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(call->body ? call->body_size : 0));
    }
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_limits(CURL *curl, struct state *state) {
    const struct http_call *call = state->call;
    long timeout = call->timeout_ms ? call->timeout_ms : TIMEOUT_MS;

    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout < CONNECT_MS ? timeout : (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, state);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, state);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, state);
    if (call->unix_socket) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    }
    if (call->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, call->ca_file);
    }
    if (call->refuse_private) {
        /* A kept connection was perhaps opened by a call that may reach private addresses. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    }
}

static void perform(struct state *state, struct curl_slist *headers) {
    CURL *curl = handle_get();
    char message[CURL_ERROR_SIZE] = "";
    CURLcode code;
    long status = 0;

    set_limits(curl, state);
    set_request(curl, state, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        state->reply.status = (int)status;
    } else if (!state->error) {
        state->error = arena_text(state->arena, *message ? message : curl_easy_strerror(code));
    }
}

bool http_call(struct arena *arena, const struct http_call *call, struct http_reply *ret_reply) {
    struct state state = {.arena = arena, .call = call, .max = call->max_response ? call->max_response : MAX_RESPONSE};
    struct curl_slist *headers;

    if (header_list(&state, &headers)) {
        perform(&state, headers);
    }
    curl_slist_free_all(headers);
    state.reply.body = arena_text_size(arena, state.body.at ? state.body.at : "", state.body.size);
    state.reply.body_size = state.body.size;
    state.reply.error = state.reply.status ? NULL : state.error ? state.error : "there was no answer";
    buf_release(&state.body);
    *ret_reply = state.reply;
    return state.reply.status != 0;
}
