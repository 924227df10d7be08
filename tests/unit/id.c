/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ids are part of the contract: other processes and later versions must get the same. The golden values come from
 * another binding of xxHash (xxh3_64 with the seed of LW_ID_SEED), one at least for each branch of the hash. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <loadwise/id.h>
#include <string.h>

static void test_seed_is_the_name_of_the_library(void **state) {
    (void)state;
    static const char text[] = "loadwise";
    uint64_t seed = 0;
    for (size_t i = 0; i < 8; i++) {
        seed = seed << 8 | (uint8_t)text[i];
    }
    assert_true(LW_ID_SEED == seed);
}

static void test_golden_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint64_t id;
    } golden[] = {
        {"", UINT64_C(0x055fbefbc2f7b4b7)},
        {"a", UINT64_C(0xa941cc443f3c577d)},
        {"abc", UINT64_C(0xec3fc38b8a8addd3)},
        {"10.0", UINT64_C(0x36dde3533c06fae4)},
        {"node-001", UINT64_C(0xef33bc8b022aa465)},
        {"node-0001", UINT64_C(0xdf9800386f681f04)},
        {"10.0.0.1:8080xyz", UINT64_C(0x75003773fb1a65d1)},
        {"10.0.0.1:8080xyzw", UINT64_C(0xfd831beddf6d9da8)},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_true(lw_id(golden[i].name, strlen(golden[i].name)) == golden[i].id);
    }
}

static void test_golden_lengths(void **state) {
    (void)state;
    static const struct {
        size_t size;
        uint64_t id;
    } golden[] = {
        {17, UINT64_C(0x28f9a09254060798)},   {32, UINT64_C(0x6f607850c9ac58e5)},
        {64, UINT64_C(0x9eb74420101819fd)},   {100, UINT64_C(0x9f152c932d4fedc3)},
        {128, UINT64_C(0xf58e2e8c06240793)},  {129, UINT64_C(0x900f16ce9bee69a2)},
        {200, UINT64_C(0x03baac83d9b361cd)},  {240, UINT64_C(0x333278f24289a464)},
        {241, UINT64_C(0x8468d2efc892e8d0)},  {256, UINT64_C(0xd0ed413b21495857)},
        {512, UINT64_C(0x7f3354121b9c4b5d)},  {1024, UINT64_C(0xc3142ceb077465c6)},
        {1025, UINT64_C(0x738213dc608d8dc1)}, {2048, UINT64_C(0x96a474a7e9eaec6c)},
    };
    unsigned char bytes[2048 + 1];
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        bytes[i + 1] = (unsigned char)(i * 7 + 3);
    }
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_true(lw_id(bytes + 1, golden[i].size) == golden[i].id); /* at an odd address, too */
    }
}

static void test_no_bytes_at_all(void **state) {
    (void)state;
    assert_true(lw_id(NULL, 0) == lw_id("", 0));
}

static void test_only_the_given_bytes_count(void **state) {
    (void)state;
    assert_true(lw_id("node-1", 6) == lw_id("node-17", 6));
    assert_true(lw_id("node-1", 6) != lw_id("node-17", 7));
    assert_true(lw_id("a\0b", 3) != lw_id("a\0c", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_is_the_name_of_the_library),
        cmocka_unit_test(test_golden_names),
        cmocka_unit_test(test_golden_lengths),
        cmocka_unit_test(test_no_bytes_at_all),
        cmocka_unit_test(test_only_the_given_bytes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
