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

static double least_plain(const double *values, uint32_t count, uint64_t mask, double sign) {
    double least = INFINITE;
    for (uint32_t i = 0; i < count; i++) {
        double value = values[i] * sign;
        least = (mask >> i & 1) && value < least ? value : least;
    }
    return least;
}

static uint64_t hits_plain(const double *values, uint32_t count, uint64_t mask, double sign, double threshold) {
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

INLINE void load_block(const struct lw__scan *scan, bool whole, uint32_t word, struct block *block) {
    const lw_view *view = scan->view;
    uint32_t begin = word * WORD_BITS, left = view->count - begin;
    block->count = left < WORD_BITS ? left : WORD_BITS;
    block->mask = whole || lw_view_all(view) ? lw__low_ones(block->count) : lw_view_word(view, word);
    if (whole || scan->dense != NULL) {
        block->values = scan->dense + begin;
    } else {
        gather(scan, begin, block);
    }
}

INLINE double scan_least(const struct lw__scan *scan, bool whole, struct runs *runs, least_fn *least_of) {
    double least = INFINITE;
    struct block block;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        double run_least = INFINITE;
        for (uint32_t w = begin; w < begin + runs->length && w < runs->words; w++) {
            load_block(scan, whole, w, &block);
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
INLINE uint32_t scan_hits(const struct lw__scan *scan, bool whole, const struct runs *runs, double threshold,
                          hits_fn *hits_of, uint32_t rank, uint32_t *found) {
    uint32_t seen = 0;
    struct block block;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        bool reaches = hits_of == NULL || runs->least[r] <= threshold;
        for (uint32_t w = begin; reaches && w < begin + runs->length && w < runs->words; w++) {
            load_block(scan, whole, w, &block);
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

INLINE ptrdiff_t choose(const struct lw__scan *scan, bool whole, const struct runs *runs, double threshold,
                        hits_fn *hits_of) {
    uint32_t found = 0;
    uint32_t hits = scan_hits(scan, whole, runs, threshold, hits_of, 0, &found);
    if (hits > 1 && !scan->first) {
        uint32_t again = scan_hits(scan, whole, runs, threshold, hits_of, lw_view_below(scan->view, hits), &found);
        hits = again < hits ? again : hits; /* values that other threads write may have moved */
    }
    return hits > 0 ? (ptrdiff_t)found : LW_NO_WEIGHT;
}

/* There are ties, `ones` of them. Apart, so that where there are none nothing is saved. */
__attribute__((noinline)) static uint32_t draw_hit(const lw_view *view, uint64_t hits, uint32_t ones) {
    return lw__nth_one(hits, lw_view_below(view, ones));
}

/* Where one block is all there is: the hits that were found are drawn from, and not looked for again. There is one. */
INLINE uint32_t hit_of(const lw_view *view, uint64_t hits, bool first) {
    bool tied = (hits & (hits - 1)) != 0;
    return tied && !first ? draw_hit(view, hits, (uint32_t)__builtin_popcountll(hits))
                          : (uint32_t)__builtin_ctzll(hits);
}

/* -1 without any. */
INLINE ptrdiff_t scan_block(const struct lw__scan *scan, bool whole, double slack, least_fn *least_of,
                            hits_fn *hits_of) {
    struct block block;
    load_block(scan, whole, 0, &block);
    double least = least_of(block.values, block.count, block.mask, scan->sign);
    uint64_t hits = hits_of(block.values, block.count, block.mask, scan->sign, least + slack);
    return hits != 0 ? (ptrdiff_t)hit_of(scan->view, hits, scan->first) : -1;
}

INLINE ptrdiff_t scan_as(const struct lw__scan *scan, bool whole, double slack, least_fn *least_of, hits_fn *hits_of) {
    struct runs runs;
    runs.words = LW_BITMAP_WORDS(scan->view->count);
    runs.length = (runs.words + RUNS - 1) / RUNS;
    ptrdiff_t index = -1;
    for (int attempt = 0; attempt < RETRIES; attempt++) {
        if (runs.words == 1) {
            index = scan_block(scan, whole, slack, least_of, hits_of);
        } else {
            double least = scan_least(scan, whole, &runs, least_of);
            index = choose(scan, whole, &runs, least + slack, hits_of);
        }
        if (index >= 0) {
            return index;
        }
    }
    index = choose(scan, whole, &runs, 0, NULL);
    return index < 0 && lw_view_count(scan->view) == 0 ? lw_view_refusal(scan->view) : index;
}

/* Values in place of nodes that may all be chosen, the common case: nothing is left to ask per block. */
INLINE ptrdiff_t scan_whole(const lw_view *view, const double *values, double sign, double slack, bool first,
                            least_fn *least_of, hits_fn *hits_of) {
    struct lw__scan scan = {.view = view, .dense = values, .sign = sign, .first = first};
    return scan_as(&scan, true, slack, least_of, hits_of);
}

__attribute__((noinline)) static ptrdiff_t scan_whole_plain(const lw_view *view, const double *values, double sign,
                                                            double slack, bool first) {
    return scan_whole(view, values, sign, slack, first, least_plain, hits_plain);
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,popcnt")))

/* All ones in the lanes of nodes i to i + 3 that take part. */
AVX2 static inline __m256i lanes_of(uint64_t mask, uint32_t i) {
    __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
    return _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x((long long)(mask >> i)), bit), bit);
}

/* Negation is a flip of the sign bit. */
AVX2 static inline __m256d sign_bits(double sign) { return _mm256_and_pd(_mm256_set1_pd(sign), _mm256_set1_pd(-0.0)); }

/* In all four lanes. */
AVX2 static inline __m256d least_of_lanes(__m256d lanes) {
    __m256d pairs = _mm256_min_pd(lanes, _mm256_permute2f128_pd(lanes, lanes, 1));
    return _mm256_min_pd(pairs, _mm256_permute_pd(pairs, 5));
}

/* All ones in the first few lanes, fewer than four. */
AVX2 static inline __m256i first_lanes(uint32_t few) {
    static const int64_t lanes[] = {-1, -1, -1, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + 3 - few));
}

AVX2 static inline __m256d four_at(const double *values, __m256d flip) {
    return _mm256_xor_pd(_mm256_loadu_pd(values), flip);
}

AVX2 static inline __m256d some_at(const double *values, __m256i lanes, __m256d flip) {
    return _mm256_xor_pd(_mm256_maskload_pd(values, lanes), flip);
}

/* +inf in the other lanes. */
AVX2 static inline __m256d some_or_infinite(const double *values, __m256i lanes, __m256d flip) {
    return _mm256_blendv_pd(_mm256_set1_pd(INFINITE), some_at(values, lanes, flip), _mm256_castsi256_pd(lanes));
}

/* min_pd answers its second operand when one is NaN, so a NaN never enters the accumulator. */
AVX2 static inline __m256d least_whole(const double *values, uint32_t count, __m256d flip) {
    __m256d a = _mm256_set1_pd(INFINITE), b = a, c = a, d = a;
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        a = _mm256_min_pd(four_at(values + i, flip), a);
        b = _mm256_min_pd(four_at(values + i + 4, flip), b);
        c = _mm256_min_pd(four_at(values + i + 8, flip), c);
        d = _mm256_min_pd(four_at(values + i + 12, flip), d);
    }
    for (; i + 4 <= count; i += 4) {
        a = _mm256_min_pd(four_at(values + i, flip), a);
    }
    if (i < count) {
        b = _mm256_min_pd(some_or_infinite(values + i, first_lanes(count - i), flip), b);
    }
    return least_of_lanes(_mm256_min_pd(_mm256_min_pd(a, b), _mm256_min_pd(c, d)));
}

AVX2 static inline double least_avx2(const double *values, uint32_t count, uint64_t mask, double sign) {
    __m256d flip = sign_bits(sign), least = _mm256_set1_pd(INFINITE);
    if (mask == lw__low_ones(count)) {
        return _mm256_cvtsd_f64(count == WORD_BITS ? least_whole(values, WORD_BITS, flip)
                                                   : least_whole(values, count, flip));
    }
    for (uint32_t i = 0; i < count; i += 4) {
        least = _mm256_min_pd(some_or_infinite(values + i, lanes_of(mask, i), flip), least);
    }
    return _mm256_cvtsd_f64(least_of_lanes(least));
}

/* Bit by bit: is it at or under the threshold? */
AVX2 static inline __m256d at_most(__m256d four, __m256d threshold) {
    return _mm256_cmp_pd(four, threshold, _CMP_LE_OQ);
}

AVX2 static inline uint64_t bits_of(__m256d lanes) { return (uint64_t)(uint32_t)_mm256_movemask_pd(lanes); }

/* Hits are rare: sixteen values are compared before anyone asks which of them it was. */
AVX2 static inline uint64_t hits_whole(const double *values, uint32_t count, __m256d flip, __m256d threshold) {
    uint64_t hits = 0;
    uint32_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m256d a = at_most(four_at(values + i, flip), threshold),
                b = at_most(four_at(values + i + 4, flip), threshold);
        __m256d c = at_most(four_at(values + i + 8, flip), threshold);
        __m256d d = at_most(four_at(values + i + 12, flip), threshold);
        if (bits_of(_mm256_or_pd(_mm256_or_pd(a, b), _mm256_or_pd(c, d))) != 0) {
            hits |= (bits_of(a) | bits_of(b) << 4 | bits_of(c) << 8 | bits_of(d) << 12) << i;
        }
    }
    for (; i + 4 <= count; i += 4) {
        hits |= bits_of(at_most(four_at(values + i, flip), threshold)) << i;
    }
    if (i < count) {
        __m256i lanes = first_lanes(count - i);
        __m256d hit = at_most(some_at(values + i, lanes, flip), threshold);
        hits |= bits_of(_mm256_and_pd(hit, _mm256_castsi256_pd(lanes))) << i;
    }
    return hits;
}

AVX2 static inline uint64_t hits_avx2(const double *values, uint32_t count, uint64_t mask, double sign,
                                      double threshold) {
    __m256d flip = sign_bits(sign), bound = _mm256_set1_pd(threshold);
    uint64_t hits = 0;
    if (mask == lw__low_ones(count)) {
        return count == WORD_BITS ? hits_whole(values, WORD_BITS, flip, bound) : hits_whole(values, count, flip, bound);
    }
    for (uint32_t i = 0; i < count; i += 4) {
        hits |= bits_of(at_most(some_at(values + i, lanes_of(mask, i), flip), bound)) << i;
    }
    return hits & mask;
}

AVX2 __attribute__((noinline)) static ptrdiff_t scan_some_avx2(const struct lw__scan *scan, double slack) {
    return scan_as(scan, false, slack, least_avx2, hits_avx2);
}

AVX2 __attribute__((noinline)) static ptrdiff_t scan_whole_avx2(const lw_view *view, const double *values, double sign,
                                                                double slack, bool first) {
    return scan_whole(view, values, sign, slack, first, least_avx2, hits_avx2);
}

/* Less than a block: so few steps that what is saved and restored around them would count. */
AVX2 __attribute__((noinline)) static ptrdiff_t scan_few_avx2(const lw_view *view, const double *values, double sign,
                                                              double slack, bool first) {
    __m256d flip = sign_bits(sign);
    __m256d threshold = _mm256_add_pd(least_whole(values, view->count, flip), _mm256_set1_pd(slack));
    uint64_t hits = hits_whole(values, view->count, flip, threshold);
    return hits != 0 ? (ptrdiff_t)hit_of(view, hits, first) : scan_whole_avx2(view, values, sign, slack, first);
}

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"); }

ptrdiff_t lw__scan_whole(const lw_view *view, const double *values, double sign, double slack, bool first) {
    if (!has_avx2()) {
        return scan_whole_plain(view, values, sign, slack, first);
    }
    return view->count < WORD_BITS ? scan_few_avx2(view, values, sign, slack, first)
                                   : scan_whole_avx2(view, values, sign, slack, first);
}

ptrdiff_t lw__scan_some(const struct lw__scan *scan, double slack) {
    return has_avx2() ? scan_some_avx2(scan, slack) : scan_as(scan, false, slack, least_plain, hits_plain);
}

#else

ptrdiff_t lw__scan_whole(const lw_view *view, const double *values, double sign, double slack, bool first) {
    return scan_whole_plain(view, values, sign, slack, first);
}

ptrdiff_t lw__scan_some(const struct lw__scan *scan, double slack) {
    return scan_as(scan, false, slack, least_plain, hits_plain);
}

#endif
