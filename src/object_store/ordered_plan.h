/* SPDX-License-Identifier: Apache-2.0
 * The choice of a path for a query on a table of the index. */
#pragma once
#include <sqlite3.h>

#include "object_store/ordered_rows.h"

enum { ORDERED_BY_KEY = 0xf };      /* the plan of a row that a change found before */

/* Fills in what SQLite asks of xBestIndex. The plan, idxNum, is ORDERED_BY_KEY, or the number of the path | equal columns
 * << 4 | lower bound << 8 (1: >=, 2: >) | upper << 12 (1: <=, 2: <); the values come in that order. */
int ordered_plan(const struct ordered_table *table, sqlite3_index_info *info);
