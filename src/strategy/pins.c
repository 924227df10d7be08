/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of pins; see pins.h.
 *
 * A set is written between an odd and the next even version. Its words are written with release and read with acquire,
 * so who reads a new word also sees that the version has changed. The time of use alone is stored without that: if the
 * place has just gone to another key, that one looks younger than it is, by no more than the two writers were apart.
 */
#include "strategy/pins.h"

enum { READS = 4 };

__extension__ typedef unsigned __int128 wide;

/* Fewer than 7 pins are one smaller set. */
static uint32_t ways_of(uint64_t max) { return max < LW__PIN_WAYS ? (uint32_t)max : LW__PIN_WAYS; }

static uint64_t sets_of(uint64_t max) { return max / ways_of(max); }

size_t lw__pins_size(uint64_t max) { return (size_t)sets_of(max) * sizeof(struct lw__pin_set); }

static struct lw__pin_set *set_of(const struct lw__pins *pins, uint64_t key) {
    return &pins->sets[(size_t)((wide)key * sets_of(pins->max) >> 64)];
}

static uint64_t word_at(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

static void write_word(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

static bool is_old(const struct lw__pins *pins, uint64_t used, uint64_t now) {
    return pins->ttl != 0 && now + 1 > used && now + 1 - used > pins->ttl;
}

/* The place of a key; or that there is none. */
static uint32_t place_of(const struct lw__pin_set *set, uint32_t ways, uint64_t key) {
    uint32_t way = 0;
    while (way < ways && (word_at(&set->key[way]) != key || word_at(&set->used[way]) == 0)) {
        way++;
    }
    return way;
}

/* One place of one moment. */
struct found {
    uint32_t way;
    uint64_t node, used;
};

static bool read_set(const struct lw__pin_set *set, uint32_t ways, uint64_t key, struct found *found) {
    for (int i = 0; i < READS; i++) {
        uint64_t version = word_at(&set->version);
        found->way = place_of(set, ways, key);
        if (found->way < ways) {
            found->node = word_at(&set->node[found->way]);
            found->used = word_at(&set->used[found->way]);
        }
        if (version % 2 == 0 && word_at(&set->version) == version) {
            return found->way < ways;
        }
    }
    return false;
}

bool lw__pins_find(const struct lw__pins *pins, uint64_t key, uint64_t now, uint64_t *node) {
    struct found found;
    if (!read_set(set_of(pins, key), ways_of(pins->max), key, &found) || is_old(pins, found.used, now)) {
        return false;
    }
    *node = found.node;
    return true;
}

/* A free place, else the one used longest ago. */
static uint32_t place_for(const struct lw__pin_set *set, uint32_t ways) {
    uint32_t oldest = 0;
    for (uint32_t way = 1; way < ways; way++) {
        oldest = word_at(&set->used[way]) < word_at(&set->used[oldest]) ? way : oldest;
    }
    return oldest;
}

/* By the one who writes. */
static enum lw__pinning write_pin(const struct lw__pins *pins, struct lw__pin_set *set, uint64_t key, uint64_t node,
                                  uint64_t now) {
    uint32_t ways = ways_of(pins->max), way = place_of(set, ways, key);
    bool known = way < ways;
    way = known ? way : place_for(set, ways);
    uint64_t used = word_at(&set->used[way]);
    bool same = word_at(&set->node[way]) == node, old = is_old(pins, used, now);
    write_word(&set->key[way], key);
    write_word(&set->node[way], node);
    write_word(&set->used[way], now + 1);
    if (known) {
        return old ? LW__PIN_RENEWED : same ? LW__PIN_HELD : LW__PIN_MOVED;
    }
    return used == 0 ? LW__PIN_ADDED : old ? LW__PIN_EXPIRED : LW__PIN_EVICTED;
}

enum lw__pinning lw__pins_put(const struct lw__pins *pins, uint64_t key, uint64_t node, uint64_t now) {
    struct lw__pin_set *set = set_of(pins, key);
    struct found found;
    if (read_set(set, ways_of(pins->max), key, &found) && found.node == node && !is_old(pins, found.used, now)) {
        if (found.used < now + 1) {
            __atomic_store_n(&set->used[found.way], now + 1, __ATOMIC_RELAXED);
        }
        return LW__PIN_HELD;
    }
    uint64_t version = __atomic_load_n(&set->version, __ATOMIC_RELAXED);
    if (version % 2 != 0 ||
        !__atomic_compare_exchange_n(&set->version, &version, version + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return LW__PIN_LOST;
    }
    enum lw__pinning done = write_pin(pins, set, key, node, now);
    write_word(&set->version, version + 2);
    return done;
}

void lw__pins_renew(const struct lw__pins *pins) {
    for (uint64_t i = 0; i < sets_of(pins->max); i++) {
        if (pins->sets[i].version % 2 != 0) {
            pins->sets[i] = (struct lw__pin_set){.version = pins->sets[i].version + 1};
        }
    }
}
