/* SPDX-License-Identifier: Apache-2.0
 * Settings of domains, for who goes by them. */
#pragma once
#include "rest/call.h"

/* One group of the options of a domain: what was set for it, else what haneul.conf says, else the default. */
struct domain_options {
    const char *group;
    const struct identity_domain_option *rows;
    size_t count;
};

/* Reads the domain's options; in a transaction. */
bool domain_options_read(struct call *call, const char *domain_id, const char *group, struct domain_options *ret_options);

/* True when the option was set for the domain itself. */
bool domain_option_is_set(const struct domain_options *options, const char *name);

/* An option as text, whatever it was written as (a list: with commas); null when it is not set and has no default. In it
 * "%(OPTION)s" stands for a secret option of the group. */
const char *domain_option_text(struct call *call, const struct domain_options *options, const char *name);
/* The same as a number within bounds; 'otherwise' when it is none. */
int64_t domain_option_int(struct call *call, const struct domain_options *options, const char *name, int64_t least,
                          int64_t most, int64_t otherwise);
bool domain_option_true(struct call *call, const struct domain_options *options, const char *name);
