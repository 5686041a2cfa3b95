/* SPDX-License-Identifier: Apache-2.0
 * What the roles share. */
#include "cmd/role.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/control.h"
#include "base/crash.h"
#include "base/log.h"
#include "cmd/cmd.h"

LOG_MODULE("cmd.role");

const char *role_data(const struct cmd *cmd) {
    return conf_text(cmd->conf, "DEFAULT", "data", "/var/lib/haneul");
}

const char *role_run_path(struct cmd *cmd, const char *name) {
    return arena_printf(cmd->arena, "%s/run/%s", role_data(cmd), name);
}

const char *role_bus_url(struct cmd *cmd) {
    const char *url = conf_text(cmd->conf, "bus", "url", NULL);

    return url ? url : arena_printf(cmd->arena, "unix:%s", role_run_path(cmd, "bus.sock"));
}

const char *role_host_name(struct cmd *cmd) {
    const char *name = conf_text(cmd->conf, "DEFAULT", "host", NULL);
    char own[256] = "localhost";

    if (!name) {
        gethostname(own, sizeof own - 1);
        name = arena_text(cmd->arena, own);
    }
    return name;
}

bool role_drop_privileges(struct cmd *cmd) {
    const char *name = conf_text(cmd->conf, "api", "user", "haneul");
    const struct passwd *user;

    if (geteuid() == 0) {
        user = getpwnam(name);
        if (!user) {
            return cmd_fail(0, "there is no user '%s' ([api] user)", name);
        }
        if (initgroups(name, user->pw_gid) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
            setresuid(user->pw_uid, user->pw_uid, user->pw_uid)) {
            return cmd_fail(0, "cannot become user '%s': %s", name, strerror(errno));
        }
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return true;
}

static void set_level(char *rule) {
    char *equals = strchr(rule, '=');
    enum log_level level;

    if (!equals) {
        log_warn("[log] levels: '%s' is not MODULE=LEVEL", rule);
        return;
    }
    *equals = 0;
    if (!log_level_parse(equals + 1, &level)) {
        log_warn("[log] levels: '%s' is no level; there are error, warn, info and debug", equals + 1);
        return;
    }
    log_set(strcmp(rule, "default") ? rule : "", level);
}

void role_log_levels(const char *levels) {
    char *copy = strdup(levels), *rest = copy, *rule;

    while ((rule = strsep(&rest, ", "))) {
        if (*rule) {
            set_level(rule);
        }
    }
    free(copy);
}

/* The signals that are waited for. */
static sigset_t awaited(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* When `serve` started us, its end is ours; asked for here because giving up root undoes it. */
static void end_with_serve(void) {
    const char *parent = getenv("HANEUL_SERVE_PID");

    if (parent) {
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        if (getppid() != atoi(parent)) {
            raise(SIGTERM);
        }
        unsetenv("HANEUL_SERVE_PID");
    }
}

bool role_begin(struct cmd *cmd, const char *name) {
    sigset_t set = awaited();
    const char *error;

    role_log_levels(conf_text(cmd->conf, "log", "levels", "default=info"));
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, arena_printf(cmd->arena, "haneul-%s", name), 0, 0, 0);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    end_with_serve();
    crash_begin();
    if (!control_listen(cmd->arena, role_run_path(cmd, arena_printf(cmd->arena, "%s.ctl", name)), &error)) {
        return cmd_fail(0, "%s", error);
    }
    return true;
}

static void reload_levels(struct cmd *cmd) {
    char error[512];
    struct conf *conf = conf_read(cmd->config_path, error, sizeof error);

    if (!conf) {
        log_error("%s", error);
        return;
    }
    role_log_levels(conf_text(conf, "log", "levels", conf_text(cmd->conf, "log", "levels", "default=info")));
    conf_free(conf);
    log_info("log levels were read again");
}

void role_wait(struct cmd *cmd) {
    sigset_t set = awaited();
    int got = 0;

    while (got != SIGTERM && got != SIGINT) {
        if (!sigwait(&set, &got) && got == SIGHUP) {
            reload_levels(cmd);
        }
    }
}
