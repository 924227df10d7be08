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

static uint32_t jump_bucket(uint64_t key, uint32_t buckets) {
    int64_t bucket = 0, next = 0;
    while (next < buckets) {
        bucket = next;
        key = key * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(bucket + 1) * (2147483648.0 / (double)((key >> 33) + 1)));
    }
    return (uint32_t)bucket;
}

static uint32_t jump_owner(const lw_view *view, uint64_t key) { return jump_bucket(lw__mix(key), view->count); }

static ptrdiff_t jump_pick(const lw_view *view) {
    const struct jump_config *config = lw_view_config(view);
    uint64_t key;
    int error = lw__key_of(view, config->absent_key, &key);
    return error == LW_OK ? lw__rehash_pick_even(view, key, jump_owner) : error;
}

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
