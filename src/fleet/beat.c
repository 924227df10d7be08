/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a ledger does and tells without a request: signs of life, old debts, statistics. Cost: O(nodes), and a round
 * trip for each few of the nodes that owe something. */
#include "fleet/ledger.h"

#include <string.h>

struct beat {
    struct lw__ledger_mail mail;
    uint64_t deadline;
    int answer;
};

static int beat_send(struct beat *beat) {
    beat->answer = lw__mail_send(&beat->mail, beat->deadline);
    lw__mail_begin(&beat->mail, beat->mail.ledger, beat->mail.now);
    return beat->answer;
}

/* Not 0: the store is away, so that the rest can wait. */
static int beat_node(void *user, struct lw__record *record) {
    struct beat *beat = user;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    pthread_mutex_lock(&node->lock);
    lw__mail_debts(&beat->mail, node);
    pthread_mutex_unlock(&node->lock);
    return beat->mail.posts_count == LW__LEDGER_POSTS ? beat_send(beat) : LW_OK;
}

int lw_ledger_beat(lw_ledger *ledger, uint64_t deadline) {
    struct beat beat = {.deadline = deadline};
    lw__mail_begin(&beat.mail, ledger, lw__now(&ledger->env));
    lw__mail_meet(&beat.mail);
    if (__atomic_load_n(&ledger->away, __ATOMIC_SEQ_CST) != 0 && beat_send(&beat) == LW_UNAVAILABLE) {
        return beat.answer; /* debts wait until it is back; see reserve.c */
    }
    lw__registry_each(&ledger->registry, beat_node, &beat);
    return beat.answer == LW_OK && beat.mail.steps_count > 0 ? beat_send(&beat) : beat.answer;
}

/* ---- statistics ---- */

struct owed {
    uint32_t dimensions;
    uint64_t sum;
};

static int owed_by_node(void *user, struct lw__record *record) {
    struct owed *owed = user;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    pthread_mutex_lock(&node->lock);
    for (uint32_t i = 0; i < owed->dimensions; i++) {
        owed->sum = lw__ledger_sum(owed->sum, node->counts[i].owed);
    }
    pthread_mutex_unlock(&node->lock);
    return 0;
}

int lw_ledger_stats_of(lw_ledger *ledger, lw_ledger_stats *stats) {
    struct owed owed = {ledger->plan.count, 0};
    size_t size = stats->size;
    if (size < sizeof size) {
        return lw__fail(&ledger->env, LW_INVALID, "ledger: stats.size=%zu, is it LW_LEDGER_STATS_INIT?", size);
    }
    lw__registry_each(&ledger->registry, owed_by_node, &owed);
    lw_ledger_stats now = {
        .size = size < sizeof now ? size : sizeof now,
        .reserves = __atomic_load_n(&ledger->reserves, __ATOMIC_RELAXED),
        .refusals = __atomic_load_n(&ledger->refusals, __ATOMIC_RELAXED),
        .here = __atomic_load_n(&ledger->here, __ATOMIC_RELAXED),
        .unasked = __atomic_load_n(&ledger->unasked, __ATOMIC_RELAXED),
        .owed = owed.sum,
        .instances = __atomic_load_n(&ledger->instances, __ATOMIC_RELAXED),
        .away = __atomic_load_n(&ledger->away, __ATOMIC_RELAXED) != 0,
    };
    memcpy(stats, &now, now.size);
    return LW_OK;
}
