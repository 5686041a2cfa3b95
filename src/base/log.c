/* SPDX-License-Identifier: Apache-2.0
 * Log lines. A line is written with one write(2), so that lines of several threads and processes do not mix. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MAX_LINE = 4096, MAX_RULES = 32 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_module *modules;
static struct {
    char prefix[64];
    int level;
} rules[MAX_RULES] = {{"", LOG_INFO}};
static int rule_count = 1;
static _Thread_local const char *current_request;

static int level_for(const char *name) {
    int level = LOG_INFO;

    for (int i = 0; i < rule_count; i++) {
        if (!strncmp(name, rules[i].prefix, strlen(rules[i].prefix))) {
            level = rules[i].level;
        }
    }
    return level;
}

static void module_register(struct log_module *module) {
    pthread_mutex_lock(&lock);
    if (module->level < 0) {
        module->next = modules;
        modules = module;
        __atomic_store_n(&module->level, level_for(module->name), __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
}

bool log_wanted(struct log_module *module, enum log_level level) {
    if (__atomic_load_n(&module->level, __ATOMIC_RELAXED) < 0) {
        module_register(module);
    }
    return (int)level <= __atomic_load_n(&module->level, __ATOMIC_RELAXED);
}

void log_set(const char *prefix, enum log_level level) {
    pthread_mutex_lock(&lock);
    if (!*prefix) {
        rule_count = 0;
    }
    if (rule_count < MAX_RULES) {
        snprintf(rules[rule_count].prefix, sizeof rules[0].prefix, "%s", prefix);
        rules[rule_count++].level = (int)level;
    }
    for (struct log_module *m = modules; m; m = m->next) {
        __atomic_store_n(&m->level, level_for(m->name), __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
}

bool log_level_parse(const char *text, enum log_level *ret_level) {
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (!strcmp(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_request(const char *request_id) {
    current_request = request_id;
}

void log_write(struct log_module *module, enum log_level level, const char *request_id, const char *format, ...) {
    char line[MAX_LINE], when[TIME_TEXT_SIZE];
    size_t size;
    va_list args;

    request_id = request_id ? request_id : current_request;
    size = (size_t)snprintf(line, sizeof line, "%s %-5s %s%s%s%s: ", time_print(clock_now(), TIME_MICRO, when),
                            level_names[level], module->name, request_id ? " [" : "", request_id ? request_id : "",
                            request_id ? "]" : "");
    va_start(args, format);
    if (size < sizeof line - 2) {
        size += (size_t)vsnprintf(line + size, sizeof line - size - 1, format, args);
    }
    va_end(args);
    if (size > sizeof line - 2) {
        size = sizeof line - 2;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < 0x20) {
            line[i] = ' ';
        }
    }
    line[size++] = '\n';
    if (write(STDERR_FILENO, line, size) < 0) {
        return;
    }
}
