/* SPDX-License-Identifier: Apache-2.0
 * Counters for /metrics. */
#pragma once
#include <stdint.h>

struct buf;
struct service;

void metrics_count(const struct service *service, int status, int64_t microseconds, unsigned statements);
void metrics_write(struct buf *out);
