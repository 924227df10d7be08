/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * least_time: the node that will have answered first, by its own answers so far. i = argmin eta_i,
 *
 *     eta = buckets(latency) * (1 + requests under way) / weight / (1 - share of failures)
 *
 * latency is the mean of good answers, 0.95 old and 0.05 new, halved by each `decay` without an answer, so that a node
 * that was slow once is asked again. It is rounded to buckets (the nearest, at least 1): nodes whose difference is
 * noise are equal, and do not all yield to the luckiest. A node that has not answered yet counts as the mean of the
 * others that may be chosen: neither flooded as if it took no time nor left aside. Bad answers say nothing of the time
 * a good one takes; see learnt.h. But they make it take more tries: eta is divided by 1 - the share of failures, see
 * failures.h.
 *
 * Source: nginx least_time (0.95/0.05, buckets of 20 ms, cap of 5 s), Kong (the mean for newcomers). Whole numbers
 * throughout. Cost per pick: O(n), about 11 ns a node; memory 24 bytes a node.
 */
#include "strategy/contest.h"
#include "strategy/failures.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

enum { WORD_BITS = 64 };

#define KEPT_BY_AN_ANSWER (LW__ONE / 100 * 95)

struct least_time_config {
    double bucket;
    double decay;
    double cap;
};

struct least_time_node {
    uint64_t latency; /* ns; 0: no good answer yet */
    uint64_t answered;
    uint64_t failing;
};

/* One pick under way. */
struct race {
    const lw_view *view;
    uint64_t bucket, half_life; /* ns */
    lw__wide sum;               /* of the latencies known */
    uint32_t known_count;
    struct lw__contest known;  /* by eta */
    struct lw__contest silent; /* by requests under way and failures, for the same latency is put in for all of them */
};

static uint64_t buckets_of(uint64_t latency, uint64_t bucket) {
    uint64_t buckets = (latency + bucket / 2) / bucket;
    return buckets > 0 ? buckets : 1;
}

static void race_enter(struct race *race, uint32_t index) {
    const struct least_time_node *node = lw_view_scratch(race->view, index);
    uint32_t weight = lw_view_weight(race->view, index);
    uint64_t latency = lw__learnt(&node->latency), cost = (uint64_t)lw_view_inflight(race->view, index) + 1;
    cost *= lw__tries(lw__failures(&node->failing, &node->answered, race->view->now));
    if (weight == 0) {
        return;
    }
    if (latency == 0) {
        lw__contest_enter(race->view, &race->silent, cost, weight, index);
        return;
    }
    latency = lw__share_of(latency, lw__kept(lw__learnt(&node->answered), race->view->now, race->half_life));
    race->sum += latency;
    race->known_count++;
    lw__wide eta = (lw__wide)buckets_of(latency, race->bucket) * cost;
    lw__contest_enter(race->view, &race->known, eta, weight, index);
}

/* Of those known and those silent, once the mean is known. Equals share by their number. */
static ptrdiff_t race_end(const struct race *race) {
    const struct lw__contest *known = &race->known, *silent = &race->silent;
    if (known->equals == 0 || silent->equals == 0) {
        const struct lw__contest *only = known->equals == 0 ? silent : known;
        return only->equals == 0 ? lw__weightless(race->view) : (ptrdiff_t)only->winner;
    }
    uint64_t mean = (uint64_t)(race->sum / race->known_count);
    lw__wide of_known = known->score * silent->weight;
    lw__wide of_silent = silent->score * buckets_of(mean, race->bucket) * known->weight;
    bool silent_wins = of_silent < of_known;
    if (of_silent == of_known) {
        silent_wins = lw_view_below(race->view, known->equals + silent->equals) < silent->equals;
    }
    return silent_wins ? silent->winner : known->winner;
}

static ptrdiff_t least_time_pick(const lw_view *view) {
    const struct least_time_config *config = lw_view_config(view);
    struct race race = {.view = view, .bucket = lw__seconds(config->bucket), .half_life = lw__seconds(config->decay)};
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            race_enter(&race, w * WORD_BITS + (uint32_t)__builtin_ctzll(bits));
        }
    }
    return race_end(&race);
}

static void least_time_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    const struct least_time_config *config = lw_view_config(view);
    struct least_time_node *node = lw_view_scratch(view, index);
    enum lw__answer answer = lw__answer_of(sample->outcome);
    bool learns = answer == LW__ANSWER_GOOD && sample->latency != 0;
    if (learns) {
        uint64_t kept = lw__kept(lw__learnt(&node->answered), view->now, lw__seconds(config->decay));
        uint64_t latency = lw__learnable(sample->latency, lw__seconds(config->cap));
        lw__learn(&node->latency, latency, lw__share_of(KEPT_BY_AN_ANSWER, kept));
    }
    if (learns || answer == LW__ANSWER_BAD) {
        lw__failures_learn(&node->failing, &node->answered, view->now, answer);
        lw__raise(&node->answered, view->now);
    }
}

static const lw_param least_time_params[] = {
    {"bucket", LW_PARAM_F64, offsetof(struct least_time_config, bucket), "0.02", "0", "60", NULL,
     "seconds; latencies that round to the same multiple of it count as equal; 0 for no rounding"},
    {"decay", LW_PARAM_F64, offsetof(struct least_time_config, decay), "10", "0.001", "86400", NULL,
     "seconds without an answer after which the estimate has halved"},
    {"cap", LW_PARAM_F64, offsetof(struct least_time_config, cap), "5", "0.000001", "3600", NULL,
     "seconds; a longer answer counts as this long"},
};

const lw_strategy_ops lw__least_time = {
    .size = sizeof lw__least_time,
    .name = "least_time",
    .help = "The node that should answer first, by its own latencies and what is under way. For one client that sees "
            "all answers.",
    .params = least_time_params,
    .param_count = sizeof least_time_params / sizeof *least_time_params,
    .config_size = sizeof(struct least_time_config),
    .needs = LW_HAS(inflight) | LW_NEEDS_CLOCK,
    .scratch_size = sizeof(struct least_time_node),
    .pick = least_time_pick,
    .done = least_time_done,
};
