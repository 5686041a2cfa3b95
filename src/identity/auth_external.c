/* SPDX-License-Identifier: Apache-2.0
 * Method external: a reverse proxy in front has found out who it is (Kerberos, a certificate) and says so in a header.
 * Off unless [auth] names the header, and believed from the addresses given there only. */
#include <string.h>

#include "base/conf.h"
#include "base/ip.h"
#include "base/words.h"
#include "http/http.h"
#include "identity/auth.h"
#include "rest/cloud.h"

bool auth_address_in(struct call *call, const char *list, const char *address) {
    const char *word;
    struct ip ip;
    struct ip_net net;
    size_t size;

    if (!ip_parse(address, &ip)) {
        return false;
    }
    while (words_next(&list, &word, &size)) {
        const char *item = arena_text_size(call->arena, word, size);

        if (!strchr(item, '/')) {
            item = arena_printf(call->arena, "%s/%d", item, strchr(item, ':') ? 128 : 32);
        }
        if (ip_net_parse_host(item, &net) && ip_net_contains(net, ip)) {
            return true;
        }
    }
    return false;
}

const char *auth_external_header(struct call *call, const char *option) {
    const char *name = conf_text(cloud.conf, "auth", option, "");
    const char *from = conf_text(cloud.conf, "auth", "external_addresses", "");

    return *name && call->http->client && auth_address_in(call, from, call->http->client) ? http_header(call->http, name) : NULL;
}

static bool find(struct call *call, void *pointer) {
    struct authentication *auth = pointer;
    const char *domain_name = auth_external_header(call, "external_domain_header");
    struct auth_domain domain = {.id = domain_name ? NULL : "default", .name = domain_name};
    struct auth_user user = {.name = auth_external_header(call, "external_header"), .domain = &domain};

    auth->user = user.name && *user.name ? auth_find_user(call, &user) : NULL;
    return true;
}

static bool run(struct call *call, struct authentication *auth) {
    return call_transaction(call, DB_READ, find, auth) && (auth->user || auth_refused(call));
}

const struct auth_method auth_method_external = {"external", METHOD_EXTERNAL, run};
