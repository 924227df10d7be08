/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a pool holds for its nodes, by its own account and by the allocator's, beyond the names that it was given. Plans
   of strategies are counted too; the ring's points are the one big thing. */
#include "pool.h"

#include <string.h>

enum { MEMORY_SIZES = 3, MEMORY_BAR = 512 };

static const uint32_t memory_sizes[MEMORY_SIZES] = {128, 1024, 10000};

static const struct table_column memory_columns[] = {{"nodes", 6, 0},        {"by stats", 9, 1}, {"allocated", 9, 1},
                                                     {"of it names", 11, 1}, {"beyond", 8, 1},   {"empty pool", 10, 0}};

enum { MEMORY_COLUMNS = sizeof memory_columns / sizeof *memory_columns };

static double name_bytes(const struct fleet *fleet) {
    size_t sum = 0;
    for (uint32_t i = 0; i < fleet->count; i++) {
        sum += strlen(fleet->names[i]) + 1;
    }
    return (double)sum;
}

static int print_memory(const struct table *table, const struct pool_entry *entry, const struct fleet *fleet) {
    struct pool_stand stand;
    lw_pool_stats stats = {.size = sizeof stats};
    int code = pool_stand_open(&stand, entry, fleet, false, 1);
    if (code == LW_OK) {
        code = lw_pool_stats_read(stand.pool, stand.supply.time, &stats);
    }
    if (code == LW_OK) {
        double count = fleet->count, names = name_bytes(fleet) / count;
        double allocated = (double)(stand.full_bytes - stand.empty_bytes) / count;
        const double values[MEMORY_COLUMNS] = {count, (double)stats.bytes / count, allocated,
                                               names, allocated - names,           (double)stand.empty_bytes};
        table_row(table, entry->spec, values, allocated - names > MEMORY_BAR ? " *" : "");
    }
    pool_stand_close(&stand);
    return code;
}

int pool_memory(struct frame *frame, const struct pool_options *options) {
    const struct table table = {"memory, bytes a node", "strategy", memory_columns, MEMORY_COLUMNS, options->csv};
    int code = LW_OK;
    (void)frame;
    table_head(&table);
    for (uint32_t s = 0; code == LW_OK && s < (options->size != 0 ? 1 : MEMORY_SIZES); s++) {
        const struct pool_entry *entry;
        struct fleet fleet;
        code = fleet_open(&fleet, options->size != 0 ? options->size : memory_sizes[s]) == 0 ? LW_OK : LW_NOMEM;
        for (uint32_t at = 0; code == LW_OK && (entry = pool_next_entry(options, &at)) != NULL;) {
            code = print_memory(&table, entry, &fleet);
        }
        fleet_close(&fleet);
    }
    return code;
}
