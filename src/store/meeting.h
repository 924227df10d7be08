/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The arithmetic of meetings: who is alive, and the sum of what they bring. Bytes in, a step, bytes out.
 *
 * t is the store's time in whole µs. A member is alive while t is before its end, which is t + ttl (in µs, rounded up)
 * of its last step, at most 2^53 - 1. Each step first drops those that are not alive; then it sets the member's amount
 * and end, or takes it out (ttl 0); the answer is how many there are now, and the sum of their amounts. A step that
 * takes out nobody changes nothing.
 *
 * The value: "lwme", version, three zero bytes; then per member three words, which are the size of its name, its amount
 * and its end, and the name in whole words; last the XXH3-64 of all before. Cost: O(members).
 */
#ifndef LW_STORE_MEETING_H
#define LW_STORE_MEETING_H

#include "base/env.h"
#include "store/rewrite.h"

enum { LW__MEMBER_NAME = 255 };

#define LW__MEMBER_BRINGS (INT64_C(1) << 40) /* most, either way, so that sums of many stay exact anywhere */

/* LW_OK; LW_INVALID or LW_RANGE, of which the log tells. */
int lw__meeting_check(const lw_env *env, const lw_store_step *step);

/* Most bytes of a value after a step on one of this size. */
size_t lw__meeting_room(size_t size, const lw_store_step *step);

/* Carries out a checked step at `now` ns on a value (size 0: none). Writes at most lw__meeting_room bytes to `out`, and
   step->sum. Returns how many are alive; LW_CORRUPT when the value is not one that this has written: then all is as
   before. */
ptrdiff_t lw__meeting_meet(const void *value, size_t size, lw_store_step *step, uint64_t now, void *out,
                           struct lw__rewrite *rewrite);

#endif
