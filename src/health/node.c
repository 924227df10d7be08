/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health of one node in one word, so that a transition is one compare-and-swap and no report waits for another:
 *
 *     epoch 13 | serial 8 | round 11 | permits 8 | ejections 8 | row 12 | failing 1 | down 1 | status 2
 *
 * row is of failures or of successes, as failing says; row and ejections saturate. epoch rises whenever the node turns
 * unhealthy, fails a probe or is healthy again: reports that carry another one are late. round rises when permits that
 * did not come back are given up: one of an earlier round is void, and so is one of an earlier life of the node, which
 * a permit tells too; one that comes back after just 2048 rounds is taken for another's. serial counts the permits
 * given, so that a word that looks unchanged is unchanged: else a thread that was held up could give up permits that
 * were given a moment ago.
 *
 * Times stand beside the word, only grow and are written before it, so whoever sees a change sees its time too. When
 * the next probe is due follows from word and times and is not stored.
 *
 * Cost: a report raises one time and swaps the word (once a healthy node's successes saturate, only the former); asking
 * is a few loads. With a window, one CAS and ten loads more.
 */
#include "health/health.h"

#include "base/raise.h"

enum {
    STATUS_BITS = 2,
    DOWN_BITS = 1,
    FAILING_BITS = 1,
    ROW_BITS = 12,
    EJECTION_BITS = 8,
    PERMIT_BITS = 8,
    ROUND_BITS = 11,
    SERIAL_BITS = 8,
    EPOCH_BITS = 13,
    ROW_SHIFT = STATUS_BITS + DOWN_BITS + FAILING_BITS,
    /* In the flags of a permit. */
    ROUND_SHIFT = 1, /* beside LW_PERMIT_PROBE */
    LIFE_SHIFT = ROUND_SHIFT + ROUND_BITS,
    LIFE_BITS = 32 - LIFE_SHIFT,
};

/* The word, unpacked, with what stands beside it. */
struct machine {
    lw_health_state state;
    uint32_t down, permits, round, serial, epoch, life;
};

static uint32_t most_of(uint32_t bits) { return (UINT32_C(1) << bits) - 1; }

static uint32_t take_bits(uint64_t *word, uint32_t bits) {
    uint32_t value = (uint32_t)(*word & most_of(bits));
    *word >>= bits;
    return value;
}

static struct machine unpack(const struct lw__health_node *node, uint64_t word) {
    struct machine machine = {.life = node->life};
    machine.state.status = take_bits(&word, STATUS_BITS);
    machine.down = take_bits(&word, DOWN_BITS);
    bool failing = take_bits(&word, FAILING_BITS) != 0;
    uint32_t row = take_bits(&word, ROW_BITS);
    machine.state.consecutive_failures = failing ? row : 0;
    machine.state.consecutive_successes = failing ? 0 : row;
    machine.state.ejections = take_bits(&word, EJECTION_BITS);
    machine.permits = take_bits(&word, PERMIT_BITS);
    machine.round = take_bits(&word, ROUND_BITS);
    machine.serial = take_bits(&word, SERIAL_BITS);
    machine.epoch = take_bits(&word, EPOCH_BITS);
    return machine;
}

static uint64_t put_bits(uint64_t word, uint32_t bits, uint32_t value) {
    return word << bits | (value & most_of(bits));
}

static uint64_t pack(const struct machine *machine) {
    uint64_t word = put_bits(0, EPOCH_BITS, machine->epoch);
    word = put_bits(word, SERIAL_BITS, machine->serial);
    word = put_bits(word, ROUND_BITS, machine->round);
    word = put_bits(word, PERMIT_BITS, machine->permits);
    word = put_bits(word, EJECTION_BITS, machine->state.ejections);
    const lw_health_state *state = &machine->state;
    bool failing = state->consecutive_failures > 0;
    word = put_bits(word, ROW_BITS, failing ? state->consecutive_failures : state->consecutive_successes);
    word = put_bits(word, FAILING_BITS, failing);
    word = put_bits(word, DOWN_BITS, machine->down);
    return put_bits(word, STATUS_BITS, machine->state.status);
}

static void rise(uint32_t *value, uint32_t bits) { *value += *value < most_of(bits); }

static uint64_t load_time(const uint64_t *time) { return __atomic_load_n(time, __ATOMIC_RELAXED); }

static uint64_t load_word(const struct lw__health_node *node) { return __atomic_load_n(&node->word, __ATOMIC_ACQUIRE); }

static bool swap_word(struct lw__health_node *node, uint64_t *seen, const struct machine *machine) {
    return __atomic_compare_exchange_n(&node->word, seen, pack(machine), true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void lw__health_node_init(struct lw__health_node *node, uint32_t life, uint64_t *buckets) {
    *node = (struct lw__health_node){.life = life & most_of(LIFE_BITS), .buckets = buckets};
}

lw_health_permit lw__health_first_permit(uint32_t life) { return (lw_health_permit){0, life << LIFE_SHIFT}; }

static struct machine machine_of(const struct lw__health_rules *rules, const struct lw__health_node *node,
                                 uint64_t word, uint64_t now) {
    struct machine machine = unpack(node, word);
    lw_health_state *state = &machine.state;
    state->last_failure = load_time(&node->last_failure);
    state->last_success = load_time(&node->last_success);
    if (rules->options.window > 0) {
        now = lw__health_later(now, lw__health_later(state->last_failure, state->last_success));
        lw__health_window_sum(node->buckets, rules->options.window, now, state);
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
    uint64_t word = load_word(node);
    bool down = (word >> STATUS_BITS & 1) != 0;
    return down ? (uint32_t)LW_UNHEALTHY : (uint32_t)word & most_of(STATUS_BITS);
}

/* ---- admission ---- */

enum admission {
    REFUSED,
    FREE,
    PERMITTED, /* a permit is there */
    RENEWED,   /* one is there once those that are out are given up */
};

static bool is_serving(const struct machine *machine) {
    return effective(machine) == LW_HEALTHY || effective(machine) == LW_DEGRADED;
}

static enum admission admission(const struct lw__health_rules *rules, const struct lw__health_node *node,
                                const struct machine *machine, uint64_t id, uint64_t now) {
    if (is_serving(machine)) {
        return FREE;
    }
    bool waits =
        machine->state.status == LW_UNHEALTHY && !lw__health_probe_due(rules, &machine->state, id, machine->epoch, now);
    if (machine->down || waits) {
        return REFUSED;
    }
    if (machine->permits < rules->options.probes) {
        return PERMITTED;
    }
    uint64_t given = load_time(&node->probed_at);
    return now >= given && now - given >= rules->options.probe_timeout ? RENEWED : REFUSED;
}

bool lw__health_would_admit(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                            uint64_t now) {
    struct machine machine = machine_of(rules, node, load_word(node), now);
    return admission(rules, node, &machine, id, now) != REFUSED;
}

static lw_health_permit permit_of(const struct machine *machine, uint32_t flags) {
    return (lw_health_permit){machine->epoch, flags | machine->round << ROUND_SHIFT | machine->life << LIFE_SHIFT};
}

/* The machine after one more permit, and the permit. */
static lw_health_permit give_permit(struct machine *machine, enum admission how) {
    if (how == RENEWED) {
        machine->round = (machine->round + 1) & most_of(ROUND_BITS);
        machine->permits = 0;
    }
    machine->permits++;
    machine->serial++;
    return permit_of(machine, LW_PERMIT_PROBE);
}

int lw__health_admit(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint64_t now,
                     lw_health_permit *permit) {
    uint64_t seen = load_word(node);
    for (;;) {
        struct machine machine = machine_of(rules, node, seen, now);
        enum admission how = admission(rules, node, &machine, id, now);
        if (how == REFUSED || how == FREE) {
            *permit = permit_of(&machine, 0);
            return how == FREE;
        }
        *permit = give_permit(&machine, how);
        /* First the time, or whoever sees the permit would take it for an old one. */
        lw__raise(&node->probed_at, now);
        if (swap_word(node, &seen, &machine)) {
            tell_probe(rules, id, 1);
            return 1;
        }
    }
}

/* Nothing in status, verdict and failures in a row. */
static bool is_plain(uint64_t word) { return (word & ((UINT64_C(1) << ROW_SHIFT) - 1)) == 0; }

static lw_health_permit plain_permit(const struct lw__health_node *node, uint64_t word) {
    uint32_t epoch = (uint32_t)(word >> (64 - EPOCH_BITS));
    uint32_t round = (uint32_t)(word >> (64 - EPOCH_BITS - SERIAL_BITS - ROUND_BITS)) & most_of(ROUND_BITS);
    return (lw_health_permit){epoch, round << ROUND_SHIFT | node->life << LIFE_SHIFT};
}

bool lw__health_admit_plain(const struct lw__health_node *node, lw_health_permit *permit) {
    uint64_t word = load_word(node);
    *permit = plain_permit(node, word);
    return is_plain(word);
}

/* And by nothing else: no window, no policy of the user. */
static bool judges_by_row(const struct lw__health_rules *rules) {
    return rules->options.window == 0 && rules->policy.size == 0;
}

bool lw__health_is_plain(const struct lw__health_rules *rules, const struct lw__health_node *node) {
    return is_plain(load_word(node)) && judges_by_row(rules);
}

uint64_t lw__health_due(const struct lw__health_rules *rules, const struct lw__health_node *node, uint64_t id,
                        uint64_t now) {
    struct machine machine = machine_of(rules, node, load_word(node), now);
    bool unhealthy = machine.state.status == LW_UNHEALTHY;
    uint64_t due = 0;
    if (machine.down || is_serving(&machine) || (unhealthy && rules->policy.should_probe != NULL)) {
        return UINT64_MAX;
    }
    if (unhealthy) {
        due = lw__health_probe_at(rules, &machine.state, id, machine.epoch);
    }
    if (machine.permits >= rules->options.probes) {
        due = lw__health_later(due, lw__after(load_time(&node->probed_at), rules->options.probe_timeout));
    }
    return due > now ? due : UINT64_MAX;
}

/* ---- reports ---- */

struct report {
    uint32_t outcome, effect;
    const lw_health_permit *permit;
    uint64_t now;
};

static bool is_probe(const lw_health_permit *permit) {
    return permit != NULL && (permit->flags & LW_PERMIT_PROBE) != 0;
}

static bool is_of_this_life(const struct machine *machine, const lw_health_permit *permit) {
    return permit->flags >> LIFE_SHIFT == machine->life;
}

/* A probe whose permit is among those that are counted as out. */
static bool is_valid_probe(const struct machine *machine, const lw_health_permit *permit) {
    return is_probe(permit) && is_of_this_life(machine, permit) &&
           (permit->flags >> ROUND_SHIFT & most_of(ROUND_BITS)) == machine->round;
}

static bool is_late(const struct machine *machine, const lw_health_permit *permit) {
    if (permit == NULL) {
        return false;
    }
    bool is_void = is_probe(permit) && !is_valid_probe(machine, permit);
    return is_void || !is_of_this_life(machine, permit) || permit->epoch != machine->epoch;
}

/* The counters after one more report. */
static void count_report(lw_health_state *state, bool failed) {
    if (failed) {
        rise(&state->consecutive_failures, ROW_BITS);
        state->consecutive_successes = 0;
    } else {
        rise(&state->consecutive_successes, ROW_BITS);
        state->consecutive_failures = 0;
    }
}

static bool is_well_again(uint32_t before, uint32_t after) {
    return after == LW_HEALTHY && (before == LW_UNHEALTHY || before == LW_RECOVERING);
}

/* What a new status entails: a new epoch where the old reports no longer apply, and the count of ejections. */
static void follow_status(struct machine *machine, uint32_t before, bool failed_probe) {
    uint32_t status = machine->state.status;
    bool ejected = status == LW_UNHEALTHY && (before != LW_UNHEALTHY || failed_probe);
    machine->epoch += ejected || is_well_again(before, status);
    if (ejected) {
        rise(&machine->state.ejections, EJECTION_BITS);
    } else if (status == LW_HEALTHY) {
        machine->state.ejections = 0;
    }
}

/* The machine after the report. Returns whether the report counted. */
static bool apply_report(const struct lw__health_rules *rules, const struct report *report, struct machine *machine) {
    bool late = is_late(machine, report->permit);
    bool probe = is_valid_probe(machine, report->permit) && machine->permits > 0;
    machine->permits -= probe;
    if (late || (report->effect == LW_EFFECT_NONE && rules->policy.on_outcome == NULL)) {
        return false;
    }
    uint32_t before = machine->state.status;
    bool failed = report->effect == LW_EFFECT_FAILURE;
    if (report->effect != LW_EFFECT_NONE) {
        count_report(&machine->state, failed);
    }
    lw__health_judge(rules, &machine->state, report->outcome, report->effect, report->now);
    follow_status(machine, before, failed && probe && before == LW_UNHEALTHY);
    return true;
}

/* Times and window, before the word; so a report that turns out to be late only in the race for the word has left its
   time behind, which is that of the change it raced with. */
static void note_report(const struct lw__health_rules *rules, struct lw__health_node *node,
                        const struct report *report) {
    bool failed = report->effect == LW_EFFECT_FAILURE;
    lw__raise(failed ? &node->last_failure : &node->last_success, report->now);
    if (rules->options.window > 0) {
        lw__health_window_add(node->buckets, rules->options.window, failed, report->now);
    }
}

static uint64_t node_clock(const struct lw__health_node *node, uint64_t now) {
    return lw__health_later(now, lw__health_later(load_time(&node->last_failure), load_time(&node->last_success)));
}

/* An old window must not eject a node that is well again. Cleared before the swap, for nobody reads it until then. */
static void forget_window(const struct lw__health_rules *rules, struct lw__health_node *node) {
    if (rules->options.window > 0) {
        lw__health_window_clear(node->buckets);
    }
}

/* A success that changes nothing but how many there were: of a healthy node without ejections to forget, reported
   under the permit that it gives now, judged by failures in a row. */
static bool is_plain_report(const struct lw__health_rules *rules, const struct lw__health_node *node,
                            const struct report *report, uint64_t word) {
    lw_health_permit given = plain_permit(node, word);
    const lw_health_permit *permit = report->permit;
    bool current = permit == NULL || (permit->epoch == given.epoch && permit->flags == given.flags);
    bool ejected = (word >> (ROW_SHIFT + ROW_BITS) & most_of(EJECTION_BITS)) != 0;
    return report->effect == LW_EFFECT_SUCCESS && is_plain(word) && !ejected && current && judges_by_row(rules);
}

/* The usual report in short. False if another thread changed the word meanwhile. */
static bool count_plainly(struct lw__health_node *node, const struct report *report, uint64_t seen) {
    bool saturated = (seen >> ROW_SHIFT & most_of(ROW_BITS)) == most_of(ROW_BITS);
    lw__raise(&node->last_success, report->now);
    return saturated || __atomic_compare_exchange_n(&node->word, &seen, seen + (UINT64_C(1) << ROW_SHIFT), false,
                                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int lw__health_report(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id, uint32_t outcome,
                      const lw_health_permit *permit, uint64_t now) {
    struct report report = {outcome, rules->options.effects[outcome], permit, node_clock(node, now)};
    uint64_t seen = load_word(node);
    if (is_plain_report(rules, node, &report, seen) && count_plainly(node, &report, seen)) {
        return 1;
    }
    struct machine before = unpack(node, seen), after;
    if (report.effect != LW_EFFECT_NONE && !is_late(&before, permit)) {
        note_report(rules, node, &report);
    }
    bool counted;
    do {
        before = machine_of(rules, node, seen, report.now);
        after = before;
        counted = apply_report(rules, &report, &after);
        if (pack(&after) == seen) {
            return counted;
        }
        if (is_well_again(before.state.status, after.state.status)) {
            forget_window(rules, node);
        }
    } while (!swap_word(node, &seen, &after));
    if (after.permits != before.permits) {
        tell_probe(rules, id, 0);
    }
    tell_change(rules, id, &before, &after, LW_CAUSE_REPORT);
    return counted;
}

void lw__health_return(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                       const lw_health_permit *permit) {
    uint64_t seen = load_word(node);
    struct machine machine;
    do {
        machine = unpack(node, seen);
        if (!is_valid_probe(&machine, permit) || machine.permits == 0) {
            return;
        }
        machine.permits--;
    } while (!swap_word(node, &seen, &machine));
    tell_probe(rules, id, 0);
}

/* ---- from outside ---- */

void lw__health_verdict(const struct lw__health_rules *rules, struct lw__health_node *node, uint64_t id,
                        uint32_t verdict) {
    uint64_t seen = load_word(node);
    struct machine before, after;
    if (verdict == LW_VERDICT_UP) {
        forget_window(rules, node);
    }
    do {
        before = unpack(node, seen);
        after = before;
        after.down = verdict == LW_VERDICT_DOWN;
        after.epoch += before.down != after.down || verdict == LW_VERDICT_UP;
        if (verdict == LW_VERDICT_UP) {
            after.state = (lw_health_state){.status = LW_HEALTHY};
        }
    } while (!swap_word(node, &seen, &after));
    tell_change(rules, id, &before, &after, LW_CAUSE_EXTERNAL);
}

void lw__health_restore(const struct lw__health_rules *rules, struct lw__health_node *node, const lw_health_info *info,
                        uint64_t now) {
    uint64_t seen = load_word(node);
    struct machine before, after;
    const lw_health_state *state = &info->state;
    lw__raise(&node->last_failure, state->last_failure < now ? state->last_failure : now);
    lw__raise(&node->last_success, state->last_success < now ? state->last_success : now);
    forget_window(rules, node);
    do {
        before = unpack(node, seen);
        after = before;
        after.state = info->state;
        after.down = info->verdict_down != 0;
        after.epoch++;
    } while (!swap_word(node, &seen, &after));
    tell_change(rules, info->node, &before, &after, LW_CAUSE_RESTORED);
}

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
    if (machine.state.status == LW_UNHEALTHY && !machine.down && rules->policy.should_probe == NULL) {
        info->probe_at = lw__health_probe_at(rules, &machine.state, id, machine.epoch);
    }
}
