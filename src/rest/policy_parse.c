/* SPDX-License-Identifier: Apache-2.0
 * The policy language: words parted by white space, with parentheses at their ends. A recursive descent whose depth is
 * bounded; errors carry the column. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "rest/policy.h"
#include "rest/policy_check.h"

LOG_MODULE("rest.policy");

enum token { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_AND, TOKEN_OR, TOKEN_NOT, TOKEN_CHECK };

struct parser {
    struct arena *arena;
    const char *text, *at;      /* the whole; behind the current token */
    enum token token;
    const char *word;           /* the current token */
    size_t size;
    unsigned depth;
    const char *error;
};

static const struct {
    const char *name;
    enum check_kind kind;
    size_t offset;
} credentials[] = {
    {"user_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, user_id)},
    {"user", CHECK_CREDENTIAL, offsetof(struct policy_caller, user_id)},
    {"user_domain_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, user_domain_id)},
    {"project_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_id)},
    {"tenant_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_id)},
    {"tenant", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_id)},
    {"project_domain_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_domain_id)},
    {"domain_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, domain_id)},
    {"system_scope", CHECK_CREDENTIAL, offsetof(struct policy_caller, system_scope)},
    {"trust_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, trust_id)},
    {"trustor_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, trustor_id)},
    {"trustee_id", CHECK_CREDENTIAL, offsetof(struct policy_caller, trustee_id)},
    {"is_admin", CHECK_FLAG, offsetof(struct policy_caller, is_admin)},
    {"is_admin_project", CHECK_FLAG, offsetof(struct policy_caller, is_admin_project)},
    {"token.is_admin_project", CHECK_FLAG, offsetof(struct policy_caller, is_admin_project)},
    {"token.user.id", CHECK_CREDENTIAL, offsetof(struct policy_caller, user_id)},
    {"token.user.domain.id", CHECK_CREDENTIAL, offsetof(struct policy_caller, user_domain_id)},
    {"token.project.id", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_id)},
    {"token.project.domain.id", CHECK_CREDENTIAL, offsetof(struct policy_caller, project_domain_id)},
    {"token.domain.id", CHECK_CREDENTIAL, offsetof(struct policy_caller, domain_id)},
    {"role", CHECK_ROLE, 0},
    {"roles", CHECK_ROLE, 0},
    {"http", CHECK_REMOTE, 0},
    {"https", CHECK_REMOTE, 0},
};

struct check *check_new(struct arena *arena, enum check_kind kind) {
    struct check *check = ARENA_NEW(arena, struct check);

    check->kind = kind;
    return check;
}

void check_add(struct arena *arena, struct check *check, struct check *item) {
    check->items = arena_grow(arena, check->items, check->count, sizeof *check->items);
    check->items[check->count++] = item;
}

struct check *check_simplest(struct check *check) {
    return check->kind != CHECK_NOT && check->count == 1 ? check->items[0] : check;
}

static struct check *parse_fail(struct parser *parser, const char *at, const char *what) {
    if (!parser->error) {
        parser->error = arena_printf(parser->arena, "column %zu: %s", (size_t)(at - parser->text) + 1, what);
    }
    return NULL;
}

/* "tenant_id" is the older name of "project_id", also of a parent ("network:tenant_id"). */
static const char *attribute_name(struct arena *arena, const char *text, size_t size) {
    static const char old[] = "tenant_id";
    size_t old_size = sizeof old - 1, prefix = size - old_size;

    if (size >= old_size && !memcmp(text + prefix, old, old_size) && (!prefix || text[prefix - 1] == ':')) {
        return arena_printf(arena, "%.*sproject_id", (int)prefix, text);
    }
    return arena_text_size(arena, text, size);
}

static void part_add(struct arena *arena, struct check *check, const char *text, size_t size, bool attribute) {
    struct check_part *parts = arena_grow(arena, (void *)check->parts, check->part_count, sizeof *parts);
    const char *copy = attribute ? attribute_name(arena, text, size) : arena_text_size(arena, text, size);

    parts[check->part_count++] = (struct check_part){.text = copy, .size = strlen(copy), .attribute = attribute};
    check->parts = parts;
}

/* Splits "text%(attribute)stext"; "%%" is a percent sign. */
static bool pattern_parse(struct parser *parser, struct check *check, const char *at, const char *end) {
    while (at < end) {
        const char *percent = memchr(at, '%', (size_t)(end - at));
        const char *close;

        if (percent != at) {
            part_add(parser->arena, check, at, (size_t)((percent ? percent : end) - at), false);
        }
        if (!percent) {
            break;
        }
        if (percent + 1 < end && percent[1] == '%') {
            part_add(parser->arena, check, "%", 1, false);
            at = percent + 2;
            continue;
        }
        close = percent + 1 < end && percent[1] == '(' ? memchr(percent, ')', (size_t)(end - percent)) : NULL;
        if (!close || close == percent + 2 || close + 1 == end || close[1] != 's') {
            return parse_fail(parser, percent, "'%(attribute)s' or '%%' was expected");
        }
        part_add(parser->arena, check, percent + 2, (size_t)(close - percent) - 2, true);
        at = close + 2;
    }
    return true;
}

static void pattern_free(void *pattern) {
    regfree(pattern);
}

/* "RESOURCE:ATTRIBUTE=VALUE" or "RESOURCE:ATTRIBUTE=~PATTERN"; the pattern must match from the beginning. */
static struct check *field_parse(struct parser *parser, struct check *check, const char *at, size_t size) {
    const char *colon = memchr(at, ':', size);
    const char *equals = colon ? memchr(colon, '=', (size_t)(at + size - colon)) : NULL;
    const char *value;
    regex_t *pattern;

    if (!equals || equals == colon + 1) {
        return parse_fail(parser, at, "'field:RESOURCE:ATTRIBUTE=VALUE' was expected");
    }
    check->attribute = attribute_name(parser->arena, colon + 1, (size_t)(equals - colon) - 1);
    value = arena_text_size(parser->arena, equals + 1, (size_t)(at + size - equals) - 1);
    if (*value != '~') {
        check->value = !strcasecmp(value, "true") ? "True" : !strcasecmp(value, "false") ? "False" : value;
        return check;
    }
    value += value[1] == '^' ? 2 : 1;
    if (!strpbrk(value, ".[]{}()*+?|^$\\")) {
        check->kind = CHECK_FIELD_PREFIX;
        check->value = value;
        return check;
    }
    check->kind = CHECK_FIELD_PATTERN;
    pattern = ARENA_NEW(parser->arena, regex_t);
    value = arena_printf(parser->arena, "^(%s)", value);
    if (regcomp(pattern, value, REG_EXTENDED | REG_NOSUB)) {
        return parse_fail(parser, equals + 1, "the pattern is malformed");
    }
    arena_defer(parser->arena, pattern_free, pattern);
    check->pattern = pattern;
    return check;
}

/* The text that a literal on the left side stands for: 'quoted', a number, True, False or None. Null: no literal. */
static const char *literal_text(struct arena *arena, const char *kind) {
    size_t size = strlen(kind);

    if (size >= 2 && (kind[0] == '\'' || kind[0] == '"') && kind[size - 1] == kind[0]) {
        return arena_text_size(arena, kind + 1, size - 2);
    }
    if (!strcmp(kind, "True") || !strcmp(kind, "False") || !strcmp(kind, "None")) {
        return kind;
    }
    return strspn(kind, "0123456789.+-") == size && strpbrk(kind, "0123456789") ? kind : NULL;
}

/* KIND:MATCH where the kind is a literal or a property of the caller. */
static struct check *generic_parse(struct parser *parser, struct check *check, const char *kind, const char *end) {
    const char *match = parser->word + strlen(kind) + 1;

    check->kind = CHECK_OTHER;
    check->name = literal_text(parser->arena, kind);
    if (check->name) {
        check->kind = CHECK_LITERAL;
        return pattern_parse(parser, check, match, end) ? check : NULL;
    }
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++) {
        if (!strcmp(kind, credentials[i].name)) {
            check->kind = credentials[i].kind;
            check->offset = credentials[i].offset;
            break;
        }
    }
    if (check->kind == CHECK_OTHER) {
        check->name = kind;
    }
    if (check->kind == CHECK_REMOTE) {
        log_warn("the remote check %s is not supported and passes nobody", check->source);
        return check;
    }
    if (check->kind == CHECK_FLAG && end - match == 1 && (*match == '0' || *match == '1')) {
        part_add(parser->arena, check, *match == '1' ? "True" : "False", *match == '1' ? 4 : 5, false);
        return check;
    }
    return pattern_parse(parser, check, match, end) ? check : NULL;
}

static struct check *leaf_parse(struct parser *parser) {
    const char *word = parser->word, *end = word + parser->size, *colon = memchr(word, ':', parser->size);
    struct check *check = check_new(parser->arena, CHECK_TRUE);
    const char *kind;

    check->source = arena_text_size(parser->arena, word, parser->size);
    if (parser->size == 1 && (*word == '@' || *word == '!')) {
        check->kind = *word == '@' ? CHECK_TRUE : CHECK_FALSE;
        return check;
    }
    if (!colon || colon == word) {
        return parse_fail(parser, word, "a check of the form KIND:VALUE was expected");
    }
    kind = arena_text_size(parser->arena, word, (size_t)(colon - word));
    if (!strcmp(kind, "rule")) {
        check->kind = CHECK_RULE;
        return colon + 1 < end ? check : parse_fail(parser, word, "the name of a rule was expected");
    }
    if (!strcmp(kind, "field")) {
        check->kind = CHECK_FIELD;
        return field_parse(parser, check, colon + 1, (size_t)(end - colon) - 1);
    }
    return generic_parse(parser, check, kind, end);
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static enum token word_token(const char *word, size_t size) {
    if (size == 3 && !strncasecmp(word, "and", 3)) {
        return TOKEN_AND;
    }
    if (size == 3 && !strncasecmp(word, "not", 3)) {
        return TOKEN_NOT;
    }
    return size == 2 && !strncasecmp(word, "or", 2) ? TOKEN_OR : TOKEN_CHECK;
}

static void token_next(struct parser *parser) {
    const char *at = parser->at, *end;

    while (is_space(*at)) {
        at++;
    }
    parser->word = at;
    parser->size = 1;
    if (!*at) {
        parser->token = TOKEN_END;
    } else if (*at == '(' || *at == ')') {
        parser->token = *at++ == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
    } else {
        for (end = at; *end && !is_space(*end); end++) {
        }
        while (end[-1] == ')') {
            end--;
        }
        parser->size = (size_t)(end - at);
        parser->token = word_token(at, parser->size);
        at = end;
    }
    parser->at = at;
}

static struct check *or_parse(struct parser *parser);

static struct check *inner_parse(struct parser *parser) {
    enum token token = parser->token;
    struct check *check = NULL, *inner;

    if (token == TOKEN_CHECK) {
        check = leaf_parse(parser);
        token_next(parser);
        return check;
    }
    if (token != TOKEN_OPEN && token != TOKEN_NOT) {
        return parse_fail(parser, parser->word, "a check was expected");
    }
    if (++parser->depth > POLICY_DEPTH) {
        return parse_fail(parser, parser->word, "nested too deeply");
    }
    token_next(parser);
    inner = token == TOKEN_OPEN ? or_parse(parser) : inner_parse(parser);
    if (inner && token == TOKEN_NOT) {
        check = check_new(parser->arena, CHECK_NOT);
        check_add(parser->arena, check, inner);
    } else if (inner) {
        check = parser->token == TOKEN_CLOSE ? inner : parse_fail(parser, parser->word, "')' was expected");
        token_next(parser);
    }
    parser->depth--;
    return check;
}

/* One or more of what 'parse_item' reads, with 'between' in between. */
static struct check *joined_parse(struct parser *parser, enum check_kind kind, enum token between,
                                  struct check *(*parse_item)(struct parser *)) {
    struct check *all = check_new(parser->arena, kind);

    for (;;) {
        struct check *item = parse_item(parser);

        if (!item) {
            return NULL;
        }
        check_add(parser->arena, all, item);
        if (parser->token != between) {
            return check_simplest(all);
        }
        token_next(parser);
    }
}

static struct check *and_parse(struct parser *parser) {
    return joined_parse(parser, CHECK_AND, TOKEN_AND, inner_parse);
}

static struct check *or_parse(struct parser *parser) {
    return joined_parse(parser, CHECK_OR, TOKEN_OR, and_parse);
}

/* Whether 'text' can be parsed, and printed later. */
static bool text_acceptable(const char *text, size_t size, const char **ret_error) {
    if (size > POLICY_EXPRESSION) {
        *ret_error = "column 1: longer than 16384 bytes";
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == 0x7f || ((unsigned char)text[i] < ' ' && !is_space(text[i]))) {
            *ret_error = "column 1: control characters are not text";
            return false;
        }
    }
    if (!utf8_valid(text, size)) {
        *ret_error = "column 1: not UTF-8";
        return false;
    }
    return true;
}

struct check *check_parse(struct arena *arena, const char *text, const char **ret_error) {
    struct parser parser = {.arena = arena, .text = text, .at = text};
    struct check *check = NULL;

    if (!text_acceptable(text, strlen(text), ret_error)) {
        return NULL;
    }
    token_next(&parser);
    if (!*text) {
        check = check_new(arena, CHECK_TRUE);
        check->source = "@";
        return check;
    }
    check = or_parse(&parser);
    if (check && parser.token != TOKEN_END) {
        check = parse_fail(&parser, parser.word, "'and', 'or' or the end was expected");
    }
    if (!check) {
        *ret_error = parser.error;
    }
    return check;
}

struct check *check_parse_single(struct arena *arena, const char *text, size_t size, const char **ret_error) {
    struct parser parser = {.arena = arena, .text = text, .word = text, .size = size};
    struct check *check;

    if (!text_acceptable(text, size, ret_error)) {
        return NULL;
    }
    check = leaf_parse(&parser);
    if (!check) {
        *ret_error = parser.error;
    }
    return check;
}
