/* SPDX-License-Identifier: Apache-2.0
 * Placement's rows and inputs as C structs, and what its files share. */
#pragma once
#include "rest/declare.h"

#define DECLARE "rest/declare_types.h"
#include "defs_placement.h"
#undef DECLARE

struct call;
struct json_out;

/* True for a standard class (VCPU, MEMORY_MB, ...) or a custom one that was made. */
bool class_exists(struct call *call, const char *name);

/* Checks that 'generation' is the provider's, and moves the provider on by one. Fails 409 otherwise. */
bool provider_moved(struct call *call, struct placement_provider *provider, int64_t generation);

struct placement_stock;
/* Makes the provider's inventory of a class what is given; its use stays. */
bool inventory_ensure(struct call *call, const char *provider, const struct placement_stock *stock);

/* Parses "VCPU:2,MEMORY_MB:512". Fails 400. */
struct amounts {
    struct amount {
        const char *name;
        int64_t amount;
    } *at;
    size_t count;
};
bool amounts_parse(struct call *call, const char *text, struct amounts *ret);

/* Splits a comma-separated list; the array ends with null. */
const char **list_split(struct call *call, const char *text);
