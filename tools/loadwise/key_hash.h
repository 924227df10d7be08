/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How the bytes of a key become the 64 bits of a request: as the library does by itself, or as another program does. */
#ifndef LOADWISE_TOOL_KEY_HASH_H
#define LOADWISE_TOOL_KEY_HASH_H

#include "options.h"

#include <stddef.h>
#include <stdint.h>

typedef uint64_t key_hash_fn(const void *bytes, size_t size);

#define KEY_HASH_HELP                                                                                                  \
    "how a key is hashed: id (default), or with ketama as the other program does: libmemcached or nginx"

/* Reads the value of --hash. */
enum status key_hash_set(const struct setting *setting, key_hash_fn **out);

#endif
