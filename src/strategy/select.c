/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The public picks: make a view on the stack, find the plan, ask the strategy.
 *
 * Cost beyond the strategy's own: the lane by one thread-local word, about a dozen stores, and for strategies with a
 * plan one read section and one comparison of keys. No lock, no allocation, no clock unless something wants the time.
 */
#include "strategy/unit.h"

#include <string.h>

/* One pick under way. */
struct pick {
    lw_view view;
    struct lw__lane *lane; /* of the read section; NULL: there is none */
    uint32_t parity;
};

#define SLOW __attribute__((noinline, cold))

static const lw_request plain_request = LW_REQUEST_INIT;

/* A struct that is too small to have these columns will be refused. */
static inline bool wants_time(const lw_strategy *strategy, const lw_nodes *nodes) {
    return strategy->clocked && nodes->size >= LW__NODES_FIRST_SIZE &&
           ((strategy->needs & (LW_NEEDS_CLOCK | LW_HAS_SIGNALS)) != 0 || nodes->load.at.kind == LW_LAYOUT_COMPUTED ||
            nodes->remaining.at.kind == LW_LAYOUT_COMPUTED);
}

static uint64_t time_for(lw_strategy *strategy, const lw_nodes *nodes) {
    return wants_time(strategy, nodes) ? lw__now_forward(&strategy->env, &strategy->latest) : 0;
}

SLOW static int refuse_call(const lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    if (request->size < LW__REQUEST_FIRST_SIZE) {
        return lw__fail(&strategy->env, LW_INVALID, "request: size=%zu, is it LW_REQUEST_INIT?", request->size);
    }
    return lw__nodes_refuse(strategy, nodes);
}

static inline bool call_is_good(const lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    return lw__nodes_check(strategy, nodes) && request->size >= LW__REQUEST_FIRST_SIZE;
}

static int check_call(const lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    return call_is_good(strategy, nodes, request) ? LW_OK : refuse_call(strategy, nodes, request);
}

static inline void make_view(lw_view *view, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                             const struct lw__bound *bound, struct lw__lane *lane) {
    view->nodes = nodes;
    view->request = request;
    view->eligible = nodes->eligible;
    view->count = nodes->count;
    view->now = now;
    view->memory = &bound->memory;
    view->lane = &lane->seen;
    view->within = NULL;
    view->partial = (nodes->eligible != NULL) | (request->exclude_count != 0); /* no branch */
}

/* Prepares the set, unless the request forbids it, and finds it. Ends outside the read section after an error. */
SLOW static int prepare_and_find(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                 uint64_t version, struct pick *pick, const struct lw__binding **found) {
    do {
        lw__read_end(pick->lane, pick->parity);
        int error = (request->flags & LW_REQUEST_PREPARED_ONLY) != 0 ? LW_NOT_PREPARED
                                                                     : lw__plans_prepare(strategy, nodes, version);
        if (error != LW_OK) {
            return error;
        }
        pick->parity = lw__read_begin(&strategy->lanes, pick->lane);
        *found = lw__plans_find(strategy, nodes, version);
    } while (*found == NULL);
    return LW_OK;
}

/* Begins a pick of a strategy with plans: inside a read section, unless it fails. */
static inline int planned_begin(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                                struct pick *pick) {
    uint64_t version = lw__plans_version(nodes);
    pick->lane = lw__lane_of(&strategy->lanes);
    pick->parity = lw__read_begin(&strategy->lanes, pick->lane);
    const struct lw__binding *found = lw__plans_find(strategy, nodes, version);
    if (__builtin_expect(found == NULL, 0)) {
        int error = prepare_and_find(strategy, nodes, request, version, pick, &found);
        if (error != LW_OK) {
            return error;
        }
    }
    make_view(&pick->view, nodes, request, now, found->bound, pick->lane);
    return LW_OK;
}

/* The same for any strategy and any call but the fast pick. After success, any_end. */
static int any_begin(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                     struct pick *pick) {
    int error = check_call(strategy, nodes, request);
    if (error != LW_OK) {
        return error;
    }
    if (strategy->planned) {
        return planned_begin(strategy, nodes, request, now, pick);
    }
    pick->lane = NULL;
    make_view(&pick->view, nodes, request, now, strategy->unbound, lw__lane_of(&strategy->lanes));
    return LW_OK;
}

static void any_end(struct pick *pick) {
    if (pick->lane != NULL) {
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
    int error = check_call(strategy, nodes, &plain_request);
    return error == LW_OK && strategy->planned ? lw__plans_prepare(strategy, nodes, lw__plans_version(nodes)) : error;
}

SLOW static ptrdiff_t select_planned_slowly(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                            uint64_t now) {
    struct pick pick;
    int error = planned_begin(strategy, nodes, request, now, &pick);
    if (__builtin_expect(error != LW_OK, 0)) {
        return error;
    }
    ptrdiff_t index = strategy->pick(&pick.view);
    if (strategy->listens && index >= 0) {
        tell_begin(strategy, &pick.view, (uint32_t)index);
    }
    lw__read_end(pick.lane, pick.parity);
    return index;
}

SLOW static ptrdiff_t select_unplanned_slowly(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                              uint64_t now) {
    lw_view view;
    make_view(&view, nodes, request, now, strategy->unbound, lw__lane_of(&strategy->lanes));
    ptrdiff_t index = strategy->pick(&view);
    if (strategy->listens && index >= 0) {
        tell_begin(strategy, &view, (uint32_t)index);
    }
    return index;
}

/* The common case: the lane is at its place, the plan too, nobody listens. Whatever is not so goes the slow way, by a
   jump, so that next to nothing has to be saved around the pick. */
__attribute__((noinline)) static ptrdiff_t select_planned(lw_strategy *strategy, const lw_nodes *nodes,
                                                          const lw_request *request, uint64_t now) {
    struct lw__lane *lane = lw__lane_home(&strategy->lanes);
    if (__builtin_expect(lane == NULL || __atomic_load_n(&lane->reading, __ATOMIC_RELAXED) != 0 || strategy->listens ||
                             nodes->set == 0,
                         0)) {
        return select_planned_slowly(strategy, nodes, request, now);
    }
    lw__barrier_store(&lane->reading, 1 + (__atomic_load_n(&strategy->lanes.epoch, __ATOMIC_RELAXED) & 1),
                      strategy->lanes.cheap);
    const struct lw__binding *found =
        __atomic_load_n(&strategy->bindings[lw__plans_home(nodes->set)], __ATOMIC_SEQ_CST);
    if (__builtin_expect(found == NULL || found->version != nodes->version || found->set != nodes->set ||
                             found->count != nodes->count,
                         0)) {
        __atomic_store_n(&lane->reading, 0, __ATOMIC_RELEASE);
        return select_planned_slowly(strategy, nodes, request, now);
    }
    lw_view view;
    make_view(&view, nodes, request, now, found->bound, lane);
    ptrdiff_t index = strategy->pick(&view);
    __atomic_store_n(&lane->reading, 0, __ATOMIC_RELEASE);
    return index;
}

static inline ptrdiff_t select_unplanned(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                         uint64_t now) {
    struct lw__lane *lane = lw__lane_home(&strategy->lanes);
    if (__builtin_expect(lane == NULL || strategy->listens, 0)) {
        return select_unplanned_slowly(strategy, nodes, request, now);
    }
    lw_view view;
    make_view(&view, nodes, request, now, strategy->unbound, lane);
    return strategy->pick(&view);
}

/* A lane is written atomically by whoever shares it; no word of the copy is torn. */
static void copy_lane(uint64_t *copy, const unsigned char *lane) {
    for (size_t i = 0; i < LW_LANE_SIZE / sizeof *copy; i++) {
        copy[i] = __atomic_load_n((const uint64_t *)(const void *)lane + i, __ATOMIC_RELAXED);
    }
}

/* Copies, the first time, all that picks change: the lane, and the strategies' own lanes. */
static void trial_begin(struct lw__trial *trial, const lw_strategy *strategy, const lw_view *view) {
    if (trial->of == strategy) {
        return;
    }
    trial->of = strategy;
    trial->lane =
        (lw_lane){__atomic_load_n(&view->lane->chance, __ATOMIC_RELAXED), view->lane->number, view->lane->shared};
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        const lw_memory *memory = &bound_of(view)[u].memory;
        if (memory->lanes != NULL) {
            size_t lane = view->lane->number & memory->lane_mask;
            copy_lane(trial->lanes[u], memory->lanes + lane * LW_LANE_SIZE);
        }
    }
}

ptrdiff_t lw__select_trial(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                           struct lw__trial *trial) {
    struct lw__bound copies[LW_SPEC_STRATEGIES];
    lw_request asked = LW_REQUEST_INIT;
    struct pick pick;
    int error = any_begin(strategy, nodes, request, now, &pick);
    if (error != LW_OK) {
        return error;
    }
    trial_begin(trial, strategy, &pick.view);
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        copies[u] = bound_of(&pick.view)[u];
        copies[u].memory.lane_mask = 0;
        copies[u].memory.lanes = (unsigned char *)trial->lanes[u];
    }
    memcpy(&asked, request, request->size < sizeof asked ? request->size : sizeof asked);
    asked.flags |= LW_REQUEST_TRIAL; /* a pool's requests have it not, and strategies go by it */
    pick.view.request = &asked;
    pick.view.memory = &copies[0].memory;
    pick.view.lane = &trial->lane;
    ptrdiff_t index = strategy->pick(&pick.view);
    any_end(&pick);
    return index;
}

/* A call that is to be refused, or a trial; the public pick has no time for either. */
SLOW static ptrdiff_t select_unusual(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                     uint64_t now) {
    struct lw__trial trial;
    int error = check_call(strategy, nodes, request);
    trial.of = NULL;
    return error != LW_OK ? error : lw__select_trial(strategy, nodes, request, now, &trial);
}

static inline ptrdiff_t select_now(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request,
                                   uint64_t now) {
    request = request != NULL ? request : &plain_request;
    bool usual = call_is_good(strategy, nodes, request) && (request->flags & LW_REQUEST_TRIAL) == 0;
    if (__builtin_expect(!usual, 0)) {
        return select_unusual(strategy, nodes, request, now);
    }
    return strategy->planned ? select_planned(strategy, nodes, request, now)
                             : select_unplanned(strategy, nodes, request, now);
}

ptrdiff_t lw_select_at(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request, uint64_t now) {
    return select_now(strategy, nodes, request, now);
}

/* Out of line, so that where nobody wants the time nothing has to be saved. */
__attribute__((noinline)) static ptrdiff_t select_timed(lw_strategy *strategy, const lw_nodes *nodes,
                                                        const lw_request *request) {
    return select_now(strategy, nodes, request, lw__now_forward(&strategy->env, &strategy->latest));
}

ptrdiff_t lw_select(lw_strategy *strategy, const lw_nodes *nodes, const lw_request *request) {
    return wants_time(strategy, nodes) ? select_timed(strategy, nodes, request)
                                       : select_now(strategy, nodes, request, 0);
}

/* Begins to tell the strategy something of one node. */
static int report_begin(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, uint64_t now, const char *what,
                        struct pick *pick) {
    if (index >= nodes->count) {
        lw__fail(&strategy->env, LW_INVALID, "%s: index %u must be below %u", what, index, nodes->count);
        return LW_INVALID;
    }
    return any_begin(strategy, nodes, &plain_request, now != 0 ? now : time_for(strategy, nodes), pick);
}

void lw__strategy_begin(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                        uint64_t now) {
    struct pick pick;
    if (any_begin(strategy, nodes, request, now, &pick) == LW_OK) {
        tell_begin(strategy, &pick.view, index);
        any_end(&pick);
    }
}

int lw_feedback(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_sample *sample) {
    struct pick pick;
    lw_sample whole = LW_SAMPLE_INIT;
    if (sample->size < LW__SAMPLE_FIRST_SIZE) {
        return lw__fail(&strategy->env, LW_INVALID, "feedback: size=%zu, is it LW_SAMPLE_INIT?", sample->size);
    }
    if (sample->size < sizeof whole) {
        sample = memcpy(&whole, sample, sample->size);
    }
    int error = report_begin(strategy, nodes, index, sample->now, "feedback", &pick);
    if (error != LW_OK) {
        return error;
    }
    tell_done(strategy, &pick.view, index, sample);
    any_end(&pick);
    return LW_OK;
}

int lw_probed(lw_strategy *strategy, const lw_nodes *nodes, uint32_t index, const lw_probe *probe) {
    struct pick pick;
    lw_probe whole = LW_PROBE_INIT;
    if (probe->size < LW__PROBE_FIRST_SIZE) {
        return lw__fail(&strategy->env, LW_INVALID, "probe: size=%zu, is it LW_PROBE_INIT?", probe->size);
    }
    if (probe->size < sizeof whole) {
        probe = memcpy(&whole, probe, probe->size);
    }
    int error = report_begin(strategy, nodes, index, probe->now, "probe", &pick);
    if (error != LW_OK) {
        return error;
    }
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        if (strategy->units[u]->ops.probed != NULL) {
            lw_view view = view_of(&pick.view, bound_of(&pick.view) + u);
            strategy->units[u]->ops.probed(&view, index, probe);
        }
    }
    any_end(&pick);
    return LW_OK;
}

void lw_view_ask(const lw_view *view, uint32_t index) {
    const lw_env *env = bound_of(view)->unit->env;
    if (env->probe != NULL) {
        env->probe(env->user, lw_nodes_id(view->nodes, index));
    }
}

ptrdiff_t lw_replicas(lw_strategy *strategy, const lw_nodes *nodes, uint64_t key, uint32_t *out, uint32_t room) {
    struct pick pick;
    int error = any_begin(strategy, nodes, &plain_request, time_for(strategy, nodes), &pick);
    if (error != LW_OK) {
        return error;
    }
    const lw_strategy_ops *ops = &bound_of(&pick.view)->unit->ops;
    ptrdiff_t found = room == 0               ? LW_INVALID
                      : ops->sequence == NULL ? LW_UNSUPPORTED
                                              : ops->sequence(&pick.view, key, out, room);
    any_end(&pick);
    return found;
}

/* ---- children ---- */

uint32_t lw_view_children(const lw_view *view) { return bound_of(view)->unit->child_count; }

/* The engine made the view, so it may turn it to the child and back: a copy would wait for the stores that made it. */
ptrdiff_t lw_view_child_pick(const lw_view *view, uint32_t child) {
    const struct lw__bound *bound = child_of(view, child);
    lw_view *turned = (lw_view *)view;
    const lw_memory *own = view->memory;
    turned->memory = &bound->memory;
    ptrdiff_t index = bound->unit->ops.pick(turned);
    turned->memory = own;
    return index;
}

ptrdiff_t lw_view_child_sequence(const lw_view *view, uint32_t child, uint64_t key, uint32_t *out, uint32_t room) {
    lw_view turned = view_of(view, child_of(view, child));
    const lw_strategy_ops *ops = &bound_of(&turned)->unit->ops;
    return ops->sequence == NULL ? LW_UNSUPPORTED : ops->sequence(&turned, key, out, room);
}
