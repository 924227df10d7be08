/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a ledger does and tells without a request: signs of life, old debts, statistics. Accounts that are away are
 * looked at first, each few in their turn until none of a few answers; and told what they are owed once they are back,
 * see reserve.c.
 * Cost: O(nodes), and a round trip for each few of the nodes that are away or owe something.
 */
#include "fleet/ledger.h"

#include <string.h>

struct beat {
    struct lw__ledger_mail mail;
    uint64_t deadline;
    uint32_t skip; /* nodes that are away, and that others are looked at before */
    int answer;
};

/* Keeps the worst answer. Not 0: none of the accounts was to be had, so the rest can wait. */
static int beat_send(struct beat *beat) {
    struct lw__ledger_mail *mail = &beat->mail;
    int answer = mail->steps_count > 0 ? lw__mail_send(mail, beat->deadline) : LW_OK;
    bool vain = mail->posts_count > 0;
    for (size_t i = 0; i < mail->posts_count; i++) {
        vain = vain && mail->posts[i].answer == LW_UNAVAILABLE;
    }
    beat->answer = answer == LW_UNAVAILABLE || beat->answer == LW_OK ? answer : beat->answer;
    lw__mail_begin(mail, mail->ledger, mail->now);
    return vain;
}

static int beat_send_full(struct beat *beat) {
    return beat->mail.posts_count == LW__LEDGER_POSTS ? beat_send(beat) : 0;
}

static int beat_look(void *user, struct lw__record *record) {
    struct beat *beat = user;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    if (!lw__ledger_is_away(node)) {
        return 0;
    }
    if (beat->skip > 0) {
        beat->skip--;
        return 0;
    }
    pthread_mutex_lock(&node->lock);
    bool looks = lw__mail_look(&beat->mail, node) != NULL;
    pthread_mutex_unlock(&node->lock);
    if (!looks) { /* there is nothing to ask any more */
        lw__ledger_heard(beat->mail.ledger, node, LW_OK, beat->mail.now);
    }
    return beat_send_full(beat);
}

static int beat_tell(void *user, struct lw__record *record) {
    struct beat *beat = user;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    if (lw__ledger_is_away(node)) {
        return 0;
    }
    pthread_mutex_lock(&node->lock);
    lw__mail_debts(&beat->mail, node);
    pthread_mutex_unlock(&node->lock);
    return beat_send_full(beat);
}

static bool beat_look_from(struct beat *beat, uint32_t skip) {
    beat->skip = skip;
    return lw__registry_each(&beat->mail.ledger->registry, beat_look, beat) != 0 || beat_send(beat) != 0;
}

/* Looks at those that are away, so long as some of them answer; and first at others the next time. */
static void beat_look_all(struct beat *beat, uint32_t away) {
    uint32_t *looked = &beat->mail.ledger->looked, first = __atomic_load_n(looked, __ATOMIC_RELAXED) % away;
    if (beat_look_from(beat, first) || (first > 0 && beat_look_from(beat, 0))) {
        __atomic_fetch_add(looked, LW__LEDGER_POSTS, __ATOMIC_RELAXED);
    }
}

int lw_ledger_beat(lw_ledger *ledger, uint64_t deadline) {
    struct beat beat = {.deadline = deadline};
    struct lw__reading reading;
    lw__mail_begin(&beat.mail, ledger, lw__now(&ledger->env));
    lw__mail_meet(&beat.mail);
    lw__registry_find(&ledger->registry, 0, &reading); /* the nodes of the last mail stay until it is answered */
    uint32_t away = __atomic_load_n(&ledger->away, __ATOMIC_SEQ_CST);
    if (away != 0) {
        beat_look_all(&beat, away);
    }
    lw__registry_each(&ledger->registry, beat_tell, &beat);
    beat_send(&beat);
    lw__registry_leave(&ledger->registry, &reading);
    return beat.answer;
}

/* ---- statistics ---- */

struct owed {
    const lw_ledger *ledger;
    uint64_t now;
    uint64_t sum;
};

static int owed_by_node(void *user, struct lw__record *record) {
    struct owed *owed = user;
    struct lw__ledger_node *node = (struct lw__ledger_node *)record;
    pthread_mutex_lock(&node->lock);
    for (uint32_t i = 0; i < owed->ledger->plan.count; i++) {
        owed->sum = lw__ledger_sum(owed->sum, lw__ledger_owed(owed->ledger, node, i, owed->now));
    }
    pthread_mutex_unlock(&node->lock);
    return 0;
}

int lw_ledger_stats_of(lw_ledger *ledger, lw_ledger_stats *stats) {
    struct owed owed = {ledger, lw__now(&ledger->env), 0};
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
        .away = __atomic_load_n(&ledger->away, __ATOMIC_RELAXED),
    };
    memcpy(stats, &now, now.size);
    return LW_OK;
}
