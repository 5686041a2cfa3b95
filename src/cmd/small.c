/* SPDX-License-Identifier: Apache-2.0
 * Commands that are a few lines: version, ctl. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/control.h"
#include "cmd/cmd.h"
#include "cmd/role.h"

int cmd_version(struct cmd *cmd) {
    printf("haneul %s\n", HANEUL_VERSION);
    return 0;
}

int cmd_ctl(struct cmd *cmd) {
    struct buf line = {0}, answer = {0};
    const char *path, *error;
    bool ok;

    if (cmd->argc < 2) {
        return cmd_fail(EXIT_USAGE, "ctl wants ROLE COMMAND...; 'haneul ctl api help' lists commands");
    }
    for (int i = 1; i < cmd->argc; i++) {
        buf_printf(&line, "%s%s", i > 1 ? " " : "", cmd->argv[i]);
    }
    path = role_run_path(cmd, arena_printf(cmd->arena, "%s.ctl", cmd->argv[0]));
    ok = control_ask(cmd->arena, path, line.at, &answer, &error);
    if (!ok && error) {
        cmd_fail(1, "%s", error);
    } else {
        fprintf(ok ? stdout : stderr, "%s", answer.at ? answer.at : "");
    }
    buf_release(&line);
    buf_release(&answer);
    return ok ? 0 : 1;
}
