/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ledger of the library over a store in Redis, in the time of the requests: the store is told the time of each row,
 * so commands that play the same trace meet at the same moments, however fast each of them reads. A row that is behind
 * what another command has charged to a node counts as of that later moment.
 */
#include "share.h"

#include "text.h"

#ifdef LOADWISE_WITH_REDIS
#include <loadwise/redis.h>
#endif
#include <stdio.h>
#include <string.h>

#define SHARE_PATIENCE (UINT64_C(500) * 1000000) /* ns that one question may take */

/* The first of several is the cause. */
static void share_note(void *user, int code, const char *message) {
    struct share *share = user;
    (void)code;
    if (share->note[0] == '\0') {
        text_show(share->note, sizeof share->note, message, strlen(message));
    }
}

static uint64_t share_now(void *user) { return ((const struct share *)user)->now; }

static uint64_t share_time(void *user) { return ((const struct share *)user)->time; }

/* Standard output is for decisions; this is for whoever watches. */
static void share_tell_outage(void *user, int begins) {
    const struct share *share = user;
    const char *news = begins ? "cannot be reached; until it can, this command keeps to its share of the limits"
                              : "can be reached again, and learns what was placed meanwhile";
    if (share->reached) {
        fprintf(stderr, "loadwise: --store %s %s\n", share->url, news);
    }
}

static enum status share_fault(const struct share *share, int code, struct problem *problem) {
    if (code == LW_NOMEM) {
        return problem_memory(problem);
    }
    const char *why = share->note[0] != '\0' ? share->note : lw_error_message(code);
    return problem_set(problem, STATUS_NO_STORE, "--store %s: %s", share->url, why);
}

static int share_connect(struct share *share) {
#ifdef LOADWISE_WITH_REDIS
    lw_env env = LW_ENV_INIT;
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    env.user = share;
    env.log = share_note;
    options.url = share->url;
    return lw_store_redis_new(&share->redis, &env, &options);
#else
    share_note(share, LW_UNSUPPORTED, "this loadwise was built without the store in Redis");
    return LW_UNSUPPORTED;
#endif
}

static int share_guard(struct share *share) {
    lw_guard_options options = LW_GUARD_OPTIONS_INIT;
    options.patience = SHARE_PATIENCE;
    return lw_store_guard_new(&share->store, NULL, share->redis, &options);
}

static int share_ledger(struct share *share, const char *prefix, const lw_quota_dimension *dimensions, uint32_t count) {
    lw_ledger_options options = LW_LEDGER_OPTIONS_INIT;
    lw_observer observer = LW_OBSERVER_INIT;
    lw_env env = LW_ENV_INIT;
    env.user = observer.user = share;
    env.log = share_note;
    env.now = share_now;
    observer.outage = share_tell_outage;
    options.dimensions = dimensions;
    options.dimension_count = count;
    options.max_reservations = 1;
    options.ttl = LW_QUOTA_NEVER;
    options.prefix = prefix;
    options.time = share_time;
    options.time_user = share;
    options.observer = &observer;
    int code = lw_ledger_new(&share->ledger, &env, share->store, &options);
    code = code == LW_OK ? lw_ledger_beat(share->ledger, 0) : code;
    share->reached = code == LW_OK;
    return code;
}

enum status share_open(struct share *share, const char *url, const char *prefix, const lw_quota_dimension *dimensions,
                       uint32_t count, struct problem *problem) {
    memset(share, 0, sizeof *share);
    share->url = url;
    share->now = 1;
    int code = share_connect(share);
    code = code == LW_OK ? share_guard(share) : code;
    code = code == LW_OK ? share_ledger(share, prefix, dimensions, count) : code;
    return code == LW_OK ? STATUS_DONE : share_fault(share, code, problem);
}

enum status share_limit(struct share *share, uint64_t node, const lw_quota_limit *limits, size_t count,
                        struct problem *problem) {
    int code = lw_ledger_limits(share->ledger, node, limits, count);
    return code == LW_OK ? STATUS_DONE : share_fault(share, code, problem);
}

void share_close(struct share *share) {
    lw_ledger_free(share->ledger);
    lw_store_free(share->store);
    lw_store_free(share->redis);
    memset(share, 0, sizeof *share);
}

int share_charge(struct share *share, uint64_t node, const lw_amount *amounts, size_t count,
                 lw_quota_refusal *refusal) {
    lw_reservation reservation;
    share->note[0] = '\0';
    int code = lw_ledger_reserve(share->ledger, node, amounts, count, 0, &reservation, refusal);
    share->fault = code != LW_OK && !lw_is_refusal(code) ? code : LW_OK;
    return code == LW_OK ? lw_ledger_commit(share->ledger, &reservation, NULL, 0, 0) : code;
}
