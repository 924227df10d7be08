/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health of one node in one word, so that a transition is one compare-and-swap and no report waits for another:
 *
 *     status 2 | down 1 | failures 16 | successes 12 | ejections 8 | permits 8 | round 4 | epoch 13
 *
 * failures, successes, ejections saturate. epoch rises whenever the node turns unhealthy (or a probe fails) and
 * whenever it is healthy again: reports that carry an older one are late. round rises when permits that were never
 * brought back are given up: a permit of an older round must not be counted back. Times stand beside the word:
 * last_failure only grows and is written before the word, so whoever sees the ejection sees its time; when the next
 * probe is due follows from both and is not stored.
 *
 * Cost: a success of a healthy node is two loads and a store; a transition one CAS. Window: one CAS in one of 10
 * buckets.
 */
#include "health/health.h"

enum {
    STATUS_BITS = 2,
    DOWN_BITS = 1,
    FAILURE_BITS = 16,
    SUCCESS_BITS = 12,
    EJECTION_BITS = 8,
    PERMIT_BITS = 8,
    ROUND_BITS = 4,
    EPOCH_BITS = 13,
    ROUND_SHIFT = 8, /* of the round, in a permit's flags */
    BUCKET_COUNT_BITS = 20,
    BUCKET_STAMP_BITS = 24,
};

/* The word, unpacked. */
struct machine {
    lw_health_state state;
    uint32_t down, permits, round, epoch;
};

static uint32_t take_bits(uint64_t *word, uint32_t bits) {
    uint32_t value = (uint32_t)(*word & ((UINT64_C(1) << bits) - 1));
    *word >>= bits;
    return value;
}

static struct machine unpack(uint64_t word) {
    struct machine machine = {0};
    machine.state.status = take_bits(&word, STATUS_BITS);
    machine.down = take_bits(&word, DOWN_BITS);
    machine.state.consecutive_failures = take_bits(&word, FAILURE_BITS);
    machine.state.consecutive_successes = take_bits(&word, SUCCESS_BITS);
    machine.state.ejections = take_bits(&word, EJECTION_BITS);
    machine.permits = take_bits(&word, PERMIT_BITS);
    machine.round = take_bits(&word, ROUND_BITS);
    machine.epoch = take_bits(&word, EPOCH_BITS);
    return machine;
}

static uint64_t put_bits(uint64_t word, uint32_t bits, uint32_t value) {
    return word << bits | (value & ((UINT32_C(1) << bits) - 1));
}

static uint64_t pack(const struct machine *machine) {
    uint64_t word = put_bits(0, EPOCH_BITS, machine->epoch);
    word = put_bits(word, ROUND_BITS, machine->round);
    word = put_bits(word, PERMIT_BITS, machine->permits);
    word = put_bits(word, EJECTION_BITS, machine->state.ejections);
    word = put_bits(word, SUCCESS_BITS, machine->state.consecutive_successes);
    word = put_bits(word, FAILURE_BITS, machine->state.consecutive_failures);
    word = put_bits(word, DOWN_BITS, machine->down);
    return put_bits(word, STATUS_BITS, machine->state.status);
}

static void rise(uint32_t *value, uint32_t bits) {
    if (*value < (UINT32_C(1) << bits) - 1) {
        ++*value;
    }
}

static void raise_time(uint64_t *time, uint64_t now) {
    uint64_t seen = __atomic_load_n(time, __ATOMIC_RELAXED);
    while (seen < now && !__atomic_compare_exchange_n(time, &seen, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static uint64_t load_word(const struct lw__health_node *node) { return __atomic_load_n(&node->word, __ATOMIC_ACQUIRE); }

static bool swap_word(struct lw__health_node *node, uint64_t *seen, uint64_t word) {
    return __atomic_compare_exchange_n(&node->word, seen, word, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* ---- the window ---- */

static uint64_t bucket_stamp(uint64_t turn) { return turn & ((UINT64_C(1) << BUCKET_STAMP_BITS) - 1); }

static void window_add(const struct lw__health_rules *rules, struct lw__health_node *node, bool failed, uint64_t now) {
    uint64_t turn = now / (rules->options.window / LW__HEALTH_BUCKETS);
    uint64_t *bucket = &node->buckets[turn % LW__HEALTH_BUCKETS];
    uint64_t seen = __atomic_load_n(bucket, __ATOMIC_RELAXED), next;
    do {
        uint64_t rest = seen;
        uint32_t failures = take_bits(&rest, BUCKET_COUNT_BITS), total = take_bits(&rest, BUCKET_COUNT_BITS);
        if (rest != bucket_stamp(turn)) {
            failures = total = 0;
        }
        rise(&total, BUCKET_COUNT_BITS);
        failures += failed && failures < total;
        next = (bucket_stamp(turn) << BUCKET_COUNT_BITS | total) << BUCKET_COUNT_BITS | failures;
    } while (!__atomic_compare_exchange_n(bucket, &seen, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void window_sum(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t now,
                       lw_health_state *state) {
    uint64_t turn = now / (rules->options.window / LW__HEALTH_BUCKETS);
    for (uint32_t i = 0; i < LW__HEALTH_BUCKETS; i++) {
        uint64_t rest = __atomic_load_n(&node->buckets[i], __ATOMIC_RELAXED);
        uint32_t failures = take_bits(&rest, BUCKET_COUNT_BITS), total = take_bits(&rest, BUCKET_COUNT_BITS);
        if (bucket_stamp(turn - rest) < LW__HEALTH_BUCKETS) {
            state->window_failures += failures;
            state->window_total += total;
        }
    }
}

static void window_clear(struct lw__health_node *node) {
    for (uint32_t i = 0; i < LW__HEALTH_BUCKETS; i++) {
        __atomic_store_n(&node->buckets[i], 0, __ATOMIC_RELAXED);
    }
}

/* ---- one node, unpacked with its times ---- */

static struct machine machine_of(const struct lw__health_rules *rules, const struct lw__health_node *node,
                                 uint64_t word, uint64_t now) {
    struct machine machine = unpack(word);
    machine.state.last_failure = __atomic_load_n(&node->last_failure, __ATOMIC_RELAXED);
    machine.state.last_success = __atomic_load_n(&node->last_success, __ATOMIC_RELAXED);
    if (rules->options.window > 0) {
        window_sum(rules, node, now, &machine.state);
    }
    return machine;
}

static uint32_t effective(const struct machine *machine) {
    return machine->down ? (uint32_t)LW_UNHEALTHY : machine->state.status;
}

static void tell_change(const struct lw__health_rules *rules, uint64_t id, const struct machine *before,
                        const struct machine *after, uint32_t cause) {
    if (rules->observer.health_changed != NULL && effective(before) != effective(after)) {
        rules->observer.health_changed(rules->observer.user, id, effective(before), effective(after), cause);
    }
}

static void tell_probe(const struct lw__health_rules *rules, uint64_t id, int begins) {
    if (rules->observer.probe != NULL) {
        rules->observer.probe(rules->observer.user, id, begins);
    }
}

uint32_t lw__health_status(const struct lw__health_node *node) {
    struct machine machine = unpack(load_word(node));
    return effective(&machine);
}

/* ---- admission ---- */

/* 1: freely; 0: not now; -1: with a permit, which is there; -2: with a permit, if the ones outside are given up. */
static int admission(const struct lw__health_rules *rules, const struct lw__health_node *node,
                     const struct machine *machine, uint64_t id, uint64_t now) {
    uint32_t status = effective(machine);
    if (status == LW_HEALTHY || status == LW_DEGRADED) {
        return 1;
    }
    if (machine->down ||
        (status == LW_UNHEALTHY && !lw__health_probe_due(rules, &machine->state, id, machine->epoch, now))) {
        return 0;
    }
    if (machine->permits < rules->options.probes) {
        return -1;
    }
    uint64_t given = __atomic_load_n(&node->probed_at, __ATOMIC_RELAXED);
    return now >= given && now - given >= rules->options.probe_timeout ? -2 : 0;
}

bool lw__health_would_admit(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                            uint64_t now) {
    struct machine machine = machine_of(rules, node, load_word(node), now);
    return admission(rules, node, &machine, id, now) != 0;
}

int lw__health_admit(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint64_t now,
                     lw_health_permit *permit) {
    uint64_t seen = load_word(node);
    for (;;) {
        struct machine machine = machine_of(rules, node, seen, now);
        int answer = admission(rules, node, &machine, id, now);
        *permit = (lw_health_permit){machine.epoch, 0};
        if (answer >= 0) {
            return answer;
        }
        machine.round += answer == -2;
        machine.permits = answer == -2 ? 1 : machine.permits + 1;
        permit->flags = LW_PERMIT_PROBE | (machine.round % (1 << ROUND_BITS)) << ROUND_SHIFT;
        raise_time(&node->probed_at,
                   now); /* before the permit counts, or another thread would take it for an old one */
        if (swap_word(node, &seen, pack(&machine))) {
            tell_probe(rules, id, 1);
            return 1;
        }
    }
}

/* ---- reports ---- */

static bool brings_back(const struct machine *machine, const lw_health_permit *permit) {
    return permit != NULL && (permit->flags & LW_PERMIT_PROBE) != 0 && permit->flags >> ROUND_SHIFT == machine->round &&
           machine->permits > 0;
}

/* The counters after one more report. */
static void count_report(lw_health_state *state, bool failed) {
    if (failed) {
        rise(&state->consecutive_failures, FAILURE_BITS);
        state->consecutive_successes = 0;
    } else {
        rise(&state->consecutive_successes, SUCCESS_BITS);
        state->consecutive_failures = 0;
    }
}

/* What a new status entails: a new epoch where the old reports no longer apply, and the count of ejections. */
static void follow_status(struct machine *after, uint32_t before, bool failed_probe) {
    uint32_t status = after->state.status;
    bool ejected = status == LW_UNHEALTHY && (before != LW_UNHEALTHY || failed_probe);
    bool restored = status == LW_HEALTHY && (before == LW_UNHEALTHY || before == LW_RECOVERING);
    after->epoch += ejected || restored;
    if (ejected) {
        rise(&after->state.ejections, EJECTION_BITS);
    } else if (status == LW_HEALTHY) {
        after->state.ejections = 0;
    }
}

struct report {
    uint32_t outcome, effect;
    const lw_health_permit *permit;
    uint64_t now;
};

static bool is_late(const struct machine *machine, const lw_health_permit *permit) {
    return permit != NULL && permit->epoch != machine->epoch;
}

/* The machine after the report. Returns whether it counted for the status. */
static bool apply_report(const struct lw__health_rules *rules, const struct report *report, struct machine *machine) {
    bool probe = brings_back(machine, report->permit);
    machine->permits -= probe;
    if (report->effect == LW_EFFECT_NONE || is_late(machine, report->permit)) {
        return false;
    }
    uint32_t before = machine->state.status;
    bool failed = report->effect == LW_EFFECT_FAILURE;
    count_report(&machine->state, failed);
    lw__health_judge(rules, &machine->state, report->outcome, report->effect, report->now);
    machine->state.status %= 1 << STATUS_BITS;
    follow_status(machine, before, failed && probe && before == LW_UNHEALTHY);
    return true;
}

static void note_time(const struct lw__health_rules *rules, struct lw__health_node *node, const struct report *report) {
    bool failed = report->effect == LW_EFFECT_FAILURE;
    raise_time(failed ? &node->last_failure : &node->last_success, report->now);
    if (rules->options.window > 0) {
        window_add(rules, node, failed, report->now);
    }
}

int lw__health_report(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint32_t outcome,
                      const lw_health_permit *permit, uint64_t now) {
    struct report report = {outcome, rules->options.effects[outcome], permit, now};
    uint64_t seen = load_word(node);
    struct machine before = unpack(seen), after;
    if (report.effect != LW_EFFECT_NONE && !is_late(&before, permit)) {
        note_time(rules, node, &report);
    }
    bool counted;
    do {
        before = machine_of(rules, node, seen, now);
        after = before;
        counted = apply_report(rules, &report, &after);
        if (pack(&after) == seen) {
            return counted;
        }
    } while (!swap_word(node, &seen, pack(&after)));
    if (after.permits != before.permits) {
        tell_probe(rules, id, 0);
    }
    if (after.state.status == LW_HEALTHY && before.state.status == LW_RECOVERING && rules->options.window > 0) {
        window_clear(node);
    }
    tell_change(rules, id, &before, &after, LW_CAUSE_REPORT);
    return counted;
}

void lw__health_verdict(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                        uint32_t verdict) {
    uint64_t seen = load_word(node);
    struct machine before, after;
    do {
        before = unpack(seen);
        after = before;
        after.down = verdict == LW_VERDICT_DOWN;
        after.epoch += before.down != after.down || verdict == LW_VERDICT_UP;
        if (verdict == LW_VERDICT_UP) {
            after.state = (lw_health_state){.status = LW_HEALTHY};
        }
    } while (!swap_word(node, &seen, pack(&after)));
    tell_change(rules, id, &before, &after, LW_CAUSE_EXTERNAL);
}

/* ---- looking and restoring ---- */

void lw__health_info(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                     uint64_t now, lw_health_info *info) {
    struct machine machine = machine_of(rules, node, load_word(node), now);
    *info = (lw_health_info){
        .size = sizeof *info,
        .node = id,
        .state = machine.state,
        .status = effective(&machine),
        .verdict_down = machine.down,
        .probes_out = machine.permits,
        .epoch = machine.epoch,
    };
    if (machine.state.status == LW_UNHEALTHY && !machine.down) {
        info->probe_at = lw__health_probe_at(rules, &machine.state, id, machine.epoch);
    }
}

/* A restored node starts a new epoch: permits and reports from before the restoring are late. */
int lw__health_restore(const struct lw__health_rules *rules, struct lw__health_node *node, const lw_health_info *info) {
    uint64_t seen = load_word(node);
    struct machine before, after = {.state = info->state, .down = info->verdict_down != 0};
    if (info->state.status > LW_RECOVERING || info->state.consecutive_failures >> FAILURE_BITS != 0 ||
        info->state.consecutive_successes >> SUCCESS_BITS != 0 || info->state.ejections >> EJECTION_BITS != 0) {
        return LW_RANGE;
    }
    raise_time(&node->last_failure, info->state.last_failure);
    raise_time(&node->last_success, info->state.last_success);
    do {
        before = unpack(seen);
        after.permits = before.permits;
        after.round = before.round;
        after.epoch = before.epoch + 1;
    } while (!swap_word(node, &seen, pack(&after)));
    tell_change(rules, info->node, &before, &after, LW_CAUSE_RESTORED);
    return LW_OK;
}
