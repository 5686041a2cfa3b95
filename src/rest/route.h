/* SPDX-License-Identifier: Apache-2.0
 * Paths to operations: one tree a service, made at start from the declarations. */
#pragma once
#include "rest/service.h"

/* What a path leads to: the operations declared for it, of all methods, actions and versions. */
struct route {
    const char *path;
    struct routed {
        const struct resource *resource;
        const struct operation *operation;
    } *operations;
    size_t count;
};

void routes_build(const struct service *const *services, struct arena *arena);

/* Finds the service and route of a raw (undecoded) path, and its decoded parameters in the arena. Service null: nothing
 * has that prefix; of services with the same prefix the first that has the path. Route null: the service has no such path,
 * or takes its requests itself. */
const struct route *route_find(struct arena *arena, const char *raw_path, const struct service **ret_service,
                               struct parameter *parameters, size_t *ret_count);
