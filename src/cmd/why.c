/* SPDX-License-Identifier: Apache-2.0
 * `haneul why`: what happened to a resource, as the running cloud remembers it. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/control.h"
#include "cmd/cmd.h"
#include "cmd/role.h"

int cmd_why(struct cmd *cmd) {
    const char *error = NULL;
    struct buf answer = {0};
    bool ok;

    if (cmd->argc != 2) {
        return cmd_fail(EXIT_USAGE, "why wants RESOURCE ID, like: haneul why server ID");
    }
    ok = control_ask(cmd->arena, role_run_path(cmd, "api.ctl"),
                     arena_printf(cmd->arena, "why %s %s", cmd->argv[0], cmd->argv[1]), &answer, &error);
    if (ok) {
        fputs(answer.at ? answer.at : "", stdout);
    } else {
        cmd_fail(1, "%s", error ? error : answer.at);
    }
    buf_release(&answer);
    return ok ? 0 : 1;
}
