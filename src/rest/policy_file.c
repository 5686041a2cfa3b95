/* SPDX-License-Identifier: Apache-2.0
 * policy.yaml: one map from rule names to expressions, or to lists of lists of checks. Read event by event with
 * libyaml; aliases, several documents and anything nested deeper are refused, and so is what YAML reads as empty but
 * was hardly meant so (a bare "!" would become a rule that everybody passes). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/arena.h"
#include "rest/policy_check.h"

struct file {
    struct policy_reader *reader;
    const char *path;
    yaml_parser_t yaml;
    yaml_event_t event;         /* the current one */
    bool have_event;
    const char *rule;           /* the rule being read, or null */
    size_t rule_count;
};

static bool file_fail(struct file *file, const char *what) {
    struct policy_reader *reader = file->reader;
    size_t line = file->yaml.error ? file->yaml.problem_mark.line
        : file->have_event ? file->event.start_mark.line : 0;

    if (!reader->error) {
        reader->error = file->rule
            ? arena_printf(reader->arena, "%s line %zu: rule %s: %s", file->path, line + 1, file->rule, what)
            : arena_printf(reader->arena, "%s line %zu: %s", file->path, line + 1, what);
    }
    return false;
}

static bool event_next(struct file *file) {
    if (file->have_event) {
        yaml_event_delete(&file->event);
    }
    file->have_event = yaml_parser_parse(&file->yaml, &file->event);
    if (!file->have_event) {
        return file_fail(file, file->yaml.problem ? file->yaml.problem : "not readable as YAML");
    }
    return file->event.type != YAML_ALIAS_EVENT || file_fail(file, "aliases are not supported");
}

static bool event_expect(struct file *file, yaml_event_type_t type, const char *what) {
    return event_next(file) && (file->event.type == type || file_fail(file, what));
}

/* The scalar's text in the arena; null, with the error set, when it holds a NUL or is empty without quotes. */
static const char *scalar_text(struct file *file) {
    const char *text = (const char *)file->event.data.scalar.value;
    size_t size = file->event.data.scalar.length;
    bool plain = file->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (memchr(text, 0, size)) {
        file_fail(file, "NUL in text");
        return NULL;
    }
    if (plain && (!size || !strcmp(text, "~") || !strcasecmp(text, "null"))) {
        file_fail(file, "an expression was expected; write \"@\" for everybody, \"!\" for nobody, in quotes");
        return NULL;
    }
    return arena_text_size(file->reader->arena, text, size);
}

static struct check *single_read(struct file *file) {
    const char *problem = NULL, *text = scalar_text(file);
    struct check *check = text ? check_parse_single(file->reader->arena, text, strlen(text), &problem) : NULL;

    if (problem) {
        file_fail(file, problem);
    }
    return check;
}

/* [check, check]: all must pass. The '[' was read. */
static struct check *all_read(struct file *file) {
    struct check *all = check_new(file->reader->arena, CHECK_AND);

    while (event_next(file) && file->event.type != YAML_SEQUENCE_END_EVENT) {
        struct check *item = NULL;

        if (file->event.type == YAML_SCALAR_EVENT) {
            item = single_read(file);
        } else {
            file_fail(file, "a list of lists of checks was expected");
        }
        if (!item) {
            return NULL;
        }
        check_add(file->reader->arena, all, item);
    }
    return file->reader->error ? NULL : all;
}

/* [[check, check], check]: any must pass; an empty list in it does not count, a wholly empty one is everybody. */
static struct check *any_read(struct file *file) {
    struct arena *arena = file->reader->arena;
    struct check *any = check_new(arena, CHECK_OR);
    bool empty = true;

    while (event_next(file) && file->event.type != YAML_SEQUENCE_END_EVENT) {
        struct check *item = NULL;

        if (file->event.type == YAML_SCALAR_EVENT) {
            item = single_read(file);
        } else if (file->event.type == YAML_SEQUENCE_START_EVENT) {
            item = all_read(file);
        } else {
            file_fail(file, "a list of lists of checks was expected");
        }
        if (!item) {
            return NULL;
        }
        empty = false;
        if (item->source || item->count) {
            check_add(arena, any, check_simplest(item));
        }
    }
    if (file->reader->error) {
        return NULL;
    }
    return any->count ? check_simplest(any) : check_parse(arena, empty ? "@" : "!", &file->reader->error);
}

static struct check *expression_read(struct file *file, bool *ret_list) {
    const char *problem = NULL, *text;
    struct check *check = NULL;

    *ret_list = file->event.type == YAML_SEQUENCE_START_EVENT;
    if (*ret_list) {
        return any_read(file);
    }
    if (file->event.type != YAML_SCALAR_EVENT) {
        file_fail(file, "an expression or a list of lists was expected");
        return NULL;
    }
    text = scalar_text(file);
    if (text) {
        check = check_parse(file->reader->arena, text, &problem);
    }
    if (problem) {
        file_fail(file, problem);
    }
    return check;
}

static bool rule_read(struct file *file) {
    struct policy_reader *reader = file->reader;
    struct check *check;
    bool list;

    if (file->event.type != YAML_SCALAR_EVENT || !file->event.data.scalar.length) {
        return file_fail(file, "the name of a rule was expected");
    }
    file->rule = scalar_text(file);
    if (!file->rule || !event_next(file)) {
        return false;
    }
    check = expression_read(file, &list);
    if (!check) {
        return false;
    }
    if (++file->rule_count > POLICY_RULES) {
        return file_fail(file, "too many rules");
    }
    if (!reader->rule_found(reader, file->rule, check, list)) {
        const char *problem = reader->error;

        reader->error = NULL;
        return file_fail(file, problem);
    }
    file->rule = NULL;
    return true;
}

static bool document_read(struct file *file) {
    if (!event_expect(file, YAML_STREAM_START_EVENT, "YAML was expected") || !event_next(file)) {
        return false;
    }
    if (file->event.type == YAML_STREAM_END_EVENT) {
        return true;
    }
    if (!event_expect(file, YAML_MAPPING_START_EVENT, "a map of rule names to expressions was expected")) {
        return false;
    }
    while (event_next(file) && file->event.type != YAML_MAPPING_END_EVENT) {
        if (!rule_read(file)) {
            return false;
        }
    }
    return !file->reader->error && event_expect(file, YAML_DOCUMENT_END_EVENT, "the end was expected") &&
        event_expect(file, YAML_STREAM_END_EVENT, "only one document was expected");
}

bool policy_file_read(struct policy_reader *reader, const char *path) {
    struct file file = {.reader = reader, .path = path};
    FILE *stream = fopen(path, "re");
    struct stat status;
    bool ok;

    if (!stream || fstat(fileno(stream), &status)) {
        reader->error = arena_printf(reader->arena, "cannot read %s: %s", path, strerror(errno));
        if (stream) {
            fclose(stream);
        }
        return false;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > POLICY_FILE) {
        fclose(stream);
        reader->error = arena_printf(reader->arena, "%s: not a file, or larger than 4 MiB", path);
        return false;
    }
    if (!yaml_parser_initialize(&file.yaml)) {
        abort();
    }
    yaml_parser_set_input_file(&file.yaml, stream);
    ok = document_read(&file);
    if (file.have_event) {
        yaml_event_delete(&file.event);
    }
    yaml_parser_delete(&file.yaml);
    fclose(stream);
    return ok;
}
