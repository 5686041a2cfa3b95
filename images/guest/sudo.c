// SPDX-License-Identifier: Apache-2.0
// The guest's sudo: runs a command, or a shell, as root without asking. Options but -i and -s are skipped.
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char *shell[] = {"/bin/sh", "-l", NULL};
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "-u")) {
            i++;
        } else if (!strcmp(argv[i], "--")) {
            i++;
            break;
        }
    }
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (setgroups(0, NULL) || setgid(0) || setuid(0)) {
        perror("sudo");
        return 1;
    }
    char **command = i < argc ? argv + i : shell;
    execvp(command[0], command);
    perror(command[0]);
    return 127;
}
