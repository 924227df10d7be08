/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An asymmetric barrier: the rare side pays for both.
 *
 * Readers that store and then load need a full barrier between the two, which costs more than a pick. Linux can instead
 * have the rare writer force one on every running thread of the process (membarrier, private expedited, 0.3 us), and
 * then the readers' side is only a promise of the compiler. Where the kernel lacks it, both sides use real barriers.
 */
#ifndef LW_BASE_BARRIER_H
#define LW_BASE_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

/* Can the writer's side pay? Asked once per object. */
bool lw__barrier_is_cheap(void);

/* Writer's side. False: the kernel, which had promised, refused; then nothing is known of the readers. */
bool lw__barrier_heavy(bool cheap);

/* Readers' side: stores the word, and no later load comes before it. */
static inline void lw__barrier_store(uint32_t *word, uint32_t value, bool cheap) {
    if (__builtin_expect(cheap, 1)) {
        __atomic_store_n(word, value, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    }
}

#endif
