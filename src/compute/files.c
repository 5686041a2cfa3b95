/* SPDX-License-Identifier: Apache-2.0
 * Where a server's files are, and the tools that make them. */
#include "compute/files.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "bus/work.h"

const char *server_path(struct arena *arena, const struct host *host, const char *id, const char *name) {
    return arena_printf(arena, "%s/instances/%s%s%s", host->data, id, name ? "/" : "", name ? name : "");
}

const char *path_partial(struct arena *arena, const char *path) {
    return arena_printf(arena, "%s.part", path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
    return remove(path);
}

bool tree_remove(const char *path) {
    return !nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) || errno == ENOENT;
}

bool run_in_time(struct work *work, struct run run, struct run_result *ret_result) {
    int64_t left = work->deadline ? (work->deadline - clock_monotonic()) / 1000 : 3600 * 1000;

    run.timeout_ms = left < 1 ? 1 : (int)left;
    return run_program(work->arena, &run, ret_result)
           || work_fail(work, "server %s: %s %s failed: %s", work->id, run.argv[0], run.argv[1], ret_result->errors);
}

bool tool_run(struct work *work, const char *const *argv) {
    struct run_result result;

    return run_in_time(work, (struct run){.argv = argv, .confined = RUN_AS_SELF}, &result);
}

bool file_give(struct work *work, const char *path) {
    char *parent = arena_text(work->arena, path);
    struct stat st;

    *strrchr(parent, '/') = 0;
    return (!stat(*parent ? parent : "/", &st) && !chmod(path, 0640)
            && (geteuid() || !chown(path, st.st_uid, st.st_gid)))
           || work_fail(work, "server %s: cannot hand over %s: %s", work->id, path, strerror(errno));
}
