/* SPDX-License-Identifier: Apache-2.0
 * How much a list may give: list_limit of the section that Keystone has for it, or of [DEFAULT]; for users and groups also as
 * the domain's own configuration says. What is left out is told by "truncated", and "next" leads on. */
#include <string.h>

#include "base/conf.h"
#include "identity/domain_config.h"
#include "identity/target.h"
#include "identity/types.h"
#include "rest/cloud.h"

static const struct {
    const char *path, *section;
} limited[] = {
    {"/v3/users", "identity"},
    {"/v3/groups", "identity"},
    {"/v3/groups/{group_id}/users", "identity"},
    {"/v3/users/{user_id}/groups", "identity"},
    {"/v3/regions", "catalog"},
    {"/v3/services", "catalog"},
    {"/v3/endpoints", "catalog"},
    {"/v3/policies", "policy"},
    {"/v3/domains", "resource"},
    {"/v3/projects", "resource"},
    {"/v3/roles", "role"},
    {"/v3/credentials", "credential"},
    {"/v3/registered_limits", "unified_limit"},
    {"/v3/limits", "unified_limit"},
};

/* 0 where the domain has none of its own. */
static int64_t of_domain(struct call *call) {
    const char *domain = call->caller.domain_id ? call->caller.domain_id : call_argument(call, "domain_id");
    struct domain_options options;

    if (!domain || !domain_options_read(call, domain, "identity", &options) || !domain_option_is_set(&options, "list_limit")) {
        return 0;
    }
    return domain_option_int(call, &options, "list_limit", 1, INT32_MAX, 0);
}

int64_t identity_list_limit(struct call *call) {
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
        if (!strcmp(limited[i].path, call->operation->path)) {
            int64_t own = !strcmp(limited[i].section, "identity") ? of_domain(call) : 0;

            return own ? own : conf_int(cloud.conf, limited[i].section, "list_limit",
                                        conf_int(cloud.conf, "DEFAULT", "list_limit", 0));
        }
    }
    return 0;
}
