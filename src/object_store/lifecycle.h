/* SPDX-License-Identifier: Apache-2.0
 * Lifecycle rules of buckets: what they say of an object, and the work that they ask for. */
#pragma once
#include "object_store/store.h"
#include "object_store/xml.h"

struct lifecycle_rule {
    const char *id, *prefix;
    const struct xml_node *tags;            /* siblings named "Tag" among others; null: none */
    int64_t larger, smaller;                /* bytes that a size must be above or below; -1: any */
    bool enabled, filtered;                 /* filtered: by more than the prefix */
    int64_t days, date;                     /* of current objects: days; microseconds; 0: no rule of that kind */
    bool markers;                           /* markers that nothing is behind */
    int64_t old_days, newer;                /* of versions that are not current; how many of them stay */
    int64_t abort_days;                     /* of uploads */
};

/* Reads a rule that was checked when it was set. */
struct lifecycle_rule lifecycle_read(const struct xml_node *rule);
/* Whether the rule is for an object of that name; 'object' null: the name alone counts. */
bool lifecycle_fits(struct arena *arena, const struct lifecycle_rule *rule, const char *name, const struct store_object *object);
/* When something of 'time' is 'days' old: the midnight after that (UTC). */
int64_t lifecycle_due(int64_t time, int64_t days);
/* Which rule ends a current object first, and when; null: none. */
const char *lifecycle_next(struct arena *arena, const struct store_container *container, const struct store_object *object,
                           int64_t *ret_when);

/* The accounts and buckets that have rules are noted, so that nobody looks through all. False: it could not be. */
bool lifecycle_note(struct arena *arena, const char *account, const char *bucket);
/* Does all that the rules of all buckets ask for now. */
void lifecycle_run(void);
/* Before: how long a day is, in seconds (tests shorten it). */
void lifecycle_prepare(int64_t day);
