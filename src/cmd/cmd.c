/* SPDX-License-Identifier: Apache-2.0
 * The table of commands, options, and help. */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/conf.h"

#define DEFAULT_CONFIG "/etc/haneul/haneul.conf"

static const struct command {
    const char *name;
    int (*run)(struct cmd *cmd);
    const char *arguments;          /* null: none */
    const char *flags[4];           /* its own options, without values */
    const char *summary;
    const char *details;            /* null: the summary says it all */
} commands[] = {
    {"serve", cmd_serve, .summary = "run the whole cloud on this machine",
     .details = "Starts the roles 'api' and 'agent' and starts them again when they die. [serve] roles says which.\n"
                "SIGTERM stops everything in order; SIGHUP reads the log levels again."},
    {"api", cmd_api, .summary = "run the API role: HTTP, database, scheduling (gives up root)",
     .details = "Becomes the user [api] user (haneul) when started by root."},
    {"agent", cmd_agent, .summary = "run the agent role: drives this host (needs root for the real drivers)",
     .details = "On SIGTERM running work has [agent] stop_seconds (20) to end."},
    {"doctor", cmd_doctor, .summary = "look whether this host is fit, and say what to do"},
    {"engines", cmd_engines, "status|stop|remove", .summary = "libvirt, Open vSwitch and OVN of this host",
     .details = "status: which ones of our own run. stop: shuts guests down and stops our own engines.\n"
                "remove: also takes our guests and bridges out of the system's engines."},
    {"audit", cmd_audit, .flags = {"--fix", "--json"}, .summary = "check the invariants across services; --fix mends",
     .details = "Asks the API role of this machine. --json prints the report as JSON.\n"
                "Exit status: 0 nothing is broken (any more), 1 something is, 2 it could not look."},
    {"identity", cmd_identity, "[COMMAND]", .summary = "keys of tokens and credentials, what has expired, the first administrator",
     .details = "Without COMMAND: lists them. The running API role does it; without one it is done here."},
    {"why", cmd_why, "RESOURCE ID", .summary = "what happened to a resource: haneul why server ID",
     .details = "Prints its requests, tasks with their tries and causes, faults and events, oldest first.\n"
                "[history] days and rows say how much is kept."},
    {"print", cmd_print, "WHAT", .summary = "print the program's own tables: coverage, openapi, operations, schema, policy SERVICE"},
    {"ctl", cmd_ctl, "ROLE COMMAND...", .summary = "send a command to a running role: haneul ctl api stats",
     .details = "'haneul ctl ROLE help' lists the commands of a role."},
    {"version", cmd_version, .summary = "print the version"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct option {
    const char *name, *value, *help;
    const char *section, *key;      /* what it sets; null: something else */
} options[] = {
    {"--config", "FILE", "configuration (" DEFAULT_CONFIG " when it is there)"},
    {"--data", "DIR", "data directory (/var/lib/haneul)", "DEFAULT", "data"},
    {"--listen", "ADDR:PORT", "where the API listens (127.0.0.1:8470)", "api", "listen"},
    {"--set", "SECTION.OPTION=VALUE", "set an option over the file"},
    {"--help", NULL, "explain and end"},
};

enum { OPTIONS = sizeof options / sizeof *options };

/* The command line while it is read. */
struct line {
    struct arena *arena;
    const struct command *command;
    const char *command_word;       /* where it stands in argv */
    const char *config;
    bool help;
    const char **sets;              /* section, option, value in turn */
    size_t set_count;
    const char **words;
    size_t word_count;
};

static bool read_line(struct line *line, int argc, char **argv);
static int print_help(const struct command *command);
static int run_command(struct line *line, char **all);

int command_main(int argc, char **argv) {
    struct line line = {.arena = arena_new(0)};
    int status = EXIT_USAGE;

    if (read_line(&line, argc - 1, argv + 1)) {
        if (line.help || !line.command) {
            status = print_help(line.command);
            status = line.help ? 0 : EXIT_USAGE;
        } else {
            status = run_command(&line, argv + 1);
        }
    }
    arena_free(line.arena);
    return status;
}

bool cmd_has(const struct cmd *cmd, const char *flag) {
    for (int i = 0; i < cmd->argc; i++) {
        if (!strcmp(cmd->argv[i], flag)) {
            return true;
        }
    }
    return false;
}

int cmd_fail(int status, const char *format, ...) {
    va_list args;

    fputs("haneul: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

static const struct command *command_find(const char *name) {
    for (int i = 0; i < COMMANDS; i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static const struct option *option_find(const char *text, size_t size) {
    for (int i = 0; i < OPTIONS; i++) {
        if (strlen(options[i].name) == size && !strncmp(options[i].name, text, size)) {
            return &options[i];
        }
    }
    return NULL;
}

static void add_set(struct line *line, const char *section, const char *key, const char *value) {
    const char *const parts[] = {section, key, value};

    for (int i = 0; i < 3; i++) {
        line->sets = arena_grow(line->arena, line->sets, line->set_count, sizeof *line->sets);
        line->sets[line->set_count++] = parts[i];
    }
}

/* "section.option=value" */
static bool add_set_text(struct line *line, const char *text) {
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');

    if (!equals || !dot || dot > equals || dot == text || dot + 1 == equals) {
        return cmd_fail(0, "--set wants SECTION.OPTION=VALUE, not '%s'", text);
    }
    add_set(line, arena_text_size(line->arena, text, (size_t)(dot - text)),
            arena_text_size(line->arena, dot + 1, (size_t)(equals - dot - 1)), equals + 1);
    return true;
}

static bool apply_option(struct line *line, const struct option *option, const char *value) {
    if (option->section) {
        add_set(line, option->section, option->key, value);
    } else if (!option->value) {
        line->help = true;
    } else if (!strcmp(option->name, "--set")) {
        return add_set_text(line, value);
    } else {
        line->config = value;
    }
    return true;
}

static void add_word(struct line *line, const char *word) {
    line->words[line->word_count++] = word;
}

/* Reads the option at argv[0]. Returns how many words it took; 0: it is wrong, which was said. */
static int read_option(struct line *line, char **argv) {
    size_t size = strcspn(argv[0], "=");
    const struct option *option = option_find(argv[0], size);
    const char *value = argv[0][size] ? argv[0] + size + 1 : NULL;

    for (int i = 0; !option && line->command && i < 4 && line->command->flags[i]; i++) {
        if (!strcmp(line->command->flags[i], argv[0])) {
            add_word(line, argv[0]);
            return 1;
        }
    }
    if (!option || (value && !option->value)) {
        return cmd_fail(0, "unknown option '%s'; --help lists what there is", argv[0]);
    }
    if (!option->value || value) {
        return apply_option(line, option, value);
    }
    if (!argv[1]) {
        return cmd_fail(0, "%s wants %s", option->name, option->value);
    }
    return apply_option(line, option, argv[1]) ? 2 : 0;
}

static bool read_word(struct line *line, const char *word) {
    if (!line->command && !strcmp(word, "help")) {
        line->help = true;
    } else if (!line->command) {
        line->command = command_find(word);
        line->command_word = word;
        if (!line->command) {
            return cmd_fail(0, "there is no command '%s'; --help lists what there is", word);
        }
    } else if (!line->command->arguments) {
        return cmd_fail(0, "%s takes no arguments, but there is '%s'", line->command->name, word);
    } else {
        add_word(line, word);
    }
    return true;
}

static bool read_line(struct line *line, int argc, char **argv) {
    int taken;

    line->words = ARENA_ARRAY(line->arena, const char *, (size_t)argc + 1);
    for (int i = 0; i < argc; i += taken) {
        taken = argv[i][0] == '-' ? read_option(line, argv + i) : read_word(line, argv[i]);
        if (!taken) {
            return false;
        }
    }
    return true;
}

static int print_help(const struct command *command) {
    printf("usage: haneul %s [options]%s%s\n", command ? command->name : "COMMAND",
           command && command->arguments ? " " : "", command && command->arguments ? command->arguments : "");
    if (command) {
        printf("\n%s: %s\n%s%s", command->name, command->summary, command->details ? command->details : "",
               command->details ? "\n" : "");
    } else {
        printf("\nHaneul: OpenStack as one native program\n\ncommands:\n");
        for (int i = 0; i < COMMANDS; i++) {
            printf("  %-10s %s\n", commands[i].name, commands[i].summary);
        }
    }
    printf("\noptions:\n");
    for (int i = 0; i < OPTIONS; i++) {
        printf("  %s %-*s %s\n", options[i].name, 30 - (int)strlen(options[i].name),
               options[i].value ? options[i].value : "", options[i].help);
    }
    return 0;
}

/* The words of the command line without the command's own name. */
static char **without_command(struct line *line, char **all) {
    size_t count = 0;
    char **rest;

    while (all[count]) {
        count++;
    }
    rest = ARENA_ARRAY(line->arena, char *, count + 1);
    count = 0;
    for (; *all; all++) {
        if (*all != line->command_word) {
            rest[count++] = *all;
        }
    }
    return rest;
}

static int run_command(struct line *line, char **all) {
    char error[512];
    int status;
    struct cmd cmd = {
        .arena = line->arena,
        .config_path = line->config ? line->config : access(DEFAULT_CONFIG, F_OK) ? NULL : DEFAULT_CONFIG,
        .argc = (int)line->word_count,
        .argv = line->words,
        .all = without_command(line, all),
    };

    cmd.conf = conf_read(cmd.config_path, error, sizeof error);
    if (!cmd.conf) {
        return cmd_fail(EXIT_USAGE, "%s", error);
    }
    for (size_t i = 0; i < line->set_count; i += 3) {
        conf_set(cmd.conf, line->sets[i], line->sets[i + 1], line->sets[i + 2]);
    }
    status = line->command->run(&cmd);
    conf_free(cmd.conf);
    return status;
}
