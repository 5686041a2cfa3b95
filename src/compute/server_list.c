/* SPDX-License-Identifier: Apache-2.0
 * Which servers a list shows, and in which order: the filters of the compute API. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "compute/server.h"
#include "http/http.h"

enum filter_kind { EXACT, PATTERN, NUMBER, TRUTH, WHEN, SPECIAL };

/* 'open' is the version from which callers without admin rights may use it (0: never, 1: always). */
static const struct filter {
    const char *name, *column;
    enum filter_kind kind;
    int open, since;
} filters[] = {
    {"name", "name", PATTERN, 1},
    {"display_name", "name", PATTERN},
    {"description", "description", PATTERN},
    {"display_description", "description", PATTERN},
    {"image", "image_id", EXACT, 1},
    {"image_ref", "image_id", EXACT},
    {"flavor", "flavor_id", EXACT, 1},
    {"reservation_id", "reservation_id", EXACT, 1},
    {"uuid", "id", EXACT},
    {"user_id", "user_id", EXACT, 83},
    {"host", "host", EXACT},
    {"node", "host", EXACT},
    {"hostname", "hostname", PATTERN, 90},
    {"key_name", "key_name", EXACT, 83},
    {"availability_zone", "zone", EXACT, 83},
    {"config_drive", "config_drive", TRUTH, 83},
    {"power_state", "power_state", NUMBER, 83},
    {"vm_state", "vm_state", EXACT, 83},
    {"task_state", "task_state", EXACT, 83},
    {"launch_index", "launch_index", NUMBER},
    {"root_device_name", "root_device", EXACT},
    {"access_ip_v4", "access_ip_v4", EXACT},
    {"access_ip_v6", "access_ip_v6", EXACT},
    {"auto_disk_config", "disk_config", EXACT},
    {"created_at", "created_at", WHEN, 83},
    {"launched_at", "launched_at", WHEN, 83},
    {"terminated_at", "terminated_at", WHEN, 83},
    {"locked", "locked", TRUTH, 73, 73},
    {"status", NULL, SPECIAL, 1},
    {"changes-since", NULL, SPECIAL, 1},
    {"changes-before", NULL, SPECIAL, 66, 66},
    {"ip", NULL, SPECIAL, 1},
    {"ip6", NULL, SPECIAL, 5},
    {"tags", NULL, SPECIAL, 26, 26},
    {"tags-any", NULL, SPECIAL, 26, 26},
    {"not-tags", NULL, SPECIAL, 26, 26},
    {"not-tags-any", NULL, SPECIAL, 26, 26},
    {"deleted", NULL, SPECIAL},
    {"soft_deleted", NULL, SPECIAL},
    {"all_tenants", NULL, SPECIAL, 1},
    {"project_id", NULL, SPECIAL},
    {"tenant_id", NULL, SPECIAL},
    {"locked_by", NULL, SPECIAL},
    {"progress", NULL, SPECIAL, 83},
    {"kernel_id", NULL, SPECIAL},
    {"ramdisk_id", NULL, SPECIAL},
    {"limit", NULL, SPECIAL, 1},
    {"marker", NULL, SPECIAL, 1},
    {"sort_key", NULL, SPECIAL, 1},
    {"sort_dir", NULL, SPECIAL, 1},
};

/* Sort keys and their columns; a null column is taken and does nothing (and from 2.75 on refused). */
static const char *const sorts[][2] = {{"access_ip_v4", "access_ip_v4"},
                                       {"access_ip_v6", "access_ip_v6"},
                                       {"auto_disk_config", "disk_config"},
                                       {"availability_zone", "zone"},
                                       {"config_drive", "config_drive"},
                                       {"created_at", "created_at"},
                                       {"display_description", "description"},
                                       {"display_name", "name"},
                                       {"host", "host"},
                                       {"hostname", "hostname"},
                                       {"image_ref", "image_id"},
                                       {"instance_type_id", "flavor_id"},
                                       {"kernel_id", "id"},
                                       {"key_name", "key_name"},
                                       {"launch_index", "launch_index"},
                                       {"launched_at", "launched_at"},
                                       {"locked_by", "locked"},
                                       {"node", "host"},
                                       {"power_state", "power_state"},
                                       {"progress", "id"},
                                       {"project_id", "project_id"},
                                       {"ramdisk_id", "id"},
                                       {"root_device_name", "root_device"},
                                       {"task_state", "task_state"},
                                       {"terminated_at", "terminated_at"},
                                       {"updated_at", "updated_at"},
                                       {"user_id", "user_id"},
                                       {"uuid", "id"},
                                       {"vm_state", "vm_state"},
                                       {"locked", "locked"},
                                       {"architecture", NULL},
                                       {"cell_name", NULL},
                                       {"cleaned", NULL},
                                       {"default_ephemeral_device", NULL},
                                       {"default_swap_device", NULL},
                                       {"deleted", NULL},
                                       {"deleted_at", NULL},
                                       {"disable_terminate", NULL},
                                       {"ephemeral_gb", NULL},
                                       {"ephemeral_key_uuid", NULL},
                                       {"id", NULL},
                                       {"key_data", NULL},
                                       {"launched_on", NULL},
                                       {"memory_mb", NULL},
                                       {"os_type", NULL},
                                       {"reservation_id", NULL},
                                       {"root_gb", NULL},
                                       {"shutdown_terminate", NULL},
                                       {"user_data", NULL},
                                       {"vcpus", NULL},
                                       {"vm_mode", NULL}};

/* Parts of a server that no filter may name. */
static const char *const refused[] = {"block_device_mapping", "services", "metadata", "system_metadata", "info_cache",
                                      "security_groups", "pci_devices"};

/* ---- patterns ---- */

enum { MAX_PATTERN = 255 };

/* A regular expression that both databases understand, of bounded size. */
static bool check_pattern(struct call *call, const char *name, const char *pattern) {
    regex_t compiled;

    if (strlen(pattern) > MAX_PATTERN || regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB)) {
        return fail(call, 400, "Invalid input for query parameters %s. Value: %.80s. It is not a regular expression.",
                    name, pattern);
    }
    regfree(&compiled);
    return true;
}

/* The texts that the pattern fits. One without special characters is found without the machinery of patterns, and a
 * whole name from an index. */
static void where_fits(struct call *call, struct query *query, const char *column, const char *pattern) {
    bool from = *pattern == '^', to = strlen(pattern) > from && pattern[strlen(pattern) - 1] == '$';
    size_t size = strlen(pattern) - from - to;
    const char *text = arena_text_size(call->arena, pattern + from, size), *where = arena_printf(call->arena, "%s LIKE ? ESCAPE '!'", column);
    struct buf like = {0};

    if (strcspn(text, ".[]()*+?{}|^$\\") < size) {
        where = arena_printf(call->arena, "regexp_like(%s, ?)", column);
        text = pattern;
    } else if (from && to) {
        where = arena_printf(call->arena, "%s = ?", column);
    } else {
        buf_text(&like, from ? "" : "%");
        for (const char *at = text; *at; at++) {
            buf_text(&like, *at == '%' || *at == '_' || *at == '!' ? "!" : "");
            buf_char(&like, *at);
        }
        buf_text(&like, to ? "" : "%");
        text = arena_text_size(call->arena, like.size ? like.at : "", like.size);
        buf_release(&like);
    }
    query_where(query, where, SQL_ARGS(sql_text(text)));
}

/* The JSON text of one item, for LIKE: '%"tag"%'. */
static const char *item_pattern(struct call *call, const char *tag) {
    struct buf buf = {0}, escaped = {0};
    struct json_out out = {.buf = &buf};
    const char *text;

    json_text(&out, tag);
    buf_char(&escaped, '%');
    for (const char *at = buf.at; *at; at++) {
        if (*at == '%' || *at == '_' || *at == '\\') {
            buf_char(&escaped, '\\');
        }
        buf_char(&escaped, *at);
    }
    buf_char(&escaped, '%');
    text = arena_text(call->arena, escaped.at);
    buf_release(&buf);
    buf_release(&escaped);
    return text;
}

/* ---- the special filters ---- */

static bool by_status(struct call *call, struct query *query, const struct http_arguments *arguments) {
    const char *statuses[16], *sql;
    size_t count = 0;

    for (size_t i = 0; i < arguments->count && count < 16; i++) {
        if (!strcmp(arguments->at[i].name, "status")) {
            statuses[count++] = arguments->at[i].value;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!strcasecmp(statuses[i], "DELETED")) {
            if (!call->caller.admin) {
                return fail(call, 403, "Only administrators may list deleted instances");
            }
            query_deleted(query);
        }
    }
    sql = server_status_sql(call, statuses, count);
    if (!sql && call->minor >= 38) {
        return fail(call, 400, "Invalid status value");
    }
    query_where(query, sql ? sql : "1 = 0", SQL_NO_ARGS);
    return true;
}

static bool time_of(struct call *call, const char *name, const char *value, int64_t *ret_time) {
    return time_parse(value, ret_time) ||
           fail(call, 400, "Invalid input for query parameters %s. Value: %.80s. It is not a time.", name, value);
}

static bool by_changes(struct call *call, struct query *query) {
    const char *since = call_argument(call, "changes-since");
    const char *before = call->minor >= 66 ? call_argument(call, "changes-before") : NULL;
    int64_t from = 0, to = INT64_MAX;

    if ((since && !time_of(call, "changes-since", since, &from)) ||
        (before && !time_of(call, "changes-before", before, &to))) {
        return false;
    }
    if (from > to) {
        return fail(call, 400, "The value of changes-since must be less than or equal to changes-before.");
    }
    if (since) {
        query_where(query, "updated_at >= ?", SQL_ARGS(sql_int(from)));
    }
    if (before) {
        query_where(query, "updated_at <= ?", SQL_ARGS(sql_int(to)));
    }
    if (since || before) {
        query_deleted(query);
    }
    return true;
}

static bool by_tags(struct call *call, struct query *query, const char *name, const char *value) {
    bool not = !strncmp(name, "not-", 4), any = strstr(name, "any") != NULL;
    struct value args[64];
    struct buf sql = {0};
    size_t count = 0;

    while (*value && count < 64) {
        size_t size = strcspn(value, ",");

        buf_printf(&sql, "%stags LIKE ? ESCAPE '\\'", count ? any ? " OR " : " AND " : "");
        args[count++] = sql_text(item_pattern(call, arena_text_size(call->arena, value, size)));
        value += size + (value[size] == ',');
    }
    if (count) {
        query_where(query, not? arena_printf(call->arena, "NOT (%s)", sql.at) : sql.at, args, count);
    }
    buf_release(&sql);
    return true;
}

static bool by_address(struct call *call, struct query *query, const char *value) {
    if (!check_pattern(call, "ip", value)) {
        return false;
    }
    query_where(query, arena_printf(call->arena, "id IN (%s)", network_devices_by_address), SQL_ARGS(sql_text(value)));
    return true;
}

static bool special(struct call *call, struct query *query, const char *name, const char *value,
                    const struct http_arguments *arguments) {
    if (!strcmp(name, "status")) {
        return by_status(call, query, arguments);
    }
    if (!strncmp(name, "tags", 4) || !strncmp(name, "not-tags", 8)) {
        return by_tags(call, query, name, value);
    }
    if (!strcmp(name, "ip") || !strcmp(name, "ip6")) {
        return by_address(call, query, value);
    }
    if (!strcmp(name, "deleted")) {
        if (call_argument_true(call, "deleted")) {
            query_deleted(query);
            query_where(query, "deleted = 1", SQL_NO_ARGS);
        } else {
            query_where(query, "deleted = 0", SQL_NO_ARGS);
        }
    }
    if ((!strcmp(name, "project_id") || !strcmp(name, "tenant_id")) && call_argument_true(call, "all_tenants")) {
        query_where(query, "project_id = ?", SQL_ARGS(sql_text(value)));
    }
    return true;
}

static bool plain(struct call *call, struct query *query, const struct filter *filter, const char *value) {
    const char *sql = arena_printf(call->arena, "%s = ?", filter->column);
    char *end = NULL;
    int64_t number;
    bool yes;

    switch (filter->kind) {
    case PATTERN:
        if (!check_pattern(call, filter->name, value)) {
            return false;
        }
        where_fits(call, query, filter->column, value);
        return true;
    case NUMBER:
        number = strtoll(value, &end, 10);
        if (end == value || *end) {
            return fail(call, 400, "Invalid filter field: %s.", filter->name);
        }
        query_where(query, sql, SQL_ARGS(sql_int(number)));
        return true;
    case TRUTH:
        yes = call_argument_true(call, filter->name);
        if (!yes && !strpbrk(value, "0fFnN") && strcasecmp(value, "off")) {
            return *value ? fail(call, 400, "Unrecognized value '%.80s' of %s, acceptable are true and false", value,
                                 filter->name)
                          : true;
        }
        query_where(query, sql, SQL_ARGS(sql_int(yes)));
        return true;
    case WHEN:
        if (!time_of(call, filter->name, value, &number)) {
            return false;
        }
        query_where(query, sql, SQL_ARGS(sql_int(number)));
        return true;
    default:
        query_where(query, sql, SQL_ARGS(sql_text(value)));
        return true;
    }
}

static const struct filter *filter_named(const char *name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (!strcmp(filters[i].name, name)) {
            return &filters[i];
        }
    }
    return NULL;
}

static bool is_refused(const char *name) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (!strcmp(refused[i], name)) {
            return true;
        }
    }
    return *name == '_';
}

static bool seen_before(const struct http_arguments *arguments, size_t i) {
    for (size_t k = 0; k < i; k++) {
        if (!strcmp(arguments->at[k].name, arguments->at[i].name)) {
            return true;
        }
    }
    return false;
}

static bool add_filter(struct call *call, struct query *query, const struct http_arguments *arguments, size_t i,
                       bool all) {
    const char *name = arguments->at[i].name, *value = arguments->at[i].value;
    const struct filter *filter = filter_named(name);

    if (is_refused(name)) {
        return (!all && call->minor < 75) || fail(call, 400, "Invalid filter field: %s.", name);
    }
    if (!filter || call->minor < filter->since) {
        return call->minor < 75 ||
               fail(call, 400, "Invalid input for query parameters: Additional properties are not allowed ('%.80s' was"
                               " unexpected)", name);
    }
    if (seen_before(arguments, i) || (!all && (!filter->open || call->minor < filter->open))) {
        return true;
    }
    return filter->kind == SPECIAL ? special(call, query, name, value, arguments) : plain(call, query, filter, value);
}

/* ---- order ---- */

static const char *nth(const struct http_arguments *arguments, const char *name, size_t n) {
    for (size_t i = 0; i < arguments->count; i++) {
        if (!strcmp(arguments->at[i].name, name) && n-- == 0) {
            return arguments->at[i].value;
        }
    }
    return NULL;
}

/* The column of a sort key; null with *ret_known when the key is taken without effect. */
static const char *sort_column(const char *key, bool *ret_known) {
    *ret_known = false;
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
        if (!strcmp(sorts[i][0], key)) {
            *ret_known = true;
            return sorts[i][1];
        }
    }
    return NULL;
}

static bool add_order(struct call *call, struct query *query, const struct http_arguments *arguments) {
    struct buf order = {0};
    const char *key, *direction = "desc";
    bool known, ok = true;

    for (size_t n = 0; ok && n < 6 && (key = nth(arguments, "sort_key", n)); n++) {
        const char *column = sort_column(key, &known), *given = nth(arguments, "sort_dir", n);

        direction = given ? given : direction;
        if ((!strcmp(key, "host") || !strcmp(key, "node")) && !call->caller.admin) {
            ok = fail(call, 403, "Only administrators can sort servers by %s", key);
        } else if (!known || (!column && call->minor >= 75)) {
            ok = fail(call, 400,
                      "Invalid input for query parameters sort_key. Value: %.80s. It is not a key to sort by.", key);
        } else if (strcmp(direction, "asc") != 0 && strcmp(direction, "desc") != 0) {
            ok = fail(call, 400, "Unknown sort direction, must be 'desc' or 'asc'");
        } else if (column) {
            buf_printf(&order, "%s%s%s", order.size ? ", " : "", column, *direction == 'd' ? " DESC" : "");
        }
    }
    if (ok && order.size) {
        query_order(query, arena_text(call->arena, order.at));
    }
    query_take(query, "sort_key");
    buf_release(&order);
    return ok;
}

bool compute_server_list(struct call *call, struct query *query) {
    static const struct http_arguments none;
    const struct http_arguments *arguments = http_arguments(call->http);
    bool all = call_allowed(call, "os_compute_api:servers:allow_all_filters", NULL, NULL);
    const char *rule = call->operation->flags & OP_BRIEF ? "os_compute_api:servers:index:get_all_tenants"
                                                         : "os_compute_api:servers:detail:get_all_tenants";

    arguments = arguments ? arguments : &none;
    if (call_argument_true(call, "all_tenants")) {
        if (!call_allow(call, rule, NULL, NULL)) {
            return false;
        }
        query_all_projects(query, true);
    }
    for (size_t i = 0; i < arguments->count; i++) {
        if (!add_filter(call, query, arguments, i, all)) {
            return false;
        }
    }
    return by_changes(call, query) && add_order(call, query, arguments);
}
