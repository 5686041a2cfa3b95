/* SPDX-License-Identifier: Apache-2.0
 * `haneul serve`: starts the roles as processes of their own, starts them again when they die, ends them in order. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/role.h"

LOG_MODULE("serve");

#define SHORTEST_PAUSE (SECOND / 10)    /* before a role that died is started again; doubles */
#define LONGEST_PAUSE (10 * SECOND)
#define GOOD_RUN (30 * SECOND)          /* after this long the pause is the shortest again */

enum { STOP_SECONDS = 40 };             /* then SIGKILL */

/* In the order of starting; the agent ends first, so that the API still hears its results. */
static struct role {
    const char *name;
    pid_t pid;                          /* 0: not running */
    int64_t started, start_at, pause;   /* clock_monotonic, microseconds */
    bool off;
} roles[] = {{"api"}, {"agent"}};

enum { ROLES = sizeof roles / sizeof *roles };

static sigset_t all_signals(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    return set;
}

/* Becomes the role: this program again, with the same options. */
static _Noreturn void role_exec(struct cmd *cmd, const struct role *role, const char *parent) {
    size_t count = 0;
    char **argv;
    sigset_t none;

    while (cmd->all[count]) {
        count++;
    }
    argv = ARENA_ARRAY(cmd->arena, char *, count + 3);
    argv[0] = "haneul";
    argv[1] = (char *)(uintptr_t)role->name;
    memcpy(argv + 2, cmd->all, count * sizeof *argv);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    setenv("HANEUL_SERVE_PID", parent, 1);
    execv("/proc/self/exe", argv);
    _exit(cmd_fail(127, "cannot run myself as '%s': %s", role->name, strerror(errno)));
}

static void role_start(struct cmd *cmd, struct role *role) {
    const char *parent = arena_printf(cmd->arena, "%d", (int)getpid());
    pid_t pid = fork();

    if (!pid) {
        role_exec(cmd, role, parent);
    }
    role->started = clock_monotonic();
    if (pid < 0) {
        log_error("cannot start %s: %s", role->name, strerror(errno));
        role->start_at = role->started + LONGEST_PAUSE;
        return;
    }
    role->pid = pid;
    log_info("%s started as process %d", role->name, (int)pid);
}

static void role_ended(struct role *role, int status) {
    int64_t now = clock_monotonic();

    role->pause = now - role->started > GOOD_RUN || !role->pause ? SHORTEST_PAUSE : role->pause * 2;
    if (role->pause > LONGEST_PAUSE) {
        role->pause = LONGEST_PAUSE;
    }
    role->pid = 0;
    role->start_at = now + role->pause;
    if (WIFSIGNALED(status)) {
        log_warn("%s was ended by signal %d (%s)", role->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status)) {
        log_warn("%s ended with status %d", role->name, WEXITSTATUS(status));
    } else {
        log_info("%s ended", role->name);
    }
}

static void roles_reap(void) {
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < ROLES; i++) {
            if (roles[i].pid == pid) {
                role_ended(&roles[i], status);
            }
        }
    }
}

/* Starts what is due; returns when the next is due, microseconds from now. */
static int64_t roles_start_due(struct cmd *cmd) {
    int64_t next = 3600 * SECOND;

    for (int i = 0; i < ROLES; i++) {
        int64_t left = roles[i].start_at - clock_monotonic();

        if (roles[i].off || roles[i].pid) {
            continue;
        }
        if (left <= 0) {
            role_start(cmd, &roles[i]);
            left = roles[i].pid ? next : LONGEST_PAUSE;
        }
        next = left < next ? left : next;
    }
    return next;
}

static void role_stop(struct role *role) {
    int64_t end = clock_monotonic() + STOP_SECONDS * SECOND;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (role->pid) {
        kill(role->pid, SIGTERM);
    }
    for (roles_reap(); role->pid; roles_reap()) {
        if (clock_monotonic() > end) {
            log_error("%s does not end; killed", role->name);
            kill(role->pid, SIGKILL);
        }
        sigtimedwait(&child, NULL, &(struct timespec){.tv_nsec = 200 * 1000 * 1000});
    }
}

static void serve_loop(struct cmd *cmd) {
    sigset_t set = all_signals();

    for (;;) {
        int64_t left = roles_start_due(cmd);
        struct timespec wait = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND * 1000};
        int got = sigtimedwait(&set, NULL, &wait);

        if (got == SIGTERM || got == SIGINT) {
            return;
        }
        for (int i = 0; got == SIGHUP && i < ROLES; i++) {
            if (roles[i].pid) {
                kill(roles[i].pid, SIGHUP);
            }
        }
        roles_reap();
    }
}

/* One `serve` a data directory: holds a lock as long as it lives. */
static bool lock_data(struct cmd *cmd) {
    const char *path = role_run_path(cmd, "serve.pid");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0) {
        return cmd_fail(0, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        return cmd_fail(0, "already running on %s (its process id is in %s)", role_data(cmd), path);
    }
    if (ftruncate(fd, 0) || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        return cmd_fail(0, "cannot write %s: %s", path, strerror(errno));
    }
    return true;
}

static void choose_roles(const char *wanted) {
    for (int i = 0; i < ROLES; i++) {
        const char *at = strstr(wanted, roles[i].name);

        roles[i].off = !at;
    }
}

int cmd_serve(struct cmd *cmd) {
    sigset_t set = all_signals();

    sigprocmask(SIG_BLOCK, &set, NULL);
    role_log_levels(conf_text(cmd->conf, "log", "levels", "default=info"));
    if (!role_prepare(cmd) || !lock_data(cmd)) {
        return 1;
    }
    choose_roles(conf_text(cmd->conf, "serve", "roles", "api,agent"));
    serve_loop(cmd);
    log_info("stopping");
    for (int i = ROLES - 1; i >= 0; i--) {
        role_stop(&roles[i]);
    }
    unlink(role_run_path(cmd, "serve.pid"));
    return 0;
}
