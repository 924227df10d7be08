/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The quotas of the seed beside ours with cover=seed: what remains after random records over time, in several
 * dimensions, with marks, on nodes that are registered anew.
 *
 * The seed counts its buckets from the registration of a node, this library from the beginning of its clock. So nodes
 * are registered where both agree: at a full hour of the clock, with windows whose buckets divide the hour.
 */
#include "seed.h"

#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)

enum { NODES = 4, DIMENSIONS = 3, TEXT = 256 };

struct dimension {
    const char *name;
    uint64_t window;
    uint32_t resolution;
};

static uint64_t quota_now = UINT64_C(1000000000000000);
static lw_quota *quota;
static struct dimension dims[DIMENSIONS];
static uint32_t dim_count;

static const struct dimension usual[DIMENSIONS] = {{"rpm", 60 * SECOND, 6}, {"tpm", 60 * SECOND, 60}, {"day", HOUR, 4}};

/* A tracker that knows the dimensions; the steps say nothing of it, since the seed learns them node by node. */
static int open_tracker(const struct dimension *of, uint32_t count, uint32_t cover, uint32_t flags) {
    lw_quota_dimension made[DIMENSIONS] = {0};
    lw_quota_options options = LW_QUOTA_OPTIONS_INIT;
    for (uint32_t i = 0; i < count; i++) {
        dims[i] = of[i];
        made[i] = (lw_quota_dimension){.size = sizeof *made, .name = of[i].name, .window = of[i].window};
        made[i].resolution = of[i].resolution;
        made[i].cover = cover;
    }
    dim_count = count;
    options.dimensions = made;
    options.dimension_count = count;
    options.flags = flags;
    lw_quota_free(quota);
    return lw_quota_new(&quota, NULL, &options);
}

static void open_usual(void) { open_tracker(usual, DIMENSIONS, LW_QUOTA_COVER_SEED, LW_QUOTA_LENIENT); }

static const char *named(int code) { return code >= 0 ? "-" : lw_error_name(code); }

static void rest(uint64_t ns) {
    seed_step("wait %" PRIu64, ns);
    quota_now += ns;
    seed_answer("-");
}

static void rest_until_full_hour(void) { rest(HOUR - quota_now % HOUR); }

/* The first `count` dimensions with these limits. */
static void register_node(uint64_t node, const uint64_t *limits, uint32_t count) {
    lw_quota_limit set[DIMENSIONS];
    char text[TEXT] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        set[i] = (lw_quota_limit){i, 0, limits[i], 0};
        at += (size_t)snprintf(text + at, sizeof text - at, " %s=%" PRIu64 ":%" PRIu64 ":%" PRIu32, dims[i].name,
                               limits[i], dims[i].window, dims[i].resolution);
    }
    seed_step("register %" PRIu64 "%s", node, text);
    seed_answer("%s", named(lw_quota_register(quota, node, set, count, 0)));
}

static const char *spelt(const lw_amount *amounts, size_t count) {
    static char text[TEXT];
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " %s=%" PRIu64, dims[amounts[i].dimension].name,
                               amounts[i].amount);
    }
    return text;
}

static void record(uint64_t node, const lw_amount *amounts, size_t count) {
    seed_step("record %" PRIu64 "%s", node, spelt(amounts, count));
    int code = lw_quota_record_at(quota, node, amounts, count, quota_now);
    if (code < 0) {
        seed_answer("%s", named(code));
    } else {
        seed_answer("%d", code);
    }
}

static void record_one(uint64_t node, uint32_t dimension, uint64_t amount) {
    record(node, &(lw_amount){dimension, amount}, 1);
}

static void exhaust(uint64_t node, uint64_t ns) {
    seed_step("exhaust %" PRIu64 " %" PRIu64, node, ns);
    lw_quota_mark_exhausted_at(quota, node, ns, quota_now);
    seed_answer("-");
}

static void ask_remaining(uint64_t node, uint32_t dimension) {
    uint64_t remaining;
    seed_step("remaining %" PRIu64 " %s", node, dims[dimension].name);
    int code = lw_quota_remaining_at(quota, node, dimension, quota_now, &remaining);
    if (code < 0) {
        seed_answer("%s", named(code));
    } else {
        seed_answer("%" PRIu64, remaining);
    }
}

/* The question that a filter asks: would these amounts be granted? */
static void ask_capacity(uint64_t node, const lw_amount *amounts, size_t count) {
    lw_quota_filter filter = lw_filter_quota(quota, 0);
    lw_request request = LW_REQUEST_INIT;
    lw_nodes nodes;
    uint64_t ids[] = {node}, word;
    lw_nodes_init(&nodes, 1);
    LW_SET_VALUES(nodes, id, ids);
    request.amounts = amounts;
    request.amount_count = count;
    seed_step("capacity %" PRIu64 "%s", node, spelt(amounts, count));
    seed_answer("%d", lw_filter_apply(&filter.filter, &nodes, &request, quota_now, &word));
}

static void ask_pressure(uint64_t node) {
    seed_step("pressure %" PRIu64, node);
    seed_answer("%.6f", 1 - lw_quota_ratio_at(quota, node, quota_now));
}

/* ---- random use ---- */

static bool is_marked(uint64_t node) {
    uint64_t until;
    return lw_quota_exhausted_until_at(quota, node, quota_now, &until) == LW_OK && until > quota_now;
}

static void ask(uint64_t node) {
    lw_amount estimate[] = {{0, seed_below(40)}, {seed_below(2) + 1, seed_below(300)}};
    ask_capacity(node, estimate, seed_below(2) == 0 ? 1 : 2);
    ask_pressure(node);
    for (uint32_t i = 0; i < DIMENSIONS && !is_marked(node); i++) {
        ask_remaining(node, i);
    }
}

/* Spans that end at bucket borders, near them, and far beyond the window. */
static uint64_t some_span(void) {
    static const uint64_t steps[] = {1, SECOND - 1, SECOND, 10 * SECOND, 60 * SECOND, 900 * SECOND};
    switch (seed_below(8)) {
    case 0: return 10 * SECOND - quota_now % (10 * SECOND);
    case 1: return seed_below(200) * SECOND / 10;
    default: return steps[seed_below(seed_below(4) == 0 ? 6 : 4)];
    }
}

/* Every node has limits in some dimensions, or none at all. */
static void wander(uint32_t steps) {
    for (uint32_t i = 0; i < steps; i++) {
        uint64_t node = seed_below(NODES);
        lw_amount use[] = {{0, seed_below(8)}, {1, seed_below(200)}, {2, seed_below(50)}};
        uint32_t what = seed_below(16);
        if (what < 7) {
            record(node, use, 1 + seed_below(3));
        } else if (what < 11) {
            rest(some_span());
        } else if (what == 11 && !is_marked(node)) {
            exhaust(node, some_span());
        } else {
            ask(node);
        }
    }
}

static void tell_wandering(void) {
    for (uint32_t round = 0; round < 6; round++) {
        seed_case(SEED_AGREES, "random use, round %" PRIu32, round);
        open_usual();
        rest_until_full_hour();
        for (uint32_t node = 1; node < NODES; node++) { /* node 0 stays unknown */
            uint64_t limits[] = {1 + seed_below(60), 1 + seed_below(2000), 1 + seed_below(1000)};
            register_node(node, limits, node);
        }
        wander(round == 0 ? 60 : 8000);
        rest_until_full_hour();
        register_node(1, (uint64_t[]){50, 500, 5000}, 3); /* starts anew, without what was used and marked */
        wander(round == 0 ? 20 : 2000);
    }
}

static void tell_one_window(void) {
    seed_case(SEED_AGREES, "one window, bucket by bucket");
    open_usual();
    rest_until_full_hour();
    register_node(1, (uint64_t[]){100}, 1);
    for (uint32_t i = 0; i < 14; i++) {
        record_one(1, 0, 10 + i);
        rest(5 * SECOND);
        ask_remaining(1, 0);
        ask_pressure(1);
    }
    for (uint32_t i = 0; i < 8; i++) {
        rest(10 * SECOND - 1);
        ask_remaining(1, 0);
        rest(1);
        ask_remaining(1, 0);
    }
}

/* ---- what differs ---- */

static void tell_marks(void) {
    static const lw_amount one = {0, 1};
    seed_case(SEED_DIFFERS, "what remains of a node that is marked exhausted");
    open_usual();
    rest_until_full_hour();
    register_node(1, (uint64_t[]){100}, 1);
    exhaust(1, 30 * SECOND);
    ask_capacity(1, &one, 1);
    ask_remaining(1, 0);
    seed_case(SEED_DIFFERS, "a shorter mark after a longer one");
    open_usual();
    register_node(1, (uint64_t[]){100}, 1);
    exhaust(1, 30 * SECOND);
    exhaust(1, 10 * SECOND);
    rest(10 * SECOND);
    ask_capacity(1, &one, 1);
    seed_case(SEED_DIFFERS, "a mark for 48 hours");
    open_usual();
    register_node(1, (uint64_t[]){100}, 1);
    exhaust(1, 48 * HOUR);
    rest(25 * HOUR);
    ask_capacity(1, &one, 1);
}

static void tell_windows(void) {
    seed_case(SEED_DIFFERS, "a burst at the end of a bucket, cover=full as by default");
    open_tracker(usual, 1, LW_QUOTA_COVER_FULL, LW_QUOTA_LENIENT);
    rest_until_full_hour();
    register_node(1, (uint64_t[]){100}, 1);
    rest(10 * SECOND - 1);
    record_one(1, 0, 100);
    rest(50 * SECOND + 1);
    ask_remaining(1, 0);
    rest(10 * SECOND);
    ask_remaining(1, 0);
    seed_case(SEED_DIFFERS, "a node registered in the middle of a bucket of the clock");
    open_usual();
    rest_until_full_hour();
    rest(5 * SECOND);
    register_node(1, (uint64_t[]){100}, 1);
    record_one(1, 0, 100);
    rest(55 * SECOND);
    ask_remaining(1, 0);
    seed_case(SEED_DIFFERS, "a window of 10 s in 3 buckets, after 10 s less a ns");
    open_tracker((struct dimension[]){{"rpm", 10 * SECOND, 3}}, 1, LW_QUOTA_COVER_SEED, 0);
    rest(UINT64_C(3333333334) - quota_now % UINT64_C(3333333334)); /* where both begin a bucket */
    register_node(1, (uint64_t[]){100}, 1);
    record_one(1, 0, 100);
    rest(10 * SECOND - 1);
    ask_remaining(1, 0);
}

static void tell_extremes(void) {
    seed_case(SEED_DIFFERS, "more than 2^64 in one bucket");
    open_usual();
    rest_until_full_hour();
    register_node(1, (uint64_t[]){100}, 1);
    record_one(1, 0, UINT64_MAX);
    ask_remaining(1, 0);
    record_one(1, 0, 2);
    ask_remaining(1, 0);
    seed_case(SEED_DIFFERS, "limits of 0 and beyond 2^40");
    open_usual();
    register_node(1, (uint64_t[]){0}, 1);
    register_node(1, (uint64_t[]){LW_QUOTA_LIMIT_MAX + 1}, 1);
    seed_case(SEED_DIFFERS, "one dimension named twice");
    open_usual();
    register_node(1, (uint64_t[]){100}, 1);
    record(1, (lw_amount[]){{0, 1}, {0, 2}}, 2);
    ask_remaining(1, 0);
    seed_case(SEED_DIFFERS, "an unknown node, without LW_QUOTA_LENIENT");
    open_tracker(usual, 1, LW_QUOTA_COVER_SEED, 0);
    ask_remaining(9, 0);
    record_one(9, 0, 1);
    ask_capacity(9, &(lw_amount){0, 1}, 1);
}

/* Both are refused when the tracker is made, since dimensions are the tracker's here. */
static void tell_bad_windows(void) {
    static const struct {
        struct dimension dimension;
        const char *what;
    } bad[] = {{{"rpm", 0, 6}, "an empty window"}, {{"rpm", 5, 6}, "a window of 5 ns in 6 buckets"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct dimension *d = &bad[i].dimension;
        seed_case(SEED_DIFFERS, "%s", bad[i].what);
        seed_step("register 1 %s=100:%" PRIu64 ":%" PRIu32, d->name, d->window, d->resolution);
        seed_answer("%s", named(open_tracker(d, 1, LW_QUOTA_COVER_SEED, 0)));
    }
}

/* Two ask whether there is room for the last request; here they reserve it. */
static void tell_race(void) {
    static const lw_amount one = {0, 1};
    lw_reservation reservation;
    seed_case(SEED_DIFFERS, "two ask for the last request of a minute");
    open_usual();
    rest_until_full_hour();
    register_node(1, (uint64_t[]){1}, 1);
    for (int i = 0; i < 2; i++) {
        seed_step("capacity 1 rpm=1");
        seed_answer("%d", lw_quota_reserve_at(quota, 1, &one, 1, quota_now, &reservation, NULL) == LW_OK);
    }
}

static void stories(void) {
    tell_one_window();
    tell_wandering();
    tell_marks();
    tell_windows();
    tell_extremes();
    tell_bad_windows();
    tell_race();
}

int main(int argc, char **argv) {
    int code = seed_tell(argc, argv, "quota", stories);
    lw_quota_free(quota);
    return code;
}
