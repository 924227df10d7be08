/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Identity and content of a node set. Cost: one hash per node. */
#include <loadwise/nodes.h>

#include "base/random.h"
#include <loadwise/id.h>
#include <stdbool.h>

static uint64_t id_of_name(const lw_nodes *nodes, uint32_t index) {
    const char *name = lw_string_at(&nodes->name, index);
    return name != NULL ? lw_id(name, strlen(name)) : lw_id("", 0);
}

uint64_t lw_nodes_id(const lw_nodes *nodes, uint32_t index) {
    if (nodes->present & LW_HAS(id)) {
        return lw_u64_at(&nodes->id, index);
    }
    return nodes->present & LW_HAS(name) ? id_of_name(nodes, index) : index;
}

uint64_t lw_nodes_fingerprint(const lw_nodes *nodes) {
    const uint32_t both = LW_HAS(id) | LW_HAS(name); /* a name alone is in the id already */
    bool named = (nodes->present & both) == both;
    bool weighted = (nodes->present & LW_HAS(weight)) != 0;
    uint64_t print = nodes->count;
    for (uint32_t i = 0; i < nodes->count; i++) {
        print = lw__mix(print + LW__GOLDEN) ^ lw_nodes_id(nodes, i);
        if (named) {
            print = lw__mix(print) ^ id_of_name(nodes, i);
        }
        if (weighted) {
            print = lw__mix(print) + lw_u32_at(&nodes->weight, i);
        }
    }
    print = lw__mix(print + weighted + 2 * (uint64_t)named);
    return print != 0 ? print : 1;
}

const char *lw_column_name(uint32_t column) {
    static const char *const names[] = {
#define COLUMN_NAME(column, kind, type, meaning) #column,
        LW_COLUMN_LIST(COLUMN_NAME)
#undef COLUMN_NAME
    };
    return column < LW_COLUMN_COUNT ? names[column] : NULL;
}
