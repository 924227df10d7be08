/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * fill_first: the first node that has room, so that the last ones fall idle. For fleets that shrink, and for game
 * servers that are filled one after another.
 *
 * Rule (`first` of HAProxy). A node has room while its requests under way are below its capacity, or below `limit`
 * where it has none. Of the nodes with room the one of the lowest priority number is picked, the first in order among
 * equals. Weight 0 means never. LW_SATURATED when nobody has room.
 *
 * Two threads may see the same last place free, and both take it. A pool does not let them: its caps (max_inflight) and
 * concurrency quotas are charged after the choice, and whoever comes second chooses again.
 *
 * Cost per pick: O(n) in the worst case; it ends at the first node with room where no priority stands below.
 */
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { FILL_WORD_BITS = 64 };

struct fill_config {
    uint64_t limit;
};

static uint64_t room_for(const lw_view *view, uint32_t index) {
    const struct fill_config *config = lw_view_config(view);
    uint32_t capacity = lw_view_capacity(view, index);
    return capacity > 0 ? capacity : config->limit;
}

/* What a scan has come to. */
struct fill_search {
    ptrdiff_t best;
    uint32_t priority;
    bool weighted; /* somebody of weight above 0 may be chosen */
};

/* Looks at one node; false when none can be better. */
static bool look_at(const lw_view *view, uint32_t index, struct fill_search *search) {
    if (lw_view_weight(view, index) == 0) {
        return true;
    }
    search->weighted = true;
    uint32_t priority = lw_view_priority(view, index);
    if ((search->best < 0 || priority < search->priority) && lw_view_inflight(view, index) < room_for(view, index)) {
        search->best = index;
        search->priority = priority;
    }
    return search->best < 0 || search->priority > 0;
}

static ptrdiff_t fill_first_pick(const lw_view *view) {
    struct fill_search search = {LW_SATURATED, 0, false};
    bool open = true;
    for (uint32_t w = 0; open && w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); open && bits != 0; bits &= bits - 1) {
            open = look_at(view, w * FILL_WORD_BITS + (uint32_t)__builtin_ctzll(bits), &search);
        }
    }
    return search.weighted ? search.best : lw__weightless(view);
}

static const lw_param fill_first_params[] = {
    {"limit", LW_PARAM_U64, offsetof(struct fill_config, limit), "100", "1", "4294967295", NULL,
     "requests under way that fill a node without a capacity of its own"},
};

const lw_strategy_ops lw__fill_first = {
    .size = sizeof lw__fill_first,
    .name = "fill_first",
    .help = "The first node with room, by priority, then in order. For fleets that shrink when nodes fall idle.",
    .params = fill_first_params,
    .param_count = sizeof fill_first_params / sizeof *fill_first_params,
    .config_size = sizeof(struct fill_config),
    .needs = LW_HAS(inflight),
    .pick = fill_first_pick,
};
