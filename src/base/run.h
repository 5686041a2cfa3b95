/* SPDX-License-Identifier: Apache-2.0
 * Running programs: always an argv array, never a shell; with a time limit and bounded output. Tools that read tenants'
 * bytes are confined: what a hostile file makes them do then harms nobody but its owner. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;

struct run {
    const char *const *argv;        /* ends with null; argv[0] is looked up in PATH */
    const char *const *env;         /* NAME=value to add, ends with null; null: nothing */
    const char *input;              /* standard input; null: /dev/null */
    size_t input_size;
    int timeout_ms;                 /* then SIGKILL; 0 means 60,000 */
    size_t max_output;              /* bytes kept of each stream; 0 means 1 MiB */
    const char *netns;              /* file of the network namespace to run in; null: ours */
    /* Not root (when we are), no network but an empty one, no right that a file could give it, 4 GiB of address space, as
     * much CPU time as 'timeout_ms', 64 descriptors, no core file. */
    enum run_confined {
        RUN_TRUSTED,
        RUN_AS_NOBODY,              /* in group 'gid', so that it may read what only that group may */
        RUN_AS_SELF,                /* keeps our user: for files that only we may open, read as raw bytes */
    } confined;
    gid_t gid;                      /* 0: nobody's */
    uint64_t max_file;              /* confined: bytes that a file it writes may have; 0: no limit */
    const char *const *reads;       /* confined: what it may open besides programs (base/landlock.h); both null: all */
    const char *const *writes;
};

struct run_result {
    int status;                     /* exit status; 128 + signal; -1 when it could not start or ran out of time */
    const char *output, *errors;    /* standard output and error, NUL-terminated */
    size_t output_size;
};

/* Runs to the end. True when the exit status is 0; else errors says why, also when nothing ran. */
bool run_program(struct arena *arena, const struct run *run, struct run_result *ret_result);

/* Gives 'path' to the user of RUN_AS_NOBODY, for a program that is to write it; nothing to do when we are not root. */
bool run_give_to_nobody(const char *path);

/* Shorthand: RUN(arena, &result, "qemu-img", "create", path) */
#define RUN(arena, result, ...) \
    run_program((arena), &(struct run){.argv = (const char *const[]){__VA_ARGS__, NULL}}, (result))

/* Starts a daemon in a session of its own with both outputs appended to 'log_path'; returns its pid or -1. */
pid_t run_daemon(const char *const *argv, const char *const *env, const char *log_path);
