/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Keys of other programs, for `ketama`: where a key stands with them, so that this library chooses the server they
 * choose. Wherever nobody else has to agree, lw_id (id.h) makes a key from bytes.
 */
#ifndef LOADWISE_KEY_H
#define LOADWISE_KEY_H

#include <loadwise/api.h>
#include <stddef.h>
#include <stdint.h>

LW_BEGIN

/*
 * The key as libmemcached sees it with MEMCACHED_HASH_MD5: the first four bytes of its MD5, least significant first.
 * For `ketama flavour=libmemcached` and `libmemcached_weighted`. bytes may be NULL when size is 0.
 * Threads: any. Errors: none.
 */
LW_API uint64_t lw_key_libmemcached(const void *bytes, size_t size);

/*
 * The key as nginx sees it in `hash KEY consistent`: its CRC-32. For `ketama flavour=nginx`. bytes may be NULL when
 * size is 0. Threads: any. Errors: none.
 */
LW_API uint64_t lw_key_nginx(const void *bytes, size_t size);

LW_END

#endif
