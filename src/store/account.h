/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The arithmetic of accounts: bytes in, a posting, bytes out. No clock, no memory of its own, no lock; a store brings
 * those. Stores that count elsewhere (a script in a server) follow the same rules, which are all here, so that the same
 * postings have the same answers to the µs.
 *
 * Whole numbers below 2^53 throughout, which a double holds exactly.
 *   t       the time of a posting: whole µs, not before the latest posting that changed the account
 *   window, hold   in µs, rounded up
 *   asked   |amount|, at most 2^40, which is more than any limit
 * A posting that changes no dimension changes nothing, the latest time too.
 *
 * sliding: buckets of w = ceil(window / resolution) µs, number floor(t / w). Bucket n counts while
 * floor(t / w) <= n + resolution, so later ones count too. used is the sum of those that count.
 *   room      limit - used, or 2^52 - used when unlimited or forced; at least 0
 *   charge    raises bucket floor((t + hold) / w); stamp[0] is its number, stamp[1] 0
 *   give back lowers bucket stamp[0], if it counts, by at most what it holds
 *   retry     bucket after bucket leaves, oldest first, at (n + resolution + 1) w, until used + asked <= limit
 *
 * gcra: a level, which drains by itself. A µs is 2^k units: k is the largest with window 2^k < 2^40, or 0. One of an
 * amount costs price = ceil(window 2^k / limit) units; 1024 or more, else the limit is too large for its window, and
 * burst price is at most 2^50, else the burst is too many times the limit. used is ceil(level / price).
 *   room      floor((burst price - level) / price), or floor((2^52 - 1 - level) / price) when forced; at least 0
 *   charge    level += granted price; latest = t; low = min(low, price); stamp[0] = level + refunds, stamp[1] = t
 *   give back nothing if stamp[1] < born or > latest. Else, with p = min(price, low), the least of asked, floor(level /
 *             p) and floor((stamp[0] - refunds - (latest - stamp[1]) 2^k) / p), at least 0: level and refunds change by
 *             so many p. When refunds reaches 2^52 it begins again at 0, and born is t + 1
 *   retry     until level has drained to burst price - asked price, in whole µs, rounded up
 *   born      t of the charge that found no level, where refunds began at 0 and low at its price
 * So what is given back is what could be had if less had been charged (the argument is in src/quota/gcra.c; refunds of
 * later charges count against it here, as they are not told apart).
 *
 * Modes: ALL grants asked where room is that much in every dimension with an amount above 0, and else nothing anywhere
 * (LW_OVER_QUOTA); PART the lesser of asked and room; FORCE too, with the room of force. In all of them granted is what
 * was given back where the amount is below 0 (only FORCE has such), and an amount of 0 is granted. used and retry are
 * of the account as it is after the posting; retry is 0 where granted = asked, or when forced; LW_QUOTA_NEVER where
 * asked is above the limit (gcra: the burst).
 *
 * The value: "lwac", version, three zero bytes; then little-endian words of 64 bits: the latest t, the dimensions, and
 * the XXH3-64 of all before.
 *
 * A value with the same dimension twice was not written here either: what is charged would count in both.
 *
 * Cost: one pass to read, one to write; O((charges + dimensions) x dimensions + buckets), of few dimensions.
 */
#ifndef LW_STORE_ACCOUNT_H
#define LW_STORE_ACCOUNT_H

#include "base/env.h"
#include "store/rewrite.h"

#include <loadwise/account.h>
#include <stdbool.h>

#define LW__TIME_MOST (UINT64_C(1) << 52)       /* µs since 1970: in the year 2112 */
#define LW__COUNT_MOST (UINT64_C(1) << 52)      /* most that a dimension counts */
#define LW__ASKED_MOST (LW_QUOTA_LIMIT_MAX + 1) /* larger amounts count as this */
#define LW__POSTING_LEAST UINT64_C(1000000)     /* windows, ns */
#define LW__POSTING_MOST (UINT64_C(366) * 86400 * 1000000000)

/* ---- posting.c ---- */

/* LW_OK; LW_INVALID or LW_RANGE, of which the log tells charge, value and what is allowed. */
int lw__posting_check(const lw_env *env, const lw_posting *posting);

/* Nothing was granted: for answers that leave the account as it was. */
void lw__posting_void(lw_posting *posting);

/* Whole µs, rounded up. */
static inline uint64_t lw__micros(uint64_t ns) { return ns / 1000 + (ns % 1000 != 0); }

/* ---- account.c ---- */

/* Most bytes of a value after a posting on one of this size. */
size_t lw__account_room(size_t size, const lw_posting *posting);

/*
 * Carries out a posting that was checked, at `now` ns if it brings no time of its own, on a value (size 0: none). Fills
 * charges, time and *rewrite, and writes at most lw__account_room bytes to `out`. An account that goes by a time that
 * postings bring lasts for its longest window and a second more. LW_OK, LW_OVER_QUOTA; LW_CORRUPT when the value is not
 * one that this has written: then all is as before.
 */
int lw__account_post(const void *value, size_t size, lw_posting *posting, uint64_t now, void *out,
                     struct lw__rewrite *rewrite);

#endif
