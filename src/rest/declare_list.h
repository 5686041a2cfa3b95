/* SPDX-License-Identifier: Apache-2.0
 * From DEF: &resource_NAME, for the list of a service's resources. No include guard: used once per DEF. */
#define RESOURCE(NAME, ...) &resource_##NAME,
#define FIELD(NAME, TYPE, RIGHTS, ...)
#define HOOK(MEMBER, FUNCTION)
#define USES(KIND, FUNCTION)
#define OP(METHOD, PATH, RUN, ...)
#define INVARIANT(NAME, SAYS, ...)
#define ON_HOST(PART, WANTED, ...)
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
