/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Hash slots of Redis Cluster: CRC-16 of the key, or of what stands between its first '{' and the '}' after that if
 * there is anything, modulo 16384. So keys with the same tag live on the same server.
 *
 * Source: the Redis Cluster specification. The CRC is XMODEM's: polynomial 0x1021, beginning with 0.
 */
#ifndef LW_REDIS_SLOTS_H
#define LW_REDIS_SLOTS_H

#include <stddef.h>
#include <stdint.h>

enum { LW__REDIS_SLOTS = 16384 };

uint32_t lw__redis_slot(const char *key, size_t size);

#endif
