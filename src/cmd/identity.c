/* SPDX-License-Identifier: Apache-2.0
 * `haneul identity COMMAND`: done by the running API role, or here when there is none. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/control.h"
#include "cmd/cmd.h"
#include "cmd/role.h"
#include "cmd/services.h"
#include "identity/manage.h"
#include "rest/cloud.h"

static bool run_here(struct cmd *cmd, const char *line, struct buf *out, const char **ret_error) {
    if (!role_prepare(cmd) || !role_drop_privileges(cmd)) {
        *ret_error = "the API's user could not be taken";
        return false;
    }
    return cloud_start(cmd->conf, api_services, cmd->arena, ret_error) && control_run(line, out);
}

/* What needs no API. */
static int mapping_test(struct cmd *cmd) {
    struct buf out = {0};
    const char *error;
    bool ok = identity_mapping_test(cmd->arena, cmd->argv[1], cmd->argv[2], &out, &error);

    if (!ok) {
        cmd_fail(1, "%s", error);
    } else {
        fputs(out.at, stdout);
    }
    buf_release(&out);
    return ok ? 0 : 1;
}

int cmd_identity(struct cmd *cmd) {
    struct buf line = {0}, out = {0};
    const char *error = NULL;
    bool ok;

    if (cmd->argc == 3 && !strcmp(cmd->argv[0], "mapping-test")) {
        return mapping_test(cmd);
    }
    buf_text(&line, "identity");
    for (int i = 0; i < cmd->argc; i++) {
        buf_printf(&line, " %s", cmd->argv[i]);
    }
    ok = control_ask(cmd->arena, role_run_path(cmd, "api.ctl"), line.at, &out, &error);
    if (!ok && error) {
        error = NULL;
        ok = run_here(cmd, line.at, &out, &error);
    }
    if (error && !ok && !out.size) {
        cmd_fail(1, "%s", error);
    } else {
        fprintf(ok ? stdout : stderr, "%s", out.at ? out.at : "");
    }
    buf_release(&line);
    buf_release(&out);
    return ok ? 0 : 1;
}
