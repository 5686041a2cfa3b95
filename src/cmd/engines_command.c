/* SPDX-License-Identifier: Apache-2.0
 * `haneul engines`: the engines of this host by hand, for stopping everything and for looking. */
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/engines.h"
#include "cmd/role.h"

enum { GUEST_SECONDS = 20 };

int cmd_engines(struct cmd *cmd) {
    const char *what = cmd->argc == 1 ? cmd->argv[0] : "";

    if (!strcmp(what, "status")) {
        engines_print(role_data(cmd));
        return 0;
    }
    if (strcmp(what, "stop") && strcmp(what, "remove")) {
        return cmd_fail(EXIT_USAGE, "engines wants status, stop or remove");
    }
    if (geteuid()) {
        return cmd_fail(1, "engines %s needs root", what);
    }
    engines_stop(cmd->conf, role_data(cmd), GUEST_SECONDS, !strcmp(what, "remove"));
    return 0;
}
