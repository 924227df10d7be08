/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hash slots; see slots.h. Four bits at a time, by a table that fits a cache line. Cost: two look-ups a byte. */
#include "slots.h"

#include <string.h>

static uint16_t crc16(const char *bytes, size_t size) {
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                       0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = (unsigned char)bytes[i];
        crc = (crc << 4 ^ table[(crc >> 12 & 15) ^ byte >> 4]) & 0xffff;
        crc = (crc << 4 ^ table[(crc >> 12 & 15) ^ (byte & 15)]) & 0xffff;
    }
    return (uint16_t)crc;
}

uint32_t lw__redis_slot(const char *key, size_t size) {
    const char *open = memchr(key, '{', size);
    if (open != NULL) {
        const char *tag = open + 1, *close = memchr(tag, '}', size - (size_t)(tag - key));
        if (close != NULL && close > tag) {
            key = tag;
            size = (size_t)(close - tag);
        }
    }
    return crc16(key, size) % LW__REDIS_SLOTS;
}
