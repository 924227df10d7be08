/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Accounts: what a whole fleet has used, counted by a store. One account per node, with any number of dimensions; one
 * posting charges several of them in one atomic step, all or nothing, wherever the store is.
 *
 *     lw_charge charges[2] = {LW_CHARGE_INIT, LW_CHARGE_INIT};
 *     charges[0].name = "rpm"; charges[0].window = 60 * SECOND; charges[0].limit = 500; charges[0].amount = 1;
 *     ...
 *     lw_posting posting = LW_POSTING_INIT;
 *     posting.charges = charges; posting.count = 2;
 *     lw_store_step step = {.op = LW_STORE_CHARGE, .key = "{node 7}/quota", .posting = &posting};
 *     lw_store_batch(store, &step, 1, deadline);
 *
 * Few will call this by hand: ledger.h reserves and settles with it, sync.h leases with it.
 *
 * What the kinds of quota.h promise holds for all processes together (docs/redis.md says where a store ends that):
 *   sliding   in no stretch of `window` more than the limit is granted, or, of what may be used later (see hold), used
 *   gcra      in any stretch of t, at most burst + limit x t / window is granted
 * An account forgets by itself what no longer counts, and is gone when nothing does. Dimensions of an account are told
 * apart by name, kind, window and resolution: processes that do not agree in these count apart. Limits may differ and
 * change at any time.
 *
 * Plain structs, borrowed for the call that takes them.
 */
#ifndef LOADWISE_ACCOUNT_H
#define LOADWISE_ACCOUNT_H

#include <loadwise/quota.h>

enum lw_posting_mode {
    LW_POSTING_ALL = 0,  /* all of the amounts, or nothing */
    LW_POSTING_PART = 1, /* of each amount what there is, perhaps nothing */
    LW_POSTING_FORCE = 2 /* whatever there is: debts, reports of use; the only mode for negative amounts */
};

enum lw_account_bound {
    LW_ACCOUNT_CHARGES = LW_QUOTA_DIMENSIONS, /* most charges of a posting */
    LW_ACCOUNT_NAME = 64,                     /* most bytes of a dimension's name: printable, no space, no ':' */
};

/* One dimension of a posting. */
typedef struct lw_charge {
    const char *name;    /* of the dimension */
    uint32_t kind;       /* LW_QUOTA_SLIDING or LW_QUOTA_GCRA */
    uint32_t resolution; /* sliding: buckets in a window, 1 to LW_QUOTA_RESOLUTION; 0: 20 */
    uint64_t window;     /* ns, 1 ms to 366 days; counted in whole µs, rounded up */
    uint64_t limit;      /* 1 to LW_QUOTA_LIMIT_MAX, or LW_QUOTA_UNLIMITED: it is only counted (sliding) */
    uint64_t burst;      /* gcra: 1 to LW_QUOTA_LIMIT_MAX */

    /* Above 0: to be charged. Below 0: given back, of the charge that had this stamp, as far as it still counts, and
       never so that more could be used than if less had been charged. 0: only looked at. */
    int64_t amount;
    uint64_t stamp[2]; /* written when something was charged: to be kept for giving it back. Opaque */

    /* Written. */
    uint64_t granted; /* of the amount: all, a part, or 0; of one below 0, how much came back */
    uint64_t used;    /* what counts now, this included; may be above the limit after LW_POSTING_FORCE */
    uint64_t retry; /* ns until all of the amount would fit; 0: it did, or would. LW_QUOTA_NEVER: more than the limit */
} lw_charge;

#define LW_CHARGE_INIT                                                                                                 \
    { NULL, LW_QUOTA_SLIDING, 0, 0, LW_QUOTA_UNLIMITED, 0, 0, {0, 0}, 0, 0, 0 }

/* One atomic step on an account. */
typedef struct lw_posting {
    size_t size; /* sizeof(lw_posting), so that the struct can grow */
    lw_charge *charges;
    uint32_t count; /* 1 to LW_ACCOUNT_CHARGES */
    uint32_t mode;  /* enum lw_posting_mode */

    /* ns, at most the window: what is charged may be used until so much later, so (sliding) it counts for so much
       longer. A lease. */
    uint64_t hold;

    /* ns since 1970, at most 2^52 µs, by a clock that all processes share, for stores whose own cannot be asked, and
       for tests; 0: the store's own, which is the better choice. A step back counts as standing still. */
    uint64_t now;

    /* Written: when the store did it, ns since 1970 by that clock, whole µs. */
    uint64_t time;
} lw_posting;

#define LW_POSTING_INIT                                                                                                \
    { sizeof(lw_posting), NULL, 0, LW_POSTING_ALL, 0, 0, 0 }

/* What a user of a shared count does while the store cannot be asked. */
enum lw_outage {
    LW_OUTAGE_LOCAL_SHARE = 0, /* each process grants limit / live instances, and what it has used before counts */
    LW_OUTAGE_OPEN = 1,        /* everything is granted, and counted for later */
    LW_OUTAGE_CLOSED = 2,      /* nothing is granted: LW_OVER_QUOTA */
    LW_OUTAGE_STALE = 3,       /* for `stale` ns as it was granted last, then nothing */
};

#endif
