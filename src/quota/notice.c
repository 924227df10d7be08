/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Telling observers, once each way, that a dimension has nothing left and that it has again.
 *
 * A dimension is exhausted when a call finds that it would not grant 1, or when it refuses an amount that it could
 * grant at another time; until when is kept in one word, and whoever sets or clears that word tells. It is released
 * when a call after that time finds that it would grant 1. So a mixture of large and small amounts does not make it
 * flicker. Cost: one question per dimension, and only for those who have hooks.
 */
#include "quota/quota.h"

enum { MARK = LW_QUOTA_DIMENSIONS };

static void notice_exhausted(uint64_t *spent, uint32_t which, uint64_t until, struct lw__quota_news *news) {
    uint64_t untold = 0;
    if (lw__swap(spent, &untold, until)) {
        news->exhausted |= UINT64_C(1) << which;
        news->until[which] = until < LW__ON_COMPLETION ? until : LW_QUOTA_NEVER;
    }
}

static void notice_released(uint64_t *spent, uint32_t which, struct lw__quota_news *news) {
    uint64_t told = lw__word(spent);
    if (told != 0 && lw__swap(spent, &told, 0)) {
        news->released |= UINT64_C(1) << which;
    }
}

static void notice_count(const struct lw__quota_dimension *d, struct lw__quota_count *count, uint32_t which,
                         uint64_t now, struct lw__quota_news *news) {
    uint64_t spent = lw__word(&count->spent);
    bool limits = lw__word(&count->limit) != LW_QUOTA_UNLIMITED;
    if (spent != 0 && spent < LW__ON_COMPLETION && spent > now && limits) {
        return;
    }
    uint64_t when = limits ? d->kind->fits(d, count, 1, now) : 0;
    if (when == 0) {
        notice_released(&count->spent, which, news);
    } else if (spent == 0) {
        notice_exhausted(&count->spent, which, when, news);
    }
}

static void notice_refusal(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now,
                           const lw_quota_refusal *refusal, struct lw__quota_news *news) {
    if (refusal == NULL || refusal->dimension >= plan->count || refusal->retry == LW_RETRY_NEVER) {
        return;
    }
    uint64_t until = refusal->retry == LW_RETRY_AT ? refusal->retry_at : LW__ON_COMPLETION;
    if (until > now) { /* else it was refused for the haste of other threads only */
        notice_exhausted(&lw__quota_count_of(plan, node, refusal->dimension)->spent, refusal->dimension, until, news);
    }
}

void lw__quota_notice(const struct lw__quota_plan *plan, struct lw__quota_node *node, uint64_t now,
                      const lw_quota_refusal *refusal, struct lw__quota_news *news) {
    news->exhausted = news->released = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        notice_count(&plan->dimension[i], lw__quota_count_of(plan, node, i), i, now, news);
    }
    notice_refusal(plan, node, now, refusal, news);
    uint64_t until = lw__quota_marked_until(node, now);
    if (until != 0) {
        notice_exhausted(&node->spent, MARK, until, news);
    } else {
        notice_released(&node->spent, MARK, news);
    }
}

void lw__quota_tell(const struct lw__quota_plan *plan, const lw_observer *observer, uint64_t node,
                    const struct lw__quota_news *news) {
    for (uint64_t left = news->exhausted | news->released; left != 0; left &= left - 1) {
        uint32_t which = (uint32_t)__builtin_ctzll(left);
        const char *name = which == MARK ? "all" : plan->dimension[which].name;
        if ((news->released >> which & 1) != 0 && observer->quota_released != NULL) {
            observer->quota_released(observer->user, node, name);
        }
        if ((news->exhausted >> which & 1) != 0 && observer->quota_exhausted != NULL) {
            observer->quota_exhausted(observer->user, node, name, news->until[which]);
        }
    }
}
