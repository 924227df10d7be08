/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A diary: what the observers of a test were told, in words with a space behind each. */
#ifndef LOADWISE_TESTS_DIARY_H
#define LOADWISE_TESTS_DIARY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { DIARY = 16384 };

__attribute__((format(printf, 2, 3))) static inline void diary_write(char diary[DIARY], const char *format, ...) {
    size_t used = strlen(diary);
    va_list values;
    va_start(values, format);
    int length = vsnprintf(diary + used, DIARY - used, format, values);
    va_end(values);
    assert_true(length >= 0 && used + (size_t)length < DIARY);
}

/* What was written since the last reading. */
#define assert_diary(s, words)                                                                                         \
    do {                                                                                                               \
        assert_string_equal((s)->diary, words);                                                                        \
        (s)->diary[0] = '\0';                                                                                          \
    } while (0)

#endif
