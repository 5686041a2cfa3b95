/* SPDX-License-Identifier: Apache-2.0
 * INI: [section], option = value, '#' and ';' begin comment lines. */
#include "base/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct conf {
    struct map *values;         /* "section.option" */
};

static char *trim(char *text) {
    char *end;

    while (isspace((unsigned char)*text)) {
        text++;
    }
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = 0;
    }
    return text;
}

void conf_set(struct conf *conf, const char *section, const char *option, const char *value) {
    char key[256];

    snprintf(key, sizeof key, "%s.%s", section, option);
    free(map_set(conf->values, key, strdup(value)));
}

static bool read_line(struct conf *conf, char *line, char *section, size_t section_size) {
    char *equals, *text = trim(line);
    size_t size = strlen(text);

    if (!*text || *text == '#' || *text == ';') {
        return true;
    }
    if (*text == '[' && text[size - 1] == ']') {
        text[size - 1] = 0;
        snprintf(section, section_size, "%s", trim(text + 1));
        return true;
    }
    equals = strchr(text, '=');
    if (!equals) {
        return false;
    }
    *equals = 0;
    conf_set(conf, section, trim(text), trim(equals + 1));
    return true;
}

static bool read_file(struct conf *conf, const char *path, char *error, int error_size) {
    char line[4096], section[128] = "DEFAULT";
    FILE *file = fopen(path, "re");
    bool ok = true;

    if (!file) {
        snprintf(error, (size_t)error_size, "cannot read %s: %s", path, strerror(errno));
        return false;
    }
    for (int number = 1; ok && fgets(line, sizeof line, file); number++) {
        bool whole = strchr(line, '\n') || strlen(line) < sizeof line - 1;

        ok = whole && read_line(conf, line, section, sizeof section);
        if (!whole) {
            snprintf(error, (size_t)error_size, "%s line %d is longer than %zu bytes", path, number, sizeof line - 2);
        } else if (!ok) {
            snprintf(error, (size_t)error_size, "%s line %d: 'option = value' was expected", path, number);
        }
    }
    fclose(file);
    return ok;
}

struct conf *conf_read(const char *path, char *error, int error_size) {
    struct conf *conf = calloc(1, sizeof *conf);

    if (!conf) {
        abort();
    }
    conf->values = map_new();
    if (path && !read_file(conf, path, error, error_size)) {
        conf_free(conf);
        return NULL;
    }
    return conf;
}

void conf_free(struct conf *conf) {
    if (conf) {
        map_free(conf->values, free);
        free(conf);
    }
}

const char *conf_text(const struct conf *conf, const char *section, const char *option, const char *otherwise) {
    size_t section_size = strlen(section), option_size = strlen(option);
    char key[256];
    const char *value;

    if (section_size + option_size + 2 > sizeof key) {
        return otherwise;
    }
    memcpy(key, section, section_size);
    key[section_size] = '.';
    memcpy(key + section_size + 1, option, option_size + 1);
    value = map_get(conf->values, key);
    return value ? value : otherwise;
}

int64_t conf_int(const struct conf *conf, const char *section, const char *option, int64_t otherwise) {
    const char *text = conf_text(conf, section, option, NULL);
    char *end;
    long long value = text ? strtoll(text, &end, 10) : 0;

    return text && *text && !*end ? value : otherwise;
}

bool conf_bool(const struct conf *conf, const char *section, const char *option, bool otherwise) {
    const char *text = conf_text(conf, section, option, NULL);

    if (!text) {
        return otherwise;
    }
    return !strcasecmp(text, "true") || !strcasecmp(text, "yes") || !strcasecmp(text, "on") || !strcmp(text, "1");
}

void conf_each(const struct conf *conf, const char *prefix,
               void (*fn)(void *user, const char *name, const char *option, const char *value), void *user) {
    size_t cursor = 0, size = strlen(prefix);
    const char *key;
    void *value;

    while ((key = map_next(conf->values, &cursor, &value))) {
        const char *dot = strncmp(key, prefix, size) ? NULL : strchr(key + size, '.');

        if (dot) {
            char name[256];

            snprintf(name, sizeof name, "%.*s", (int)(dot - key - (ptrdiff_t)size), key + size);
            fn(user, name, dot + 1, value);
        }
    }
}
