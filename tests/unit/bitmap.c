/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Eligibility bitmaps at every size around the borders of words and blocks, against one flag per node. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <loadwise/bitmap.h>
#include <string.h>

enum { BITMAP_MOST = 2000, GUARD = 1 };

static const uint32_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, BITMAP_MOST};

enum { SIZES = sizeof sizes / sizeof *sizes };

static uint64_t words[LW_BITMAP_WORDS(BITMAP_MOST) + GUARD];
static uint32_t blocks[LW_BITMAP_BLOCKS(BITMAP_MOST) + GUARD];

/* About a third of the bits, in no simple order. */
static int is_chosen(uint32_t index) { return index * UINT32_C(2654435761) >> 16 & 1 && index % 3 != 0; }

static void test_words_and_blocks_needed(void **state) {
    (void)state;
    assert_int_equal(LW_BITMAP_WORDS(0), 0);
    assert_int_equal(LW_BITMAP_WORDS(1), 1);
    assert_int_equal(LW_BITMAP_WORDS(64), 1);
    assert_int_equal(LW_BITMAP_WORDS(65), 2);
    assert_int_equal(LW_BITMAP_BLOCKS(0), 0);
    assert_int_equal(LW_BITMAP_BLOCKS(512), 1);
    assert_int_equal(LW_BITMAP_BLOCKS(513), 2);
}

static void test_set_get_clear(void **state) {
    (void)state;
    memset(words, 0, sizeof words);
    for (uint32_t i = 0; i < BITMAP_MOST; i++) {
        if (is_chosen(i)) {
            lw_bitmap_set(words, i);
        }
    }
    for (uint32_t i = 0; i < BITMAP_MOST; i++) {
        assert_int_equal(lw_bitmap_get(words, i), is_chosen(i));
    }
    for (uint32_t i = 0; i < BITMAP_MOST; i += 2) {
        lw_bitmap_clear(words, i);
    }
    for (uint32_t i = 0; i < BITMAP_MOST; i++) {
        assert_int_equal(lw_bitmap_get(words, i), i % 2 != 0 && is_chosen(i));
    }
}

static void test_bit_order_is_public(void **state) {
    (void)state;
    memset(words, 0, sizeof words);
    lw_bitmap_set(words, 0);
    lw_bitmap_set(words, 63);
    lw_bitmap_set(words, 64);
    assert_true(words[0] == UINT64_C(0x8000000000000001));
    assert_true(words[1] == 1);
}

static void test_fill(void **state) {
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        uint32_t used = LW_BITMAP_WORDS(sizes[s]);
        memset(words, 0x5a, sizeof words);
        lw_bitmap_fill(words, sizes[s]);
        for (uint32_t i = 0; i < used * 64; i++) {
            assert_int_equal(lw_bitmap_get(words, i), i < sizes[s]);
        }
        assert_true(words[used] == UINT64_C(0x5a5a5a5a5a5a5a5a)); /* nothing past the last word is touched */
    }
}

/* Bits past the count are rubbish that must not be counted. */
static uint32_t scatter(uint32_t count) {
    uint32_t ones = 0;
    memset(words, 0xff, sizeof words);
    for (uint32_t i = 0; i < count; i++) {
        if (is_chosen(i)) {
            ones++;
        } else {
            lw_bitmap_clear(words, i);
        }
    }
    return ones;
}

static void test_count(void **state) {
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        uint32_t ones = scatter(sizes[s]);
        assert_int_equal(lw_bitmap_count(words, sizes[s]), ones);
    }
}

static void test_blocks(void **state) {
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        uint32_t used = LW_BITMAP_BLOCKS(sizes[s]);
        scatter(sizes[s]);
        memset(blocks, 0x5a, sizeof blocks);
        lw_bitmap_blocks(words, sizes[s], blocks);
        for (uint32_t b = 0; b < used; b++) {
            uint32_t ones = 0;
            for (uint32_t i = b * 512; i < (b + 1) * 512 && i < sizes[s]; i++) {
                ones += (uint32_t)is_chosen(i);
            }
            assert_int_equal(blocks[b], ones);
        }
        assert_int_equal(blocks[used], 0x5a5a5a5a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_blocks_needed),
        cmocka_unit_test(test_set_get_clear),
        cmocka_unit_test(test_bit_order_is_public),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
