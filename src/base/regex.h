/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions that people write into settings and mappings, in the language of Perl and Python (PCRE2). */
#pragma once

enum regex_result { REGEX_NO, REGEX_YES, REGEX_BAD };

/* Whether 'text' matches 'pattern' from its beginning (as Python's re.match does), or anywhere when 'search'. Both are
 * UTF-8. REGEX_BAD: the pattern is not valid, or takes too long on this text (work is bounded). */
enum regex_result regex_match(const char *pattern, const char *text, int search);
