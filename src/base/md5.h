/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * MD5 (RFC 1321), for places that other programs compute with it and for nothing secret. Ours, since the library links
 * nothing but libc, and cross builds should not need more.
 */
#ifndef LW_BASE_MD5_H
#define LW_BASE_MD5_H

#include <stddef.h>
#include <stdint.h>

enum { LW__MD5_BLOCK = 64 };

/* May be copied half way, to go on from one beginning with several ends. */
struct lw__md5 {
    uint32_t state[4];
    uint64_t size; /* of the bytes so far */
    uint8_t block[LW__MD5_BLOCK];
};

void lw__md5_start(struct lw__md5 *md5);
void lw__md5_add(struct lw__md5 *md5, const void *bytes, size_t size);

/* The digest as four numbers: its bytes 0 to 3, least significant first, and so on. */
void lw__md5_end(struct lw__md5 *md5, uint32_t digest[4]);

#endif
