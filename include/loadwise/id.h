/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Node ids and keys: 64 bits, derived from bytes the same way everywhere and for ever.
 *
 * Every table of every strategy stands on ids, never on an address, an index or the order of the nodes. The hash
 * is XXH3-64 (xxHash) with a fixed seed, so that processes, versions and byte orders agree.
 */
#ifndef LOADWISE_ID_H
#define LOADWISE_ID_H

#include <loadwise/api.h>
#include <stddef.h>
#include <stdint.h>

LW_BEGIN

/* Seed of lw_id: the ASCII bytes "loadwise" read as a big-endian number. */
#define LW_ID_SEED UINT64_C(0x6c6f616477697365)

/*
 * Id of a node with this name, or a request key from any bytes (a user name, a session, a prompt prefix).
 * bytes may be NULL when size is 0. Two names with one id are possible (n^2 / 2^65) and refused as duplicates by what
 * needs identity. Threads: any. Errors: none.
 */
LW_API uint64_t lw_id(const void *bytes, size_t size);

LW_END

#endif
