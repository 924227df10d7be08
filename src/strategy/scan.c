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

double lw__least_plain(const double *values, uint32_t count, uint64_t mask, bool descending) {
    double least = INFINITE;
    for (uint32_t i = 0; i < count; i++) {
        double value = descending ? -values[i] : values[i];
        least = (mask >> i & 1) && value < least ? value : least;
    }
    return least;
}

uint64_t lw__hits_plain(const double *values, uint32_t count, uint64_t mask, bool descending, double threshold) {
    uint64_t hits = 0;
    for (uint32_t i = 0; i < count; i++) {
        double value = descending ? -values[i] : values[i];
        hits |= (uint64_t)(value <= threshold) << i;
    }
    return hits & mask;
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))

AVX2 static double least_of_lanes(__m256d lanes) {
    __m128d pair = _mm_min_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd(lanes, 1));
    return _mm_cvtsd_f64(_mm_min_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

/* min_pd answers its second operand when one is NaN, so a NaN never enters the accumulator. */
AVX2 static double least_full(const double *values, bool descending) {
    __m256d flip = _mm256_set1_pd(descending ? -0.0 : 0.0), least[4];
    for (int k = 0; k < 4; k++) {
        least[k] = _mm256_set1_pd(INFINITE);
    }
    for (uint32_t i = 0; i < WORD_BITS; i += 16) {
        for (uint32_t k = 0; k < 4; k++) {
            least[k] = _mm256_min_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i + 4 * k), flip), least[k]);
        }
    }
    return least_of_lanes(_mm256_min_pd(_mm256_min_pd(least[0], least[1]), _mm256_min_pd(least[2], least[3])));
}

AVX2 static uint64_t hits_full(const double *values, bool descending, double threshold) {
    __m256d flip = _mm256_set1_pd(descending ? -0.0 : 0.0), bound = _mm256_set1_pd(threshold);
    uint64_t hits = 0;
    for (uint32_t i = 0; i < WORD_BITS; i += 4) {
        __m256d four = _mm256_xor_pd(_mm256_loadu_pd(values + i), flip);
        hits |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_cmp_pd(four, bound, _CMP_LE_OQ)) << i;
    }
    return hits;
}

/* Ineligible nodes take no part: they are read as NaN, four mask bits at a time. */
AVX2 static double least_masked(const double *values, uint64_t mask, bool descending) {
    __m256d flip = _mm256_set1_pd(descending ? -0.0 : 0.0), least = _mm256_set1_pd(INFINITE);
    __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
    for (uint32_t i = 0; i < WORD_BITS; i += 4) {
        __m256i chosen = _mm256_and_si256(_mm256_set1_epi64x((long long)(mask >> i)), bit);
        __m256d absent = _mm256_castsi256_pd(_mm256_cmpeq_epi64(chosen, _mm256_setzero_si256()));
        __m256d four = _mm256_or_pd(_mm256_xor_pd(_mm256_loadu_pd(values + i), flip), absent);
        least = _mm256_min_pd(four, least);
    }
    return least_of_lanes(least);
}

static bool has_avx2(void) { return __builtin_cpu_supports("avx2"); }

double lw__least(const double *values, uint32_t count, uint64_t mask, bool descending) {
    if (count < WORD_BITS || !has_avx2()) {
        return lw__least_plain(values, count, mask, descending);
    }
    return mask == UINT64_MAX ? least_full(values, descending) : least_masked(values, mask, descending);
}

uint64_t lw__hits(const double *values, uint32_t count, uint64_t mask, bool descending, double threshold) {
    if (count < WORD_BITS || !has_avx2()) {
        return lw__hits_plain(values, count, mask, descending, threshold);
    }
    return hits_full(values, descending, threshold) & mask;
}

#else

double lw__least(const double *values, uint32_t count, uint64_t mask, bool descending) {
    return lw__least_plain(values, count, mask, descending);
}

uint64_t lw__hits(const double *values, uint32_t count, uint64_t mask, bool descending, double threshold) {
    return lw__hits_plain(values, count, mask, descending, threshold);
}

#endif

/* One block of 64 nodes, ready for a kernel. */
struct block {
    const double *values;
    uint32_t count;
    uint64_t mask;
    bool descending;
    double gathered[WORD_BITS];
};

static void load_block(const struct lw__scan *scan, uint32_t word, struct block *block) {
    const lw_view *view = scan->view;
    uint32_t begin = word * WORD_BITS, left = view->count - begin;
    block->count = left < WORD_BITS ? left : WORD_BITS;
    block->mask = lw_view_all(view) ? lw__low_ones(block->count) : lw_view_word(view, word);
    block->descending = scan->descending && scan->dense != NULL;
    if (scan->dense != NULL) {
        block->values = scan->dense + begin;
        return;
    }
    for (uint32_t i = 0; i < block->count; i++) {
        if (scan->weighted && lw_view_weight(view, begin + i) == 0) {
            block->mask &= ~(UINT64_C(1) << i);
        }
        block->gathered[i] = block->mask >> i & 1 ? scan->score(view, begin + i) : INFINITE;
    }
    block->values = block->gathered;
}

/* The nodes of a block that qualify; with any_score, whatever their score. */
static uint64_t block_hits(const struct lw__scan *scan, uint32_t word, double threshold, bool any_score) {
    struct block block;
    load_block(scan, word, &block);
    return any_score ? block.mask : lw__hits(block.values, block.count, block.mask, block.descending, threshold);
}

/* Runs of blocks, few enough for their least scores to fit the stack. */
struct runs {
    uint32_t words, length; /* blocks in all and per run */
    double least[RUNS];
};

static double scan_least(const struct lw__scan *scan, struct runs *runs) {
    double least = INFINITE;
    struct block block;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        double run_least = INFINITE;
        for (uint32_t w = begin; w < begin + runs->length && w < runs->words; w++) {
            load_block(scan, w, &block);
            double found = lw__least(block.values, block.count, block.mask, block.descending);
            run_least = found < run_least ? found : run_least;
        }
        runs->least[r] = run_least;
        least = run_least < least ? run_least : least;
    }
    return least;
}

/* How many qualify; and the one of that rank, in index order, if there are so many. */
static uint32_t scan_hits(const struct lw__scan *scan, const struct runs *runs, double threshold, bool any_score,
                          uint32_t rank, uint32_t *found) {
    uint32_t seen = 0;
    for (uint32_t begin = 0, r = 0; begin < runs->words; begin += runs->length, r++) {
        bool reaches = any_score || runs->least[r] <= threshold;
        for (uint32_t w = begin; reaches && w < begin + runs->length && w < runs->words; w++) {
            uint64_t hits = block_hits(scan, w, threshold, any_score);
            uint32_t ones = lw__ones(hits);
            if (rank >= seen && rank - seen < ones) {
                *found = w * WORD_BITS + lw__nth_one(hits, rank - seen);
            }
            seen += ones;
        }
    }
    return seen;
}

static ptrdiff_t choose(const struct lw__scan *scan, const struct runs *runs, double threshold, bool any_score,
                        bool first) {
    uint32_t found = 0, again = 0;
    uint32_t hits = scan_hits(scan, runs, threshold, any_score, 0, &found);
    if (hits > 1 && !first) {
        uint32_t rank = lw_view_below(scan->view, hits);
        again = scan_hits(scan, runs, threshold, any_score, rank, &found);
        hits = again < hits ? again : hits; /* values that other threads write may have moved */
    }
    return hits > 0 ? (ptrdiff_t)found : LW_NO_WEIGHT;
}

ptrdiff_t lw__scan_pick(const struct lw__scan *scan, double slack, bool first) {
    struct runs runs;
    runs.words = LW_BITMAP_WORDS(scan->view->count);
    runs.length = (runs.words + RUNS - 1) / RUNS;
    for (int attempt = 0; attempt < RETRIES; attempt++) {
        double least = scan_least(scan, &runs);
        ptrdiff_t index = choose(scan, &runs, least + slack, false, first);
        if (index >= 0) {
            return index;
        }
    }
    ptrdiff_t index = choose(scan, &runs, 0, true, first);
    return index < 0 && lw_view_count(scan->view) == 0 ? lw_view_refusal(scan->view) : index;
}
