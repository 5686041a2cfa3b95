/* SPDX-License-Identifier: Apache-2.0
 * Every transition has an owner: values that should pass (field.passing) and that nothing works on any more are ended with
 * a recorded fault, and so are tasks that did not end in time. */
#pragma once

/* One look, about every few seconds, outside transactions. */
void settle_round(void);
