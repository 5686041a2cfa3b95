/* SPDX-License-Identifier: Apache-2.0
 * What policy asks of identity's objects. */
#include "identity/target.h"

#include <string.h>

#include "identity/credential.h"
#include "identity/types.h"

static const struct {
    const char *name;
    const struct resource *resource;
} kinds[] = {
    {"user", &resource_identity_user},     {"group", &resource_identity_group}, {"project", &resource_identity_project},
    {"domain", &resource_identity_domain}, {"role", &resource_identity_role},
    {"endpoint", &resource_identity_endpoint}, {"endpoint_group", &resource_identity_endpoint_group},
    {"service", &resource_identity_service}, {"region", &resource_identity_region},
    {"policy", &resource_identity_policy}, {"credential", &resource_identity_credential},
    {"trust", &resource_identity_trust}, {"application_credential", &resource_identity_application_credential},
    {"prior_role", &resource_identity_role}, {"implied_role", &resource_identity_role},
};

static const struct resource *kind_find(const char *name, size_t size) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strlen(kinds[i].name) == size && !strncmp(kinds[i].name, name, size)) {
            return kinds[i].resource;
        }
    }
    return NULL;
}

bool path_row(struct call *call, const char *kind, void *ret_row) {
    const struct resource *resource = kind_find(kind, strlen(kind));
    const char *id = call_parameter(call, arena_printf(call->arena, "%s_id", kind));

    return row_find(call, resource, id, ret_row) || fail_not_found(call, resource, id ? id : "");
}

/* A field of the row of that kind and id; null when there is no such row. */
static const char *attribute_of(struct call *call, const struct resource *kind, const char *id, const char *field) {
    void *row = NULL;

    if (!kind || !id) {
        return NULL;
    }
    if (!row_find(call, kind, id, &row) && (kind == &resource_identity_trust || call_parameter(call, "access"))) {
        fail_not_found(call, kind, id);     /* of trusts and EC2 keys everybody is told that there is none */
    }
    return row ? row_attribute(call, kind, row, field) : NULL;
}

/* "project.domain_id" of a row with a project_id. */
static const char *attribute_through(struct call *call, const struct resource *resource, const void *row, const char *path) {
    const char *dot = strchr(path, '.');
    const char *id = row_attribute(call, resource, row, arena_printf(call->arena, "%.*s_id", (int)(dot - path), path));

    return attribute_of(call, kind_find(path, (size_t)(dot - path)), id, dot + 1);
}

/* Of the EC2 keys that the path names, of those of a user, of one's own. */
static const char *credential_attribute(struct call *call, const char *field) {
    const char *access = call_parameter(call, "access"), *user = call_parameter(call, "user_id");

    if (access) {
        return attribute_of(call, &resource_identity_credential, credential_ec2_id(call, access), field);
    }
    return strcmp(field, "user_id") ? NULL : user ? user : call->caller.user_id;
}

const char *identity_attribute(struct call *call, const struct resource *resource, const void *row, const char *name) {
    bool of_target = !strncmp(name, "target.", 7);
    const char *kind = of_target ? name + 7 : name, *dot = strchr(kind, '.'), *id;
    size_t size = dot ? (size_t)(dot - kind) : 0;

    if (!of_target) {
        return row && resource_field(resource, name) ? NULL : call_parameter(call, name);
    }
    if (!strcmp(kind, "scope")) {
        return call->caller.project_id ? "project" : call->caller.domain_id ? "domain" : call->caller.system ? "system" : "None";
    }
    if (!dot) {
        return row ? NULL : call->caller.domain_id;
    }
    if (row && strlen(resource->singular) == size && !strncmp(resource->singular, kind, size)) {
        return strchr(dot + 1, '.') ? attribute_through(call, resource, row, dot + 1) : NULL;
    }
    id = call_parameter(call, arena_printf(call->arena, "%.*s_id", (int)size, kind));
    if (!id && kind_find(kind, size) == &resource_identity_credential) {
        return credential_attribute(call, dot + 1);
    }
    if (!id) {
        bool of_list = !row && !strcmp(dot, ".domain_id") && kind_find(kind, size) == resource;

        return of_list ? call->caller.domain_id : NULL;
    }
    return attribute_of(call, kind_find(kind, size), id, dot + 1);
}
