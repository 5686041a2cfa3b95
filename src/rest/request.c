/* SPDX-License-Identifier: Apache-2.0
 * What a call knows of its request: path, arguments, address. */
#include <stdlib.h>
#include <string.h>

#include "http/http.h"
#include "rest/cloud.h"
#include "rest/resource.h"

const char *call_parameter(const struct call *call, const char *name) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (!strcmp(call->parameters[i].name, name)) {
            return call->parameters[i].value;
        }
    }
    return NULL;
}

const char *call_argument(const struct call *call, const char *name) {
    const struct http_arguments *arguments = http_arguments(call->http);

    for (size_t i = 0; arguments && i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, name)) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}

bool call_argument_true(const struct call *call, const char *name) {
    const char *value = call_argument(call, name);

    return value && (!*value || truth_of(value) == 1);
}

bool call_given(const struct call *call, const char *name) {
    const struct resource *input = call->operation->input ? call->operation->input : call->resource;
    const struct field *field = resource_field(input, name);

    return field && bit_get(call->given, (size_t)(field - input->runtime->fields));
}

bool call_argument_count(struct call *call, const char *name, int64_t least, int64_t *count) {
    const char *text = call_argument(call, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;

    if (!text) {
        return true;
    }
    if (!digits || text[digits] || (digits < 10 && strtoll(text, NULL, 10) < least)) {
        return fail(call, 400, "Invalid input for query parameters %s: '%.80s' is not an integer of %lld or more", name, text,
                    (long long)least);
    }
    *count = digits < 10 ? strtoll(text, NULL, 10) : INT32_MAX;
    return true;
}

const char *call_base_url(struct call *call) {
    const char *host = call->http ? http_header(call->http, "Host") : NULL;

    if (!host || !*host || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") != strlen(host)) {
        return cloud.url;
    }
    return arena_printf(call->arena, "%s://%s", call->http->tls ? "https" : "http", host);
}

void call_header(struct call *call, const char *name, const char *value) {
    if (call->http) {
        http_respond_header(call->http, name, value);
    }
}
