/* SPDX-License-Identifier: Apache-2.0
 * Users and groups out of two files, as Apache's AuthUserFile and AuthGroupFile: DIRECTORY/DOMAIN_ID.users has lines
 * "name:hash" as `htpasswd -B` writes them, DIRECTORY/DOMAIN_ID.groups lines "group: name name ...". A hash with '!' before it
 * is of a user who is disabled, as in passwd files. Somebody else writes the files; they are read whenever it matters. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/json.h"
#include "base/words.h"
#include "identity/backend.h"
#include "identity/password.h"
#include "rest/cloud.h"

LOG_MODULE("identity.htpasswd");

enum { MAX_FILE = 16 * 1024 * 1024, MAX_NAME = 255 };

/* ---- files ---- */

/* Where the domain's files are, without their endings. */
static bool open_files(struct call *call, struct directory *directory) {
    directory->settings = arena_printf(call->arena, "%s/%s", conf_text(cloud.conf, "htpasswd", "directory", "/etc/haneul/htpasswd"),
                                       directory->domain_id);
    return true;
}

static bool unreadable(struct call *call, const char *path, const char *why) {
    log_error("cannot read %s: %s", path, why);
    return fail(call, 503, "The users and groups of the domain cannot be read.");
}

/* Adds the entry of a line; comments and what has no name do not count. */
static void add_line(struct call *call, const char *line, const char *const *keys, size_t count, struct backend_entries *entries) {
    const char *colon = strchr(line, ':'), *name;
    size_t size = colon ? (size_t)(colon - line) : 0;
    bool wanted = !keys;

    if (!size || *line == '#' || !utf8_valid(line, strlen(line)) || utf8_length(arena_text_size(call->arena, line, size)) > MAX_NAME) {
        return;
    }
    name = arena_text_size(call->arena, line, size);
    for (size_t i = 0; !wanted && i < count; i++) {
        wanted = !strcmp(keys[i], name);
    }
    for (size_t i = 0; wanted && i < entries->count; i++) {
        wanted = strcmp(entries->at[i].local_id, name) != 0;    /* of two lines the first counts */
    }
    if (wanted) {
        entries->at = arena_grow(call->arena, entries->at, entries->count, sizeof *entries->at);
        entries->at[entries->count++] = (struct backend_entry){
            .local_id = name, .name = name, .handle = arena_text(call->arena, colon + 1), .extra = "{}", .enabled = colon[1] != '!'};
    }
}

/* Names are ids. Without a file of users nobody can be told from somebody; groups there may be none. */
static bool find(struct call *call, const struct directory *directory, enum backend_kind kind, bool by_name,
                 const char *const *keys, size_t count, struct backend_entries *entries) {
    const char *path = arena_printf(call->arena, "%s.%s", (const char *)directory->settings, kind == BACKEND_USER ? "users" : "groups");
    FILE *file = fopen(path, "re");
    struct stat about;
    char *line = NULL;
    size_t room = 0;
    bool ok;

    if (!file) {
        return (kind == BACKEND_GROUP && errno == ENOENT) || unreadable(call, path, strerror(errno));
    }
    if (fstat(fileno(file), &about) || !S_ISREG(about.st_mode) || about.st_size > MAX_FILE) {
        fclose(file);
        return unreadable(call, path, "it is no file of up to 16 MiB");
    }
    while (getline(&line, &room, file) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        add_line(call, line, keys, count, entries);
    }
    ok = !ferror(file) || unreadable(call, path, "a read failed");
    explicit_bzero(line, line ? room : 0);
    free(line);
    fclose(file);
    return ok;
}

/* ---- who is in which group ---- */

static bool groups_of(struct call *call, const struct directory *directory, const struct backend_entry *user,
                      struct backend_entries *entries) {
    struct backend_entries all = {0};

    if (!find(call, directory, BACKEND_GROUP, true, NULL, 0, &all)) {
        return false;
    }
    for (size_t i = 0; i < all.count; i++) {
        if (words_have(all.at[i].handle, user->name)) {
            entries->at = arena_grow(call->arena, entries->at, entries->count, sizeof *entries->at);
            entries->at[entries->count++] = all.at[i];
        }
    }
    return true;
}

static bool members_of(struct call *call, const struct directory *directory, const struct backend_entry *group,
                       struct backend_entries *entries) {
    const char *list = group->handle, *word, **names = NULL;
    size_t count = 0, size;

    while (words_next(&list, &word, &size)) {
        names = arena_grow(call->arena, names, count, sizeof *names);
        names[count++] = arena_text_size(call->arena, word, size);
    }
    return !count || find(call, directory, BACKEND_USER, true, names, count, entries);
}

/* ---- passwords ---- */

/* Hashes that password_verify does not know fit nothing. */
static enum password_state authenticate(struct call *call, const struct directory *directory, const struct identity_user *user,
                                        const struct backend_entry *entry, const char *name, const char *password) {
    const char *who = entry ? arena_printf(call->arena, "%s:%s", directory->domain_id, entry->name) : NULL;

    return password_check(who, password, entry ? entry->handle : NULL) ? PASSWORD_GOOD : PASSWORD_WRONG;
}

const struct identity_backend backend_htpasswd = {"htpasswd", open_files, find, groups_of, members_of, authenticate};
