/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A bounded table of pins: key -> node, with the time of the last use.
 *
 * Keys fall into sets of 7 places, and of a full set the pin that was used longest ago makes room. A set is three cache
 * lines: version and keys in the first, so that most searches read two of them. Readers take no lock: a version that
 * changed meanwhile sends them back. Writers that meet in one set do not wait: the one that comes second writes
 * nothing.
 */
#ifndef LW_STRATEGY_PINS_H
#define LW_STRATEGY_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW__PIN_WAYS = 7 };

struct lw__pin_set {
    _Alignas(64) uint64_t version; /* odd: somebody writes */
    uint64_t key[LW__PIN_WAYS];
    uint64_t node[LW__PIN_WAYS];
    uint64_t used[LW__PIN_WAYS]; /* when, plus 1; 0: a free place */
};

/* A table for at most `max` pins, and how old they may get; 0: any age. */
struct lw__pins {
    struct lw__pin_set *sets;
    uint64_t max;
    uint64_t ttl;
};

enum lw__pinning {
    LW__PIN_HELD,    /* was there, and for this node */
    LW__PIN_MOVED,   /* was there for another */
    LW__PIN_RENEWED, /* was there, too old */
    LW__PIN_ADDED,   /* took a free place */
    LW__PIN_EXPIRED, /* took the place of one that was too old */
    LW__PIN_EVICTED, /* took the place of one that was not */
    LW__PIN_LOST     /* another thread writes */
};

/* Bytes of a table. */
size_t lw__pins_size(uint64_t max);

/* The node of a key that is pinned and not too old. Keys are to be mixed already. */
bool lw__pins_find(const struct lw__pins *pins, uint64_t key, uint64_t now, uint64_t *node);

/* Pins a key, or pins it further. */
enum lw__pinning lw__pins_put(const struct lw__pins *pins, uint64_t key, uint64_t node, uint64_t now);

/* When no other thread is there any more: a set in which one was writing begins anew, since a pin there may be half. */
void lw__pins_renew(const struct lw__pins *pins);

#endif
