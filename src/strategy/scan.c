/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The scan behind least_load and most_available; see scan.h.
 *
 * Cost: O(n), about 0.1 ns a node for dense doubles with AVX2, 0.7 without; plus, for ties, O(ties' blocks).
 */
#include "strategy/scan.h"

#include "base/bits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WORD_BITS = 64, RUNS = 256, RETRIES = 2 };

#define INFINITE __builtin_inf()

/* The two kernels over a block of at most 64 values; see scan.h. */
typedef double least_fn(const double *values, uint32_t count, uint64_t mask, double sign);
typedef uint64_t hits_fn(const double *values, uint32_t count, uint64_t mask, double sign, double threshold);

double lw__least_plain(const double *values, uint32_t count, uint64_t mask, double sign) {
    double least = INFINITE;
    for (uint32_t i = 0; i < count; i++) {
        double value = values[i] * sign;
        least = (mask >> i & 1) && value < least ? value : least;
    }
    return least;
}

uint64_t lw__hits_plain(const double *values, uint32_t count, uint64_t mask, double sign, double threshold) {
    uint64_t hits = 0;
    for (uint32_t i = 0; i < count; i++) {
        hits |= (uint64_t)(values[i] * sign <= threshold) << i;
    }
    return hits & mask;
}

/* One block of 64 nodes, ready for a kernel. */
struct block {
    const double *values;
    uint32_t count;
    uint64_t mask;
    double gathered[WORD_BITS];
};

/* Runs of blocks, few enough for their least scores to fit the stack. */
struct runs {
    uint32_t words, length; /* blocks in all and per run */
    double least[RUNS];
};

#define INLINE static inline __attribute__((always_inline))

static void gather(const struct lw__scan *scan, uint32_t begin, struct block *block) {
    for (uint32_t i = 0; i < block->count; i++) {
        if (scan->weighted && lw_view_weight(scan->view, begin + i) == 0) {
            block->mask &= ~(UINT64_C(1) << i);
        }
        block->gathered[i] = block->mask >> i & 1 ? scan->score(scan->view, begin + i) : INFINITE;
    }
    block->values = block->gathered;
}

INLINE void load_block(const struct lw__scan *scan, bool plain, uint32_t word, struct block *block) {
    const lw_view *view = scan->view;
    uint32_t begin = word * WORD_BITS, left = view->count - begin;
    block->count = left < WORD_BITS ? left : WORD_BITS;
    block->mask = plain || lw_view_all(view) ? lw__low_ones(block->count) : lw_view_word(view, word);
    if (plain || scan->dense != NULL) {
        block->values = scan->dense + begin;
    } else {
        gather(scan, begin, block);
    }
}

INLINE double scan_least(const struct lw__scan *scan, bool plain, struct runs *runs, least_fn *least_of) {
    double least = INFINITE;
    struct block block;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        double run_least = INFINITE;
        for (uint32_t w = begin; w < begin + runs->length && w < runs->words; w++) {
            load_block(scan, plain, w, &block);
            double found = least_of(block.values, block.count, block.mask, scan->sign);
            run_least = found < run_least ? found : run_least;
        }
        runs->least[r] = run_least;
        least = run_least < least ? run_least : least;
    }
    return least;
}

/* Nearly always one node qualifies, and then the first is it. */
INLINE uint32_t place_of(uint64_t hits, uint32_t rank) {
    return rank == 0 ? (uint32_t)__builtin_ctzll(hits) : lw__nth_one(hits, rank);
}

/* How many qualify; and the one of that rank, in index order, if there are so many. Without kernel: all qualify. */
INLINE uint32_t scan_hits(const struct lw__scan *scan, bool plain, const struct runs *runs, double threshold,
                          hits_fn *hits_of, uint32_t rank, uint32_t *found) {
    uint32_t seen = 0;
    struct block block;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        bool reaches = hits_of == NULL || runs->least[r] <= threshold;
        for (uint32_t w = begin; reaches && w < begin + runs->length && w < runs->words; w++) {
            load_block(scan, plain, w, &block);
            uint64_t hits =
                hits_of == NULL ? block.mask : hits_of(block.values, block.count, block.mask, scan->sign, threshold);
            uint32_t ones = (uint32_t)__builtin_popcountll(hits); /* one instruction, in the kernels' target */
            if (rank - seen < ones) {
                *found = w * WORD_BITS + place_of(hits, rank - seen);
            }
            seen += ones;
        }
    }
    return seen;
}

INLINE ptrdiff_t choose(const struct lw__scan *scan, bool plain, const struct runs *runs, double threshold,
                        hits_fn *hits_of) {
    uint32_t found = 0;
    uint32_t hits = scan_hits(scan, plain, runs, threshold, hits_of, 0, &found);
    if (hits > 1 && !scan->first) {
        uint32_t again = scan_hits(scan, plain, runs, threshold, hits_of, lw_view_below(scan->view, hits), &found);
        hits = again < hits ? again : hits; /* values that other threads write may have moved */
    }
    return hits > 0 ? (ptrdiff_t)found : LW_NO_WEIGHT;
}

/* Where one block is all there is: the hits that were found are drawn from, and not looked for again. -1 without any.
 */
INLINE ptrdiff_t scan_block(const struct lw__scan *scan, bool plain, double slack, least_fn *least_of,
                            hits_fn *hits_of) {
    struct block block;
    load_block(scan, plain, 0, &block);
    double least = least_of(block.values, block.count, block.mask, scan->sign);
    uint64_t hits = hits_of(block.values, block.count, block.mask, scan->sign, least + slack);
    uint32_t ones = (uint32_t)__builtin_popcountll(hits);
    uint32_t rank = ones > 1 && !scan->first ? lw_view_below(scan->view, ones) : 0;
    return ones > 0 ? (ptrdiff_t)place_of(hits, rank) : -1;
}

INLINE ptrdiff_t scan_as(const struct lw__scan *scan, bool plain, double slack, least_fn *least_of, hits_fn *hits_of) {
    struct runs runs;
    runs.words = LW_BITMAP_WORDS(scan->view->count);
    runs.length = (runs.words + RUNS - 1) / RUNS;
    ptrdiff_t index = -1;
    for (int attempt = 0; attempt < RETRIES; attempt++) {
        if (runs.words == 1) {
            index = scan_block(scan, plain, slack, least_of, hits_of);
        } else {
            double least = scan_least(scan, plain, &runs, least_of);
            index = choose(scan, plain, &runs, least + slack, hits_of);
        }
        if (index >= 0) {
            return index;
        }
    }
    index = choose(scan, plain, &runs, 0, NULL);
    return index < 0 && lw_view_count(scan->view) == 0 ? lw_view_refusal(scan->view) : index;
}

/* Compiled twice: for dense values of nodes that may all be chosen, the common case, nothing is left to ask per block.
 */
INLINE ptrdiff_t scan_pick(const struct lw__scan *scan, double slack, least_fn *least_of, hits_fn *hits_of) {
    bool plain = scan->dense != NULL && lw_view_all(scan->view);
    return plain ? scan_as(scan, true, slack, least_of, hits_of) : scan_as(scan, false, slack, least_of, hits_of);
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,popcnt")))

/* All ones in the lanes of nodes i to i + 3 that take part. */
AVX2 static inline __m256i lanes_of(uint64_t mask, uint32_t i) {
    __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
    return _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((long long)(mask >> i)), bit), bit);
}

/* Negation is a flip of the sign bit. */
AVX2 static inline __m256d sign_bits(double sign) { return _mm256_set1_pd(sign < 0 ? -0.0 : 0.0); }

AVX2 static inline double least_of_lanes(__m256d lanes) {
    __m128d pair = _mm_min_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd(lanes, 1));
    return _mm_cvtsd_f64(_mm_min_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

/* min_pd answers its second operand when one is NaN, so a NaN never enters the accumulator. */
AVX2 static inline double least_full(const double *values, __m256d flip) {
    __m256d a = _mm256_set1_pd(INFINITE), b = a, c = a, d = a;
    for (uint32_t i = 0; i < WORD_BITS; i += 16) {
        a = _mm256_min_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i), flip), a);
        b = _mm256_min_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i + 4), flip), b);
        c = _mm256_min_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i + 8), flip), c);
        d = _mm256_min_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i + 12), flip), d);
    }
    return least_of_lanes(_mm256_min_pd(_mm256_min_pd(a, b), _mm256_min_pd(c, d)));
}

AVX2 static inline double least_avx2(const double *values, uint32_t count, uint64_t mask, double sign) {
    __m256d flip = sign_bits(sign), least = _mm256_set1_pd(INFINITE);
    if (mask == UINT64_MAX) {
        return least_full(values, flip);
    }
    for (uint32_t i = 0; i < count; i += 4) {
        __m256i lanes = lanes_of(mask, i);
        __m256d four = _mm256_xor_pd(_mm256_maskload_pd(values + i, lanes), flip);
        least = _mm256_min_pd(_mm256_blendv_pd(_mm256_set1_pd(INFINITE), four, _mm256_castsi256_pd(lanes)), least);
    }
    return least_of_lanes(least);
}

AVX2 static inline __m256d hit_lanes(const double *values, __m256d flip, __m256d threshold) {
    return _mm256_cmp_pd(_mm256_xor_pd(_mm256_loadu_pd(values), flip), threshold, _CMP_LE_OQ);
}

AVX2 static inline uint64_t bits_of(__m256d lanes) { return (uint64_t)(uint32_t)_mm256_movemask_pd(lanes); }

/* Hits are rare: sixteen values are compared before anyone asks which of them it was. */
AVX2 static inline uint64_t hits_full(const double *values, __m256d flip, __m256d threshold) {
    uint64_t hits = 0;
    for (uint32_t i = 0; i < WORD_BITS; i += 16) {
        __m256d a = hit_lanes(values + i, flip, threshold), b = hit_lanes(values + i + 4, flip, threshold);
        __m256d c = hit_lanes(values + i + 8, flip, threshold), d = hit_lanes(values + i + 12, flip, threshold);
        if (bits_of(_mm256_or_pd(_mm256_or_pd(a, b), _mm256_or_pd(c, d))) != 0) {
            hits |= (bits_of(a) | bits_of(b) << 4 | bits_of(c) << 8 | bits_of(d) << 12) << i;
        }
    }
    return hits;
}

AVX2 static inline uint64_t hits_avx2(const double *values, uint32_t count, uint64_t mask, double sign,
                                      double threshold) {
    __m256d flip = sign_bits(sign), bound = _mm256_set1_pd(threshold);
    uint64_t hits = 0;
    if (mask == UINT64_MAX) {
        return hits_full(values, flip, bound);
    }
    for (uint32_t i = 0; i < count; i += 4) {
        __m256d four = _mm256_xor_pd(_mm256_maskload_pd(values + i, lanes_of(mask, i)), flip);
        hits |= bits_of(_mm256_cmp_pd(four, bound, _CMP_LE_OQ)) << i;
    }
    return hits & mask;
}

AVX2 static ptrdiff_t scan_pick_avx2(const struct lw__scan *scan, double slack) {
    return scan_pick(scan, slack, least_avx2, hits_avx2);
}

AVX2 static double least_block_avx2(const double *values, uint32_t count, uint64_t mask, double sign) {
    return least_avx2(values, count, mask, sign);
}

AVX2 static uint64_t hits_block_avx2(const double *values, uint32_t count, uint64_t mask, double sign,
                                     double threshold) {
    return hits_avx2(values, count, mask, sign, threshold);
}

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"); }

double lw__least(const double *values, uint32_t count, uint64_t mask, double sign) {
    return has_avx2() ? least_block_avx2(values, count, mask, sign) : lw__least_plain(values, count, mask, sign);
}

uint64_t lw__hits(const double *values, uint32_t count, uint64_t mask, double sign, double threshold) {
    return has_avx2() ? hits_block_avx2(values, count, mask, sign, threshold)
                      : lw__hits_plain(values, count, mask, sign, threshold);
}

ptrdiff_t lw__scan_pick(const struct lw__scan *scan, double slack) {
    return has_avx2() ? scan_pick_avx2(scan, slack) : scan_pick(scan, slack, lw__least_plain, lw__hits_plain);
}

#else

double lw__least(const double *values, uint32_t count, uint64_t mask, double sign) {
    return lw__least_plain(values, count, mask, sign);
}

uint64_t lw__hits(const double *values, uint32_t count, uint64_t mask, double sign, double threshold) {
    return lw__hits_plain(values, count, mask, sign, threshold);
}

ptrdiff_t lw__scan_pick(const struct lw__scan *scan, double slack) {
    return scan_pick(scan, slack, lw__least_plain, lw__hits_plain);
}

#endif
