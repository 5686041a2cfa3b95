/* SPDX-License-Identifier: Apache-2.0
 * From DEF: prototypes of handlers and hooks, the field and operation tables, and the resources. No include guard: used
 * once per DEF, after declare_types.h. */

/* 1. handlers and hooks */
#define RESOURCE(NAME, ...)
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define HOOK(MEMBER, FUNCTION) DECLARE_##MEMBER(FUNCTION)
#define USES(KIND, FUNCTION) DECLARE_##KIND(FUNCTION)
#define OP(METHOD, PATH, RUN, ...) bool RUN(struct call *call);
#define END
#define DECLARE_on_list(F) bool F(struct call *call, struct query *query);
#define DECLARE_on_create(F) bool F(struct call *call, void *row);
#define DECLARE_on_update(F) bool F(struct call *call, const void *old, void *row);
#define DECLARE_on_delete(F) bool F(struct call *call, void *row);
#define DECLARE_expand(F) bool F(struct call *call, void *rows, size_t count);
#define DECLARE_attribute(F) const char *F(struct call *call, const void *row, const char *name);
#define DECLARE_check(F) bool F(struct call *call, const struct field *field, void *slot);
#define DECLARE_write(F) void F(struct call *call, const struct field *field, const void *row, struct json_out *out);
#define DECLARE_sink(F) bool F(struct http_request *request, const void *bytes, size_t size);
#define DECLARE_begin(F) bool F(struct call *call);
#include DEF
#undef RESOURCE
#undef FIELD
#undef HOOK
#undef USES
#undef OP
#undef DECLARE_on_list
#undef DECLARE_on_create
#undef DECLARE_on_update
#undef DECLARE_on_delete
#undef DECLARE_expand
#undef DECLARE_attribute
#undef DECLARE_check
#undef DECLARE_write
#undef DECLARE_sink
#undef DECLARE_begin

/* 2. fields: a function a resource, so that each line can name its own struct; makes fields_NAME() */
#undef END
#define RESOURCE(NAME, ...) \
    static const struct field *fields_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct field table[] = {
#define FIELD(NAME, TYPE, RIGHTS, ...) \
    {.name = #NAME, .type = TYPE_##TYPE, .rights = (RIGHTS), .offset = __builtin_offsetof(OWNER, NAME), __VA_ARGS__},
#define HOOK(MEMBER, FUNCTION)
#define USES(KIND, FUNCTION)
#define OP(METHOD, PATH, RUN, ...)
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

/* 3. operations; makes operations_NAME() */
#define RESOURCE(NAME, ...) \
    static const struct operation *operations_##NAME(size_t *ret_count) { \
        typedef struct NAME OWNER; \
        static const struct operation table[] = {
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define OP(METHOD, PATH, RUN, ...) {.method = HTTP_##METHOD, .path = (PATH), .run = (RUN), __VA_ARGS__},
#include DEF
#undef RESOURCE
#undef OP
#undef HOOK
#undef END

/* 4. the resources */
#define RESOURCE(NAME, ...) \
    static struct resource_runtime runtime_##NAME; \
    const struct resource resource_##NAME = { \
        .name = #NAME, .size = sizeof(struct NAME), .fields_of = fields_##NAME, \
        .operations_of = operations_##NAME, .runtime = &runtime_##NAME, __VA_ARGS__ __VA_OPT__(,)
#define HOOK(MEMBER, FUNCTION) .MEMBER = (FUNCTION),
#define OP(METHOD, PATH, RUN, ...)
#define END };
#include DEF
#undef RESOURCE
#undef FIELD
#undef HOOK
#undef USES
#undef OP
#undef END
