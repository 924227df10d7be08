/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The health machine of the seed beside ours: every sequence of events up to a length, waits around the probe interval
 * among them, and long random ones over several nodes. A story ends where the seed's own diagram does: at a failure
 * while recovering.
 *
 * An event is a letter: s and f report a success or failure, l an outcome that was rate-limited, S and F the first two
 * as outcomes; w waits one ns less than the probe interval, W the interval, 1 one ns. The answer is the first letter of
 * the status, as a capital when a probe is due.
 */
#include "seed.h"

enum { MOST_NODES = 8, LENGTH = 8 };

static uint64_t health_now = UINT64_C(1000000000000000);
static lw_health *health;
static lw_health_options health_options;
static uint64_t walks;

static void begin_policy(uint32_t threshold, uint32_t recovery, uint64_t interval) {
    lw_env env = LW_ENV_INIT;
    lw_health_free(health);
    health_options = (lw_health_options)LW_HEALTH_OPTIONS_INIT;
    health_options.failure_threshold = threshold;
    health_options.recovery_successes = recovery;
    health_options.probe_interval = interval;
    health_options.max_nodes = 1 << 20;
    seed_step("policy %" PRIu32 " %" PRIu32 " %" PRIu64, threshold, recovery, interval);
    int code = lw_health_new(&health, &env, &health_options);
    seed_answer("%s", code == LW_OK ? "-" : lw_error_name(code));
    walks = 1000;
}

/* One event; waits are the same for all nodes. */
static void happen(uint64_t node, char event) {
    switch (event) {
    case 's':
    case 'S': lw_health_report_at(health, node, LW_OUTCOME_OK, NULL, health_now); break;
    case 'f':
    case 'F': lw_health_report_at(health, node, LW_OUTCOME_FAILURE, NULL, health_now); break;
    case 'l': lw_health_report_at(health, node, LW_OUTCOME_RATE_LIMITED, NULL, health_now); break;
    default: health_now += event == '1' ? 1 : health_options.probe_interval - (event == 'w');
    }
}

static char health_letter(uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    uint32_t status = lw_health_status(health, node);
    if (status == LW_UNHEALTHY && lw_health_get_at(health, node, health_now, &info) == LW_OK &&
        health_now >= info.probe_at) {
        return 'U';
    }
    return "hdur"[status];
}

/* A sequence of events on a node of which nothing is known. */
static void walk(const char *events) {
    char letters[64];
    size_t at = 0;
    uint64_t node = walks++;
    seed_step("walk %s", events);
    if (health == NULL) {
        seed_answer("-");
        return;
    }
    for (; events[at] != '\0'; at++) {
        happen(node, events[at]);
        letters[at] = health_letter(node);
    }
    letters[at] = '\0';
    seed_answer("%s", letters);
    lw_health_forget(health, node);
}

/* Where a sequence leaves what the seed defines: the place of the first failure while recovering, or its length. */
static size_t defined(const char *events) {
    uint64_t node = walks;
    size_t at = 0;
    while (events[at] != '\0' && (lw_health_status(health, node) != LW_RECOVERING || events[at] != 'f')) {
        happen(node, events[at++]);
    }
    lw_health_forget(health, node);
    return at;
}

/* All sequences of so many events, in the order of counting; what is cut is told once. */
static void walk_all(const char *alphabet, uint32_t length) {
    size_t letters = strlen(alphabet);
    uint64_t sequences = 1;
    for (uint32_t i = 0; i < length; i++) {
        sequences *= letters;
    }
    for (uint64_t number = 0; number < sequences; number++) {
        char events[LENGTH + 1] = {0};
        uint64_t digits = number;
        for (uint32_t i = length; i-- > 0; digits /= letters) {
            events[i] = alphabet[digits % letters];
        }
        uint64_t began = health_now;
        size_t end = defined(events);
        health_now = began;
        bool first = true;
        for (size_t i = end; i < length; i++) {
            first = first && (i == end || events[i] == alphabet[0]);
        }
        if (first) {
            events[end] = '\0';
            walk(events);
        }
    }
}

static void tell_counts(uint64_t node) {
    lw_health_info info = {.size = sizeof info};
    const lw_health_state *s = &info.state;
    seed_step("counts %" PRIu64, node);
    lw_health_get_at(health, node, health_now, &info);
    seed_answer("%" PRIu32 " %" PRIu32 " %" PRId64 " %" PRId64, s->consecutive_failures, s->consecutive_successes,
                s->last_failure == 0 ? -1 : (int64_t)(health_now - s->last_failure),
                s->last_success == 0 ? -1 : (int64_t)(health_now - s->last_success));
}

/* Several nodes at once, for long. */
static void wander(uint32_t events) {
    for (uint32_t i = 0; i < events; i++) {
        uint64_t node = seed_below(MOST_NODES);
        char event = "ssfffffSFlwW1"[seed_below(13)];
        if (lw_health_status(health, node) == LW_RECOVERING && (event == 'f' || event == 'F')) {
            event = 's';
        }
        seed_step("at %" PRIu64 " %c", node, event);
        happen(node, event);
        seed_answer("%c", health_letter(node));
        if (i % 16 == 0) {
            tell_counts(node);
        }
    }
}

static void tell_agreements(void) {
    static const uint64_t second = UINT64_C(1000000000);
    static const struct {
        uint32_t threshold, recovery, length;
    } shapes[] = {{3, 2, LENGTH}, {1, 2, 6}, {2, 2, 6}, {4, 2, 6}, {5, 3, 6}, {2, 3, 6}, {1, 4, 6}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        seed_case(SEED_AGREES, "every sequence of %" PRIu32 " events, threshold %" PRIu32 ", recovery %" PRIu32,
                  shapes[i].length, shapes[i].threshold, shapes[i].recovery);
        begin_policy(shapes[i].threshold, shapes[i].recovery, 10 * second);
        walk_all("sflwW", shapes[i].length);
    }
    seed_case(SEED_AGREES, "a node of which nothing is known, the defaults at work");
    begin_policy(3, 2, 10 * second);
    tell_counts(1);
    walk("l");
    walk("fffw1sWs");
    walk("fffwfw1Wss");
    walk("SSFFsFFFWSS");
    for (uint32_t threshold = 1; threshold <= 7; threshold += 2) {
        seed_case(SEED_AGREES, "%d random events, threshold %" PRIu32, 20000, threshold);
        begin_policy(threshold, 2 + threshold % 3, second);
        wander(20000);
    }
}

static void tell_differences(void) {
    static const uint64_t second = UINT64_C(1000000000);
    seed_case(SEED_DIFFERS, "a failure while recovering");
    begin_policy(3, 2, 10 * second);
    walk("fffsf");
    walk("fffsff");
    walk("fffsfss");
    seed_case(SEED_DIFFERS, "recovery after one success");
    begin_policy(3, 1, 10 * second);
    walk("fffs");
    walk("fffss");
    seed_case(SEED_DIFFERS, "a threshold of 0");
    begin_policy(0, 2, 10 * second);
    walk("sf");
    seed_case(SEED_DIFFERS, "recovery after 0 successes");
    begin_policy(3, 0, 10 * second);
    walk("fffss");
}

/* Whoever asks whether to probe is told yes by the seed; here one has the permit. */
static void tell_probes(void) {
    seed_case(SEED_DIFFERS, "three ask at once whether to probe");
    begin_policy(1, 2, UINT64_C(10000000000));
    seed_step("at 1 f");
    happen(1, 'f');
    seed_answer("%c", health_letter(1));
    seed_step("at 1 W");
    happen(1, 'W');
    seed_answer("%c", health_letter(1));
    for (int i = 0; i < 3; i++) {
        lw_health_permit permit;
        seed_step("probe 1");
        seed_answer("%d", lw_health_admit_at(health, 1, health_now, &permit));
    }
}

static void stories(void) {
    tell_agreements();
    tell_differences();
    tell_probes();
}

int main(int argc, char **argv) {
    int code = seed_tell(argc, argv, "health", stories);
    lw_health_free(health);
    return code;
}
