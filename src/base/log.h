/* SPDX-License-Identifier: Apache-2.0
 * Logging: one line per event on standard error, with time, level, module and the request id when there is one. Levels
 * are kept per module and can be changed while the program runs. Secrets never come here. */
#pragma once
#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_module {
    const char *name;           /* "network.ports" */
    int level;                  /* -1 until first used, then what log_set says */
    struct log_module *next;
};

/* At the top of a .c file: LOG_MODULE("network.ports"); */
#define LOG_MODULE(NAME) static struct log_module log_this = {.name = NAME, .level = -1}

bool log_wanted(struct log_module *module, enum log_level level);
void log_write(struct log_module *module, enum log_level level, const char *request_id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets the level of the modules whose name begins with 'prefix' ("" is all), also for those first used later. */
void log_set(const char *prefix, enum log_level level);

/* "debug" and so on; false when 'text' is no level. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* The request id that lines of this thread carry from now on; null for none. Kept by the caller. */
void log_request(const char *request_id);

#define LOG_AT(LEVEL, ...) \
    do { \
        if (log_wanted(&log_this, (LEVEL))) { \
            log_write(&log_this, (LEVEL), NULL, __VA_ARGS__); \
        } \
    } while (0)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
