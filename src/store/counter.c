/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading and writing counters, by hand: no locale, no errno, and exactly one text for each number. */
#include "store/counter.h"

bool lw__counter_read(const char *text, size_t size, int64_t *value) {
    bool negative = size > 0 && text[0] == '-';
    size_t at = negative;
    uint64_t sum = 0, most = (uint64_t)INT64_MAX + negative;
    if (at == size || (text[at] == '0' && size > 1)) {
        return false;
    }
    for (; at < size; at++) {
        uint64_t digit = (uint64_t)(unsigned char)text[at] - '0';
        if (digit > 9 || sum > (most - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = negative ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
    return true;
}

size_t lw__counter_write(char *text, int64_t value) {
    char backwards[LW__COUNTER_ROOM];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t digits = 0, size = 0;
    do {
        backwards[digits++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) {
        text[size++] = '-';
    }
    while (digits > 0) {
        text[size++] = backwards[--digits];
    }
    return size;
}
