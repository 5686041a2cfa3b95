/* SPDX-License-Identifier: Apache-2.0
 * Configuration: one INI file, none needed. Each reader names its section, option and default, so that the defaults
 * stand where they are used. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct conf;

/* Reads 'path' (null: no file, all defaults). On an error returns null and writes a sentence to 'error'. */
struct conf *conf_read(const char *path, char *error, int error_size);
void conf_free(struct conf *conf);

/* Sets an option, as the command line does over the file. */
void conf_set(struct conf *conf, const char *section, const char *option, const char *value);

/* What the option says, or 'otherwise'. The text lives as long as the configuration. */
const char *conf_text(const struct conf *conf, const char *section, const char *option, const char *otherwise);
int64_t conf_int(const struct conf *conf, const char *section, const char *option, int64_t otherwise);
bool conf_bool(const struct conf *conf, const char *section, const char *option, bool otherwise);

/* Calls fn for every option of every section whose name begins with 'prefix', in no order; 'name' is the rest of that name.
 * For things of which there are as many as the operator says. */
void conf_each(const struct conf *conf, const char *prefix,
               void (*fn)(void *user, const char *name, const char *option, const char *value), void *user);
