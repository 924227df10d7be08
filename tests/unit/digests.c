/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MD5 and CRC-32 against the values that RFC 1321 and the catalogue of checksums give, whole and in pieces. */
#include "base/crc32.h"
#include "base/md5.h"

#include <loadwise/key.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define DIGITS "1234567890"

static const struct {
    const char *text, *md5;
} rfc_1321[] = {
    {"", "d41d8cd98f00b204e9800998ecf8427e"},
    {"a", "0cc175b9c0f1b6a831c399e269772661"},
    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
    {DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS DIGITS, "57edf4a22be3c955ac49da2e2107b67a"},
};

enum { RFC_CASES = sizeof rfc_1321 / sizeof *rfc_1321 };

static void md5_text(const char *text, size_t first, char *out) {
    struct lw__md5 md5;
    uint32_t digest[4];
    size_t size = strlen(text);
    lw__md5_start(&md5);
    lw__md5_add(&md5, text, first);
    lw__md5_add(&md5, text + first, size - first);
    lw__md5_end(&md5, digest);
    for (uint32_t i = 0; i < 16; i++) {
        snprintf(out + 2 * (size_t)i, 3, "%02x", (unsigned)(digest[i / 4] >> 8 * (i % 4) & 0xff));
    }
}

static void md5_gives_the_values_of_its_rfc_however_it_is_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < RFC_CASES; i++) {
        for (size_t first = 0; first <= strlen(rfc_1321[i].text); first++) {
            char text[33];
            md5_text(rfc_1321[i].text, first, text);
            assert_string_equal(text, rfc_1321[i].md5);
        }
    }
}

/* The length starts a block of its own from 56 bytes on, and a full block is stirred at once. */
static void md5_of_sizes_around_a_block(void **state) {
    (void)state;
    static const struct {
        size_t size;
        const char *md5;
    } cases[] = {
        {55, "ef1772b6dff9a122358552954ad0df65"},  {56, "3b0c8ac703f828b04c6c197006d17218"},
        {57, "652b906d60af96844ebd21b674f35e93"},  {63, "b06521f39153d618550606be297466d5"},
        {64, "014842d480b571495a4a0363793f7367"},  {65, "c743a45e0d2e6a95cb859adae0248435"},
        {119, "8a7bd0732ed6a28ce75f6dabc90e1613"}, {120, "5f61c0ccad4cac44c75ff505e1f1e537"},
        {128, "e510683b3f5ffe4093d021808bc6ff70"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[129] = "", text[33];
        memset(bytes, 'a', cases[i].size);
        md5_text(bytes, cases[i].size / 3, text);
        assert_string_equal(text, cases[i].md5);
    }
}

static void crc32_gives_the_catalogued_values_however_it_is_cut(void **state) {
    (void)state;
    static const char check[] = "123456789";
    for (size_t first = 0; first <= 9; first++) {
        uint32_t crc = lw__crc32_add(LW__CRC32_START, check, first);
        assert_int_equal(~lw__crc32_add(crc, check + first, 9 - first), 0xcbf43926);
    }
    uint8_t every[256];
    for (size_t i = 0; i < sizeof every; i++) {
        every[i] = (uint8_t)i;
    }
    uint32_t of_all = ~lw__crc32_add(LW__CRC32_START, every, sizeof every);
    assert_int_equal(of_all, 0x29058c73);
}

/* Long division, a bit at a time. */
static uint32_t crc32_by_bits(uint32_t crc, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < 8 * size; i++) {
        uint32_t bit = (crc ^ bytes[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit != 0 ? UINT32_C(0xedb88320) : 0);
    }
    return crc;
}

static void crc32_is_what_long_division_leaves(void **state) {
    (void)state;
    enum { SIZE = 80 };
    uint8_t bytes[SIZE + 8];
    uint64_t chance = 1;
    for (uint32_t round = 0; round < 20000; round++) {
        size_t size = round % SIZE, from = round % 8;
        for (size_t i = 0; i < sizeof bytes; i++) {
            chance = chance * UINT64_C(6364136223846793005) + 1;
            bytes[i] = round % 100 < 10 ? (uint8_t)(round % 100 * 28) : (uint8_t)(chance >> 56);
        }
        uint32_t start = (uint32_t)(chance >> 24), expected = crc32_by_bits(start, bytes + from, size);
        assert_int_equal(lw__crc32_add(start, bytes + from, size), expected);
        assert_int_equal(lw__crc32_add_plain(start, bytes + from, size), expected);
    }
}

static void keys_are_the_first_word_and_the_checksum(void **state) {
    (void)state;
    assert_true(lw_key_libmemcached("abc", 3) == 0x98500190);
    assert_true(lw_key_libmemcached(NULL, 0) == 0xd98c1dd4);
    assert_true(lw_key_nginx("123456789", 9) == 0xcbf43926);
    assert_true(lw_key_nginx(NULL, 0) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_gives_the_values_of_its_rfc_however_it_is_cut),
        cmocka_unit_test(md5_of_sizes_around_a_block),
        cmocka_unit_test(crc32_gives_the_catalogued_values_however_it_is_cut),
        cmocka_unit_test(crc32_is_what_long_division_leaves),
        cmocka_unit_test(keys_are_the_first_word_and_the_checksum),
    };
    return cmocka_run_group_tests_name("digests", tests, NULL, NULL);
}
