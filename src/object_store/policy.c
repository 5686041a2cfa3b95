/* SPDX-License-Identifier: Apache-2.0
 * Storage policies below the APIs: a number that a container has for ever, and what an account has of each. */
#include "object_store/index.h"

void store_set_default_policy(int policy) {
    store.default_policy = policy;
}

bool store_policy_counts(const char *account, void (*fn)(void *user, int policy, int64_t containers, int64_t objects,
                                                         int64_t bytes), void *user) {
    for (int i = 0; i < store.shard_count; i++) {
        struct index *index = index_reader(&store.shards[i]);
        sqlite3_stmt *counts;

        if (!index) {
            return false;
        }
        counts = index_statement(index, S_POLICY_COUNTS);
        index_bind_text(counts, 1, account);
        while (sqlite3_step(counts) == SQLITE_ROW) {
            fn(user, sqlite3_column_int(counts, 0), sqlite3_column_int64(counts, 1), sqlite3_column_int64(counts, 2),
               sqlite3_column_int64(counts, 3));
        }
        sqlite3_reset(counts);
        index_reader_release(&store.shards[i], index);
    }
    return true;
}
