/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The only source of chance that is not a seed of the caller's. Used once per object. */
#include "base/entropy.h"
#include "base/clock.h"
#include "base/random.h"

#include <sys/random.h>

uint64_t lw__entropy(void) {
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        /* Early boot, or a kernel without the call: the time and a stack address still differ between processes. */
        seed = lw__mix(lw__clock() ^ (uint64_t)(uintptr_t)&seed);
    }
    return seed != 0 ? seed : 1;
}
