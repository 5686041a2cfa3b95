/* SPDX-License-Identifier: Apache-2.0
 * Policy as calls see it: the caller and a row of ours, in the policy engine's terms. */
#include <stdio.h>
#include <string.h>

#include "rest/cloud.h"
#include "rest/policy.h"
#include "rest/resource.h"
#include "rest/service.h"

struct target {
    struct call *call;
    const struct resource *resource;
    const void *row;
};

static const struct policy *policy_of(const struct service *service) {
    for (size_t i = 0; cloud.services[i]; i++) {
        if (cloud.services[i] == service) {
            return cloud.policies[i];
        }
    }
    return NULL;
}

static const char *caller_attribute(const struct caller *caller, const char *name) {
    if (!strcmp(name, "project_id")) {
        return caller->project_id;
    }
    if (!strcmp(name, "user_id")) {
        return caller->user_id;
    }
    return !strcmp(name, "domain_id") ? caller->domain_id : NULL;
}

/* By its name, or by the one it has on the wire. */
static const struct field *attribute_field(const struct resource *resource, const char *name) {
    const struct resource_runtime *run = resource->runtime;
    const struct field *field = resource_field(resource, name);

    for (size_t i = 0; !field && i < run->field_count; i++) {
        field = strcmp(field_json_name(&run->fields[i]), name) ? NULL : &run->fields[i];
    }
    return field;
}

const char *row_attribute(struct call *call, const struct resource *resource, const void *row, const char *name) {
    const struct field *field = attribute_field(resource, name);
    const void *slot = field ? field_slot(field, row) : NULL;

    if (!field) {
        return NULL;
    }

    switch (field->type) {
    case TYPE_BOOL:
        return *(const bool *)slot ? "True" : "False";
    case TYPE_INT:
        return *(const int64_t *)slot == NO_INT ? "None"
                                                : arena_printf(call->arena, "%lld", (long long)*(const int64_t *)slot);
    case TYPE_TIME:
    case TYPE_REAL:
    case TYPE_OBJECT:
    case TYPE_OBJECTS:
    case TYPE_TREE:
        return NULL;
    default:
        return *(const char *const *)slot ? *(const char *const *)slot : "None";
    }
}

/* "project_id", "target.user.domain_id", "network:project_id": a field of the row, or what the resource knows. */
static const char *target_attribute(const void *user, const char *name) {
    const struct target *target = user;
    const struct resource *resource = target->resource;
    const struct api_style *style = target->call->service->style;
    const char *text = style->attribute ? style->attribute(target->call, resource, target->row, name) : NULL;
    const char *plain = name;
    const struct field *field;

    if (text || (!target->row && style->attribute)) {
        return text;
    }
    if (!target->row) {
        return caller_attribute(&target->call->caller, name);
    }
    if (!strncmp(plain, "target.", 7)) {
        size_t size = strlen(resource->singular);

        plain += 7;
        plain += !strncmp(plain, resource->singular, size) && plain[size] == '.' ? size + 1 : 0;
    }
    field = attribute_field(resource, plain);
    if (resource->attribute) {
        text = resource->attribute(target->call, target->row, name);
    }
    return text || !field ? text : row_attribute(target->call, resource, target->row, plain);
}

static struct policy_caller policy_caller_of(const struct caller *caller) {
    return (struct policy_caller){
        .user_id = caller->user_id,
        .user_domain_id = caller->user_domain_id,
        .project_id = caller->project_id,
        .project_domain_id = caller->project_domain_id,
        .domain_id = caller->domain_id,
        .system_scope = caller->system,
        .trust_id = caller->trust_id,
        .trustor_id = caller->trustor_id,
        .trustee_id = caller->trustee_id,
        .roles = caller->roles,
        .role_count = caller->role_count,
        .is_admin = caller->admin,
        .is_admin_project = true,
    };
}

bool caller_is_admin(struct call *call) {
    struct policy_caller caller = policy_caller_of(&call->caller);

    caller.is_admin = false;
    return policy_is_admin(policy_of(call->service), &caller);
}

bool call_has_rule(struct call *call, const char *rule) {
    return policy_defines(policy_of(call->service), rule);
}

bool call_allowed(struct call *call, const char *rule, const struct resource *resource, const void *row) {
    struct target target = {call, resource ? resource : call->resource, row};
    struct policy_target policy_target = {target_attribute, &target};
    struct policy_caller caller = policy_caller_of(&call->caller);

    return call->caller.internal || policy_allows(policy_of(call->service), rule, &caller, &policy_target);
}

bool call_allow(struct call *call, const char *rule, const struct resource *resource, const void *row) {
    return call_allowed(call, rule, resource, row) ||
           fail(call, 403, "Policy doesn't allow %s to be performed.", rule);
}

bool missing_hidden(struct call *call, const void *row) {
    const char *rule = call->operation->policy;

    if (call->error == 404 && call->operation->flags & OP_HIDE_MISSING && rule &&
        !call_allowed(call, rule, call->resource, row)) {
        call->error = 0;
        call_allow(call, rule, call->resource, row);
    }
    return false;
}

bool attributes_allowed(struct call *call, const struct resource *resource, const uint64_t *given, const void *row) {
    const struct resource_runtime *run = resource->runtime;

    if (!call->service->style->attribute_policy || !call->operation->policy) {
        return true;
    }
    for (size_t i = 0; i < run->field_count; i++) {
        if (bit_get(given, i)) {
            const char *rule = arena_printf(call->arena, "%s:%s", call->operation->policy, field_json_name(&run->fields[i]));

            if (call_has_rule(call, rule) && !call_allow(call, rule, resource, row)) {
                return false;
            }
        }
    }
    return true;
}
