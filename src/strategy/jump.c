/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * jump: consistent hashing without a table. The key alone decides at which sizes of the list it would have moved to
 * the newest node; the last of these sizes within the count is where it is now.
 *
 * Let key be mix(the key of the request). A linear congruential generator, key = key * 2862933555777941757 + 1, is
 * asked for the next size at which the key moves: j = (b + 1) * (2^31 / ((key >> 33) + 1)), cut to an integer, where b
 * is the bucket it sits in; the last b below n is the bucket, and bucket b is node b of the list. The division is IEEE
 * double, which is the same everywhere.
 * Weights do not count, but for 0: such a node passes its keys on like one that may not be chosen; see keyed.h.
 *
 * Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014 (arXiv 1406.2294).
 * Cost per pick: O(ln n) divisions, no memory. Build: nothing.
 */
#include "strategy/keyed.h"
#include "strategy/table.h"

struct jump_config {
    uint64_t absent_key;
};

#define INLINE static inline __attribute__((always_inline))

typedef double cut_fn(double place); /* to a whole number */

/* Whether the cut number is below a whole one is known before it is cut, so the last step need not wait for that. */
INLINE uint32_t jump_bucket(uint64_t key, uint32_t buckets, cut_fn *cut) {
    const double end = buckets;
    double bucket, next = 0;
    do {
        bucket = cut(next);
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (bucket + 1) * (2147483648.0 / (double)((key >> 33) + 1));
    } while (next < end);
    return (uint32_t)(int64_t)bucket;
}

INLINE double cut_plain(double place) { return (double)(int64_t)place; }

static uint32_t jump_owner(const lw_view *view, uint64_t key) {
    return jump_bucket(lw__mix(key), view->count, cut_plain);
}

INLINE ptrdiff_t pick_by(const lw_view *view, cut_fn *cut) {
    const struct jump_config *config = lw_view_config(view);
    uint64_t key;
    int error = lw__key_of(view, config->absent_key, &key);
    if (error != LW_OK) {
        return error;
    }
    uint32_t owner = jump_bucket(lw__mix(key), view->count, cut);
    bool may = lw_view_may(view, owner) && lw_view_weight(view, owner) > 0;
    return may ? (ptrdiff_t)owner : lw__rehash_pick_even(view, key, jump_owner);
}

#if defined(__x86_64__)

/* One instruction of 3 cycles, where to convert there and back takes 14. */
#define SSE41 __attribute__((target("sse4.1")))

SSE41 INLINE double cut_sse41(double place) { return __builtin_floor(place); }

SSE41 __attribute__((noinline)) static ptrdiff_t pick_sse41(const lw_view *view) { return pick_by(view, cut_sse41); }

static ptrdiff_t jump_pick(const lw_view *view) {
    return __builtin_cpu_supports("sse4.1") ? pick_sse41(view) : pick_by(view, cut_plain);
}

#else

static ptrdiff_t jump_pick(const lw_view *view) { return pick_by(view, cut_plain); }

#endif

static ptrdiff_t jump_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    return lw__rehash_sequence_even(view, key, jump_owner, out, room);
}

static const lw_param jump_params[] = {LW__ABSENT_KEY_PARAM(struct jump_config)};

const lw_strategy_ops lw__jump = {
    .size = sizeof lw__jump,
    .name = "jump",
    .help = "Consistent hashing by the place in the list, without a table. For numbered shards that are only ever "
            "added or removed at the end.",
    .params = jump_params,
    .param_count = sizeof jump_params / sizeof *jump_params,
    .config_size = sizeof(struct jump_config),
    .needs = LW_NEEDS_KEY,
    .pick = jump_pick,
    .sequence = jump_sequence,
};
