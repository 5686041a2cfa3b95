/* SPDX-License-Identifier: Apache-2.0
 * fork, exec and collect. */
#include "base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/landlock.h"

extern char **environ;

enum { TIMEOUT_MS = 60000, CONFINED_FILES = 64 };
#define CONFINED_MEMORY ((rlim_t)4 << 30)

static int timeout_of(const struct run *run) {
    return run->timeout_ms ? run->timeout_ms : TIMEOUT_MS;
}

/* Looked up before fork: getpwnam takes locks. */
static struct passwd nobody_get(void) {
    char text[1024];
    struct passwd entry = {0}, *found = NULL;

    if (getpwnam_r("nobody", &entry, text, sizeof text, &found) || !found) {
        return (struct passwd){.pw_uid = 65534, .pw_gid = 65534};
    }
    return (struct passwd){.pw_uid = entry.pw_uid, .pw_gid = entry.pw_gid};
}

bool run_give_to_nobody(const char *path) {
    struct passwd nobody = nobody_get();

    return geteuid() || !chown(path, nobody.pw_uid, nobody.pw_gid);
}

static void child_env(const char *const *env) {
    for (; env && *env; env++) {
        putenv((char *)(uintptr_t)*env);
    }
}

static void child_signals(void) {
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void child_netns(const char *path) {
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (path && (fd < 0 || setns(fd, CLONE_NEWNET))) {
        dprintf(2, "cannot enter network namespace %s: %s", path, strerror(errno));
        _exit(126);
    }
}

static void child_limit(int what, rlim_t value) {
    if (setrlimit(what, &(struct rlimit){value, value})) {
        dprintf(2, "cannot set limit %d: %s", what, strerror(errno));
        _exit(126);
    }
}

/* All or nothing: what cannot be confined does not run. A network namespace takes a right that we may not have; then we are
 * not root, and neither is the program. */
static void child_confine(const struct run *run, const struct passwd *nobody) {
    if (run->confined == RUN_TRUSTED) {
        return;
    }
    setenv("MALLOC_ARENA_MAX", "1", 1);
    child_limit(RLIMIT_CPU, (rlim_t)timeout_of(run) / 1000 + 1);
    child_limit(RLIMIT_NOFILE, CONFINED_FILES);
    child_limit(RLIMIT_CORE, 0);
    if (run->max_file) {
        child_limit(RLIMIT_FSIZE, run->max_file);
    }
    if (!geteuid() && unshare(CLONE_NEWNET | CLONE_NEWIPC)) {
        dprintf(2, "cannot leave the network: %s", strerror(errno));
        _exit(126);
    }
    if (!geteuid() && run->confined == RUN_AS_NOBODY
        && (setgroups(0, NULL) || setgid(run->gid ? run->gid : nobody->pw_gid) || setuid(nobody->pw_uid))) {
        dprintf(2, "cannot become user %u: %s", (unsigned)nobody->pw_uid, strerror(errno));
        _exit(126);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if ((run->reads || run->writes) && !landlock_only(run->reads, run->writes)) {
        dprintf(2, "cannot give up other files: %s", strerror(errno));
        _exit(126);
    }
    child_limit(RLIMIT_AS, CONFINED_MEMORY);        /* the last: this process may be larger */
}

static _Noreturn void child_exec(const struct run *run, const struct passwd *nobody, pid_t parent, int in, int out, int err) {
    child_signals();
    setpgid(0, 0);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    close_range(3, ~0U, 0);
    child_env(run->env);
    child_netns(run->netns);
    child_confine(run, nobody);
    /* The work of a process that was killed is begun again by the next: nobody may still be at it then. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) {
        _exit(126);
    }
    execvp(run->argv[0], (char *const *)(uintptr_t)run->argv);
    dprintf(2, "cannot run %s: %s", run->argv[0], strerror(errno));
    _exit(127);
}

/* Standard input as a file: no deadlock between feeding and reading. */
static int input_file(const struct run *run) {
    int fd;

    if (!run->input) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    fd = memfd_create("input", MFD_CLOEXEC);
    if (fd >= 0 && (write(fd, run->input, run->input_size) != (ssize_t)run->input_size || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        return -1;
    }
    return fd;
}

static void read_some(struct pollfd *from, struct buf *into, size_t most) {
    char bytes[16384];
    ssize_t got = read(from->fd, bytes, sizeof bytes);

    if (got <= 0) {
        if (got < 0 && errno == EINTR) {
            return;
        }
        close(from->fd);
        from->fd = -1;
    } else if (into->size < most) {
        size_t keep = most - into->size;

        buf_put(into, bytes, (size_t)got < keep ? (size_t)got : keep);
    }
}

/* Waits until a process that has closed its outputs ends. False: time ran out. */
static bool wait_for_end(pid_t pid, int64_t end) {
    struct pollfd process = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int64_t left;
    int ready = process.fd < 0 ? 1 : 0;

    while (ready <= 0 && (left = (end - clock_monotonic()) / 1000) > 0) {
        ready = poll(&process, 1, (int)left);
    }
    if (process.fd >= 0) {
        close(process.fd);
    }
    return ready > 0;
}

/* Reads both pipes until they end and so did the process, or time runs out. False: time ran out. */
static bool collect(pid_t pid, struct pollfd fds[2], struct buf bufs[2], const struct run *run) {
    int64_t end = clock_monotonic() + timeout_of(run) * 1000LL;
    size_t most = run->max_output ? run->max_output : 1024 * 1024;

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        int64_t left = (end - clock_monotonic()) / 1000;

        if (left <= 0 || (poll(fds, 2, (int)left) < 0 && errno != EINTR)) {
            return false;
        }
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd >= 0 && fds[i].revents) {
                read_some(&fds[i], &bufs[i], most);
            }
        }
    }
    return wait_for_end(pid, end);
}

static int reap(pid_t pid) {
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void finish(struct arena *arena, struct buf bufs[2], struct run_result *result) {
    result->output = arena_text_size(arena, bufs[0].at ? bufs[0].at : "", bufs[0].size);
    result->errors = arena_text_size(arena, bufs[1].at ? bufs[1].at : "", bufs[1].size);
    result->output_size = bufs[0].size;
    buf_release(&bufs[0]);
    buf_release(&bufs[1]);
}

bool run_program(struct arena *arena, const struct run *run, struct run_result *ret_result) {
    int in = input_file(run), out[2] = {-1, -1}, err[2] = {-1, -1};
    struct passwd nobody = run->confined ? nobody_get() : (struct passwd){0};
    struct buf bufs[2] = {{0}, {0}};
    pid_t pid, parent = getpid();

    crash_point("program about to run");
    *ret_result = (struct run_result){.status = -1, .output = "", .errors = "cannot start: no process or pipe"};
    if (in < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (pid = fork()) < 0) {
        int fds[] = {in, out[0], out[1], err[0], err[1]};

        for (int i = 0; i < 5; i++) {
            if (fds[i] >= 0) {
                close(fds[i]);
            }
        }
        return false;
    }
    if (!pid) {
        child_exec(run, &nobody, parent, in, out[1], err[1]);
    }
    close(in);
    close(out[1]);
    close(err[1]);

    struct pollfd fds[2] = {{.fd = out[0], .events = POLLIN}, {.fd = err[0], .events = POLLIN}};
    bool in_time = collect(pid, fds, bufs, run);

    if (!in_time) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd >= 0) {
                close(fds[i].fd);
            }
        }
        buf_printf(&bufs[1], "%s%s ran out of time", bufs[1].size ? "; " : "", run->argv[0]);
    }
    ret_result->status = reap(pid);
    if (!in_time) {
        ret_result->status = -1;
    }
    finish(arena, bufs, ret_result);
    crash_point("program ended");
    return ret_result->status == 0;
}

pid_t run_daemon(const char *const *argv, const char *const *env, const char *log_path) {
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = log < 0 || null < 0 ? -1 : fork();

    if (pid == 0) {
        child_signals();
        setsid();
        dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        close_range(3, ~0U, 0);
        child_env(env);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (log >= 0) {
        close(log);
    }
    if (null >= 0) {
        close(null);
    }
    return pid;
}
