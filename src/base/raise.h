/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Times that threads share. A word that only rises, whichever thread comes first: the time that was seen latest, a
 * deadline that may be put off; or one that only sinks: when something is due first.
 * Sequentially consistent, since the quotas' proofs speak of one order of all accesses; where others could do with
 * less, it costs nothing on x86 and next to nothing elsewhere.
 */
#ifndef LW_BASE_RAISE_H
#define LW_BASE_RAISE_H

#include <stdbool.h>
#include <stdint.h>

/* Raises the word to `to`, unless it is there or beyond. Returns the greater of both. */
static inline uint64_t lw__raise(uint64_t *word, uint64_t to) {
    uint64_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    while (seen < to && !__atomic_compare_exchange_n(word, &seen, to, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return seen < to ? to : seen;
}

/* Lowers the word to `to`, unless it is there or below. */
static inline void lw__lower(uint64_t *word, uint64_t to) {
    uint64_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    while (to < seen && !__atomic_compare_exchange_n(word, &seen, to, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

/* So long after a time, or the end of time. */
static inline uint64_t lw__after(uint64_t time, uint64_t span) {
    return time > UINT64_MAX - span ? UINT64_MAX : time + span;
}

#endif
