/* SPDX-License-Identifier: Apache-2.0
 * The API role's commands at its control socket. */
#pragma once

/* Adds them; control_forget(&cloud) takes them away. */
void commands_register(void);
