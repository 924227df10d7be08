/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Draws and distances; see distance.h.
 *
 * Drawers are taken in blocks of 64. A block finds its largest draw first, eight lanes at a time, and only one that
 * breaks the record is asked who that was, which of n / 64 blocks about ln(n / 64) are.
 *
 * Cost: about 0.35 ns a drawer with AVX2, 2 without; a distance 5 ns.
 * Source: rendezvous hashing, Thaler and Ravishankar 1998; -log(u) / w by Schindelhauer and Schomaker 2005.
 */
#include "strategy/distance.h"

#include "base/bits.h"
#include "base/fixed.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BLOCK = 64, LANES = 8 };

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

/* ---- blocks of drawers ---- */

#define ALWAYS static inline __attribute__((always_inline))

/* The drawers of one block and the room for what they draw. */
struct draws {
    const uint32_t *low, *high;
    uint32_t count;
    uint64_t mask; /* not 0 */
    uint64_t key;
    uint32_t drawn[BLOCK];
};

/* The largest draw of a block, leaving all in drawn; and who drew it. */
typedef uint32_t draw_fn(struct draws *draws);
typedef uint64_t who_fn(const struct draws *draws, uint32_t draw);

ALWAYS void draw_blocks(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks, uint64_t key,
                        struct lw__record *record, draw_fn *draw_of, who_fn *who_of) {
    struct draws draws;
    draws.key = key;
    for (uint32_t i = 0; i < count; i += BLOCK) {
        draws.count = count - i < BLOCK ? count - i : BLOCK;
        draws.mask = lw__low_ones(draws.count) & (masks == NULL ? UINT64_MAX : masks[i / BLOCK]);
        if (draws.mask == 0) {
            continue;
        }
        draws.low = drawers.low + begin + i;
        draws.high = drawers.high + begin + i;
        uint32_t largest = draw_of(&draws);
        if (!record->is_set || largest > record->draw) {
            uint32_t at = begin + i + (uint32_t)__builtin_ctzll(who_of(&draws, largest));
            *record = (struct lw__record){largest, at, true};
        }
    }
}

static uint32_t draw_plain(struct draws *draws) {
    uint32_t largest = 0;
    for (uint32_t i = 0; i < draws->count; i++) {
        uint32_t draw = lw__draw(draws->key, (uint64_t)draws->high[i] << 32 | draws->low[i]);
        draws->drawn[i] = draw;
        largest = (draws->mask >> i & 1) && draw > largest ? draw : largest;
    }
    return largest;
}

static uint64_t who_plain(const struct draws *draws, uint32_t draw) {
    uint64_t who = 0;
    for (uint32_t i = 0; i < draws->count; i++) {
        who |= (uint64_t)(draws->drawn[i] == draw) << i;
    }
    return who & draws->mask;
}

void lw__draw_all_plain(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                        uint64_t mixed_key, struct lw__record *record) {
    draw_blocks(drawers, begin, count, masks, mixed_key, record, draw_plain, who_plain);
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

AVX2_INLINE __m256i shifted(__m256i h, int by) { return _mm256_xor_si256(h, _mm256_srli_epi32(h, by)); }

AVX2_INLINE __m256i product_of(__m256i h, uint32_t factor) {
    return _mm256_mullo_epi32(h, _mm256_set1_epi32((int)factor));
}

/* lw__draw for eight. */
AVX2_INLINE __m256i draw_eight(const struct draws *draws, uint32_t i) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(draws->low + i));
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(draws->high + i));
    __m256i h = _mm256_xor_si256(low, _mm256_set1_epi32((int)(uint32_t)draws->key));
    h = product_of(shifted(h, 16), UINT32_C(0x85ebca6b));
    h = _mm256_xor_si256(h, _mm256_xor_si256(high, _mm256_set1_epi32((int)(uint32_t)(draws->key >> 32))));
    h = product_of(shifted(h, 16), UINT32_C(0x7feb352d));
    h = product_of(shifted(h, 15), UINT32_C(0x846ca68b));
    return shifted(h, 16);
}

/* All ones where the mask has a one. */
AVX2_INLINE __m256i lanes_of_mask(uint64_t mask, uint32_t i) {
    __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)(mask >> i & 0xff)), bit), bit);
}

AVX2_INLINE uint32_t largest_lane(__m256i lanes) {
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    __m128i two = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(two, _mm_shuffle_epi32(two, 0xb1)));
}

AVX2_INLINE uint32_t draw_avx2(struct draws *draws) {
    __m256i largest = _mm256_setzero_si256();
    bool full = draws->mask == UINT64_MAX;
    for (uint32_t i = 0; i < draws->count; i += LANES) {
        __m256i drawn = draw_eight(draws, i);
        _mm256_storeu_si256((__m256i *)(void *)(draws->drawn + i), drawn);
        drawn = full ? drawn : _mm256_and_si256(drawn, lanes_of_mask(draws->mask, i));
        largest = _mm256_max_epu32(largest, drawn);
    }
    return largest_lane(largest);
}

AVX2_INLINE uint64_t who_avx2(const struct draws *draws, uint32_t draw) {
    uint64_t who = 0;
    for (uint32_t i = 0; i < draws->count; i += LANES) {
        __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(draws->drawn + i));
        __m256i same = _mm256_cmpeq_epi32(eight, _mm256_set1_epi32((int)draw));
        who |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(same)) << i;
    }
    return who & draws->mask;
}

AVX2 static void draw_all_avx2(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks,
                               uint64_t mixed_key, struct lw__record *record) {
    draw_blocks(drawers, begin, count, masks, mixed_key, record, draw_avx2, who_avx2);
}

void lw__draw_all(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks, uint64_t mixed_key,
                  struct lw__record *record) {
    /* Less than a vector is drawn sooner one by one: nothing waits for what was just stored. */
    if (count >= LANES && __builtin_cpu_supports("avx2")) {
        draw_all_avx2(drawers, begin, count, masks, mixed_key, record);
    } else {
        lw__draw_all_plain(drawers, begin, count, masks, mixed_key, record);
    }
}

#else

void lw__draw_all(struct lw__drawers drawers, uint32_t begin, uint32_t count, const uint64_t *masks, uint64_t mixed_key,
                  struct lw__record *record) {
    lw__draw_all_plain(drawers, begin, count, masks, mixed_key, record);
}

#endif
