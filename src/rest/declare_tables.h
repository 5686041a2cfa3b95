/* SPDX-License-Identifier: Apache-2.0
 * From DEF: the field and operation tables, and the resources. No include guard: used
 * once per DEF, after declare_types.h and declare_hooks.h. */

/* 1. fields: a function a resource, so that each line can name its own struct; makes fields_NAME() */
#define RESOURCE(NAME, ...) \
    static const struct field *fields_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct field table[] = {
#define FIELD(NAME, TYPE, RIGHTS, ...) \
    {.name = #NAME, .type = TYPE_##TYPE, .rights = (RIGHTS), .offset = __builtin_offsetof(OWNER, NAME), __VA_ARGS__},
#define HOOK(MEMBER, FUNCTION)
#define USES(KIND, FUNCTION)
#define OP(METHOD, PATH, RUN, ...)
#define INVARIANT(NAME, SAYS, ...)
#define ON_HOST(PART, WANTED, ...)
#define END \
    {0}}; \
    *ret_count = sizeof table / sizeof *table - 1; \
    (void)sizeof(OWNER); \
    return table; \
    }
#include DEF
#undef RESOURCE
#undef FIELD
#undef OP

/* 2. operations; makes operations_NAME() */
#define RESOURCE(NAME, ...) \
    static const struct operation *operations_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct operation table[] = {
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define OP(METHOD, PATH, RUN, ...) {.method = HTTP_##METHOD, .path = (PATH), .run = (RUN), __VA_ARGS__},
#include DEF
#undef RESOURCE
#undef OP
#undef INVARIANT

/* 3. invariants; makes invariants_NAME() */
#define RESOURCE(NAME, ...) \
    static const struct invariant *invariants_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct invariant table[] = {
#define OP(METHOD, PATH, RUN, ...)
#define INVARIANT(NAME, SAYS, ...) {.name = (NAME), .says = (SAYS), __VA_ARGS__},
#include DEF
#undef RESOURCE
#undef INVARIANT
#undef ON_HOST

/* 4. what hosts have; makes on_hosts_NAME() */
#define RESOURCE(NAME, ...) \
    static const struct on_host *on_hosts_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct on_host table[] = {
#define INVARIANT(NAME, SAYS, ...)
#define ON_HOST(PART, WANTED, ...) {.part = (PART), .wanted = (WANTED), __VA_ARGS__},
#include DEF
#undef RESOURCE
#undef ON_HOST
#undef OP
#undef HOOK
#undef END

/* 5. the resources */
#define RESOURCE(NAME, ...) \
    static struct resource_runtime runtime_##NAME; \
    const struct resource resource_##NAME = { \
        .name = #NAME, .size = sizeof(struct NAME), .fields_of = fields_##NAME, \
        .operations_of = operations_##NAME, .invariants_of = invariants_##NAME, \
        .on_hosts_of = on_hosts_##NAME, .runtime = &runtime_##NAME, __VA_ARGS__ __VA_OPT__(,)
#define HOOK(MEMBER, FUNCTION) .MEMBER = (FUNCTION),
#define OP(METHOD, PATH, RUN, ...)
#define ON_HOST(PART, WANTED, ...)
#define END };
#include DEF
#undef RESOURCE
#undef FIELD
#undef HOOK
#undef USES
#undef OP
#undef INVARIANT
#undef ON_HOST
#undef END
