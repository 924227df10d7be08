/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health machine, walked exhaustively: every sequence of events up to a depth, for several thresholds, against a
 * model that was written from the header alone, with plain variables and a table of transitions.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <loadwise/health.h>

enum { DEPTH = 6, HELD = 8, NODE = 7 };

#define INTERVAL UINT64_C(10000000000)

enum event {
    PLAIN_OK,
    PLAIN_FAILURE,
    PLAIN_RATE_LIMITED,
    WAIT_INTERVAL, /* exactly the probe interval */
    WAIT_LESS,     /* one nanosecond less */
    ADMIT,         /* and keep the permit */
    RETURN_OK,     /* the oldest permit comes back */
    RETURN_FAILURE,
    RETURN_CANCELLED,
    EVENTS
};

struct held {
    bool probe;
    int epoch; /* the model's, unbounded */
    lw_health_permit permit;
};

/* ---- the model ---- */

struct model {
    uint32_t threshold, recovery;
    uint32_t status, failures, successes;
    uint64_t last_failure;
    int epoch, out;
};

/* Next status after a failure: [status now], with what the count of failures says for the two serving statuses. */
static uint32_t model_after_failure(const struct model *model) {
    static const int tried_out[4] = {0, 0, 1, 1};
    if (tried_out[model->status] || model->failures >= model->threshold) {
        return LW_UNHEALTHY;
    }
    return 2 * model->failures >= model->threshold ? LW_DEGRADED : LW_HEALTHY;
}

static uint32_t model_after_success(const struct model *model) {
    static const uint32_t next[4] = {LW_HEALTHY, LW_HEALTHY, LW_RECOVERING, LW_RECOVERING};
    uint32_t status = next[model->status];
    return status == LW_RECOVERING && model->successes >= model->recovery ? LW_HEALTHY : status;
}

static void model_report(struct model *model, bool failed, bool failed_probe, uint64_t now) {
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
    bool ejected = model->status == LW_UNHEALTHY && (before != LW_UNHEALTHY || failed_probe);
    bool well_again = model->status == LW_HEALTHY && before >= LW_UNHEALTHY;
    model->epoch += ejected || well_again;
}

static bool model_admits(const struct model *model, uint64_t now) {
    switch (model->status) {
    case LW_UNHEALTHY: return now >= model->last_failure + INTERVAL && model->out == 0;
    case LW_RECOVERING: return model->out == 0;
    default: return true;
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
    bool expected = model_admits(&walk->model, walk->now);
    assert_int_equal(lw_health_admit_at(walk->health, NODE, walk->now, &permit), expected);
    if (!expected) {
        return;
    }
    bool probe = walk->model.status >= LW_UNHEALTHY;
    assert_int_equal((permit.flags & LW_PERMIT_PROBE) != 0, probe);
    walk->model.out += probe;
    walk->held[walk->holding++] = (struct held){probe, walk->model.epoch, permit};
}

static void bring_back(struct walk *walk, uint32_t outcome) {
    if (walk->holding == 0) {
        return;
    }
    struct held held = walk->held[0];
    walk->holding--;
    for (int i = 0; i < walk->holding; i++) {
        walk->held[i] = walk->held[i + 1];
    }
    walk->model.out -= held.probe;
    bool counts = outcome != LW_OUTCOME_CANCELLED && held.epoch == walk->model.epoch;
    int answer = lw_health_report_at(walk->health, NODE, outcome, &held.permit, walk->now);
    assert_int_equal(answer, counts);
    if (counts) {
        bool failed = outcome == LW_OUTCOME_FAILURE;
        model_report(&walk->model, failed, failed && held.probe && walk->model.status == LW_UNHEALTHY, walk->now);
    }
}

static void plain(struct walk *walk, uint32_t outcome) {
    bool counts = outcome != LW_OUTCOME_RATE_LIMITED;
    assert_int_equal(lw_health_report_at(walk->health, NODE, outcome, NULL, walk->now), counts);
    if (counts) {
        model_report(&walk->model, outcome == LW_OUTCOME_FAILURE, false, walk->now);
    }
}

static void step(struct walk *walk, int event) {
    switch (event) {
    case PLAIN_OK: plain(walk, LW_OUTCOME_OK); break;
    case PLAIN_FAILURE: plain(walk, LW_OUTCOME_FAILURE); break;
    case PLAIN_RATE_LIMITED: plain(walk, LW_OUTCOME_RATE_LIMITED); break;
    case WAIT_INTERVAL: walk->now += INTERVAL; break;
    case WAIT_LESS: walk->now += INTERVAL - 1; break;
    case ADMIT: admit(walk); break;
    case RETURN_OK: bring_back(walk, LW_OUTCOME_OK); break;
    case RETURN_FAILURE: bring_back(walk, LW_OUTCOME_FAILURE); break;
    default: bring_back(walk, LW_OUTCOME_CANCELLED); break;
    }
}

static void compare(const struct walk *walk) {
    lw_health_info info = {.size = sizeof info};
    assert_int_equal(lw_health_get(walk->health, NODE, &info), LW_OK);
    assert_int_equal(info.status, walk->model.status);
    assert_int_equal(info.state.consecutive_failures, walk->model.failures);
    assert_int_equal(info.state.consecutive_successes, walk->model.successes);
    assert_int_equal(info.probes_out, walk->model.out);
    assert_int_equal(info.probe_at, info.status == LW_UNHEALTHY ? walk->model.last_failure + INTERVAL : 0);
    assert_int_equal(lw_health_status(walk->health, NODE), walk->model.status);
}

/* The events of one sequence, as the digits of a number in base EVENTS, after so many plain failures. */
static void walk_sequence(lw_health *health, uint32_t threshold, uint32_t recovery, uint32_t failures, uint64_t code) {
    struct walk walk = {.model = {.threshold = threshold, .recovery = recovery}, .health = health, .now = INTERVAL};
    lw_health_forget(health, NODE);
    plain(&walk, LW_OUTCOME_OK);
    for (uint32_t i = 0; i < failures; i++) {
        plain(&walk, LW_OUTCOME_FAILURE);
    }
    for (int i = 0; i < DEPTH; i++, code /= EVENTS) {
        step(&walk, (int)(code % EVENTS));
    }
    compare(&walk);
}

static void walk_all(uint32_t threshold, uint32_t recovery, uint32_t failures) {
    lw_health_options options;
    lw_health *health;
    uint64_t sequences = 1;
    lw_health_options_init(&options);
    options.failure_threshold = threshold;
    options.recovery_successes = recovery;
    options.probe_timeout = UINT64_MAX;
    lw_env env = LW_ENV_INIT;
    env.seed = 1;
    assert_int_equal(lw_health_new(&health, &env, &options), LW_OK);
    for (int i = 0; i < DEPTH; i++) {
        sequences *= EVENTS;
    }
    for (uint64_t code = 0; code < sequences; code++) {
        walk_sequence(health, threshold, recovery, failures, code);
    }
    lw_health_free(health);
}

static void the_seed(void **state) {
    (void)state;
    walk_all(3, 2, 0);
}

static void on_the_brink(void **state) {
    (void)state;
    walk_all(3, 2, 2);
}

static void ejected(void **state) {
    (void)state;
    walk_all(4, 3, 4);
}

static void shortest(void **state) {
    (void)state;
    walk_all(1, 1, 0);
}

static void even_threshold(void **state) {
    (void)state;
    walk_all(2, 2, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seed), cmocka_unit_test(on_the_brink),   cmocka_unit_test(ejected),
        cmocka_unit_test(shortest), cmocka_unit_test(even_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
