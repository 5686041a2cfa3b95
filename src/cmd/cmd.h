/* SPDX-License-Identifier: Apache-2.0
 * Commands: what `haneul NAME` does. To add one: a line in the table of cmd.c and a file with its cmd_NAME. */
#pragma once
#include <stdbool.h>

struct arena;
struct conf;

/* Exit statuses, as sysexits and shells know them. */
enum { EXIT_USAGE = 2 };

/* A command as it was called. */
struct cmd {
    struct arena *arena;            /* lives as long as the command */
    struct conf *conf;              /* the file, and what the command line set over it */
    const char *config_path;        /* null: there is no file */
    int argc;                       /* words behind the command that are no options; and its own flags */
    const char *const *argv;        /* ends with null */
    char **all;                     /* everything behind the command, for who calls the program again; ends with null */
};

/* Runs the program; returns its exit status. */
int command_main(int argc, char **argv);

/* True when the command was called with its own 'flag' ("--fix"). */
bool cmd_has(const struct cmd *cmd, const char *flag);

/* Prints "haneul: ..." to standard error; returns 'status'. */
int cmd_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

int cmd_serve(struct cmd *cmd);
int cmd_api(struct cmd *cmd);
int cmd_agent(struct cmd *cmd);
int cmd_doctor(struct cmd *cmd);
int cmd_engines(struct cmd *cmd);
int cmd_identity(struct cmd *cmd);
int cmd_audit(struct cmd *cmd);
int cmd_why(struct cmd *cmd);
int cmd_ctl(struct cmd *cmd);
int cmd_print(struct cmd *cmd);
int cmd_version(struct cmd *cmd);
