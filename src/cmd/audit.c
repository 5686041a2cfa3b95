/* SPDX-License-Identifier: Apache-2.0
 * `haneul audit`: asks the running cloud whether its invariants hold, and prints what breaks them. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/control.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/role.h"

enum { EXIT_BREAKS = 1, EXIT_NOT_RUN = 2 };

static void print_break(const struct json *one, bool fix) {
    printf("%s %s: %s", json_get_text(one, "invariant"), json_get_text(one, "id"), json_get_text(one, "what"));
    if (fix) {
        const char *did = json_get_text(one, "did");

        printf("; %s (%s)", did ? did : "it went away", json_get_bool(one, "mended") ? "mended" : "still so");
    }
    printf("\n");
}

/* Prints the report; the number of breaks that are left. */
static size_t print_report(const struct json *report, bool fix, bool silent) {
    const struct json *breaks = json_get(report, "breaks");
    size_t left = 0;

    for (JSON_EACH(one, breaks)) {
        left += !json_get_bool(one, "mended");
        if (!silent) {
            print_break(one, fix);
        }
    }
    if (!silent) {
        for (JSON_EACH(sentence, json_get(report, "unseen"))) {
            printf("unseen: %s\n", sentence->text);
        }
        printf("%lld invariants, %u breaks, %zu left\n", (long long)json_get_int(report, "looked", 0),
               breaks ? breaks->count : 0, left);
    }
    return left;
}

int cmd_audit(struct cmd *cmd) {
    bool fix = cmd_has(cmd, "--fix"), raw = cmd_has(cmd, "--json");
    const char *error = NULL;
    const struct json *report;
    struct buf answer = {0};
    size_t left;

    if (!control_ask(cmd->arena, role_run_path(cmd, "api.ctl"), fix ? "audit fix" : "audit", &answer, &error)) {
        cmd_fail(EXIT_NOT_RUN, "the audit could not run: %s", error ? error : answer.at);
        buf_release(&answer);
        return EXIT_NOT_RUN;
    }
    report = json_parse(cmd->arena, answer.at, answer.size, &error);
    if (raw) {
        fputs(answer.at, stdout);
    }
    buf_release(&answer);
    if (!report) {
        return cmd_fail(EXIT_NOT_RUN, "the audit's report cannot be read: %s", error);
    }
    left = print_report(report, fix, raw);
    return left ? EXIT_BREAKS : 0;
}
