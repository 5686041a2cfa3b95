/* SPDX-License-Identifier: Apache-2.0
 * Running programs: always an argv array, never a shell; with a time limit, bounded output and, for tools that read
 * tenants' bytes, another user and limits of memory. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
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
    uid_t uid;                      /* 0: as we are */
    gid_t gid;
    size_t max_memory;              /* address space in bytes; 0: no limit */
    int max_seconds;                /* CPU time; 0: no limit */
};

struct run_result {
    int status;                     /* exit status; 128 + signal; -1 when it could not start or ran out of time */
    const char *output, *errors;    /* standard output and error, NUL-terminated */
    size_t output_size;
};

/* Runs to the end. True when the exit status is 0; else errors says why, also when nothing ran. */
bool run_program(struct arena *arena, const struct run *run, struct run_result *ret_result);

/* Shorthand: RUN(arena, &result, "qemu-img", "create", path) */
#define RUN(arena, result, ...) \
    run_program((arena), &(struct run){.argv = (const char *const[]){__VA_ARGS__, NULL}}, (result))

/* Starts a daemon in a session of its own with both outputs appended to 'log_path'; returns its pid or -1. */
pid_t run_daemon(const char *const *argv, const char *const *env, const char *log_path);
