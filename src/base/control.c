/* SPDX-License-Identifier: Apache-2.0
 * The control socket: one line in, "ok" or "error" on a line and text out, then the end. One connection at a time. */
#include "base/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/arena_top.h"
#include "base/clock.h"
#include "base/local.h"
#include "base/log.h"

LOG_MODULE("control");

enum { MAX_LINE = 4096, MAX_WORDS = 64, CLIENT_SECONDS = 5, MAX_ANSWER = 64 * 1024 * 1024 };

struct command {
    struct command *next;
    const char *name, *help;
    bool (*fn)(void *user, int argc, const char *const *argv, struct buf *out);
    void (*stats)(void *user, struct buf *out);     /* instead of the three above */
    void *user;
};

static bool run_help(void *user, int argc, const char *const *argv, struct buf *out);
static bool run_log_set(void *user, int argc, const char *const *argv, struct buf *out);
static bool run_stats(void *user, int argc, const char *const *argv, struct buf *out);
static bool run_arena_top(void *user, int argc, const char *const *argv, struct buf *out);

static struct command builtin[] = {
    {&builtin[1], "help", ": lists the commands", run_help, NULL, NULL},
    {&builtin[2], "log set", "MODULE LEVEL: error, warn, info or debug; MODULE is a prefix, 'default' is all",
     run_log_set, NULL, NULL},
    {&builtin[3], "stats", ": figures of this process", run_stats, NULL, NULL},
    {NULL, "arena top", ": the requests and tasks that took most memory", run_arena_top, NULL, NULL},
};
static struct command *commands = builtin;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void add(struct command command) {
    struct command *added = malloc(sizeof *added);

    if (!added) {
        abort();
    }
    *added = command;
    pthread_rwlock_wrlock(&lock);
    added->next = commands;
    commands = added;
    pthread_rwlock_unlock(&lock);
}

void control_register(const char *name, const char *help,
                      bool (*fn)(void *user, int argc, const char *const *argv, struct buf *out), void *user) {
    add((struct command){.name = name, .help = help, .fn = fn, .user = user});
}

void control_stats(void (*fn)(void *user, struct buf *out), void *user) {
    add((struct command){.stats = fn, .user = user});
}

void control_forget(void *user) {
    pthread_rwlock_wrlock(&lock);
    for (struct command **at = &commands; *at;) {
        struct command *command = *at;

        if (user && command->user == user) {
            *at = command->next;
            free(command);
        } else {
            at = &command->next;
        }
    }
    pthread_rwlock_unlock(&lock);
}

static bool run_help(void *user, int argc, const char *const *argv, struct buf *out) {
    for (const struct command *c = commands; c; c = c->next) {
        if (c->name) {
            buf_printf(out, "%s%s%s\n", c->name, *c->help == ':' ? "" : " ", c->help);
        }
    }
    return true;
}

static bool run_log_set(void *user, int argc, const char *const *argv, struct buf *out) {
    enum log_level level;

    if (argc != 2 || !log_level_parse(argv[1], &level)) {
        buf_text(out, "MODULE LEVEL was expected, and a level is error, warn, info or debug\n");
        return false;
    }
    log_set(strcmp(argv[0], "default") ? argv[0] : "", level);
    return true;
}

static bool run_arena_top(void *user, int argc, const char *const *argv, struct buf *out) {
    arena_top_print(out);
    return true;
}

/* Lines of /proc/self/status as they are, of which two matter. */
static bool run_stats(void *user, int argc, const char *const *argv, struct buf *out) {
    static const char *const wanted[] = {"VmRSS:", "Threads:"};
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];

    buf_printf(out, "process id %d\n", (int)getpid());
    while (file && fgets(line, sizeof line, file)) {
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (!strncmp(line, wanted[i], strlen(wanted[i]))) {
                buf_printf(out, "process %s", line);
            }
        }
    }
    if (file) {
        fclose(file);
    }
    for (const struct command *c = commands; c; c = c->next) {
        if (c->stats) {
            c->stats(c->user, out);
        }
    }
    return true;
}

/* How many of the words are the command's name; 0: it is another one. */
static int name_words(const char *name, int argc, const char *const *argv) {
    for (int i = 0; i < argc; i++) {
        size_t size = strlen(argv[i]);

        if (strncmp(name, argv[i], size) != 0) {
            return 0;
        }
        if (!name[size]) {
            return i + 1;
        }
        if (name[size] != ' ') {
            return 0;
        }
        name += size + 1;
    }
    return 0;
}

bool control_run(const char *line, struct buf *out) {
    char copy[MAX_LINE], *rest = copy, *word;
    const char *argv[MAX_WORDS];
    int argc = 0;
    bool ok = false, found = false;

    snprintf(copy, sizeof copy, "%s", line);
    while (argc < MAX_WORDS && (word = strsep(&rest, " \t\r\n"))) {
        if (*word) {
            argv[argc++] = word;
        }
    }
    pthread_rwlock_rdlock(&lock);
    for (const struct command *c = commands; c && !found; c = c->next) {
        int words = c->name ? name_words(c->name, argc, argv) : 0;

        if (words) {
            found = true;
            ok = c->fn(c->user, argc - words, argv + words, out);
        }
    }
    pthread_rwlock_unlock(&lock);
    if (!found) {
        buf_text(out, "there is no such command; 'help' lists them\n");
    }
    return ok;
}

/* Reads until a line's end, the end, or the time is over. */
static bool read_line(int fd, char line[MAX_LINE]) {
    int64_t end = clock_monotonic() + CLIENT_SECONDS * SECOND;
    size_t size = 0;

    while (size < MAX_LINE - 1) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = (end - clock_monotonic()) / 1000;
        ssize_t got;

        if (left <= 0 || poll(&wait, 1, (int)left) < 0) {
            return false;
        }
        got = recv(fd, line + size, MAX_LINE - 1 - size, MSG_DONTWAIT);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        if (memchr(line, '\n', size)) {
            line[strcspn(line, "\n")] = 0;
            return true;
        }
    }
    return false;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static void serve_client(int fd) {
    struct timeval patience = {.tv_sec = CLIENT_SECONDS};
    char line[MAX_LINE] = {0};
    struct buf out = {0};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (local_trusted(fd, (uid_t)-1) && read_line(fd, line)) {
        const char *status = control_run(line, &out) ? "ok\n" : "error\n";

        log_info("command '%s': %.*s", line, (int)strlen(status) - 1, status);
        if (write_all(fd, status, strlen(status))) {
            write_all(fd, out.at ? out.at : "", out.size);
        }
    }
    buf_release(&out);
}

static void *serve(void *argument) {
    int listener = (int)(intptr_t)argument;

    for (;;) {
        struct pollfd wait = {.fd = listener, .events = POLLIN};
        int fd = poll(&wait, 1, -1) > 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

        if (fd >= 0) {
            serve_client(fd);
            close(fd);
        } else if (errno != EAGAIN && errno != EINTR) {
            sleep(1);
        }
    }
    return NULL;
}

bool control_listen(struct arena *arena, const char *path, const char **ret_error) {
    int fd = local_listen(arena, path, ret_error);
    pthread_t thread;

    if (fd < 0) {
        return false;
    }
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd)) {
        abort();
    }
    pthread_detach(thread);
    return true;
}

bool control_ask(struct arena *arena, const char *path, const char *line, struct buf *out, const char **ret_error) {
    const char *text = arena_printf(arena, "%s\n", line);
    int fd = local_connect(arena, path, true, ret_error);
    struct buf answer = {0};
    ssize_t got = 1;
    bool ok = false;

    if (fd < 0) {
        return false;
    }
    if (write_all(fd, text, strlen(text))) {
        while (got > 0 && answer.size < MAX_ANSWER) {
            got = recv(fd, buf_reserve(&answer, 16384), 16384, 0);
            answer.size += got > 0 ? (size_t)got : 0;
        }
    }
    close(fd);
    *ret_error = answer.size ? NULL : "nothing was answered";
    if (answer.size) {
        char *end = memchr(answer.at, '\n', answer.size);
        size_t skip = end ? (size_t)(end - answer.at) + 1 : answer.size;

        ok = end && !strncmp(answer.at, "ok\n", 3);
        buf_put(out, answer.at + skip, answer.size - skip);
    }
    buf_release(&answer);
    return ok;
}
