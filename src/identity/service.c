/* SPDX-License-Identifier: Apache-2.0
 * Identity's entry in the table of services, and what every new cloud has. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/id.h"
#include "identity/identity.h"
#include "identity/keys.h"
#include "identity/password.h"
#include "identity/target.h"
#include "identity/token.h"
#include "identity/types.h"
#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/policy_defaults.h"

LOG_MODULE("identity");

#define DECLARE "rest/declare_hooks.h"
#include "defs_identity.h"
#undef DECLARE
#define DECLARE "rest/declare_tables.h"
#include "defs_identity.h"
#undef DECLARE

static const struct resource *const resources[] = {
#define DECLARE "rest/declare_list.h"
#include "defs_identity.h"
#undef DECLARE
    NULL};

static const struct policy_default policies[] = {
#include "identity/policy.def"
};

static const struct api_style style = {
    .wrong_media = 400,
    .time = TIME_MICRO_Z,
    .inexact_filters = true,
    .unchanged_given = true,
    .attribute = identity_attribute,
    .write_error = error_plain,
    .write_page = page_identity,
};

/* "links": {"self": ...}; the field's .values is the path of the collection where it is not the plural, and may have one
 * {field} of the row. Its .of names the resource where rows are shown below others too. */
void identity_links(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    const struct resource *resource = field->of ? field->of : call->resource;
    const char *path = field->values ? field->values : resource->plural;
    const char *from = strchr(path, '{'), *to = from ? strchr(from, '}') : NULL;

    if (to) {
        const char *name = arena_text_size(call->arena, from + 1, (size_t)(to - from - 1));

        path = arena_printf(call->arena, "%.*s%s%s", (int)(from - path), path,
                            row_attribute(call, resource, row, name), to + 1);
    }
    json_map(out);
    json_put_text(out, "self", arena_printf(call->arena, "%s/identity/v3/%s/%s", call_base_url(call), path,
                                            row_key(resource, row)));
    json_map_end(out);
}

/* A time in UTC without its 'Z', as some resources show it. */
void identity_time_plain(struct call *call, const struct field *field, const void *row, struct json_out *out) {
    int64_t time = *(const int64_t *)((const char *)row + field->offset);
    char text[TIME_TEXT_SIZE];

    if (!time) {
        json_null(out);
        return;
    }
    time_print(time, TIME_MICRO_Z, text);
    json_text_size(out, text, strcspn(text, "Z"));
}

/* ---- bootstrap ---- */

static bool count_rows(struct call *call, const char *table) {
    return call_count(call, arena_printf(call->arena, "SELECT count(*) FROM %s", table), SQL_NO_ARGS) > 0;
}

/* DATA/api/admin-password, made when absent; readable by its owner alone. */
static const char *admin_password(struct call *call) {
    const char *path = arena_printf(call->arena, "%s/admin-password", cloud.state);
    char text[256] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0) {
        close(fd);
    }
    if (size > 0) {
        text[strcspn(text, "\r\n")] = 0;
        return arena_text(call->arena, text);
    }
    snprintf(text, sizeof text, "%s", id_hex(call->arena));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        log_error("cannot write %s", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return arena_text(call->arena, text);
}

static const char *make_role(struct call *call, const char *name) {
    struct identity_role role;

    memset(&role, 0, sizeof role);
    row_defaults(call, &resource_identity_role, &role);
    role.name = name;
    row_insert(call, &resource_identity_role, &role);
    return role.id;
}

static void imply(struct call *call, const char *prior, const char *implied) {
    row_insert(call, &resource_identity_implied_role,
               &(struct identity_implied_role){.prior_role_id = prior, .implied_role_id = implied});
}

static void grant(struct call *call, const char *user, const char *type, const char *target, const char *role) {
    row_insert(call, &resource_identity_assignment,
               &(struct identity_assignment){.actor_type = "user", .actor_id = user, .target_type = type,
                                             .target_id = target, .role_id = role});
}

static const char *make_project(struct call *call, const char *name, const char *domain_id) {
    struct identity_project project;

    memset(&project, 0, sizeof project);
    row_defaults(call, &resource_identity_project, &project);
    project.name = name;
    project.domain_id = project.parent_id = domain_id;
    row_insert(call, &resource_identity_project, &project);
    return project.id;
}

static void make_domain(struct call *call) {
    struct identity_domain domain;

    memset(&domain, 0, sizeof domain);
    row_defaults(call, &resource_identity_domain, &domain);
    domain.id = "default";
    domain.name = "Default";
    domain.description = "The default domain";
    row_insert(call, &resource_identity_domain, &domain);
}

static const char *make_user(struct call *call, const char *name, const char *password) {
    struct identity_user user;

    memset(&user, 0, sizeof user);
    row_defaults(call, &resource_identity_user, &user);
    user.name = name;
    user.domain_id = "default";
    user.password_hash = password_make(call, password);
    row_insert(call, &resource_identity_user, &user);
    return user.id;
}

static void make_directory(struct call *call) {
    const char *admin = make_role(call, "admin"), *member = make_role(call, "member");
    const char *reader = make_role(call, "reader"), *project, *user;

    make_role(call, "service");
    imply(call, admin, member);
    imply(call, member, reader);
    make_domain(call);
    project = make_project(call, "admin", "default");
    make_project(call, "service", "default");
    user = make_user(call, "admin", admin_password(call));
    grant(call, user, "project", project, admin);
    grant(call, user, "domain", "default", admin);
    grant(call, user, "system", "system", admin);
}

static bool make_region(struct call *call) {
    struct identity_region region;

    memset(&region, 0, sizeof region);
    row_defaults(call, &resource_identity_region, &region);
    region.id = cloud.region;
    return row_insert(call, &resource_identity_region, &region);
}

static bool make_endpoints(struct call *call, const char *service_id, const char *path) {
    static const char *const interfaces[] = {"public", "internal", "admin"};

    for (int i = 0; i < 3; i++) {
        struct identity_endpoint endpoint;

        memset(&endpoint, 0, sizeof endpoint);
        row_defaults(call, &resource_identity_endpoint, &endpoint);
        endpoint.service_id = service_id;
        endpoint.interface = interfaces[i];
        endpoint.region_id = cloud.region;
        endpoint.url = arena_printf(call->arena, "%s%s", cloud.url, path);
        if (!row_insert(call, &resource_identity_endpoint, &endpoint)) {
            return false;
        }
    }
    return true;
}

/* Each service that is on stands in the catalog, unless somebody put its type there before. */
static bool make_catalog_entry(struct call *call, const struct service *service) {
    struct identity_service row;

    if (!service->endpoint || call_count(call, "SELECT count(*) FROM identity_service WHERE type = ?",
                                         SQL_ARGS(sql_text(service->type)))) {
        return true;
    }
    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_identity_service, &row);
    row.type = service->type;
    row.name = service->name;
    return row_insert(call, &resource_identity_service, &row) && make_endpoints(call, row.id, service->endpoint);
}

static void load_revocations(struct call *call) {
    struct rows *rows = db_query(call->db, "SELECT audit_id FROM identity_revocation", SQL_NO_ARGS);

    while (rows_next(rows)) {
        token_revoke(rows_text(rows, 0));
    }
    rows_end(rows);
}

static bool bootstrap(struct call *call) {
    cloud_authenticate = token_authenticate;
    cloud_recall = token_recall;
    for (enum key_use use = 0; use < KEYS_USES; use++) {
        if (!keys_load(use, cloud.state, call->arena)) {
            return fail(call, 500, "The keys of tokens and credentials cannot be read or made below %s.", cloud.state);
        }
    }
    if (!count_rows(call, "identity_role")) {
        make_directory(call);
    }
    if (!count_rows(call, "identity_region") && !make_region(call)) {
        return false;
    }
    for (size_t i = 0; cloud.services[i]; i++) {
        if (!make_catalog_entry(call, cloud.services[i])) {
            return false;
        }
    }
    load_revocations(call);
    return !call->error;
}

const struct service identity = {
    .type = "identity",
    .name = "keystone",
    .prefix = "/identity",
    .endpoint = "/identity",
    .style = &style,
    .resources = resources,
    .policies = policies,
    .policy_count = sizeof policies / sizeof *policies,
    .bootstrap = bootstrap,
};
