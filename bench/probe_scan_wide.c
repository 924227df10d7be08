/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The scans with the vectors of AVX-512, whose masks take a bitmap as it is.
 *
 * Lowest: the minimum of each block, then the place of the lowest in the one block that has it.
 * Highest: the maximum, then one bit for each node within PROBE_EPSILON of it, then the bit of a drawn rank.
 */
#include "probes.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#define WIDE __attribute__((target("avx512f,avx512dq,avx512bw,bmi,bmi2,popcnt")))

enum { BLOCK = 512, WIDTH = 8, PARTS = 4, STEP = WIDTH * PARTS };

/* Which of the eight nodes from i on count. */
WIDE static inline __mmask8 wide_mask(const uint64_t *eligible, uint32_t i) {
    return (__mmask8)(eligible == NULL ? 0xff : eligible[i / 64] >> (i % 64));
}

/* The same where the end may be near. */
WIDE static inline __mmask8 wide_last_mask(const uint64_t *eligible, uint32_t i, uint32_t end) {
    uint32_t before_end = end - i >= WIDTH ? 0xff : (1U << (end - i)) - 1;
    return (__mmask8)(before_end & wide_mask(eligible, i));
}

WIDE static inline __m512d wide_better(__m512d best, __mmask8 mask, __m512d eight, bool highest) {
    return highest ? _mm512_mask_max_pd(best, mask, best, eight) : _mm512_mask_min_pd(best, mask, best, eight);
}

/* The best of all parts, in every lane. */
WIDE static inline __m512d wide_fold(const __m512d best[PARTS], bool highest) {
    __m512d left = wide_better(best[0], 0xff, best[1], highest);
    __m512d all = wide_better(left, 0xff, wide_better(best[2], 0xff, best[3], highest), highest);
    all = wide_better(all, 0xff, _mm512_shuffle_f64x2(all, all, 0x4e), highest);
    all = wide_better(all, 0xff, _mm512_shuffle_f64x2(all, all, 0xb1), highest);
    return wide_better(all, 0xff, _mm512_permute_pd(all, 0x55), highest);
}

/* The lowest or highest value from `from`, a multiple of 8, to before `end`; in parts that do not wait for each other.
 */
WIDE static inline __m512d wide_extreme(const double *values, const uint64_t *eligible, uint32_t from, uint32_t end,
                                        bool highest) {
    __m512d best[PARTS];
    uint32_t i = from;
    for (uint32_t part = 0; part < PARTS; part++) {
        best[part] = _mm512_set1_pd(highest ? -INFINITY : INFINITY);
    }
    for (; i + STEP <= end; i += STEP) {
        for (uint32_t part = 0; part < PARTS; part++) {
            uint32_t at = i + part * WIDTH;
            best[part] = wide_better(best[part], wide_mask(eligible, at), _mm512_loadu_pd(values + at), highest);
        }
    }
    for (; i < end; i += WIDTH) {
        __mmask8 mask = wide_last_mask(eligible, i, end);
        best[0] = wide_better(best[0], mask, _mm512_maskz_loadu_pd(mask, values + i), highest);
    }
    return wide_fold(best, highest);
}

/* The value stands in every lane of `wanted`, and somewhere from `from` on. */
WIDE static inline uint32_t wide_place(const double *values, const uint64_t *eligible, uint32_t from, uint32_t end,
                                       __m512d wanted) {
    uint32_t i = from;
    for (; i + WIDTH < end; i += WIDTH) {
        __mmask8 mask = wide_mask(eligible, i);
        __mmask8 here = _mm512_mask_cmp_pd_mask(mask, _mm512_loadu_pd(values + i), wanted, _CMP_EQ_OQ);
        if (here != 0) {
            return i + (uint32_t)__builtin_ctz(here);
        }
    }
    __mmask8 mask = wide_last_mask(eligible, i, end);
    __m512d last = _mm512_maskz_loadu_pd(mask, values + i);
    return i + (uint32_t)__builtin_ctz(_mm512_mask_cmp_pd_mask(mask, last, wanted, _CMP_EQ_OQ));
}

WIDE static inline uint32_t wide_lowest(const struct probe *probe, const uint64_t *eligible) {
    const double *loads = probe->fleet->loads;
    uint32_t count = probe->fleet->count;
    uint32_t home = 0;
    __m512d lowest = wide_extreme(loads, eligible, 0, count < BLOCK ? count : BLOCK, false);
    for (uint32_t from = BLOCK; from < count; from += BLOCK) {
        uint32_t end = from + BLOCK < count ? from + BLOCK : count;
        __m512d value = wide_extreme(loads, eligible, from, end, false);
        if (_mm512_cvtsd_f64(value) < _mm512_cvtsd_f64(lowest)) {
            lowest = value;
            home = from;
        }
    }
    return wide_place(loads, eligible, home, count, lowest);
}

/* The place of the one of that rank. */
WIDE static inline uint32_t wide_bit(const uint64_t *words, uint32_t rank) {
    uint32_t word = 0;
    for (uint32_t ones; rank >= (ones = (uint32_t)_mm_popcnt_u64(words[word])); word++) {
        rank -= ones;
    }
    return word * 64 + (uint32_t)_tzcnt_u64(_pdep_u64(UINT64_C(1) << rank, words[word]));
}

WIDE static inline uint64_t wide_at_least(const double *values, const uint64_t *eligible, uint32_t i, uint32_t end,
                                          __m512d least) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 64 && i + k < end; k += WIDTH) {
        __mmask8 mask = wide_last_mask(eligible, i + k, end);
        __m512d eight = _mm512_maskz_loadu_pd(mask, values + i + k);
        word |= (uint64_t)_mm512_mask_cmp_pd_mask(mask, eight, least, _CMP_GE_OQ) << k;
    }
    return word;
}

WIDE static inline uint32_t wide_highest(const struct probe *probe, struct probe_lane *lane, const uint64_t *eligible) {
    const double *remaining = probe->fleet->remaining;
    uint32_t count = probe->fleet->count;
    __m512d highest = wide_extreme(remaining, eligible, 0, count, true);
    __m512d least = _mm512_sub_pd(highest, _mm512_set1_pd(PROBE_EPSILON));
    uint64_t *words = lane->words;
    uint32_t ties = 0;
    uint32_t i = 0;
    do {
        words[i / 64] = wide_at_least(remaining, eligible, i, count, least);
        ties += (uint32_t)_mm_popcnt_u64(words[i / 64]);
        i += 64;
    } while (i < count);
    return wide_bit(words, probe_below((uint32_t)(probe_draw(lane) >> 32), ties));
}

#define WIDE_LOOP(name, pick) WIDE PROBE_LOOP(name, pick)
WIDE_LOOP(wide_lowest_whole, wide_lowest(probe, NULL))
WIDE_LOOP(wide_lowest_partial, wide_lowest(probe, probe->fleet->eligible))
WIDE_LOOP(wide_highest_whole, wide_highest(probe, lane, NULL))
WIDE_LOOP(wide_highest_partial, wide_highest(probe, lane, probe->fleet->eligible))

static bool has_wide(void) {
    return __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

const struct probe_kind probe_least_load_wide = {"least_load",
                                                 "AVX-512 scan of the loads, the first of equals",
                                                 has_wide,
                                                 {wide_lowest_whole},
                                                 {wide_lowest_partial},
                                                 NULL};
const struct probe_kind probe_most_available_wide = {
    "most_available", "two AVX-512 scans of the shares", has_wide, {wide_highest_whole}, {wide_highest_partial}, NULL};

#else

static bool has_not(void) { return false; }

const struct probe_kind probe_least_load_wide = {"least_load", "", has_not, {NULL}, {NULL}, NULL};
const struct probe_kind probe_most_available_wide = {"most_available", "", has_not, {NULL}, {NULL}, NULL};

#endif
