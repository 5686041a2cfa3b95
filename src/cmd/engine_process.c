/* SPDX-License-Identifier: Apache-2.0
 * Daemons found by pid and start time, proc(5). */
#include "cmd/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/run.h"

/* Field 22 of /proc/PID/stat, ticks since boot; 0 when there is no such process or it is a zombie. */
static unsigned long long start_time(pid_t pid) {
    char path[64], line[1024], state = 'Z', *rest;
    unsigned long long ticks = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file) {
        return 0;
    }
    rest = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (rest) {
        sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
               &ticks);
    }
    fclose(file);
    return state == 'Z' || state == 'X' ? 0 : ticks;
}

pid_t process_find(const char *path) {
    unsigned long long ticks = 0;
    int pid = 0;
    FILE *file = fopen(path, "re");

    if (!file) {
        return 0;
    }
    if (fscanf(file, "%d %llu", &pid, &ticks) != 2) {
        pid = 0;
    }
    fclose(file);
    return pid > 0 && ticks && start_time(pid) == ticks ? pid : 0;
}

static bool pid_file_write(const char *path, pid_t pid) {
    FILE *file = fopen(path, "we");
    bool ok = file && fprintf(file, "%d %llu\n", (int)pid, start_time(pid)) > 0;

    return file && !fclose(file) && ok;
}

/* Keeps what is mounted at 'path' from here on out of other mount namespaces: for a root that is no mount point (a
 * chroot) whose mounts may be shared. */
static bool mount_apart(const char *path) {
    return !mount(path, path, NULL, MS_BIND, NULL) && !mount(NULL, path, NULL, MS_PRIVATE, NULL);
}

static bool enter_namespace(const struct bind *binds) {
    bool whole;

    if (unshare(CLONE_NEWNS)) {
        dprintf(2, "cannot make a mount namespace: %s\n", strerror(errno));
        return false;
    }
    whole = !mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
    for (; binds->from; binds++) {
        if ((!whole && !mount_apart(binds->to)) || mount(binds->from, binds->to, NULL, MS_BIND, NULL)) {
            dprintf(2, "cannot bind %s to %s: %s\n", binds->from, binds->to, strerror(errno));
            return false;
        }
    }
    return true;
}

/* Starts the daemon with its errors in the log; -1 when that fails. */
static pid_t daemon_start(const char *const *argv, const char *const *env, const struct bind *binds, const char *log,
                          const char *pid_file) {
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    pid_t daemon;

    if (fd >= 0) {
        dup2(fd, 2);
    }
    daemon = binds && !enter_namespace(binds) ? -1 : run_daemon(argv, env, log);
    return daemon > 0 && pid_file_write(pid_file, daemon) ? daemon : -1;
}

/* Inherits what daemons leave behind, and ends with the last of it. */
static _Noreturn void reap_until_childless(void) {
    close_range(0, ~0U, 0);
    while (wait(NULL) > 0 || errno == EINTR) {
    }
    _exit(0);
}

/* Starts the daemon, says so by a byte in 'ready', and goes on as its reaper when it has a namespace of its own. */
static _Noreturn void starter_run(const char *const *argv, const char *const *env, const struct bind *binds,
                                  const char *log, const char *pid_file, int ready) {
    setsid();
    if (binds) {
        prctl(PR_SET_NAME, "haneul-reaper");
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    if (daemon_start(argv, env, binds, log, pid_file) < 0 || write(ready, "", 1) != 1) {
        _exit(1);
    }
    if (!binds) {
        _exit(0);
    }
    reap_until_childless();
}

bool process_start(const char *const *argv, const char *const *env, const struct bind *binds, const char *log,
                   const char *pid_file) {
    int status, ready[2];
    char byte;
    pid_t child = pipe2(ready, O_CLOEXEC) ? -1 : fork();

    if (child < 0) {
        return false;
    }
    if (!child) {
        if (fork() == 0) {
            starter_run(argv, env, binds, log, pid_file, ready[1]);
        }
        close(ready[1]);
        _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(ready[0]);
    close(ready[1]);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return WIFEXITED(status) && !WEXITSTATUS(status);
}

void process_stop(const char *pid_file, int seconds) {
    pid_t pid = process_find(pid_file);

    if (pid) {
        kill(pid, SIGTERM);
        for (int i = 0; i < seconds * 50 && process_find(pid_file); i++) {
            usleep(20000);
        }
        if (process_find(pid_file)) {
            kill(pid, SIGKILL);
        }
    }
    unlink(pid_file);
}
