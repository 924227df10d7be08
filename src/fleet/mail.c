/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a ledger tells the store and asks it: one batch, in which the postings of one account follow each other in
 * order, and a sign of life goes along when one is due.
 *
 * What is owed is taken out of the node while it is being told, so that no two mails tell it. If no answer comes it is
 * owed again, and told when a look at the account has been answered: it may then be counted twice, which costs some of
 * the limit for a window, and never grants too much.
 * Cost: one round trip.
 */
#include "fleet/ledger.h"

#include <string.h>

void lw__mail_begin(struct lw__ledger_mail *mail, lw_ledger *ledger, uint64_t now) {
    mail->ledger = ledger;
    mail->now = now;
    mail->steps_count = mail->posts_count = 0;
}

static lw_store_step *mail_step(struct lw__ledger_mail *mail, uint32_t op, const char *key) {
    lw_store_step *step = &mail->steps[mail->steps_count++];
    *step = (lw_store_step){.op = op, .answer = LW_UNAVAILABLE, .key = key};
    return step;
}

struct lw__ledger_post *lw__mail_post(struct lw__ledger_mail *mail, struct lw__ledger_node *node, uint32_t mode) {
    const lw_ledger_options *options = &mail->ledger->options;
    struct lw__ledger_post *post = &mail->posts[mail->posts_count++];
    post->node = node;
    post->debt = false;
    post->posting = (lw_posting)LW_POSTING_INIT;
    post->posting.mode = mode;
    post->posting.charges = post->charges;
    post->posting.now = options->time != NULL ? options->time(options->time_user) : 0;
    mail_step(mail, LW_STORE_CHARGE, node->key)->posting = &post->posting;
    return post;
}

lw_charge *lw__mail_charge(const lw_ledger *ledger, struct lw__ledger_post *post, uint32_t dimension, int64_t amount) {
    const struct lw__quota_dimension *d = &ledger->plan.dimension[dimension];
    const struct lw__ledger_count *count = &post->node->counts[dimension];
    bool gcra = d->kind == &lw__quota_gcra;
    post->dimension[post->posting.count] = dimension;
    lw_charge *charge = &post->charges[post->posting.count++];
    *charge = (lw_charge)LW_CHARGE_INIT;
    charge->name = d->name;
    charge->kind = gcra ? LW_QUOTA_GCRA : LW_QUOTA_SLIDING;
    charge->resolution = gcra ? 0 : (uint32_t)d->span - 1;
    charge->window = d->window;
    charge->limit = count->limit;
    charge->burst = count->burst;
    charge->amount = amount;
    return charge;
}

struct lw__ledger_post *lw__mail_look(struct lw__ledger_mail *mail, struct lw__ledger_node *node) {
    for (uint32_t i = 0; i < mail->ledger->plan.count; i++) {
        if (node->counts[i].limit != 0) {
            struct lw__ledger_post *post = lw__mail_post(mail, node, LW_POSTING_FORCE);
            lw__mail_charge(mail->ledger, post, i, 0);
            return post;
        }
    }
    return NULL;
}

/* What was owed for long need not be told any more: a window forgets it, and a bucket drains. It counts here too, and
   for no shorter. */
uint64_t lw__ledger_owed(const lw_ledger *ledger, struct lw__ledger_node *node, uint32_t dimension, uint64_t now) {
    const struct lw__quota_dimension *d = &ledger->plan.dimension[dimension];
    const struct lw__ledger_count *count = &node->counts[dimension];
    lw_quota_reading here = LW_QUOTA_READING_INIT;
    if (count->owed == 0 || count->limit == 0) {
        return 0;
    }
    d->kind->read(d, lw__quota_count_of(&ledger->plan, lw__ledger_quota(ledger, node), dimension), now, &here);
    return count->owed < here.used ? count->owed : here.used;
}

void lw__mail_debts(struct lw__ledger_mail *mail, struct lw__ledger_node *node) {
    const lw_ledger *ledger = mail->ledger;
    struct lw__ledger_post *post = NULL;
    bool taken = false;
    for (uint32_t i = 0; i < ledger->plan.count; i++) {
        uint64_t owed = lw__ledger_owed(ledger, node, i, mail->now);
        if (owed != 0) {
            post = post != NULL ? post : lw__mail_post(mail, node, LW_POSTING_FORCE);
            post->debt = true;
            lw__mail_charge(ledger, post, i, (int64_t)owed);
        }
        taken = taken || node->counts[i].owed != 0;
        node->counts[i].owed = 0;
    }
    node->telling += taken;
}

void lw__mail_meet(struct lw__ledger_mail *mail) {
    lw_ledger *ledger = mail->ledger;
    uint64_t heartbeat = ledger->options.heartbeat;
    __atomic_store_n(&ledger->next_beat, lw__after(mail->now, heartbeat), __ATOMIC_RELAXED);
    lw_store_step *step = mail_step(mail, LW_STORE_MEET, ledger->names.meeting);
    step->value = ledger->names.instance;
    step->value_size = strlen(ledger->names.instance);
    step->ttl = 3 * heartbeat;
}

void lw__mail_meet_due(struct lw__ledger_mail *mail) {
    uint64_t due = __atomic_load_n(&mail->ledger->next_beat, __ATOMIC_RELAXED);
    if (mail->now >= due && lw__swap(&mail->ledger->next_beat, &due, lw__after(mail->now, 1))) {
        lw__mail_meet(mail);
    }
}

/* ---- answers ---- */

static void mail_owe_again(const struct lw__ledger_post *post) {
    pthread_mutex_lock(&post->node->lock);
    for (uint32_t i = 0; i < post->posting.count; i++) {
        uint64_t *owed = &post->node->counts[post->dimension[i]].owed;
        *owed = lw__ledger_sum(*owed, (uint64_t)post->charges[i].amount);
    }
    pthread_mutex_unlock(&post->node->lock);
}

static void mail_charged(const lw_store_step *step, struct lw__ledger_post *post) {
    post->answer = step->answer;
    if (post->debt && step->answer < LW_OK) {
        mail_owe_again(post);
    }
}

static void mail_met(const struct lw__ledger_mail *mail, const lw_store_step *step) {
    uint64_t alive = step->answer > 0 ? (uint64_t)step->answer : 0;
    if (alive > 0) {
        __atomic_store_n(&mail->ledger->instances, alive < UINT32_MAX ? (uint32_t)alive : UINT32_MAX, __ATOMIC_RELAXED);
    }
}

/* The worse of two answers: no answer is worst, then what the store does not take. */
static int mail_worse(const struct lw__ledger_mail *mail, int worst, const lw_store_step *step) {
    int answer = step->answer < LW_OK ? (int)step->answer : LW_OK;
    if (answer == LW_OK || answer == LW_OVER_QUOTA || worst == LW_UNAVAILABLE) {
        return worst;
    }
    if (answer == LW_UNAVAILABLE) {
        return answer;
    }
    lw__fail(&mail->ledger->env, answer, "ledger: what was sent to '%s' was not taken: %s", step->key,
             lw_error_message(answer));
    return worst != LW_OK ? worst : answer;
}

int lw__mail_send(struct lw__ledger_mail *mail, uint64_t deadline) {
    struct lw__ledger_post *post = mail->posts;
    int answer = lw_store_batch(mail->ledger->store, mail->steps, mail->steps_count, deadline), worst = LW_OK;
    bool asked = answer == LW_OK || answer == LW_UNAVAILABLE;
    for (size_t i = 0; i < mail->steps_count; i++) {
        lw_store_step *step = &mail->steps[i];
        step->answer = asked ? step->answer : answer;
        worst = mail_worse(mail, worst, step);
        if (step->op == LW_STORE_CHARGE) {
            mail_charged(step, post++);
        } else {
            mail_met(mail, step);
        }
    }
    for (size_t i = 0; asked && i < mail->posts_count; i++) { /* else there was no memory, which says nothing of it */
        lw__ledger_heard(mail->ledger, mail->posts[i].node, mail->posts[i].answer, mail->now);
    }
    return worst;
}
