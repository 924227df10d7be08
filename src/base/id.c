/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one hash of names and keys: XXH3-64. Cost: about 2 ns for 16 bytes. */
#include <loadwise/id.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t lw_id(const void *bytes, size_t size) { return XXH3_64bits_withSeed(bytes, size, LW_ID_SEED); }
