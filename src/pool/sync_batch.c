/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is told. Of one node, where there is something to tell or to ask:
 *
 *   quota    what is owed and what goes back (as many postings as it takes, at most LW__SYNC_ROUNDS), then a new lease
 *   health   requests that went well, requests that failed; the answer has the fleet's sums
 *   status   is it ejected?
 *   answers, time   requests that went well and their latencies; the answers are the fleet's sums
 *   load     requests under way here; the answer is how many there are in all
 *
 * Counts are taken out of the node when they are told and put back when they were not, so that what happens meanwhile
 * is in the next batch. Health is told only by those who have something to tell: whose failures tip the scale is who
 * sees it. Cost: O(nodes); the memory is kept.
 */
#include "pool/sync.h"

#include <string.h>

enum { KEYS = 6, STEPS = LW__SYNC_ROUNDS + LW__PARTS + LW__SYNC_VERDICT, FLEET_STEPS = 2 };

static const char *const key_names[KEYS] = {"/quota", "/health", "/status", "/answers", "/time", "/load"};
enum { KEY_QUOTA, KEY_HEALTH, KEY_STATUS, KEY_ANSWERS, KEY_TIME, KEY_LOAD };

#define COUNTERS_LIVE (UINT64_C(86400) * 1000000000) /* ns; those who hear them notice when they begin anew */

/* ---- memory ---- */

void lw__sync_release(lw_pool *pool) {
    const struct lw__sync_memory memory = pool->sync->memory;
    pool->sync->memory = (struct lw__sync_memory){0}; /* first: a fork may come in between */
    lw__release(&pool->env, memory.entries);
    lw__release(&pool->env, memory.steps);
    lw__release(&pool->env, memory.charges);
    lw__release(&pool->env, memory.keys);
}

static size_t charges_of_node(const struct lw__sync *sync) { return (size_t)sync->shared * (LW__SYNC_ROUNDS + 1); }

int lw__sync_reserve(lw_pool *pool, uint32_t nodes) {
    struct lw__sync *sync = pool->sync;
    struct lw__sync_memory *memory = &sync->memory;
    if (memory->room != 0 && nodes <= memory->room) {
        return LW_OK;
    }
    lw__sync_release(pool);
    size_t room = nodes + nodes / 8 + 1;
    memory->entries = lw__alloc(&pool->env, room * sizeof *memory->entries);
    memory->steps = lw__alloc(&pool->env, (room * STEPS + FLEET_STEPS) * sizeof *memory->steps);
    memory->charges = lw__alloc(&pool->env, (room * charges_of_node(sync) + 1) * sizeof *memory->charges);
    memory->keys = lw__alloc(&pool->env, room * KEYS * sync->key_size);
    if (memory->entries == NULL || memory->steps == NULL || memory->charges == NULL || memory->keys == NULL) {
        lw__sync_release(pool);
        return LW_NOMEM;
    }
    memory->room = (uint32_t)room;
    return LW_OK;
}

/* ---- steps ---- */

static lw_store_step *next_step(struct lw__sync *sync, uint32_t op, const char *key) {
    lw_store_step *step = &sync->memory.steps[sync->steps++];
    *step = (lw_store_step){.op = op, .key = key, .answer = LW_UNAVAILABLE};
    return step;
}

static lw_store_step *next_part(struct lw__sync *sync, struct lw__sync_entry *entry, uint32_t part, uint32_t op,
                                uint32_t key) {
    entry->part[part] = (int32_t)sync->steps;
    return next_step(sync, op, entry->keys + key * sync->key_size);
}

static void write_keys(const struct lw__sync *sync, struct lw__sync_entry *entry) {
    size_t prefix = strlen(sync->names.prefix);
    for (uint32_t k = 0; k < KEYS; k++) {
        char *to = entry->keys + k * sync->key_size;
        memcpy(to, sync->names.prefix, prefix);
        to += prefix;
        *to++ = '{';
        for (uint32_t i = 0; i < 16; i++) {
            *to++ = "0123456789abcdef"[entry->node->id >> (60 - 4 * i) & 15];
        }
        *to++ = '}';
        memcpy(to, key_names[k], strlen(key_names[k]) + 1);
    }
}

static void begin_posting(const struct lw__sync *sync, lw_posting *posting, lw_charge *charges, uint32_t mode) {
    *posting = (lw_posting)LW_POSTING_INIT;
    posting->charges = charges;
    posting->mode = mode;
    posting->now = sync->real;
}

static void meet(struct lw__sync *sync, lw_store_step *step, int64_t amount) {
    step->value = sync->names.instance;
    step->value_size = strlen(sync->names.instance);
    step->ttl = sync->leaving ? 0 : 3 * sync->options.interval;
    step->amount = amount;
}

void lw__sync_begin(lw_pool *pool) {
    struct lw__sync *sync = pool->sync;
    sync->count = sync->steps = sync->ejected = 0;
    meet(sync, next_step(sync, LW_STORE_MEET, sync->names.meeting), 0);
    sync->tick = (lw_charge)LW_CHARGE_INIT;
    sync->tick.name = "tick";
    sync->tick.window = UINT64_C(1000000000);
    begin_posting(sync, &sync->clock, &sync->tick, LW_POSTING_FORCE);
    sync->clock.count = 1;
    next_step(sync, LW_STORE_CHARGE, sync->names.meeting)->posting = &sync->clock;
}

/* ---- quota ---- */

/* Lays one charge of each dimension into each posting. */
static void gather_returns(const lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    const struct lw__sync *sync = pool->sync;
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t r = 0; r < LW__SYNC_ROUNDS; r++) {
        begin_posting(sync, &entry->posting[r], entry->charges + r * sync->shared, LW_POSTING_FORCE);
    }
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left), found = 0;
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node->quota, i);
        lw_charge charges[LW__SYNC_ROUNDS];
        uint64_t debt = lw__lease_debt(d, count, sync->now);
        if (debt > 0) {
            lw__lease_describe(d, count, &charges[found]);
            charges[found++].amount = (int64_t)debt;
        }
        found += lw__lease_returns(d, count, sync->now, charges + found, LW__SYNC_ROUNDS - found);
        for (uint32_t r = 0; r < found; r++) {
            entry->posting[r].charges[entry->posting[r].count++] = charges[r];
        }
        entry->rounds = found > entry->rounds ? found : entry->rounds;
    }
}

static void gather_slice(const lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node) {
    const struct lw__sync *sync = pool->sync;
    const struct lw__quota_plan *plan = &pool->rules.quota;
    const struct lw__lease_terms terms = {sync->now, lw__sync_renewal(sync), sync->options.lease_percent,
                                          lw__sync_instances(sync)};
    begin_posting(sync, &entry->slice, entry->charges + LW__SYNC_ROUNDS * sync->shared, LW_POSTING_PART);
    entry->slice.hold = sync->options.lease;
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        const struct lw__quota_dimension *d = &plan->dimension[i];
        struct lw__quota_count *count = lw__quota_count_of(plan, node->quota, i);
        uint64_t wish = lw__lease_wish(d, count, &terms);
        if (wish > 0) {
            lw_charge *charge = &entry->slice.charges[entry->slice.count++];
            lw__lease_describe(d, count, charge);
            charge->amount = (int64_t)wish;
        }
    }
}

static void end_leases(const lw_pool *pool, struct lw__node *node) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t left = plan->shared; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        lw__lease_end(&plan->dimension[i], lw__quota_count_of(plan, node->quota, i));
    }
}

static void gather_quota(lw_pool *pool, struct lw__sync_entry *entry, struct lw__node *node, bool stays) {
    struct lw__sync *sync = pool->sync;
    if (!stays) {
        end_leases(pool, node);
    }
    gather_returns(pool, entry, node);
    entry->returns = (int32_t)sync->steps;
    for (uint32_t r = 0; r < entry->rounds; r++) {
        next_step(sync, LW_STORE_CHARGE, entry->keys + KEY_QUOTA * sync->key_size)->posting = &entry->posting[r];
    }
    if (stays) {
        gather_slice(pool, entry, node);
        if (entry->slice.count > 0) {
            next_part(sync, entry, LW__PART_SLICE, LW_STORE_CHARGE, KEY_QUOTA)->posting = &entry->slice;
        }
    }
}

/* ---- health, latency, load ---- */

static void gather_health(struct lw__sync *sync, struct lw__sync_entry *entry, struct lw__node *node) {
    entry->ended = __atomic_exchange_n(&node->sync->ended, 0, __ATOMIC_RELAXED);
    if (entry->ended != 0) {
        uint64_t failed = (uint32_t)entry->ended, good = (entry->ended >> 32) - failed;
        for (uint32_t i = 0; i < 2; i++) {
            entry->counts[i] = (lw_charge)LW_CHARGE_INIT;
            entry->counts[i].name = i == 0 ? "ok" : "failed";
            entry->counts[i].window = sync->options.window;
            entry->counts[i].amount = (int64_t)(i == 0 ? good : failed);
        }
        begin_posting(sync, &entry->health, entry->counts, LW_POSTING_FORCE);
        entry->health.count = 2;
        next_part(sync, entry, LW__PART_HEALTH, LW_STORE_CHARGE, KEY_HEALTH)->posting = &entry->health;
    }
    if (!sync->leaving) {
        lw_store_step *step = next_part(sync, entry, LW__PART_STATUS, LW_STORE_GET, KEY_STATUS);
        step->out = entry->record;
        step->room = LW__SYNC_RECORD;
    }
}

/* Adding 0 is asking. */
static void gather_latency(struct lw__sync *sync, struct lw__sync_entry *entry, struct lw__node *node) {
    entry->answers = __atomic_exchange_n(&node->sync->answers, 0, __ATOMIC_RELAXED);
    entry->time = __atomic_exchange_n(&node->sync->time, 0, __ATOMIC_RELAXED);
    lw_store_step *step = next_part(sync, entry, LW__PART_ANSWERS, LW_STORE_ADD, KEY_ANSWERS);
    step->amount = (int64_t)entry->answers;
    step->ttl = COUNTERS_LIVE;
    step = next_part(sync, entry, LW__PART_TIME, LW_STORE_ADD, KEY_TIME);
    step->amount = (int64_t)(entry->time / 1000);
    step->ttl = COUNTERS_LIVE;
}

static void gather_load(struct lw__sync *sync, struct lw__sync_entry *entry, const struct lw__node *node) {
    entry->base = __atomic_load_n(&node->traffic, __ATOMIC_RELAXED);
    meet(sync, next_part(sync, entry, LW__PART_LOAD, LW_STORE_MEET, KEY_LOAD), (int64_t)(uint32_t)entry->base);
}

void lw__sync_gather(lw_pool *pool, const struct lw__snapshot *snapshot, struct lw__node *node) {
    struct lw__sync *sync = pool->sync;
    uint32_t number = sync->count++;
    struct lw__sync_entry *entry = &sync->memory.entries[number];
    bool member = node->member != 0;
    memset(entry, 0, sizeof *entry);
    memset(entry->part, 0xff, sizeof entry->part);
    entry->node = node;
    entry->away = lw__sync_away(node) != 0;
    entry->first = sync->steps;
    entry->keys = sync->memory.keys + number * KEYS * sync->key_size;
    entry->charges = sync->memory.charges + number * charges_of_node(sync);
    write_keys(sync, entry);
    if (sync->shared > 0) {
        gather_quota(pool, entry, node, member && !sync->leaving);
    }
    if (member && lw__sync_shares(sync, LW_SHARE_HEALTH)) {
        gather_health(sync, entry, node);
    }
    if (member && lw__sync_shares(sync, LW_SHARE_LATENCY) &&
        (snapshot->learns || pool->rules.options.latency != NULL)) {
        gather_latency(sync, entry, node);
    }
    if (member && lw__sync_shares(sync, LW_SHARE_LOAD) && snapshot->told) {
        gather_load(sync, entry, node);
    }
    if (entry->away && entry->first == sync->steps) { /* only to see whether it is back */
        next_step(sync, LW_STORE_GET, entry->keys + KEY_STATUS * sync->key_size);
    }
    entry->end = sync->steps;
}

/* ---- what was not carried out ---- */

ptrdiff_t lw__sync_answer(const struct lw__sync *sync, const struct lw__sync_entry *entry, uint32_t part) {
    return entry->part[part] >= 0 ? sync->memory.steps[entry->part[part]].answer : LW_UNKNOWN;
}

static void put_back_debts(lw_pool *pool, const struct lw__sync_entry *entry) {
    const struct lw__quota_plan *plan = &pool->rules.quota;
    for (uint32_t r = 0; r < entry->rounds; r++) {
        const lw_posting *posting = &entry->posting[r];
        bool told = pool->sync->memory.steps[(uint32_t)entry->returns + r].answer == LW_OK;
        for (uint32_t i = 0; i < posting->count; i++) {
            const lw_charge *charge = &posting->charges[i];
            struct lw__quota_count *count =
                lw__quota_count_of(plan, entry->node->quota, lw__sync_dimension(pool, charge));
            if (charge->amount > 0 && told) {
                lw__lease_told(count);
            } else if (charge->amount > 0) {
                lw__lease_owe(count, (uint64_t)charge->amount);
            }
        }
    }
}

/* What is older than the window says nothing any more. What goes back is not put back: it may have gone. */
void lw__sync_put_back(lw_pool *pool, const struct lw__sync_entry *entry) {
    const struct lw__sync *sync = pool->sync;
    struct lw__node *node = entry->node;
    uint64_t away = lw__sync_away(node);
    bool fresh = away == 0 || lw__after(away, sync->options.window) > sync->now;
    put_back_debts(pool, entry);
    if (fresh && entry->ended != 0 && lw__sync_answer(sync, entry, LW__PART_HEALTH) != LW_OK) {
        __atomic_fetch_add(&node->sync->ended, entry->ended, __ATOMIC_RELAXED);
    }
    if (fresh && entry->answers != 0 && lw__sync_answer(sync, entry, LW__PART_ANSWERS) != LW_OK &&
        lw__sync_answer(sync, entry, LW__PART_TIME) != LW_OK) {
        __atomic_fetch_add(&node->sync->time, entry->time, __ATOMIC_RELAXED);
        __atomic_fetch_add(&node->sync->answers, entry->answers, __ATOMIC_RELAXED);
    }
}
