/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What strategies that place by key share: requests without a key, and the order of nodes for one key where a table
 * knows the owner only.
 *
 * That order: attempt 0 looks the key up as it is, attempt a looks up mix(mix(key) + a * g), and each node counts where
 * it is met first. So an owner that may not be chosen passes its keys on to all the others by their shares, and no key
 * moves but those whose owner came or went. After LW__REHASHES attempts without success nearly nobody may be chosen;
 * then the nearest of those that are left by distance.h is it, by weight or evenly.
 */
#ifndef LW_STRATEGY_KEYED_H
#define LW_STRATEGY_KEYED_H

#include "base/random.h"
#include "strategy/distance.h"

#include <loadwise/ops.h>

enum { LW__REHASHES = 64 };

enum { LW__ABSENT_RANDOM = 0, LW__ABSENT_ERROR = 1, LW__ABSENT_NEXT = 2 };

#define LW__ABSENT_KEY_PARAM(config_type)                                                                              \
    {                                                                                                                  \
        "absent_key", LW_PARAM_CHOICE, offsetof(config_type, absent_key), "random", NULL, NULL, "random|error|next",   \
            "a request without a key: draw one at random, fail, or refuse so that a chain goes on"                     \
    }

/* The request's key; or what absent_key says: a random one, LW_KEY_REQUIRED or LW_NO_KEY. */
static inline int lw__key_of(const lw_view *view, uint64_t absent_key, uint64_t *key) {
    if (__builtin_expect((view->request->flags & LW_REQUEST_KEYED) != 0, 1)) {
        *key = view->request->key;
        return LW_OK;
    }
    *key = lw_view_random(view);
    return absent_key == LW__ABSENT_RANDOM ? LW_OK : absent_key == LW__ABSENT_ERROR ? LW_KEY_REQUIRED : LW_NO_KEY;
}

/* The key that attempt number `attempt` looks up. */
static inline uint64_t lw__rehash(uint64_t key, uint32_t attempt) {
    return attempt == 0 ? key : lw__mix(lw__mix(key) + attempt * LW__GOLDEN);
}

/* The owner of a key in the table of the view's plan, whether it may be chosen or not. */
typedef uint32_t lw__owner_fn(const lw_view *view, uint64_t key);

/* The first node in the order of the key that may be chosen, for when the owner may not; or a refusal. */
ptrdiff_t lw__rehash_pick(const lw_view *view, uint64_t key, lw__owner_fn *owner);

/* The first `room` of them; see sequence in ops.h. */
ptrdiff_t lw__rehash_sequence(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out, uint32_t room);

/* The same where weights do not count but for 0, which means never: also the last resort is even then. */
ptrdiff_t lw__rehash_pick_even(const lw_view *view, uint64_t key, lw__owner_fn *owner);
ptrdiff_t lw__rehash_sequence_even(const lw_view *view, uint64_t key, lw__owner_fn *owner, uint32_t *out,
                                   uint32_t room);

/* The nearest by weight of those that may be chosen; or a refusal. */
ptrdiff_t lw__nearest(const lw_view *view, uint64_t key);

/* To `found` nodes, or a refusal, adds the nearest of the others that may be chosen; the refusal stays where there is
   none. `found` is small: it is searched for each node. */
ptrdiff_t lw__then_nearest(const lw_view *view, uint64_t key, uint32_t *out, ptrdiff_t found, uint32_t room);

/* Writes the nodes of positive weight to order, by id; returns how many. Both arrays have room for all nodes. */
uint32_t lw__weighty_by_id(const lw_build *build, uint64_t *order, uint64_t *room);

#endif
