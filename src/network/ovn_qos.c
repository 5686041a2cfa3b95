/* SPDX-License-Identifier: Apache-2.0
 * Quality of service in OVN: a QoS row of the switch for each direction, that limits and marks what a port (or a floating
 * IP behind a router's port) sends or gets, and the port's guaranteed rate. */
#include <string.h>

#include "base/arena.h"
#include "network/ovn.h"

enum { PRIORITY = 2002 };

/* The value of the rule of that type and direction; -1: there is none. */
static int64_t value_of(const struct json *rules, const char *type, const char *direction, const char *name) {
    for (JSON_EACH(rule, rules)) {
        const char *is = json_get_text(rule, "type"), *towards = json_get_text(rule, "direction");

        if (is && !strcmp(is, type) && (!towards || !strcmp(towards, direction))) {
            return json_get_int(rule, name, -1);
        }
    }
    return -1;
}

void qos_plan(struct plan *plan, struct plan_row *home, const struct json *rules, const char *key, const char *port,
              const char *address, const char *resident) {
    for (int out = 0; out < 2; out++) {
        const char *direction = out ? "egress" : "ingress", *match;
        int64_t rate = value_of(rules, "bandwidth_limit", direction, "max_kbps");
        int64_t burst = value_of(rules, "bandwidth_limit", direction, "max_burst_kbps");
        int64_t mark = out ? value_of(rules, "dscp_marking", direction, "dscp_mark") : -1;
        struct plan_row *row;

        if (rate <= 0 && mark < 0) {
            continue;
        }
        match = arena_printf(plan->arena, "%s == \"%s\"", out ? "inport" : "outport", port);
        if (address) {
            match = arena_printf(plan->arena, "%s && ip4.%s == %s && is_chassis_resident(\"%s\")", match,
                                 out ? "src" : "dst", address, resident);
        }
        row = plan_row(plan, "QoS", arena_printf(plan->arena, "%s:%s", key, direction), NULL, home);
        ovsdb_set_int(row->values, "priority", PRIORITY);
        ovsdb_set_text(row->values, "direction", out ? "from-lport" : "to-lport");
        ovsdb_set_text(row->values, "match", match);
        ovsdb_set_no_pairs(row->values, "bandwidth");
        ovsdb_set_no_pairs(row->values, "action");
        if (rate > 0) {
            ovsdb_add_number(row->values, "bandwidth", "rate", rate);
        }
        if (rate > 0 && burst > 0) {
            ovsdb_add_number(row->values, "bandwidth", "burst", burst);
        }
        if (mark >= 0) {
            ovsdb_add_number(row->values, "action", "dscp", mark);
        }
    }
}

void qos_put_options(struct plan *plan, struct plan_row *row, const struct json *rules) {
    int64_t least = value_of(rules, "minimum_bandwidth", "egress", "min_kbps");

    if (least > 0) {
        ovsdb_add_pair(row->values, "options", "qos_min_rate",
                       arena_printf(plan->arena, "%lld", (long long)least * 1000));
    }
}
