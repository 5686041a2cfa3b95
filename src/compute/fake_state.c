/* SPDX-License-Identifier: Apache-2.0
 * The files of simulated hosts, read as far as they have grown since the last time. */
#include "compute/fake_state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "bus/work.h"

enum { SPARE_LINES = 1000 };

struct log {
    ino_t inode;                /* of the file that was read; 0: none */
    off_t size;                 /* up to which it was read */
    size_t lines;
    struct map *texts;          /* by id */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of all of them */
static struct map *logs;        /* struct log by path */

static struct log *log_of(const char *path) {
    struct log *log;

    logs = logs ? logs : map_new();
    log = map_get(logs, path);
    if (!log) {
        log = calloc(1, sizeof *log);
        if (!log) {
            abort();
        }
        map_set(logs, path, log);
    }
    return log;
}

static void forget(struct log *log) {
    map_free(log->texts, free);
    *log = (struct log){.texts = map_new()};
}

static void take_line(struct log *log, char *line) {
    char *text = strchr(line, ' ');

    if (text) {
        *text++ = 0;
        free(map_set(log->texts, line, *text ? strdup(text) : NULL));
    }
    log->lines++;
}

/* Whole lines only; a line that a dying process left is cut off where the file is read from its begin. */
static void read_on(struct log *log, int fd, off_t size) {
    size_t wanted = (size_t)(size - log->size);
    char *bytes = malloc(wanted + 1), *line = bytes, *end;
    ssize_t got = bytes ? pread(fd, bytes, wanted, log->size) : -1;
    bool first = !log->size;

    if (got > 0) {
        bytes[got] = 0;
        while ((end = strchr(line, '\n'))) {
            *end = 0;
            take_line(log, line);
            line = end + 1;
        }
        log->size += line - bytes;
        if (first && log->size < size && ftruncate(fd, log->size)) {
            log->size = size;
        }
    }
    free(bytes);
}

static bool write_all(int fd, const struct buf *buf) {
    return write(fd, buf->at, buf->size) == (ssize_t)buf->size;
}

/* Leaves out what does not count any more. */
static void compact(struct log *log, const char *path) {
    struct buf buf = {0};
    size_t cursor = 0;
    const char *id;
    char *fresh;
    void *text;
    int fd;

    if (log->lines <= 2 * map_count(log->texts) + SPARE_LINES || asprintf(&fresh, "%s.new", path) < 0) {
        return;
    }
    while ((id = map_next(log->texts, &cursor, &text))) {
        buf_printf(&buf, "%s %s\n", id, (const char *)text);
    }
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write_all(fd, &buf) && !rename(fresh, path)) {
        struct stat st;

        fstat(fd, &st);
        log->inode = st.st_ino;
        log->size = st.st_size;
        log->lines = map_count(log->texts);
    }
    if (fd >= 0) {
        close(fd);
    }
    buf_release(&buf);
    free(fresh);
}

/* Makes the log what its file says by now. */
static void look(struct log *log, const char *path, int fd) {
    struct stat st = {0};
    bool fresh;

    if (fd >= 0) {
        fstat(fd, &st);
    }
    fresh = !log->texts || st.st_ino != log->inode || st.st_size < log->size;
    if (fresh) {
        forget(log);
        log->inode = st.st_ino;
    }
    if (st.st_size > log->size) {
        read_on(log, fd, st.st_size);
    }
    if (fresh) {
        compact(log, path);
    }
}

static const char *path_of(struct work *work) {
    return arena_printf(work->arena, "%s/fake/%s.log", work->host->data, work->host->name);
}

/* The log of the work's host as it is now; the lock is held until 'unlock'. */
static struct log *open_log(struct work *work) {
    const char *path = path_of(work);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct log *log;

    pthread_mutex_lock(&lock);
    log = log_of(path);
    look(log, path, fd);
    if (fd >= 0) {
        close(fd);
    }
    return log;
}

const char *fake_state_get(struct work *work) {
    const char *text = map_get(open_log(work)->texts, work->id);

    text = text ? arena_text(work->arena, text) : NULL;
    pthread_mutex_unlock(&lock);
    return text;
}

bool fake_state_put(struct work *work, const char *text) {
    const char *path = path_of(work);
    struct buf line = {0};
    int fd, cause;
    bool ok;

    buf_printf(&line, "%s %s\n", work->id, text ? text : "");
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ok = fd >= 0 && write_all(fd, &line);
    cause = errno;
    if (fd >= 0) {
        close(fd);
    }
    buf_release(&line);
    return ok || work_fail(work, "cannot write %s: %s", path, strerror(cause));
}

const char *const *fake_state_ids(struct work *work, size_t *ret_count) {
    const struct map *texts = open_log(work)->texts;
    const char **ids = ARENA_ARRAY(work->arena, const char *, map_count(texts) + 1), *id;
    size_t cursor = 0, count = 0;
    void *text;

    while ((id = map_next(texts, &cursor, &text))) {
        ids[count++] = arena_text(work->arena, id);
    }
    pthread_mutex_unlock(&lock);
    *ret_count = count;
    return ids;
}
