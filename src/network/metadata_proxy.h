/* SPDX-License-Identifier: Apache-2.0
 * The metadata proxy: takes requests of guests in their networks' namespaces and passes them on to the API with the
 * network and the guest's address, signed, which is how the API knows who asks. Guests are hostile: sizes, times and
 * connections are bounded, and of what they send only a few headers go on. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Starts the proxy without any listener. It passes requests on to 'api_url' + "/metadata" + path; 'ca_file' says whom
 * to believe that it is the API when the URL is https (null: whom the system believes). */
void metadata_proxy_start(const char *api_url, const char *secret, const char *ca_file);
void metadata_proxy_stop(void);

/* Listens in namespace 'name' for guests of 'network'; once is enough. *ret_error lives for ever. */
bool metadata_proxy_add(const char *network, const char *name, const char **ret_error);
void metadata_proxy_remove(const char *network);

/* A request as a guest sent it. */
struct metadata_request {
    const char *method, *target;
    const char *headers[8];             /* those that go on: name, value, ...; null at the end */
    size_t head_size, body_size;
};

/* Reads the head of a request from the first bytes of a connection. Returns 0 when more bytes are needed, 1 when it is
 * whole (its body may not be), else the HTTP status that refuses it. */
int metadata_request_parse(struct arena *arena, const char *bytes, size_t size, struct metadata_request *ret_request);

/* What the API checks: HMAC-SHA256 of network and address, in hexadecimal digits. */
const char *metadata_signature(struct arena *arena, const char *secret, const char *network, const char *address);
