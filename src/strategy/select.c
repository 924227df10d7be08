/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The public picks: make a view on the stack, find the plan, ask the strategy.
 *
 * Cost beyond the strategy's own: the lane by one thread-local word, about a dozen stores, and for strategies with a
 * plan one read section and one comparison of keys. No lock, no allocation, no clock unless something wants the time.
 */
#include "strategy/unit.h"

/* One pick under way. */
struct pick {
    lw_view view;
    struct lw__lane *lane;
    uint32_t parity;
    bool reading;
};

static const lw_request plain_request = LW_REQUEST_INIT;

static bool reads_time(const lw_strategy *strategy, const lw_nodes *nodes) {
    return (strategy->needs & LW_NEEDS_CLOCK) != 0 || nodes->load.at.kind == LW_LAYOUT_COMPUTED ||
           nodes->remaining.at.kind == LW_LAYOUT_COMPUTED;
}

static uint64_t time_for(const lw_strategy *strategy, const lw_nodes *nodes) {
    return strategy->clocked && reads_time(strategy, nodes) ? lw__now(&strategy->env) : 0;
}

/* The bound units for these nodes: inside a read section where there are plans. */
static inline int find_bound(lw_strategy *strategy, const lw_nodes *nodes, bool prepared_only, struct pick *pick,
                             const struct lw__bound **bound) {
    if (!strategy->planned) {
        *bound = strategy->unbound;
        return LW_OK;
    }
    uint64_t version = lw__plans_version(nodes);
    for (;;) {
        pick->parity = lw__read_begin(&strategy->lanes, pick->lane);
        const struct lw__binding *binding = lw__plans_find(strategy, nodes, version);
        if (binding != NULL) {
            pick->reading = true;
            *bound = binding->bound;
            return LW_OK;
        }
        lw__read_end(pick->lane, pick->parity);
        int error = prepared_only ? LW_NOT_PREPARED : lw__plans_prepare(strategy, nodes, version);
        if (error != LW_OK) {
            return error;
        }
    }
}

/* Checks the call and turns the view to the root. After success, pick_end. */
static inline int pick_begin(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                             struct pick *pick) {
    const struct lw__bound *bound;
    int error = lw__nodes_check(strategy, nodes);
    if (error != LW_OK) {
        return error;
    }
    if (request->size < sizeof *request) {
        return lw__fail(&strategy->env, LW_INVALID, "request: size=%zu, is it LW_REQUEST_INIT?", request->size);
    }
    pick->lane = lw__lane_of(&strategy->lanes);
    pick->reading = false;
    error = find_bound(strategy, nodes, (request->flags & LW_REQUEST_PREPARED_ONLY) != 0, pick, &bound);
    if (error != LW_OK) {
        return error;
    }
    lw_view *view = &pick->view;
    view->nodes = nodes;
    view->request = request;
    view->eligible = nodes->eligible;
    view->eligible_blocks = nodes->eligible_blocks;
    view->count = nodes->count;
    view->excludes = (uint32_t)request->exclude_count;
    view->now = now;
    view->memory = &bound->memory;
    view->lane = &pick->lane->seen;
    return LW_OK;
}

static inline void pick_end(struct pick *pick) {
    if (pick->reading) {
        lw__read_end(pick->lane, pick->parity);
    }
}

static const struct lw__bound *bound_of(const lw_view *view) {
    return (const struct lw__bound *)(const void *)view->memory;
}

/* The view of another unit of the same tree, in the same lane. */
static lw_view view_of(const lw_view *view, const struct lw__bound *bound) {
    lw_view turned = *view;
    turned.memory = &bound->memory;
    return turned;
}

static const struct lw__bound *child_of(const lw_view *view, uint32_t child) {
    const struct lw__bound *bound = bound_of(view);
    return bound - bound->unit->index + bound->unit->children[child];
}

static void tell_begin(const lw_strategy *strategy, const lw_view *root, uint32_t index) {
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        if (strategy->units[u]->ops.begin != NULL) {
            lw_view view = view_of(root, bound_of(root) + u);
            strategy->units[u]->ops.begin(&view, index);
        }
    }
}

static void tell_done(const lw_strategy *strategy, const lw_view *root, uint32_t index, const lw_sample *sample) {
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        if (strategy->units[u]->ops.done != NULL) {
            lw_view view = view_of(root, bound_of(root) + u);
            strategy->units[u]->ops.done(&view, index, sample);
        }
    }
}

int lw_prepare(lw_strategy *strategy, const lw_nodes *nodes) {
    int error = lw__nodes_check(strategy, nodes);
    return error == LW_OK && strategy->planned ? lw__plans_prepare(strategy, nodes, lw__plans_version(nodes)) : error;
}

ptrdiff_t lw_select_at(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now) {
    struct pick pick;
    int error = pick_begin(strategy, nodes, request != NULL ? request : &plain_request, now, &pick);
    if (error != LW_OK) {
        return error;
    }
    ptrdiff_t index = bound_of(&pick.view)->unit->ops.pick(&pick.view);
    if (strategy->listens && index >= 0) {
        tell_begin(strategy, &pick.view, (uint32_t)index);
    }
    pick_end(&pick);
    return index;
}

ptrdiff_t lw_select(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    return lw_select_at(strategy, nodes, request, time_for(strategy, nodes));
}

int lw_feedback(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_sample *sample) {
    struct pick pick;
    uint64_t now = sample->now != 0 ? sample->now : time_for(strategy, nodes);
    if (index >= nodes->count) {
        return lw__fail(&strategy->env, LW_INVALID, "feedback: index %u must be below %u", index, nodes->count);
    }
    int error = pick_begin(strategy, nodes, &plain_request, now, &pick);
    if (error != LW_OK) {
        return error;
    }
    tell_done(strategy, &pick.view, index, sample);
    pick_end(&pick);
    return LW_OK;
}

ptrdiff_t lw_replicas(lw_strategy *strategy, const lw_nodes *nodes, uint64_t key, uint32_t *out, uint32_t room) {
    struct pick pick;
    int error = pick_begin(strategy, nodes, &plain_request, time_for(strategy, nodes), &pick);
    if (error != LW_OK) {
        return error;
    }
    const lw_strategy_ops *ops = &bound_of(&pick.view)->unit->ops;
    ptrdiff_t found = room == 0               ? LW_INVALID
                      : ops->sequence == NULL ? LW_UNSUPPORTED
                                              : ops->sequence(&pick.view, key, out, room);
    pick_end(&pick);
    return found;
}

/* ---- children ---- */

uint32_t lw_view_children(const lw_view *view) { return bound_of(view)->unit->child_count; }

ptrdiff_t lw_view_child_pick(const lw_view *view, uint32_t child) {
    lw_view turned = view_of(view, child_of(view, child));
    return bound_of(&turned)->unit->ops.pick(&turned);
}

ptrdiff_t lw_view_child_sequence(const lw_view *view, uint32_t child, uint64_t key, uint32_t *out, uint32_t room) {
    lw_view turned = view_of(view, child_of(view, child));
    const lw_strategy_ops *ops = &bound_of(&turned)->unit->ops;
    return ops->sequence == NULL ? LW_UNSUPPORTED : ops->sequence(&turned, key, out, room);
}
