/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CRC-32 as in zip, Ethernet and nginx: the reflected polynomial 0xedb88320. Ours, since the library links nothing but
 * libc, and cross builds should not need more.
 */
#ifndef LW_BASE_CRC32_H
#define LW_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* A state to begin with; the checksum of what was added is ~state. States may be kept, to go on from one beginning. */
#define LW__CRC32_START UINT32_C(0xffffffff)

uint32_t lw__crc32_add(uint32_t state, const void *bytes, size_t size);

/* The same without carry-less multiplication, for tests. */
uint32_t lw__crc32_add_plain(uint32_t state, const void *bytes, size_t size);

#endif
