/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Telling observers, once each way, that the fleet has nothing left in a dimension, and that it has again. It is spent
 * when an amount was refused that could be granted at another time, by the store or here; and released by the next
 * grant that charges it. Cost: a word per dimension.
 */
#include "fleet/ledger.h"

void lw__ledger_note_refusal(struct lw__ledger_call *call) {
    const lw_quota_refusal *refusal = &call->refusal;
    if (refusal->dimension >= call->ledger->plan.count || refusal->retry != LW_RETRY_AT) {
        return;
    }
    struct lw__ledger_count *count = &call->node->counts[refusal->dimension];
    if (count->spent == 0 && refusal->retry_at > call->now) {
        count->spent = refusal->retry_at;
        call->exhausted |= UINT32_C(1) << refusal->dimension;
    }
}

void lw__ledger_note_grant(struct lw__ledger_call *call) {
    for (uint32_t left = call->charged; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        if (call->node->counts[i].spent != 0) {
            call->node->counts[i].spent = 0;
            call->released |= UINT32_C(1) << i;
        }
    }
}

void lw__ledger_tell(const struct lw__ledger_call *call, uint64_t node) {
    const lw_observer *observer = &call->ledger->observer;
    for (uint32_t left = call->exhausted | call->released; left != 0;) {
        uint32_t i = lw__quota_next(&left);
        const char *name = call->ledger->plan.dimension[i].name;
        if ((call->released >> i & 1) != 0 && observer->quota_released != NULL) {
            observer->quota_released(observer->user, node, name);
        }
        if ((call->exhausted >> i & 1) != 0 && observer->quota_exhausted != NULL) {
            observer->quota_exhausted(observer->user, node, name, call->refusal.retry_at);
        }
    }
}
