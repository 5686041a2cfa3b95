/* SPDX-License-Identifier: Apache-2.0
 * Counters for Prometheus (text format 0.0.4). */
#include "rest/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "rest/cloud.h"
#include "rest/service.h"

enum { MAX_SERVICES = 40, CLASSES = 6, BUCKETS = 8 };

static const int64_t bounds[BUCKETS] = {500, 1000, 5000, 10000, 50000, 100000, 500000, 1000000};

static struct {
    _Atomic uint64_t by_class[CLASSES], buckets[BUCKETS + 1], micro, statements;
} counts[MAX_SERVICES];

static size_t index_of(const struct service *service) {
    size_t i = 0;

    while (cloud.services[i] && cloud.services[i] != service) {
        i++;
    }
    return i < MAX_SERVICES ? i : MAX_SERVICES - 1;
}

void metrics_count(const struct service *service, int status, int64_t microseconds, unsigned statements) {
    size_t i = index_of(service), bucket = 0;

    while (bucket < BUCKETS && microseconds > bounds[bucket]) {
        bucket++;
    }
    counts[i].by_class[status / 100 < CLASSES ? status / 100 : 0]++;
    counts[i].buckets[bucket]++;
    counts[i].micro += (uint64_t)microseconds;
    counts[i].statements += statements;
}

static void write_service(struct buf *out, const char *type, size_t i) {
    uint64_t sum = 0;

    for (int c = 1; c < CLASSES; c++) {
        buf_printf(out, "haneul_requests_total{service=\"%s\",class=\"%dxx\"} %" PRIu64 "\n", type, c,
                   (uint64_t)counts[i].by_class[c]);
    }
    for (int b = 0; b <= BUCKETS; b++) {
        sum += counts[i].buckets[b];
        if (b < BUCKETS) {
            buf_printf(out, "haneul_request_seconds_bucket{service=\"%s\",le=\"%g\"} %" PRIu64 "\n", type,
                       (double)bounds[b] / 1e6, sum);
        }
    }
    buf_printf(out, "haneul_request_seconds_bucket{service=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", type, sum);
    buf_printf(out, "haneul_request_seconds_count{service=\"%s\"} %" PRIu64 "\n", type, sum);
    buf_printf(out, "haneul_request_seconds_sum{service=\"%s\"} %g\n", type, (double)counts[i].micro / 1e6);
    buf_printf(out, "haneul_statements_total{service=\"%s\"} %" PRIu64 "\n", type, (uint64_t)counts[i].statements);
}

void metrics_write(struct buf *out) {
    buf_text(out, "# TYPE haneul_requests_total counter\n# TYPE haneul_request_seconds histogram\n"
                  "# TYPE haneul_statements_total counter\n");
    for (size_t i = 0; cloud.services[i]; i++) {
        write_service(out, cloud.services[i]->type, i);
    }
}
