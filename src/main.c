/* SPDX-License-Identifier: Apache-2.0
 * The program. What it can do stands in cmd/cmd.c. */
#include "cmd/cmd.h"

int main(int argc, char **argv) {
    return command_main(argc, argv);
}
