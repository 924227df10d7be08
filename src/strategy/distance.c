/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Draws and distances; see distance.h.
 *
 * Vectors keep in each lane the largest draw and the first who drew it; the lanes meet at the end.
 *
 * Cost: about 0.22 ns a drawer with AVX2, 2 without; a distance 5 ns.
 * Source: rendezvous hashing, Thaler and Ravishankar 1998; -log(u) / w by Schindelhauer and Schomaker 2005.
 */
#include "strategy/distance.h"

#include "base/fixed.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WORD_BITS = 64, LANES = 8 };

__extension__ typedef unsigned __int128 area;

struct lw__distance lw__distance_from(uint32_t draw, uint64_t id, uint32_t weight) {
    uint64_t twice = 2 * (uint64_t)draw + 1; /* u in units of 2^-33 */
    return (struct lw__distance){33 * LW__ONE - lw__log2(twice), id, draw, weight};
}

struct lw__distance lw__distance_of(uint64_t key, uint64_t id, uint32_t weight) {
    return lw__distance_from(lw__draw(lw__draw_key(key), lw__draw_id(id)), id, weight);
}

bool lw__is_nearer(struct lw__distance a, struct lw__distance b) {
    area left = (area)a.log * b.weight, right = (area)b.log * a.weight;
    if (left != right) {
        return left < right;
    }
    return a.draw != b.draw ? a.draw > b.draw : a.id < b.id;
}

/* ---- many at once ---- */

/* Those of the eight or fewer drawers from i on who take part. */
static inline uint32_t part_of(const uint64_t *masks, uint32_t i, uint32_t count) {
    uint32_t bits = masks == NULL ? 0xff : (uint32_t)(masks[i / WORD_BITS] >> (i % WORD_BITS)) & 0xff;
    return count - i < LANES ? bits & ((1U << (count - i)) - 1) : bits;
}

lw__drawn lw__draw_all_plain(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                             uint64_t mixed_key) {
    lw__drawn best = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = begin + i, draw = lw__draw(mixed_key, (uint64_t)drawers.high[at] << 32 | drawers.low[at]);
        bool in = masks == NULL || (masks[i / WORD_BITS] >> (i % WORD_BITS) & 1);
        lw__drawn own = in ? lw__drawn_of(draw, at) : 0;
        best = own > best ? own : best;
    }
    return best;
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

AVX2_INLINE __m256i shifted(__m256i h, int by) { return _mm256_xor_si256(h, _mm256_srli_epi32(h, by)); }

AVX2_INLINE __m256i product_of(__m256i h, uint32_t factor) {
    return _mm256_mullo_epi32(h, _mm256_set1_epi32((int)factor));
}

/* lw__draw for eight. */
AVX2_INLINE __m256i draw_eight(struct lw__drawers drawers, uint32_t at, uint64_t key) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(drawers.low + at));
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(drawers.high + at));
    __m256i h = _mm256_xor_si256(low, _mm256_set1_epi32((int)(uint32_t)key));
    h = product_of(shifted(h, 16), UINT32_C(0x85ebca6b));
    h = _mm256_xor_si256(h, _mm256_xor_si256(high, _mm256_set1_epi32((int)(uint32_t)(key >> 32))));
    h = product_of(shifted(h, 16), UINT32_C(0x7feb352d));
    h = product_of(shifted(h, 15), UINT32_C(0x846ca68b));
    return shifted(h, 16);
}

/* All ones where the bits have a one. */
AVX2_INLINE __m256i lanes_of_part(uint32_t part) {
    __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)part), bit), bit);
}

AVX2_INLINE uint32_t largest_lane(__m256i lanes) {
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    __m128i two = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(two, _mm_shuffle_epi32(two, 0xb1)));
}

/* The least place of those lanes that hold the largest draw. */
AVX2_INLINE lw__drawn record_of_lanes(__m256i draws, __m256i places) {
    uint32_t largest = largest_lane(draws);
    __m256i holds = _mm256_cmpeq_epi32(draws, _mm256_set1_epi32((int)largest));
    return lw__drawn_of(largest, ~largest_lane(_mm256_andnot_si256(places, holds)));
}

AVX2 static lw__drawn draw_all_avx2(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                                    uint64_t mixed_key) {
    __m256i largest = _mm256_setzero_si256(), places = largest;
    __m256i now = _mm256_add_epi32(_mm256_set1_epi32((int)begin), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (uint32_t i = 0; i < count; i += LANES) {
        __m256i drawn = draw_eight(drawers, begin + i, mixed_key);
        uint32_t part = part_of(masks, i, count);
        if (part != 0xff) {
            drawn = _mm256_and_si256(drawn, lanes_of_part(part));
        }
        __m256i larger = _mm256_max_epu32(largest, drawn), same = _mm256_cmpeq_epi32(larger, largest);
        places = _mm256_blendv_epi8(now, places, same);
        largest = larger;
        now = _mm256_add_epi32(now, _mm256_set1_epi32(LANES));
    }
    return record_of_lanes(largest, places);
}

lw__drawn lw__draw_all(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                       uint64_t mixed_key) {
    /* Less than a vector is drawn sooner one by one. A record of 0, which nearly never is, says nothing about whose. */
    if (count >= LANES && __builtin_cpu_supports("avx2")) {
        lw__drawn best = draw_all_avx2(drawers, begin, count, masks, mixed_key);
        if (__builtin_expect(lw__drawn_number(best) > 0, 1)) {
            return best;
        }
    }
    return lw__draw_all_plain(drawers, begin, count, masks, mixed_key);
}

#else

lw__drawn lw__draw_all(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                       uint64_t mixed_key) {
    return lw__draw_all_plain(drawers, begin, count, masks, mixed_key);
}

#endif
