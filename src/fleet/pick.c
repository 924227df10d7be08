/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pick that a ledger must agree to. The pool chooses and charges what is its own, the ledger asks the store; if that
 * refuses, the ticket is cancelled, the pool is told to wait, and it chooses among the others.
 * Cost: a pick and a round trip for each node that is tried.
 */
#include "fleet/ledger.h"

#include <string.h>

struct fleet_pick {
    lw_ledger *ledger;
    lw_pool *pool;
    uint32_t route;
    const lw_request *asked;
    uint64_t deadline;
    lw_request request; /* what the pool sees: no amounts, and the refused nodes excluded */
    uint64_t exclude[LW_POOL_EXCLUDE];
    bool refused; /* by the ledger, at least once */
    uint64_t retry_at;
};

static int pick_prepare(struct fleet_pick *pick) {
    lw_request *request = &pick->request;
    *request = (lw_request)LW_REQUEST_INIT;
    if (pick->asked != NULL) {
        memcpy(request, pick->asked, pick->asked->size < sizeof *request ? pick->asked->size : sizeof *request);
        request->size = sizeof *request;
    }
    if (request->exclude_count > LW_POOL_EXCLUDE) {
        return lw__fail(&pick->ledger->env, LW_RANGE, "ledger: %zu exclusions; at most %d are allowed",
                        request->exclude_count, LW_POOL_EXCLUDE);
    }
    for (size_t i = 0; i < request->exclude_count; i++) {
        pick->exclude[i] = request->exclude[i];
    }
    request->exclude = pick->exclude;
    return LW_OK;
}

/* Not this node again, and the pool may know why. */
static void pick_avoid(struct fleet_pick *pick, uint64_t node, const lw_quota_refusal *refusal) {
    lw_request *request = &pick->request;
    pick->refused = true;
    if (refusal->retry != LW_RETRY_NEVER) {
        pick->retry_at = refusal->retry_at < pick->retry_at ? refusal->retry_at : pick->retry_at;
        lw_pool_cool(pick->pool, node, refusal->retry_at, lw__now(&pick->ledger->env));
    }
    if (request->exclude_count < LW_POOL_EXCLUDE) {
        pick->exclude[request->exclude_count++] = node;
    }
}

/* What the caller is told: when the first of those that were refused may have something, or the pool. */
static int pick_give_up(const struct fleet_pick *pick, int answer, lw_ticket *ticket) {
    if (!pick->refused || !lw_is_refusal(answer)) {
        return answer;
    }
    bool pool_knows = answer == LW_OVER_QUOTA && ticket->reason == answer && ticket->retry == LW_RETRY_AT;
    uint64_t at = pool_knows && ticket->retry_at < pick->retry_at ? ticket->retry_at : pick->retry_at;
    *ticket = (lw_ticket){.reason = LW_OVER_QUOTA, .retry = at != LW_QUOTA_NEVER ? LW_RETRY_AT : LW_RETRY_NEVER};
    ticket->retry_at = at;
    return LW_OVER_QUOTA;
}

/* An end of the search that is not the pool's. */
static int pick_failed(lw_pool *pool, lw_ticket *ticket, int answer) {
    lw_cancel(pool, ticket);
    *ticket = (lw_ticket){.reason = answer, .retry = LW_RETRY_NEVER, .retry_at = LW_QUOTA_NEVER};
    if (answer == LW_NO_SLOTS) {
        ticket->retry = LW_RETRY_ON_COMPLETION;
        ticket->retry_at = 0;
    }
    return answer;
}

int lw_ledger_pick(lw_ledger *ledger, lw_pool *pool, uint32_t route, const lw_request *asked, uint64_t deadline,
                   lw_ticket *ticket, lw_reservation *reservation) {
    struct fleet_pick pick = {ledger, pool, route, asked, deadline, .retry_at = LW_QUOTA_NEVER};
    *reservation = (lw_reservation){0};
    *ticket = (lw_ticket){.reason = LW_RANGE};
    int answer = pick_prepare(&pick);
    const lw_amount *amounts = pick.request.amounts;
    size_t amount_count = pick.request.amount_count;
    pick.request.amounts = NULL;
    pick.request.amount_count = 0;
    for (int tries = 0; answer == LW_OK && tries <= LW_POOL_TRIES; tries++) {
        lw_quota_refusal refusal = LW_QUOTA_REFUSAL_INIT;
        answer = lw_pick(pool, route, &pick.request, ticket);
        if (answer != LW_OK) {
            return pick_give_up(&pick, answer, ticket);
        }
        answer = lw__ledger_reserve(ledger, ticket->node, amounts, amount_count, true, deadline, reservation, &refusal);
        if (answer == LW_OK) {
            return LW_OK;
        }
        if (answer != LW_OVER_QUOTA) {
            return pick_failed(pool, ticket, answer);
        }
        lw_cancel(pool, ticket);
        pick_avoid(&pick, ticket->node, &refusal);
        answer = LW_OK;
    }
    return answer == LW_OK ? pick_give_up(&pick, LW_OVER_QUOTA, ticket) : answer;
}
