/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Groups; see group.h. A member is brought up to date by taking over what its node says now and accounting for the
 * difference to what was seen before: the exchange makes every change counted once, whoever else does the same, and
 * looking at the node again afterwards makes the last one right.
 * Cost: making is O(members) and the plan; bringing one member up to date is an exchange, and where something changed
 * two or three locked additions.
 */
#include "pool/group.h"
#include "base/random.h"
#include "strategy/unit.h"

#include <string.h>

/* ---- strategies ---- */

static const lw_param *param_named(const lw_strategy_ops *ops, const char *name) {
    for (uint32_t i = 0; i < ops->param_count; i++) {
        if (strcmp(ops->params[i].name, name) == 0) {
            return &ops->params[i];
        }
    }
    return NULL;
}

/* Nothing moves a key for a ramp, unless the strategy says so. */
static bool thins(const struct lw__unit *unit) {
    const lw_param *ramp = param_named(&unit->ops, "ramp");
    uint64_t wanted = 0;
    if (ramp != NULL) {
        memcpy(&wanted, unit->config + ramp->offset, sizeof wanted);
    }
    return (unit->needs & LW_NEEDS_KEY) == 0 || wanted != 0;
}

static void describe(struct lw__chooser *chooser) {
    const lw_strategy *strategy = chooser->strategy;
    chooser->ramps = true;
    chooser->strategy->listens = false; /* pools tell it themselves, once a request has its place */
    for (uint32_t u = 0; u < strategy->unit_count; u++) {
        const struct lw__unit *unit = strategy->units[u];
        uint32_t signal = unit->memory.signal;
        chooser->listens |= unit->ops.begin != NULL || unit->ops.done != NULL;
        chooser->probes |= unit->ops.probed != NULL;
        chooser->external |= signal == LW_SIGNAL_EXTERNAL;
        chooser->learned |= signal >= LW_SIGNAL_EWMA;
        chooser->ordered |= (unit->needs & LW_NEEDS_LEAST) != 0 && signal <= LW_SIGNAL_INFLIGHT;
        chooser->narrowed |= (unit->needs & LW_NEEDS_WITHIN) != 0;
        chooser->keyed |= (unit->needs & LW_NEEDS_KEY) != 0;
        chooser->ramps &= thins(unit);
    }
}

int lw__chooser_new(lw_pool *pool, const char *spec, struct lw__chooser **out) {
    struct lw__chooser *chooser = lw__alloc(&pool->env, sizeof *chooser);
    if (chooser == NULL) {
        return LW_NOMEM;
    }
    lw_env env = pool->env;
    chooser->serial = ++pool->strategies;
    env.seed = lw__seed(pool->env.seed, chooser->serial + LW_LANES);
    int error =
        lw_strategy_from_ops(&chooser->strategy, &env, pool->rules.options.ops, pool->rules.options.ops_count, spec);
    if (error != LW_OK) {
        lw__release(&pool->env, chooser);
        return error;
    }
    describe(chooser);
    *out = chooser;
    return LW_OK;
}

void lw__chooser_drop(lw_pool *pool, struct lw__chooser *chooser) {
    if (chooser != NULL && --chooser->users == 0) {
        lw_strategy_free(chooser->strategy);
        lw__release(&pool->env, chooser);
    }
}

/* ---- made and freed ---- */

static void *group_part(lw_pool *pool, struct lw__group *group, size_t size) {
    group->bytes += size;
    return lw__alloc(&pool->env, size);
}

/* A big-endian machine keeps the low half of a word behind the high one. */
enum { LOW_HALF = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0 };

static void describe_nodes(struct lw__group *group, uint64_t version) {
    lw_nodes *nodes = &group->nodes[LW__VIEW_ALL];
    lw_nodes_init(nodes, group->count);
    nodes->set = 1;
    nodes->version = version;
    nodes->present = LW_HAS(name) | LW_HAS(id) | LW_HAS(weight) | LW_HAS(load) | LW_HAS(remaining) | LW_HAS(inflight) |
                     LW_HAS(capacity) | LW_HAS_SIGNALS;
    nodes->name.at = lw_layout_pointers(group->node, offsetof(struct lw__node, name), 0);
    nodes->id.at = lw_layout_pointers(group->node, offsetof(struct lw__node, id), 0);
    nodes->weight.at = lw_layout_strided(group->weight, sizeof *group->weight, 0);
    nodes->inflight.at = lw_layout_pointers(group->node, offsetof(struct lw__node, traffic) + LOW_HALF, 1);
    nodes->capacity.at = lw_layout_pointers(group->node, offsetof(struct lw__node, cap), 1);
    lw__signals_init(group);
    nodes->signals = group->signals;
    nodes->load = group->signals[LW_SIGNAL_LOAD];
    group->nodes[LW__VIEW_SOME] = group->nodes[LW__VIEW_PANIC] = *nodes;
    group->nodes[LW__VIEW_SOME].eligible = group->words;
    group->nodes[LW__VIEW_SOME].eligible_blocks = group->blocks;
    group->nodes[LW__VIEW_PANIC].eligible = group->panic;
}

static int make_parts(lw_pool *pool, struct lw__group *group) {
    uint32_t count = group->count;
    group->words = group_part(pool, group, LW_BITMAP_WORDS(count) * sizeof *group->words);
    group->panic = group_part(pool, group, LW_BITMAP_WORDS(count) * sizeof *group->panic);
    group->blocks = group_part(pool, group, LW_BITMAP_BLOCKS(count) * sizeof *group->blocks);
    group->seen = group_part(pool, group, count * sizeof *group->seen);
    if (group->chooser->ordered) {
        group->tally = group_part(pool, group, lw__tally_size(count));
    }
    bool whole = group->words != NULL && group->panic != NULL && group->blocks != NULL && group->seen != NULL &&
                 (group->tally != NULL || !group->chooser->ordered);
    return whole ? LW_OK : LW_NOMEM;
}

/* Nobody is seen as eligible yet: all members as gone. */
static void begin_empty(struct lw__group *group) {
    for (uint32_t i = 0; i < group->count; i++) {
        group->seen[i] = LW_REASON_RESERVED;
    }
    group->by_reason[7] = group->count;
    if (group->tally != NULL) {
        lw__tally_init(group->tally, group->count);
    }
}

static void group_free(lw_pool *pool, struct lw__group *group) {
    const lw_env *env = &pool->env;
    lw__plans_drop(group->chooser->strategy, group->nodes[LW__VIEW_ALL].set, group->nodes[LW__VIEW_ALL].version);
    lw__chooser_drop(pool, group->chooser);
    lw__release(env, group->node);
    lw__release(env, group->weight);
    lw__release(env, group->words);
    lw__release(env, group->panic);
    lw__release(env, group->blocks);
    lw__release(env, group->seen);
    lw__release(env, group->tally);
    lw__release(env, group);
}

int lw__group_new(lw_pool *pool, struct lw__chooser *chooser, struct lw__node **nodes, uint32_t *weights,
                  uint32_t count, struct lw__group **out) {
    struct lw__group *group = lw__alloc(&pool->env, sizeof *group);
    if (group == NULL) {
        lw__release(&pool->env, nodes);
        lw__release(&pool->env, weights);
        return LW_NOMEM;
    }
    group->chooser = chooser;
    chooser->users++;
    group->users = 1;
    group->node = nodes;
    group->weight = weights;
    group->count = count;
    group->rules = &pool->rules;
    group->latency = &pool->latency;
    group->bytes = sizeof *group + count * (sizeof *nodes + sizeof *weights);
    int error = make_parts(pool, group);
    if (error == LW_OK) {
        describe_nodes(group, ++chooser->version);
        begin_empty(group);
        error = lw_prepare(chooser->strategy, &group->nodes[LW__VIEW_ALL]);
    }
    if (error != LW_OK) {
        group_free(pool, group);
        return error;
    }
    *out = group;
    return LW_OK;
}

void lw__group_drop(lw_pool *pool, struct lw__group *group) {
    if (group != NULL && --group->users == 0) {
        group_free(pool, group);
    }
}

/* ---- hints ---- */

static void add(uint32_t *count, bool more) { __atomic_fetch_add(count, more ? 1 : UINT32_MAX, __ATOMIC_SEQ_CST); }

static bool is_active(uint32_t seen) { return (seen & LW__ABSENT) == 0; }

static bool is_ill(uint32_t seen) { return is_active(seen) && (seen & LW__SEEN_ILL) != 0; }

static bool is_full(uint32_t seen) { return (seen & ~(LW__SEEN_ILL | LW__UNWELL)) == LW_REASON_SATURATED; }

static void account(struct lw__group *group, uint32_t old, uint32_t now) {
    uint32_t changed = old ^ now;
    for (uint32_t bit = 0; bit < LW__SEEN_BITS; bit++) {
        if ((changed >> bit & 1) != 0) {
            add(&group->by_reason[bit], (now >> bit & 1) != 0);
        }
    }
    if (is_active(old) != is_active(now)) {
        add(&group->active, is_active(now));
    }
    if (is_full(old) != is_full(now)) {
        add(&group->full, is_full(now));
    }
    if (is_ill(old) != is_ill(now)) {
        add(&group->ill, is_ill(now));
    }
}

/* True when the bit was another one. */
static bool write_bit(uint64_t *words, uint32_t index, bool set) {
    uint64_t bit = UINT64_C(1) << (index % 64), *word = &words[index / 64];
    if (((__atomic_load_n(word, __ATOMIC_SEQ_CST) & bit) != 0) == set) {
        return false;
    }
    uint64_t old =
        set ? __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) : __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
    return ((old & bit) != 0) != set;
}

/* Who may be picked in a panic: all whatever their health; or only those that are kept for it, or nobody, but then ill
   nodes whose probe is due, or the panic would never end. */
static bool in_panic(const struct lw__group *group, uint32_t seen) {
    uint32_t reasons = seen & ~(uint32_t)LW__SEEN_ILL & ~LW__UNWELL;
    switch (group->rules->options.panic) {
    case LW_PANIC_FAIL_OPEN: return reasons == 0;
    case LW_PANIC_LAST_RESORT: return reasons == LW_REASON_RESERVED || seen == LW__SEEN_ILL;
    default: return seen == LW__SEEN_ILL;
    }
}

static void write_hints(struct lw__group *group, uint32_t index, uint32_t seen) {
    bool eligible = (seen & ~(uint32_t)LW__SEEN_ILL) == 0;
    if (write_bit(group->words, index, eligible)) {
        add(&group->blocks[index / 512], eligible);
        add(&group->eligible, eligible);
    }
    write_bit(group->panic, index, in_panic(group, seen));
    if (group->tally != NULL) {
        lw__tally_set(group->tally, index, &group->node[index]->traffic, &group->node[index]->reasons);
    }
}

static uint32_t seen_of(const struct lw__node *node) {
    uint32_t ill = __atomic_load_n(&node->ill, __ATOMIC_SEQ_CST) != 0 ? LW__SEEN_ILL : 0;
    return __atomic_load_n(&node->reasons, __ATOMIC_SEQ_CST) | ill;
}

void lw__group_sync(struct lw__group *group, uint32_t index) {
    uint32_t seen;
    do {
        seen = seen_of(group->node[index]);
        uint32_t old = __atomic_exchange_n(&group->seen[index], (uint16_t)seen, __ATOMIC_SEQ_CST);
        if (old != seen) {
            account(group, old, seen);
        }
        if (((old | seen) & ~(uint32_t)LW_REASON_SATURATED) != 0) {
            add(&group->changes, true); /* also where the reasons stay: they may last longer now */
        }
        write_hints(group, index, seen);
    } while (seen_of(group->node[index]) != seen || __atomic_load_n(&group->seen[index], __ATOMIC_SEQ_CST) != seen);
}
