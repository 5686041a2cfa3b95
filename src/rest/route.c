/* SPDX-License-Identifier: Apache-2.0
 * Route trees. A literal segment is preferred to a parameter; the search steps back when a literal leads nowhere. */
#include "rest/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "rest/service.h"

enum { MAX_SEGMENTS = 24, MAX_SERVICES = 40 };

struct node {
    const char *segment;        /* literal; null for a parameter */
    const char *parameter;
    bool rest;                  /* {name*}: takes what is left, slashes and all */
    struct node *children, *next;
    struct route route;
};

static struct {
    const struct service *service;
    struct node *root;
} trees[MAX_SERVICES];
static size_t tree_count;

static struct node *child_for(struct arena *arena, struct node *node, const char *segment, size_t size) {
    bool parameter = size && *segment == '{';
    bool rest = parameter && segment[size - 2] == '*';
    const char *name = arena_text_size(arena, segment + parameter, size - (parameter ? 2 + rest : 0));
    struct node *child, **tail = &node->children;

    for (child = node->children; child; child = child->next) {
        if (parameter ? child->parameter && !strcmp(child->parameter, name) : child->segment && !strcmp(child->segment, name)) {
            return child;
        }
    }
    child = ARENA_NEW(arena, struct node);
    *child = (struct node){.segment = parameter ? NULL : name, .parameter = parameter ? name : NULL, .rest = rest};
    while (*tail && !parameter && (*tail)->segment) {
        tail = &(*tail)->next;      /* literals first */
    }
    while (*tail && parameter) {
        tail = &(*tail)->next;
    }
    child->next = *tail;
    *tail = child;
    return child;
}

static void add(struct arena *arena, struct node *root, const struct resource *resource, const struct operation *op) {
    struct node *node = root;
    struct routed *added;

    for (const char *at = op->path; *at;) {
        size_t size;

        at += *at == '/';
        size = strcspn(at, "/");
        if (size) {
            node = child_for(arena, node, at, size);
        }
        at += size;
    }
    node->route.path = op->path;
    node->route.operations = arena_grow(arena, node->route.operations, node->route.count, sizeof *added);
    added = &node->route.operations[node->route.count++];
    *added = (struct routed){resource, op};
}

void routes_build(const struct service *const *services, struct arena *arena) {
    tree_count = 0;
    for (size_t s = 0; services[s]; s++) {
        struct node *root = ARENA_NEW(arena, struct node);

        assert(s < MAX_SERVICES);
        if (services[s]->listen_option) {
            continue;           /* at no path of this port */
        }
        for (size_t r = 0; services[s]->resources[r]; r++) {
            const struct resource_runtime *run = services[s]->resources[r]->runtime;

            for (size_t i = 0; i < run->operation_count; i++) {
                add(arena, root, services[s]->resources[r], &run->operations[i]);
            }
        }
        trees[tree_count].service = services[s];
        trees[tree_count++].root = root;
    }
}

struct search {
    const char *segments[MAX_SEGMENTS];     /* decoded */
    const char *raw[MAX_SEGMENTS];          /* where each begins in the raw path */
    size_t count;
    struct arena *arena;
    struct parameter *parameters;
    size_t parameter_count;
};

static char *decode(struct arena *arena, const char *raw, size_t size) {
    char *text = arena_alloc(arena, size + 1), *to = text;

    for (size_t i = 0; i < size; i++) {
        if (raw[i] == '%' && i + 2 < size) {
            char digits[3] = {raw[i + 1], raw[i + 2], 0};

            *to++ = (char)strtol(digits, NULL, 16);
            i += 2;
        } else {
            *to++ = raw[i];
        }
    }
    return text;
}

static const struct node *match(struct search *s, const struct node *node, size_t i) {
    if (i == s->count) {
        return node->route.count ? node : NULL;
    }
    for (const struct node *child = node->children; child; child = child->next) {
        size_t parameters = s->parameter_count;
        const struct node *found;

        if (child->segment && strcmp(child->segment, s->segments[i]) != 0) {
            continue;
        }
        if (child->parameter && parameters < MAX_PARAMETERS) {
            const char *value = child->rest ? decode(s->arena, s->raw[i], strlen(s->raw[i])) : s->segments[i];

            s->parameters[s->parameter_count++] = (struct parameter){child->parameter, value};
        }
        found = match(s, child, child->rest ? s->count : i + 1);
        if (found) {
            return found;
        }
        s->parameter_count = parameters;
    }
    return NULL;
}

/* Steps over a project id after the service's version segment ("/v2.1/PROJECT/servers"). */
static const struct node *match_project(struct search *s, const struct service *service, const struct node *root) {
    size_t keep = s->count, at;

    if (!service->project_after || s->count < 2) {
        return NULL;
    }
    at = 1;
    if (strcmp(s->segments[0], service->project_after + 1) != 0 || !id_is_uuid(s->segments[at])) {
        return NULL;
    }
    s->parameters[0] = (struct parameter){"project_id", s->segments[at]};
    s->parameter_count = 1;
    memmove(&s->segments[at], &s->segments[at + 1], (s->count - at - 1) * sizeof *s->segments);
    memmove(&s->raw[at], &s->raw[at + 1], (s->count - at - 1) * sizeof *s->raw);
    s->count = keep - 1;
    return match(s, root, 0);
}

static bool split(struct search *s, const char *raw) {
    while (*raw) {
        size_t size;

        raw += *raw == '/';
        size = strcspn(raw, "/");
        if (size) {
            if (s->count == MAX_SEGMENTS) {
                return false;
            }
            s->raw[s->count] = raw;
            s->segments[s->count++] = decode(s->arena, raw, size);
        }
        raw += size;
    }
    return true;
}

/* "/v2/images/" names an image without an id; "/v2/" is the version itself. */
static bool ends_with_slash(const struct search *s, const char *raw) {
    return s->count > 1 && raw[strlen(raw) - 1] == '/';
}

const struct route *route_find(struct arena *arena, const char *raw_path, const struct service **ret_service,
                               struct parameter *parameters, size_t *ret_count) {
    const struct service *taken = NULL;

    *ret_service = NULL;
    *ret_count = 0;
    for (size_t t = 0; t < tree_count; t++) {
        size_t size = strlen(trees[t].service->prefix);
        struct search s = {.arena = arena, .parameters = parameters};
        const struct node *found;

        if (strncmp(raw_path, trees[t].service->prefix, size) != 0 || (raw_path[size] && raw_path[size] != '/') ||
            (taken && strcmp(taken->prefix, trees[t].service->prefix) != 0)) {
            continue;
        }
        taken = *ret_service = trees[t].service;
        if (trees[t].service->take) {
            return NULL;
        }
        if (!split(&s, raw_path + size) || (trees[t].service->style->strict_slash && ends_with_slash(&s, raw_path))) {
            return NULL;
        }
        found = match(&s, trees[t].root, 0);
        if (!found) {
            s.parameter_count = 0;
            found = match_project(&s, trees[t].service, trees[t].root);
        }
        *ret_count = s.parameter_count;
        if (found) {
            return &found->route;
        }
    }
    return NULL;
}
