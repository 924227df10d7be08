/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health machine, walked exhaustively: every sequence of events up to a depth, for several thresholds and from
 * several beginnings, against a model that was written from the header alone, with plain variables and tables.
 *
 * The probe timeout is one interval and one interval less a nanosecond, so that the two waits also meet it exactly and
 * miss it by one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <loadwise/health.h>

enum { HELD = 8, NODE = 7 };

#define INTERVAL UINT64_C(10000000000)
#define TIMEOUT (2 * INTERVAL - 1)

enum event {
    PLAIN_OK,
    PLAIN_FAILURE,
    WAIT_INTERVAL, /* exactly the probe interval */
    WAIT_LESS,     /* one nanosecond less */
    ADMIT,         /* and keep the permit */
    RETURN_OK,     /* the oldest permit comes back */
    RETURN_FAILURE,
    RETURN_CANCELLED,
    FEW_EVENTS,
    RETURN_NEWEST_OK = FEW_EVENTS,
    PLAIN_RATE_LIMITED,
    VERDICT_UP,
    VERDICT_DOWN,
    VERDICT_NONE,
    ALL_EVENTS
};

struct held {
    bool probe;
    int epoch, round; /* the model's, unbounded */
    lw_health_permit permit;
};

struct shape {
    uint32_t threshold, recovery, probes;
    uint32_t failures; /* before the walk begins */
    int events, depth;
};

/* ---- the model ---- */

struct model {
    const struct shape *shape;
    uint32_t status, failures, successes, ejections, out;
    uint64_t last_failure, probed_at;
    int epoch, round;
    bool down;
};

/* Next status after a failure: [status now], with what the count of failures says for the two serving statuses. */
static uint32_t model_after_failure(const struct model *model) {
    static const int tried_out[4] = {0, 0, 1, 1};
    if (tried_out[model->status] || model->failures >= model->shape->threshold) {
        return LW_UNHEALTHY;
    }
    return 2 * model->failures >= model->shape->threshold ? LW_DEGRADED : LW_HEALTHY;
}

static uint32_t model_after_success(const struct model *model) {
    static const uint32_t next[4] = {LW_HEALTHY, LW_HEALTHY, LW_RECOVERING, LW_RECOVERING};
    uint32_t status = next[model->status];
    return status == LW_RECOVERING && model->successes >= model->shape->recovery ? LW_HEALTHY : status;
}

static void model_report(struct model *model, bool failed, bool probe, uint64_t now) {
    uint32_t before = model->status;
    if (failed) {
        model->failures++;
        model->successes = 0;
        model->last_failure = now;
    } else {
        model->successes++;
        model->failures = 0;
    }
    model->status = failed ? model_after_failure(model) : model_after_success(model);
    bool ejected = model->status == LW_UNHEALTHY && (before != LW_UNHEALTHY || (failed && probe));
    bool well_again = model->status == LW_HEALTHY && before >= LW_UNHEALTHY;
    model->ejections = model->status == LW_HEALTHY ? 0 : model->ejections + ejected;
    model->epoch += ejected || well_again;
}

static uint32_t model_status(const struct model *model) { return model->down ? (uint32_t)LW_UNHEALTHY : model->status; }

/* When a permit can be had: 0 for always, UINT64_MAX for never. */
static uint64_t model_opens(const struct model *model) {
    if (model->down) {
        return UINT64_MAX;
    }
    uint64_t opens = model->status == LW_UNHEALTHY ? model->last_failure + INTERVAL : 0;
    if (model->status >= LW_UNHEALTHY && model->out == model->shape->probes && model->probed_at + TIMEOUT > opens) {
        opens = model->probed_at + TIMEOUT;
    }
    return opens;
}

static void model_probe(struct model *model, uint64_t now) {
    if (model->out == model->shape->probes) {
        model->out = 0;
        model->round++;
    }
    model->out++;
    model->probed_at = now;
}

static void model_verdict(struct model *model, uint32_t verdict) {
    bool down = verdict == LW_VERDICT_DOWN;
    model->epoch += down != model->down || verdict == LW_VERDICT_UP;
    model->down = down;
    if (verdict == LW_VERDICT_UP) {
        model->status = LW_HEALTHY;
        model->failures = model->successes = model->ejections = 0;
    }
}

/* ---- both, side by side ---- */

struct walk {
    struct model model;
    lw_health *health;
    struct held held[HELD];
    int holding;
    uint64_t now;
};

static void admit(struct walk *walk) {
    lw_health_permit permit;
    bool expected = walk->now >= model_opens(&walk->model);
    assert_int_equal(lw_health_admit_at(walk->health, NODE, walk->now, &permit), expected);
    if (!expected) {
        return;
    }
    bool probe = walk->model.status >= LW_UNHEALTHY;
    assert_int_equal((permit.flags & LW_PERMIT_PROBE) != 0, probe);
    if (probe) {
        model_probe(&walk->model, walk->now);
    }
    walk->held[walk->holding++] = (struct held){probe, walk->model.epoch, walk->model.round, permit};
}

static void bring_back(struct walk *walk, int which, uint32_t outcome) {
    if (walk->holding == 0) {
        return;
    }
    struct held held = walk->held[which];
    walk->holding--;
    for (int i = which; i < walk->holding; i++) {
        walk->held[i] = walk->held[i + 1];
    }
    bool valid = held.probe && held.round == walk->model.round;
    bool counts = outcome != LW_OUTCOME_CANCELLED && held.epoch == walk->model.epoch && (valid || !held.probe);
    int answer = lw_health_report_at(walk->health, NODE, outcome, &held.permit, walk->now);
    assert_int_equal(answer, counts);
    walk->model.out -= valid;
    if (counts) {
        model_report(&walk->model, outcome == LW_OUTCOME_FAILURE, valid, walk->now);
    }
}

static void plain(struct walk *walk, uint32_t outcome) {
    bool counts = outcome != LW_OUTCOME_RATE_LIMITED;
    assert_int_equal(lw_health_report_at(walk->health, NODE, outcome, NULL, walk->now), counts);
    if (counts) {
        model_report(&walk->model, outcome == LW_OUTCOME_FAILURE, false, walk->now);
    }
}

static void pass_verdict(struct walk *walk, uint32_t verdict) {
    assert_int_equal(lw_health_verdict(walk->health, NODE, verdict), LW_OK);
    model_verdict(&walk->model, verdict);
}

static void step(struct walk *walk, int event) {
    switch (event) {
    case PLAIN_OK: plain(walk, LW_OUTCOME_OK); break;
    case PLAIN_FAILURE: plain(walk, LW_OUTCOME_FAILURE); break;
    case PLAIN_RATE_LIMITED: plain(walk, LW_OUTCOME_RATE_LIMITED); break;
    case WAIT_INTERVAL: walk->now += INTERVAL; break;
    case WAIT_LESS: walk->now += INTERVAL - 1; break;
    case ADMIT: admit(walk); break;
    case RETURN_OK: bring_back(walk, 0, LW_OUTCOME_OK); break;
    case RETURN_FAILURE: bring_back(walk, 0, LW_OUTCOME_FAILURE); break;
    case RETURN_CANCELLED: bring_back(walk, 0, LW_OUTCOME_CANCELLED); break;
    case RETURN_NEWEST_OK: bring_back(walk, walk->holding - 1, LW_OUTCOME_OK); break;
    case VERDICT_UP: pass_verdict(walk, LW_VERDICT_UP); break;
    case VERDICT_DOWN: pass_verdict(walk, LW_VERDICT_DOWN); break;
    default: pass_verdict(walk, LW_VERDICT_NONE); break;
    }
}

static void compare(const struct walk *walk) {
    const struct model *model = &walk->model;
    lw_health_info info = {.size = sizeof info};
    uint64_t opens = model_opens(model);
    assert_int_equal(lw_health_get(walk->health, NODE, &info), LW_OK);
    assert_int_equal(info.status, model_status(model));
    assert_int_equal(info.verdict_down, model->down);
    assert_int_equal(info.state.status, model->status);
    assert_int_equal(info.state.consecutive_failures, model->failures);
    assert_int_equal(info.state.consecutive_successes, model->successes);
    assert_int_equal(info.state.ejections, model->ejections);
    assert_int_equal(info.probes_out, model->out);
    assert_int_equal(info.epoch, model->epoch);
    bool waits = model->status == LW_UNHEALTHY && !model->down;
    assert_int_equal(info.probe_at, waits ? model->last_failure + INTERVAL : 0);
    assert_int_equal(lw_health_status(walk->health, NODE), model_status(model));
    assert_int_equal(lw_health_next_due(walk->health, walk->now), opens > walk->now ? opens : UINT64_MAX);
}

static void begin(struct walk *walk) {
    lw_health_forget(walk->health, NODE);
    plain(walk, LW_OUTCOME_OK);
    for (uint32_t i = 0; i < walk->model.shape->failures; i++) {
        plain(walk, LW_OUTCOME_FAILURE);
    }
}

/* The events of one sequence are the digits of a number, the first the lowest. Model and machine are compared where the
   rest is event 0 only, so after each beginning once. */
static void walk_sequence(lw_health *health, const struct shape *shape, uint64_t code) {
    struct walk walk = {.model = {.shape = shape}, .health = health, .now = INTERVAL};
    uint64_t events = (uint64_t)shape->events;
    begin(&walk);
    for (int i = 0; i < shape->depth; i++, code /= events) {
        step(&walk, (int)(code % events));
        if (code < events) {
            compare(&walk);
        }
    }
}

static lw_health *tracker_of(const struct shape *shape) {
    lw_health_options options = LW_HEALTH_OPTIONS_INIT;
    lw_env env = LW_ENV_INIT;
    lw_health *health;
    options.failure_threshold = shape->threshold;
    options.recovery_successes = shape->recovery;
    options.probes = shape->probes;
    options.probe_timeout = TIMEOUT;
    env.seed = 1;
    assert_int_equal(lw_health_new(&health, &env, &options), LW_OK);
    return health;
}

static void walk_all(const struct shape *shape) {
    lw_health *health = tracker_of(shape);
    uint64_t sequences = 1;
    for (int i = 0; i < shape->depth; i++) {
        sequences *= (uint64_t)shape->events;
    }
    for (uint64_t code = 0; code < sequences; code++) {
        walk_sequence(health, shape, code);
    }
    lw_health_free(health);
}

static void deep_walks(void **state) {
    static const struct shape shapes[] = {
        {3, 2, 1, 0, FEW_EVENTS, 6}, {3, 2, 1, 2, FEW_EVENTS, 6}, {4, 3, 1, 4, FEW_EVENTS, 6},
        {1, 1, 1, 0, FEW_EVENTS, 6}, {2, 2, 2, 2, FEW_EVENTS, 6},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        walk_all(&shapes[i]);
    }
}

static void wide_walks(void **state) {
    static const struct shape shapes[] = {
        {3, 2, 1, 1, ALL_EVENTS, 5},
        {3, 2, 1, 3, ALL_EVENTS, 5},
        {2, 2, 2, 2, ALL_EVENTS, 5},
        {5, 1, 3, 5, ALL_EVENTS, 5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        walk_all(&shapes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(deep_walks), cmocka_unit_test(wide_walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
