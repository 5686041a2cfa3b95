/* SPDX-License-Identifier: Apache-2.0
 * From DEF: prototypes of handlers and hooks. No include guard: used once per DEF, for all of a service before its tables,
 * since one file may name a function of another. */
#define RESOURCE(NAME, ...)
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define HOOK(MEMBER, FUNCTION) DECLARE_##MEMBER(FUNCTION)
#define USES(KIND, FUNCTION) DECLARE_##KIND(FUNCTION)
#define OP(METHOD, PATH, RUN, ...) bool RUN(struct call *call);
#define INVARIANT(NAME, SAYS, ...)
#define ON_HOST(PART, WANTED, ...)
#define END
#define DECLARE_locate(F) bool F(struct call *call, void *row);
#define DECLARE_on_list(F) bool F(struct call *call, struct query *query);
#define DECLARE_on_create(F) bool F(struct call *call, void *row);
#define DECLARE_on_update(F) bool F(struct call *call, const void *old, void *row);
#define DECLARE_on_delete(F) bool F(struct call *call, void *row);
#define DECLARE_expand(F) bool F(struct call *call, void *rows, size_t count);
#define DECLARE_on_stuck(F) bool F(struct call *call, void *row, const char *cause);
#define DECLARE_attribute(F) const char *F(struct call *call, const void *row, const char *name);
#define DECLARE_check(F) bool F(struct call *call, const struct field *field, void *slot);
#define DECLARE_write(F) void F(struct call *call, const struct field *field, const void *row, struct json_out *out);
#define DECLARE_sink(F) bool F(struct http_request *request, const void *bytes, size_t size);
#define DECLARE_begin(F) bool F(struct call *call);
#define DECLARE_before(F) bool F(struct call *call);
#define DECLARE_find(F) bool F(struct call *call, struct audit *audit);
#define DECLARE_fix(F) bool F(struct call *call, const char *id);
#define DECLARE_look(F) bool F(struct call *call, struct audit *audit);
#define DECLARE_clear(F) bool F(struct call *call, const char *id);
#define DECLARE_fix_host(F) bool F(struct call *call, const char *host, const char *id, bool missing);
#include DEF
#undef RESOURCE
#undef FIELD
#undef HOOK
#undef USES
#undef OP
#undef INVARIANT
#undef ON_HOST
#undef DECLARE_locate
#undef DECLARE_on_list
#undef DECLARE_on_create
#undef DECLARE_on_update
#undef DECLARE_on_delete
#undef DECLARE_expand
#undef DECLARE_on_stuck
#undef DECLARE_attribute
#undef DECLARE_check
#undef DECLARE_write
#undef DECLARE_sink
#undef DECLARE_begin
#undef DECLARE_before
#undef DECLARE_find
#undef DECLARE_fix
#undef DECLARE_look
#undef DECLARE_clear
#undef DECLARE_fix_host
#undef END
