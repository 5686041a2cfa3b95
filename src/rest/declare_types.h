/* SPDX-License-Identifier: Apache-2.0
 * From DEF: the C structs, and the names of the tables, handlers and hooks. No include guard: used once per DEF. */
#define RESOURCE(NAME, ...) struct NAME {
#define FIELD(NAME, TYPE, RIGHTS, ...) C_##TYPE NAME;
#define HOOK(MEMBER, FUNCTION)
#define USES(KIND, FUNCTION)
#define OP(METHOD, PATH, RUN, ...)
#define INVARIANT(NAME, SAYS, ...)
#define ON_HOST(PART, WANTED, ...)
#define END };
#include DEF
#undef RESOURCE
#undef FIELD
#undef END
#define RESOURCE(NAME, ...) extern const struct resource resource_##NAME;
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define END
#include DEF
#undef RESOURCE
#undef FIELD
#undef HOOK
#undef USES
#undef OP
#undef INVARIANT
#undef ON_HOST
#undef END
