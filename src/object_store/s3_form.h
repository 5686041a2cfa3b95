/* SPDX-License-Identifier: Apache-2.0
 * A form by which a browser puts an object into a bucket. */
#pragma once
#include "object_store/form.h"
#include "object_store/s3.h"

struct s3_form {
    struct s3 *s3;
    struct form_reader reader;
    struct store_meta fields;       /* names in lower case; those before the file */
    size_t fields_size;
    const char *field;              /* under way; null: none that counts */
    struct buf value;
    bool in_file, filed;            /* the file is under way; it was there */
    bool failed;                    /* answered */
    struct store_meta allowed;      /* fields that the policy has a condition for */
    int64_t least, most;            /* bytes of the file */
    struct s3_sum sum;              /* of the file, when a field tells it */
    const char *sum_wanted;
};

const char *s3_form_lower(struct arena *arena, const char *text);
/* The policy (base64) is good now, and the fields are as it says. Sets least, most. False: answered. */
bool s3_policy_check(struct s3_form *form, const char *policy);
