/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Entries in chains by hash, and in one ring by time of use; entry 0 is the head of the ring. */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t key;
    uint32_t newer, older; /* in the ring */
    uint32_t chain;        /* the next of the same bucket; 0: none */
};

struct sim_cache {
    uint32_t capacity, count, mask;
    uint32_t *buckets;
    struct entry *entries;
};

struct sim_cache *sim_cache_new(uint32_t capacity) {
    uint32_t buckets = 1;
    while (buckets < capacity && buckets < UINT32_C(1) << 31) {
        buckets *= 2;
    }
    struct sim_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        return NULL;
    }
    cache->capacity = capacity;
    cache->mask = buckets - 1;
    cache->buckets = calloc(buckets, sizeof *cache->buckets);
    cache->entries = calloc((size_t)capacity + 1, sizeof *cache->entries);
    if (cache->buckets == NULL || cache->entries == NULL) {
        sim_cache_free(cache);
        return NULL;
    }
    return cache;
}

void sim_cache_free(struct sim_cache *cache) {
    if (cache != NULL) {
        free(cache->buckets);
        free(cache->entries);
        free(cache);
    }
}

void sim_cache_clear(struct sim_cache *cache) {
    memset(cache->buckets, 0, ((size_t)cache->mask + 1) * sizeof *cache->buckets);
    cache->count = 0;
    cache->entries[0] = (struct entry){0};
}

static uint32_t *bucket_of(struct sim_cache *cache, uint64_t key) {
    return &cache->buckets[(uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & cache->mask];
}

static void unlink_entry(struct sim_cache *cache, uint32_t at) {
    struct entry *entry = &cache->entries[at];
    cache->entries[entry->newer].older = entry->older;
    cache->entries[entry->older].newer = entry->newer;
}

/* Behind the head: the most recent. */
static void link_newest(struct sim_cache *cache, uint32_t at) {
    struct entry *head = cache->entries, *entry = &cache->entries[at];
    entry->newer = 0;
    entry->older = head->older;
    cache->entries[head->older].newer = at;
    head->older = at;
}

static void drop_from_chain(struct sim_cache *cache, uint32_t at) {
    uint32_t *link = bucket_of(cache, cache->entries[at].key);
    while (*link != at) {
        link = &cache->entries[*link].chain;
    }
    *link = cache->entries[at].chain;
}

/* A free entry, if need be the oldest one's. */
static uint32_t take_entry(struct sim_cache *cache) {
    if (cache->count < cache->capacity) {
        return ++cache->count;
    }
    uint32_t oldest = cache->entries[0].newer;
    unlink_entry(cache, oldest);
    drop_from_chain(cache, oldest);
    return oldest;
}

bool sim_cache_use(struct sim_cache *cache, uint64_t key) {
    uint32_t *bucket = bucket_of(cache, key), at = *bucket;
    while (at != 0 && cache->entries[at].key != key) {
        at = cache->entries[at].chain;
    }
    if (at != 0) {
        unlink_entry(cache, at);
        link_newest(cache, at);
        return true;
    }
    at = take_entry(cache);
    cache->entries[at].key = key;
    cache->entries[at].chain = *bucket;
    *bucket = at;
    link_newest(cache, at);
    return false;
}
