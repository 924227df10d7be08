/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * c3: replica ranking by what the nodes say of themselves. i = argmin of
 *
 *     score = R - S + q^3 S,     q = 1 + clients * requests under way + Q
 *
 * R is the mean latency seen from here, S the mean time that the node worked on a request (1/mu), Q the mean number of
 * requests that waited there. The cube keeps queues short: a node twice as fast is not worth a queue twice as long.
 * `clients` counts those who send like this one, since each sees only its own requests under way. A node that reports
 * nothing has S = R and Q = 0. Bad answers move no mean (see learnt.h), but q is divided by 1 - the share of failures
 * (failures.h), as if all that wait there were tried until they succeed.
 *
 * Idle nodes are asked again since what is known of a node fades towards what is known of the present best, halfway in
 * each `decay` without an answer; one that has not answered yet is as good as the best. Then the requests under way
 * decide. (Elasticsearch moves the others halfway at every choice; time does not depend on the rate of requests, and a
 * pick writes nothing.)
 *
 * Source: Suresh, Canini, Schmid, Feldmann, NSDI 2015; the drift after Elasticsearch's adaptive replica selection. The
 * paper's rate control is no part of choosing: quotas and concurrency limits do that. Whole numbers throughout, q in
 * 1/256. Cost per pick: two passes over the nodes, O(n), about 21 ns a node; memory 40 bytes a node.
 */
#include "strategy/contest.h"
#include "strategy/failures.h"
#include "strategy/table.h"

enum { C3_WORD_BITS = 64, Q_BITS = 8, Q_MOST_BITS = 20 };

#define Q_MOST (UINT64_C(1) << (Q_MOST_BITS + Q_BITS))

struct c3_config {
    uint64_t clients;
    double alpha;
    double decay;
};

/* Means, 0 for no good answer yet. */
struct c3_node {
    uint64_t latency, service; /* ns, or what the samples come in */
    uint64_t queue;            /* in 1/256, plus 1 */
    uint64_t answered;
    uint64_t failing;
};

/* The means of one node, as far as they count now. */
struct c3_means {
    uint64_t latency, service, queue;
    uint64_t tries; /* not a mean: it does not fade towards the best */
};

static uint64_t capped(lw__wide value, uint64_t most) { return value < most ? (uint64_t)value : most; }

/* R - S + q^3 S is never negative, as q is at least 1. Below 2^127. */
static lw__wide c3_score(const struct c3_means *means, uint64_t under_way, uint64_t clients) {
    lw__wide waiting = (((lw__wide)under_way * clients + 1) << Q_BITS) + means->queue;
    lw__wide q = capped(waiting * means->tries >> LW__TRIES_BITS, Q_MOST), one = (lw__wide)1 << 3 * Q_BITS;
    return means->latency * one + (q * q * q - one) * means->service;
}

static bool read_means(const lw_view *view, uint32_t index, struct c3_means *means) {
    const struct c3_node *node = lw_view_scratch(view, index);
    uint64_t queue = lw__learnt(&node->queue);
    uint64_t tries = lw__tries(lw__failures(&node->failing, &node->answered, view->now));
    *means = (struct c3_means){lw__learnt(&node->latency), lw__learnt(&node->service), queue - (queue != 0), tries};
    return means->latency != 0 && means->service != 0;
}

static void drift(struct c3_means *means, const struct c3_means *best, uint64_t kept) {
    means->latency = lw__between(best->latency, means->latency, kept);
    means->service = lw__between(best->service, means->service, kept);
    means->queue = lw__between(best->queue, means->queue, kept);
}

/* The best of those that may be chosen: as they were when they last answered; or, given the best of these, as they
   have faded by now. */
static struct lw__contest c3_best(const lw_view *view, const struct c3_means *best) {
    const struct c3_config *config = lw_view_config(view);
    struct lw__contest contest = {0};
    uint64_t half_life = lw__seconds(config->decay);
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(view->count); w++) {
        for (uint64_t bits = lw_view_word(view, w); bits != 0; bits &= bits - 1) {
            uint32_t index = w * C3_WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            struct c3_means means;
            bool known = read_means(view, index, &means);
            if (best != NULL) {
                const struct c3_node *node = lw_view_scratch(view, index);
                drift(&means, best, known ? lw__kept(lw__learnt(&node->answered), view->now, half_life) : 0);
            } else if (!known) {
                continue;
            }
            lw__wide score = c3_score(&means, lw_view_inflight(view, index), config->clients);
            lw__contest_enter(view, &contest, score, 1, index);
        }
    }
    return contest;
}

static ptrdiff_t c3_pick(const lw_view *view) {
    struct lw__contest known = c3_best(view, NULL);
    struct c3_means best = {.latency = 1,
                            .service = 1}; /* where nobody has answered, anything that is the same for all */
    if (known.equals != 0) {
        read_means(view, known.winner, &best);
    }
    struct lw__contest faded = c3_best(view, &best);
    return faded.equals != 0 ? (ptrdiff_t)faded.winner : lw_view_refusal(view);
}

static void c3_done(const lw_view *view, uint32_t index, const lw_sample *sample) {
    const struct c3_config *config = lw_view_config(view);
    struct c3_node *node = lw_view_scratch(view, index);
    enum lw__answer answer = lw__answer_of(sample->outcome);
    bool learns = answer == LW__ANSWER_GOOD && sample->latency != 0;
    if (learns) {
        uint64_t kept = lw__kept(lw__learnt(&node->answered), view->now, lw__seconds(config->decay));
        uint64_t share = lw__share_of(LW__ONE - (uint64_t)(config->alpha * (double)LW__ONE), kept);
        uint64_t service = sample->service != 0 ? sample->service : sample->latency;
        lw__learn(&node->latency, lw__learnable(sample->latency, LW__LEARNT_MOST), share);
        lw__learn(&node->queue, ((uint64_t)sample->queued << Q_BITS) + 1, share);
        lw__learn(&node->service, lw__learnable(service, LW__LEARNT_MOST), share);
    }
    if (learns || answer == LW__ANSWER_BAD) {
        lw__failures_learn(&node->failing, &node->answered, view->now, answer);
        lw__raise(&node->answered, view->now);
    }
}

static const lw_param c3_params[] = {
    {"clients", LW_PARAM_U64, offsetof(struct c3_config, clients), "1", "1", "1000000", NULL,
     "how many send to these nodes as this one does, itself included"},
    {"alpha", LW_PARAM_F64, offsetof(struct c3_config, alpha), "0.3", "0.001", "1", NULL,
     "share of the newest answer in each mean"},
    {"decay", LW_PARAM_F64, offsetof(struct c3_config, decay), "10", "0.001", "86400", NULL,
     "seconds without an answer after which a mean is halfway to that of the best node"},
};

const lw_strategy_ops lw__c3 = {
    .size = sizeof lw__c3,
    .name = "c3",
    .help = "Ranks by latency and by what nodes report of their work and their queue. For replicas whose speed varies.",
    .params = c3_params,
    .param_count = sizeof c3_params / sizeof *c3_params,
    .config_size = sizeof(struct c3_config),
    .needs = LW_HAS(inflight) | LW_NEEDS_CLOCK,
    .scratch_size = sizeof(struct c3_node),
    .pick = c3_pick,
    .done = c3_done,
};
