/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions on PCRE2, with bounds on what a pattern may cost. */
#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>

enum { MAX_STEPS = 100000, MAX_DEPTH = 1000 };

enum regex_result regex_match(const char *pattern, const char *text, int search) {
    int error, found;
    size_t where;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | (search ? 0 : PCRE2_ANCHORED);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &where, NULL);
    pcre2_match_context *context;
    pcre2_match_data *data;

    if (!code) {
        return REGEX_BAD;
    }
    context = pcre2_match_context_create(NULL);
    data = pcre2_match_data_create_from_pattern(code, NULL);
    pcre2_set_match_limit(context, MAX_STEPS);
    pcre2_set_depth_limit(context, MAX_DEPTH);
    found = pcre2_match(code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data, context);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_code_free(code);
    return found >= 0 ? REGEX_YES : found == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_BAD;
}
