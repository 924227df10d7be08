/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stranger's program: C99, C11 and C++17, against the installed headers and library. Exits with the number of the
 * first thing that went wrong.
 */
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>

struct backend {
    const char *address;
    uint32_t weight;
    double load;
};

static void describe(lw_nodes *nodes, struct backend *backends, uint32_t count) {
    lw_nodes_init(nodes, count);
    LW_SET(*nodes, name, backends, address);
    LW_SET(*nodes, weight, backends, weight);
    LW_SET(*nodes, load, backends, load);
}

/* Whether a specification gives these answers, one after another. */
static int answers(const char *spec, const lw_nodes *nodes, const ptrdiff_t *expected, int count) {
    lw_strategy *strategy = NULL;
    int good = lw_strategy_new(&strategy, NULL, spec) == LW_OK;
    for (int i = 0; good && i < count; i++) {
        good = lw_select(strategy, nodes, NULL) == expected[i];
    }
    lw_strategy_free(strategy);
    return good;
}

int main(void) {
    struct backend backends[] = {{"10.0.0.1:80", 3, 0.7}, {"10.0.0.2:80", 1, 0.2}, {"10.0.0.3:80", 1, 0.9}};
    const ptrdiff_t in_turn[] = {0, 1, 2, 0};
    const ptrdiff_t by_weight[] = {0, 1, 0, 2, 0};
    const ptrdiff_t idle[] = {1, 1};
    lw_nodes nodes;
    uint64_t words[LW_BITMAP_WORDS(3)];
    lw_filter weighted = lw_filter_weighted();

    describe(&nodes, backends, 3);
    if (lw_version() != LW_VERSION) {
        return 1;
    }
    if (!answers("round_robin lanes=1 phase=0", &nodes, in_turn, 4)) {
        return 2;
    }
    if (!answers("smooth_wrr lanes=1 phase=0", &nodes, by_weight, 5)) {
        return 3;
    }
    if (!answers("least_load", &nodes, idle, 2)) {
        return 4;
    }
    backends[1].weight = 0;
    if (lw_filter_apply(&weighted, &nodes, NULL, 0, words) != 2 || words[0] != 5) {
        return 5;
    }
    return lw_strategy_builtin(0)->size == sizeof(lw_strategy_ops) ? 0 : 6;
}
