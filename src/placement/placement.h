/* SPDX-License-Identifier: Apache-2.0
 * What the other services may ask of placement. All inside the caller's transaction. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "rest/service.h"

/* Placement's entry in the table of services. */
extern const struct service placement;

/* So much of a resource class: {"VCPU", 2}. */
struct placement_amount {
    const char *resource_class;
    int64_t amount;
};

/* What a consumer needs of one provider. Lists end with null. */
struct placement_need {
    const struct placement_amount *amounts;
    size_t amount_count;
    const char *const *required;        /* traits that the provider must have; null: none */
    const char *const *forbidden;       /* traits that it must not have */
    const char *const *member_of;       /* aggregates: it must be in one of them */
    const char *consumer;               /* its own allocations do not count against it; null: none */
};

/* A provider that has room. */
struct placement_candidate {
    const char *provider;               /* UUID */
    const char *name;                   /* of the provider: for compute, the host */
    int64_t free_ram, free_vcpus, free_disk;    /* left before this consumer, for weighing */
};

/* Providers with room for the need, in no order, at most 'limit' (0: all). */
bool placement_candidates(struct call *call, const struct placement_need *need, size_t limit,
                          struct placement_candidate **ret_candidates, size_t *ret_count);

/* Why a provider does not meet the need ("4 VCPU of 16 are free"); null: it does, or the database failed. */
const char *placement_lacks(struct call *call, const struct placement_need *need, const char *provider);

/* Gives the consumer exactly these amounts of the provider, instead of what it had there. Fails 409 when there is no
 * room. */
bool placement_allocate(struct call *call, const char *consumer, const char *provider, const char *project,
                        const char *user, const struct placement_amount *amounts, size_t count);

/* Takes everything from the consumer, or (provider given) what it has of that provider. None is success. */
bool placement_release(struct call *call, const char *consumer, const char *provider);

/* Makes the provider exist with this inventory (reserved and ratio 0: none, 1.0) and these traits (those of a host's
 * facts; traits that somebody set by the API stay). */
struct placement_stock {
    const char *resource_class;
    int64_t total, reserved;
    double ratio;
};
bool placement_provider_ensure(struct call *call, const char *uuid, const char *name,
                               const struct placement_stock *stocks, size_t count, const char *const *traits);

/* Forgets the provider with its inventory and traits; an absent one is success. Fails 409 while something is allocated. */
bool placement_provider_remove(struct call *call, const char *uuid);
