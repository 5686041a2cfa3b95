/* SPDX-License-Identifier: Apache-2.0
 * Which path of a table a query walks. */
#include "object_store/ordered_plan.h"

#include <string.h>

struct plan {
    int path, equal, lower, upper;
    int used[MAX_KEYS + 2];         /* constraints, in the order of the arguments */
    int count;
};

static int find_constraint(const sqlite3_index_info *info, int column, int one, int other) {
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
            (info->aConstraint[i].op == one || info->aConstraint[i].op == other)) {
            return i;
        }
    }
    return -1;
}

static struct plan plan_path(const struct ordered_table *table, const sqlite3_index_info *info, int number) {
    const struct ordered_path *path = &table->paths[number];
    struct plan plan = {.path = number};
    int lower = -1, upper = -1;

    for (const char *at = path->columns; *at; at++) {
        int column = ordered_column(*at);
        int equal = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_EQ, SQLITE_INDEX_CONSTRAINT_EQ);

        if (equal < 0) {
            if (*at >= 'a') {
                lower = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_GE, SQLITE_INDEX_CONSTRAINT_GT);
                upper = find_constraint(info, column, SQLITE_INDEX_CONSTRAINT_LE, SQLITE_INDEX_CONSTRAINT_LT);
            }
            break;
        }
        plan.used[plan.count++] = equal;
        plan.equal++;
    }
    /* Of numbers a partial path has those above 0, which who asks for a range of both ends means. */
    if (path->partial && !plan.equal && (lower < 0 || (ordered_is_number(table, ordered_column(path->columns[0])) && upper < 0))) {
        plan.path = -1;
        return plan;
    }
    if (path->partial && plan.equal && ordered_is_number(table, ordered_column(path->columns[0]))) {
        plan.path = -1;
        return plan;
    }
    if (lower >= 0) {
        plan.used[plan.count++] = lower;
        plan.lower = info->aConstraint[lower].op == SQLITE_INDEX_CONSTRAINT_GE ? 1 : 2;
    }
    if (upper >= 0) {
        plan.used[plan.count++] = upper;
        plan.upper = info->aConstraint[upper].op == SQLITE_INDEX_CONSTRAINT_LE ? 1 : 2;
    }
    return plan;
}

static double plan_cost(const struct ordered_table *table, const struct plan *plan) {
    double rows = 1000000;

    if (plan->equal == (int)strlen(table->paths[plan->path].columns)) {
        return plan->path ? 2 : 1;
    }
    for (int i = 0; i < plan->equal; i++) {
        rows /= 100;
    }
    rows /= (plan->lower ? 4 : 1) * (plan->upper ? 4 : 1);
    return plan->path ? rows * 2 : rows;
}

static bool is_in_order(const struct ordered_table *table, const sqlite3_index_info *info, const struct plan *plan) {
    const char *columns = table->paths[plan->path].columns;
    int next = plan->equal;

    for (int i = 0; i < info->nOrderBy; i++) {
        int column = info->aOrderBy[i].iColumn;
        bool fixed = false;

        for (int k = 0; k < plan->equal; k++) {
            fixed = fixed || ordered_column(columns[k]) == column;
        }
        if (fixed) {
            continue;
        }
        if (!columns[next] || ordered_column(columns[next]) != column || (columns[next] < 'a') != info->aOrderBy[i].desc) {
            return false;
        }
        next++;
    }
    return true;
}

int ordered_plan(const struct ordered_table *table, sqlite3_index_info *info) {
    int by_key = find_constraint(info, (int)ordered_columns(table), SQLITE_INDEX_CONSTRAINT_EQ, SQLITE_INDEX_CONSTRAINT_EQ);
    struct plan best = plan_path(table, info, 0);

    if (by_key >= 0) {              /* a row that a change found before */
        info->idxNum = ORDERED_BY_KEY;
        info->aConstraintUsage[by_key].argvIndex = 1;
        info->estimatedCost = 1;
        info->estimatedRows = 1;
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
        return SQLITE_OK;
    }
    for (int i = 1; i < MAX_PATHS && table->paths[i].letter; i++) {
        struct plan plan = plan_path(table, info, i);

        if (plan.path >= 0 && plan_cost(table, &plan) < plan_cost(table, &best)) {
            best = plan;
        }
    }
    for (int i = 0; i < best.count; i++) {
        info->aConstraintUsage[best.used[i]].argvIndex = i + 1;
    }
    info->idxNum = best.path | best.equal << 4 | best.lower << 8 | best.upper << 12;
    info->estimatedCost = plan_cost(table, &best);
    info->estimatedRows = (sqlite3_int64)info->estimatedCost;
    info->orderByConsumed = is_in_order(table, info, &best);
    if (best.equal == (int)strlen(table->paths[best.path].columns)) {
        info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    }
    return SQLITE_OK;
}
