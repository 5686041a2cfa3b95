/* SPDX-License-Identifier: Apache-2.0
 * What every cloud has: the first domain, projects, roles and administrator, and a catalog of its services. */
#include "identity/bootstrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/id.h"
#include "identity/identity.h"
#include "identity/keys.h"
#include "identity/manage.h"
#include "identity/password.h"
#include "identity/token.h"
#include "identity/token_form.h"
#include "identity/types.h"
#include "identity/user_password.h"
#include "rest/cloud.h"

LOG_MODULE("identity");

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

static const char *need_role(struct call *call, const char *name) {
    struct identity_role role, *found;

    if (row_first(call, &resource_identity_role, "domain_id IS NULL AND name = ?", SQL_ARGS(sql_text(name)), &found) && found) {
        return found->id;
    }
    memset(&role, 0, sizeof role);
    row_defaults(call, &resource_identity_role, &role);
    role.name = name;
    row_insert(call, &resource_identity_role, &role);
    return role.id;
}

static void need_implied(struct call *call, const char *prior, const char *implied) {
    call_exec(call, "INSERT INTO identity_implied_role (prior_role_id, implied_role_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
              SQL_ARGS(sql_text(prior), sql_text(implied)));
}

static void need_grant(struct call *call, const char *user, const char *type, const char *target, const char *role) {
    static const char sql[] = "SELECT count(*) FROM identity_assignment"
                              " WHERE actor_id = ? AND target_id = ? AND role_id = ? AND inherited = 0";

    if (!call_count(call, sql, SQL_ARGS(sql_text(user), sql_text(target), sql_text(role)))) {
        row_insert(call, &resource_identity_assignment,
                   &(struct identity_assignment){.actor_type = "user", .actor_id = user, .target_type = type,
                                                 .target_id = target, .role_id = role});
    }
}

static const char *need_project(struct call *call, const char *name, const char *domain_id) {
    struct identity_project project, *found;

    if (row_first(call, &resource_identity_project, "domain_id = ? AND name = ?", SQL_ARGS(sql_text(domain_id), sql_text(name)),
                  &found) && found) {
        return found->id;
    }
    memset(&project, 0, sizeof project);
    row_defaults(call, &resource_identity_project, &project);
    project.name = name;
    project.domain_id = project.parent_id = domain_id;
    row_insert(call, &resource_identity_project, &project);
    return project.id;
}

static void need_domain(struct call *call) {
    struct identity_domain domain, *found;

    if (row_find(call, &resource_identity_domain, "default", &found)) {
        return;
    }
    memset(&domain, 0, sizeof domain);
    row_defaults(call, &resource_identity_domain, &domain);
    domain.id = "default";
    domain.name = "Default";
    domain.description = "The default domain";
    row_insert(call, &resource_identity_domain, &domain);
}

/* The user enabled, with that password and no lock. */
static const char *need_user(struct call *call, const char *name, const char *password) {
    struct identity_user user, *found;

    if (row_first(call, &resource_identity_user, "domain_id = 'default' AND name = ?", SQL_ARGS(sql_text(name)), &found) && found) {
        found->enabled = true;
        user_reset(found);
        user_password_set(call, found, password_make(call, password), true);
        row_update(call, &resource_identity_user, found);
        return found->id;
    }
    memset(&user, 0, sizeof user);
    row_defaults(call, &resource_identity_user, &user);
    user.name = name;
    user.domain_id = "default";
    user.password_hash = password_make(call, password);
    row_insert(call, &resource_identity_user, &user);
    return user.id;
}

bool identity_need_directory(struct call *call) {
    const char *admin = need_role(call, "admin"), *member = need_role(call, "member");
    const char *reader = need_role(call, "reader"), *project, *user;

    need_role(call, "service");
    need_implied(call, admin, member);
    need_implied(call, member, reader);
    need_domain(call);
    project = need_project(call, "admin", "default");
    need_project(call, "service", "default");
    user = need_user(call, "admin", admin_password(call));
    need_grant(call, user, "project", project, admin);
    need_grant(call, user, "domain", "default", admin);
    need_grant(call, user, "system", "system", admin);
    identity_changed(call);
    return !call->error && db_failure(call->db) == DB_OK;
}

static bool make_region(struct call *call) {
    struct identity_region region;

    memset(&region, 0, sizeof region);
    row_defaults(call, &resource_identity_region, &region);
    region.id = cloud.region;
    return row_insert(call, &resource_identity_region, &region);
}

static bool make_endpoints(struct call *call, const char *service_id, const struct service *service) {
    static const char *const interfaces[] = {"public", "internal", "admin"};
    const char *url = cloud_service_url(call->arena, service);

    for (int i = 0; i < 3; i++) {
        struct identity_endpoint endpoint;

        memset(&endpoint, 0, sizeof endpoint);
        row_defaults(call, &resource_identity_endpoint, &endpoint);
        endpoint.service_id = service_id;
        endpoint.interface = interfaces[i];
        endpoint.region_id = cloud.region;
        endpoint.url = arena_printf(call->arena, "%s%s", url, service->endpoint);
        if (!row_insert(call, &resource_identity_endpoint, &endpoint)) {
            return false;
        }
    }
    return true;
}

/* Each service that is on stands in the catalog, unless somebody put its type there before. */
static bool make_catalog_entry(struct call *call, const struct service *service) {
    struct identity_service row;
    bool off = !service->endpoint || (service->listen_option && !cloud_listen(call->arena, service));

    if (off || call_count(call, "SELECT count(*) FROM identity_service WHERE type = ?", SQL_ARGS(sql_text(service->type)))) {
        return true;
    }
    memset(&row, 0, sizeof row);
    row_defaults(call, &resource_identity_service, &row);
    row.type = service->type;
    row.name = service->name;
    return row_insert(call, &resource_identity_service, &row) && make_endpoints(call, row.id, service);
}

bool identity_bootstrap(struct call *call) {
    const char *error = NULL;

    cloud_authenticate = token_authenticate;
    cloud_recall = token_recall;
    identity_manage_register();
    for (enum key_use use = 0; use < KEYS_USES; use++) {
        if (!keys_load(use, cloud.state, call->arena)) {
            return fail(call, 500, "The keys of tokens and credentials cannot be read or made below %s.", cloud.state);
        }
    }
    jws_load(arena_printf(call->arena, "%s/jws-keys", cloud.state));
    if (!strcmp(conf_text(cloud.conf, "token", "provider", "fernet"), "jws") &&
        !jws_make(arena_printf(call->arena, "%s/jws-keys", cloud.state), false, &error)) {
        return fail(call, 500, "Tokens cannot be signed: %s.", error);
    }
    if (!count_rows(call, "identity_role") && !identity_need_directory(call)) {
        return fail_database(call);
    }
    if (!count_rows(call, "identity_region") && !make_region(call)) {
        return false;
    }
    for (size_t i = 0; cloud.services[i]; i++) {
        if (!make_catalog_entry(call, cloud.services[i])) {
            return false;
        }
    }
    return call_exec(call, "INSERT INTO identity_state (id, changes) VALUES ('tokens', 0) ON CONFLICT DO NOTHING", SQL_NO_ARGS) &&
           token_load_revoked(call, 0) && !call->error;
}
