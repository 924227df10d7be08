/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys as other programs hash them; both are 32 bits, in the low half. */
#include "base/crc32.h"
#include "base/md5.h"

#include <loadwise/key.h>

uint64_t lw_key_libmemcached(const void *bytes, size_t size) {
    struct lw__md5 md5;
    uint32_t digest[4];
    lw__md5_start(&md5);
    lw__md5_add(&md5, bytes, size);
    lw__md5_end(&md5, digest);
    return digest[0];
}

uint64_t lw_key_nginx(const void *bytes, size_t size) {
    uint32_t checksum = ~lw__crc32_add(LW__CRC32_START, bytes, size);
    return checksum;
}
