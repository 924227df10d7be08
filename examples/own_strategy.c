/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A strategy of your own, with a parameter, memory per node and feedback.
 *
 * `fill_up` keeps the first node busy up to a limit before it touches the second, so that an autoscaler finds the last
 * ones idle and may take them away. Beyond the limit it refuses, and a chain finds another way.
 */
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>
#include <stdio.h>

struct fill_up_config {
    uint64_t limit;
};

/* Picks run on any thread, so what they share is read and written atomically. */
static uint32_t *under_way(const lw_view *view, uint32_t index) { return lw_view_scratch(view, index); }

static ptrdiff_t fill_up_pick(const lw_view *view) {
    const struct fill_up_config *config = lw_view_config(view);
    if (lw_view_count(view) == 0) {
        return lw_view_refusal(view);
    }
    for (uint32_t i = 0; i < view->count; i++) {
        if (lw_view_may(view, i) && __atomic_load_n(under_way(view, i), __ATOMIC_RELAXED) < config->limit) {
            return i;
        }
    }
    return LW_SATURATED;
}

static void fill_up_begin(const lw_view *view, uint32_t index) {
    __atomic_fetch_add(under_way(view, index), 1, __ATOMIC_RELAXED);
}

static void fill_up_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    (void)sample; /* however it ended, it has ended */
    __atomic_fetch_sub(under_way(view, index), 1, __ATOMIC_RELAXED);
}

static const lw_param fill_up_params[] = {
    {.name = "limit",
     .type = LW_PARAM_U64,
     .offset = offsetof(struct fill_up_config, limit),
     .fallback = "8",
     .min = "1",
     .max = "1000000",
     .help = "requests under way on a node before the next node is used"},
};

static const lw_strategy_ops fill_up = {
    .size = sizeof fill_up,
    .name = "fill_up",
    .help = "The first node that is not full. For fleets that shrink when their last nodes are idle.",
    .params = fill_up_params,
    .param_count = 1,
    .config_size = sizeof(struct fill_up_config),
    .scratch_size = sizeof(uint32_t),
    .pick = fill_up_pick,
    .begin = fill_up_begin,
    .done = fill_up_done,
};

int main(void) {
    static const char *const hosts[] = {"alpha", "beta", "gamma"};
    static const lw_strategy_ops *const mine[] = {&fill_up};
    lw_nodes nodes;
    lw_strategy *strategy;
    lw_nodes_init(&nodes, 3);
    LW_SET_VALUES(nodes, name, hosts);
    nodes.set = 1;
    if (lw_strategy_from_ops(&strategy, NULL, mine, 1, "chain(fill_up limit=2, random)") != LW_OK) {
        return 1;
    }
    puts("Seven requests arrive, and none ends:");
    for (int i = 1; i <= 7; i++) {
        ptrdiff_t at = lw_select(strategy, &nodes, NULL);
        printf("  %d: %s%s\n", i, hosts[at], i <= 6 ? "" : ", since all are full and the chain falls back");
    }
    lw_sample sample = LW_SAMPLE_INIT;
    lw_feedback(strategy, &nodes, 1, &sample);
    lw_feedback(strategy, &nodes, 1, &sample);
    printf("Two end on beta. The next one goes to %s.\n", hosts[lw_select(strategy, &nodes, NULL)]);
    lw_strategy_free(strategy);
    return 0;
}
