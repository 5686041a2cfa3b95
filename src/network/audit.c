/* SPDX-License-Identifier: Apache-2.0
 * What audit looks at beyond single statements: what ports show in lists and what is taken for them in rows. */
#include "rest/audit.h"

#include <string.h>

#include "base/map.h"
#include "network/parts.h"
#include "rest/resource.h"

static char *const TAKEN = "taken";

/* The pairs that a query gives, as "FIRST SECOND". */
static struct map *pairs(struct call *call, const char *sql) {
    struct map *map = map_new();
    struct rows *rows = db_query(call->db, sql, SQL_NO_ARGS);

    while (rows_next(rows)) {
        map_set(map, arena_printf(call->arena, "%s %s", rows_text(rows, 0), rows_text(rows, 1)), TAKEN);
    }
    rows_end(rows);
    return map;
}

/* Items of a port's list 'field', each the text 'member' of a map or the text itself, against the pairs of 'taken'. */
static bool compare_lists(struct call *call, struct audit *audit, const char *field, const char *member, const char *taken) {
    struct map *map = pairs(call, taken);
    struct rows *rows = db_query(call->db, arena_printf(call->arena, "SELECT id, %s FROM network_port", field), SQL_NO_ARGS);
    size_t cursor = 0;
    const char *left;
    void *value;

    while (rows_next(rows)) {
        const char *id = arena_text(call->arena, rows_text(rows, 0)), *list = rows_text(rows, 1);

        for (JSON_EACH(item, network_json(call, list ? arena_text(call->arena, list) : NULL))) {
            const char *text = member ? json_get_text(item, member) : item->text;

            if (text && !map_set(map, arena_printf(call->arena, "%s %s", id, text), NULL)) {
                audit_break(audit, id, "it shows %s, which is not taken for it", text);
            }
        }
    }
    rows_end(rows);
    while ((left = map_next(map, &cursor, &value))) {
        size_t size = strcspn(left, " ");

        audit_break(audit, arena_text_size(call->arena, left, size), "it does not show %s, which is taken for it",
                    left + size + 1);
    }
    map_free(map, NULL);
    return db_failure(call->db) == DB_OK || fail_database(call);
}

bool network_find_addresses(struct call *call, struct audit *audit) {
    return compare_lists(call, audit, "fixed_ips", "ip_address",
                         "SELECT port_id, ip_address FROM network_allocation WHERE port_id IN (SELECT id FROM network_port)");
}

bool network_find_groups(struct call *call, struct audit *audit) {
    return compare_lists(call, audit, "security_groups", NULL,
                         "SELECT port_id, group_id FROM network_port_group WHERE port_id IN (SELECT id FROM network_port)");
}

/* ---- mending: what is taken is what counts, drivers and other rows go by it ---- */

static const char *list_of(struct call *call, const char *sql, const char *id, bool addresses) {
    struct buf buf = {0};
    struct json_out out = {.buf = &buf};
    struct rows *rows = db_query(call->db, sql, SQL_ARGS(sql_text(id)));

    json_list(&out);
    while (rows_next(rows)) {
        if (!addresses) {
            json_text(&out, rows_text(rows, 0));
            continue;
        }
        json_map(&out);
        json_put_text(&out, "subnet_id", rows_text(rows, 0));
        json_put_text(&out, "ip_address", rows_text(rows, 1));
        json_map_end(&out);
    }
    rows_end(rows);
    json_list_end(&out);
    return network_text(call, &buf);
}

bool network_fix_addresses(struct call *call, const char *id) {
    struct network_port *port;

    if (!row_find(call, &resource_network_port, id, &port)) {
        return !call->error;
    }
    port->fixed_ips = list_of(call, "SELECT subnet_id, ip_address FROM network_allocation WHERE port_id = ? ORDER BY ip_key",
                              id, true);
    return network_port_changed(call, port);
}

bool network_fix_groups(struct call *call, const char *id) {
    struct network_port *port;

    if (!row_find(call, &resource_network_port, id, &port)) {
        return !call->error;
    }
    port->security_groups = list_of(call, "SELECT group_id FROM network_port_group WHERE port_id = ? ORDER BY group_id", id,
                                    false);
    return network_port_changed(call, port);
}

bool network_fix_port(struct call *call, const char *id) {
    struct network_port *port;

    return row_find(call, &resource_network_port, id, &port) ? resource_delete(call, &resource_network_port, port)
                                                             : !call->error;
}

bool network_fix_floatingip(struct call *call, const char *id) {
    struct network_floatingip *fip;

    if (!row_find(call, &resource_network_floatingip, id, &fip) ||
        (fip->router_id && !network_apply(call, "network.router", fip->router_id))) {
        return !call->error;
    }
    fip->port_id = fip->fixed_ip_address = fip->router_id = NULL;
    fip->status = "DOWN";
    return row_update(call, &resource_network_floatingip, fip);
}
