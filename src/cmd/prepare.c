/* SPDX-License-Identifier: Apache-2.0
 * What must be on the machine before a role can run: directories, the API's user, secrets. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/run.h"
#include "cmd/cmd.h"
#include "cmd/role.h"

enum owner { ROOT, SHARED, API };       /* SHARED: root's, of the API's group */

static const struct directory {
    const char *name;
    mode_t mode;
    enum owner owner;
} directories[] = {
    {"", 0755, ROOT},
    {"/run", 01775, SHARED},
    {"/api", 0700, API},
    {"/backups", 0711, API},
    {"/images", 0711, API},
    {"/objects", 0700, API},
};

static bool user_make(struct cmd *cmd, const char *name) {
    struct run_result result;

    if (getpwnam(name)) {
        return true;
    }
    if (!RUN(cmd->arena, &result, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
             role_data(cmd), "--shell", "/usr/sbin/nologin", name) && !getpwnam(name)) {
        return cmd_fail(0, "there is no user '%s' and it cannot be made: %s", name, result.errors);
    }
    return true;
}

/* mkdir -p */
static bool path_make(struct cmd *cmd, const char *path) {
    char *copy = arena_text(cmd->arena, path);

    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0755);
        *slash = '/';
    }
    if (mkdir(copy, 0700) && errno != EEXIST) {
        return cmd_fail(0, "cannot make directory %s: %s", path, strerror(errno));
    }
    return true;
}

/* Makes one directory; 'user' null: everything is ours. */
static bool directory_make(struct cmd *cmd, const struct directory *directory, const struct passwd *user) {
    const char *path = arena_printf(cmd->arena, "%s%s", role_data(cmd), directory->name);
    uid_t uid = user && directory->owner == API ? user->pw_uid : geteuid();
    gid_t gid = user && directory->owner != ROOT ? user->pw_gid : getegid();
    int fd;
    bool ok;

    if (!path_make(cmd, path)) {
        return false;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    ok = fd >= 0 && !fchown(fd, uid, gid) && !fchmod(fd, directory->mode);
    if (!ok) {
        cmd_fail(0, "cannot own directory %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Makes the file unless it is there: whole or not at all, also when somebody else does the same now. */
static bool secret_make(struct cmd *cmd, const char *path, const struct passwd *user) {
    const char *text = arena_printf(cmd->arena, "%s%s\n", id_hex(cmd->arena), id_hex(cmd->arena));
    const char *draft = arena_printf(cmd->arena, "%s.%d", path, (int)getpid());
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !fsync(fd);

    if (ok && user) {
        ok = !fchown(fd, 0, user->pw_gid) && !fchmod(fd, 0640);
    }
    if (fd >= 0) {
        close(fd);
    }
    ok = ok && (!link(draft, path) || errno == EEXIST);
    unlink(draft);
    return ok;
}

/* Reads the secret that both roles need, so that it is in the configuration; makes it the first time. */
static bool secret_load(struct cmd *cmd, const struct passwd *user) {
    const char *path = arena_printf(cmd->arena, "%s/metadata_secret", role_data(cmd));
    char text[256];
    FILE *file;
    bool ok;

    if (conf_text(cmd->conf, "metadata", "secret", NULL)) {
        return true;
    }
    if (access(path, F_OK) && !secret_make(cmd, path, user)) {
        return cmd_fail(0, "cannot write %s: %s", path, strerror(errno));
    }
    file = fopen(path, "re");
    ok = file && fgets(text, sizeof text, file);
    if (file) {
        fclose(file);
    }
    if (!ok) {
        return cmd_fail(0, "cannot read %s", path);
    }
    text[strcspn(text, "\n")] = 0;
    conf_set(cmd->conf, "metadata", "secret", text);
    return true;
}

bool role_prepare(struct cmd *cmd) {
    const char *name = conf_text(cmd->conf, "api", "user", "haneul");
    const struct passwd *user = NULL;

    if (role_data(cmd)[0] != '/') {
        return cmd_fail(0, "the data directory must be an absolute path, not '%s'", role_data(cmd));
    }
    if (geteuid() == 0) {
        if (!user_make(cmd, name)) {
            return false;
        }
        user = getpwnam(name);
    }
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        if (!directory_make(cmd, &directories[i], user)) {
            return false;
        }
    }
    return secret_load(cmd, user);
}
