/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Listings; see list.h. Cost: two exchanges a page, one SCAN and its GETs. */
#include "list.h"
#include "reply.h"

#include <inttypes.h>
#include <loadwise/id.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_COUNT = 7, LARGEST_COUNT = 10 }; /* log2 */

/* A key that SCAN gave. */
struct found {
    const char *key; /* of the store: without our prefix */
    uint64_t hash;
};

struct page {
    struct lw__redis *redis;
    struct lw__redis_command scan;
    uint64_t next; /* SCAN's cursor */
    struct found *found;
    size_t count;
    struct lw__redis_command *gets;
    lw_store_step *steps;
    uint32_t count_asked; /* log2 */
    uint32_t seed;
};

/* ---- SCAN ---- */

static int compare_found(const void *left, const void *right) {
    const struct found *a = left, *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return strcmp(a->key, b->key);
}

/* The pattern of keys with that prefix: ours, theirs with its signs escaped, and a star. */
static char *pattern_of(const struct lw__redis_common *common, const char *prefix) {
    const char *parts[] = {common->config.prefix, "e:", prefix};
    char *pattern = lw__host_alloc(&common->env, 2 * (strlen(parts[0]) + strlen(parts[1]) + strlen(parts[2])) + 2);
    char *to = pattern;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && pattern != NULL; i++) {
        for (const char *c = parts[i]; *c != 0; c++) {
            if (strchr("*?[]\\^-", *c) != NULL) {
                *to++ = '\\';
            }
            *to++ = *c;
        }
    }
    if (pattern != NULL) {
        *to = '*';
    }
    return pattern;
}

static int ask_scan(struct page *page, struct lw__redis_server *server, const char *prefix, uint64_t cursor,
                    uint64_t deadline) {
    char from[24], most[12];
    char *pattern = pattern_of(&page->redis->common, prefix);
    if (pattern == NULL) {
        return LW_NOMEM;
    }
    snprintf(from, sizeof from, "%" PRIu64, cursor);
    snprintf(most, sizeof most, "%u", 1U << page->count_asked);
    const char *const words[] = {"SCAN", from, "MATCH", pattern, "COUNT", most, "TYPE", "string"};
    int error = lw__redis_command_words(&page->scan, sizeof words / sizeof *words, words);
    lw__host_release(&page->redis->common.env, pattern);
    if (error != LW_OK) {
        return error;
    }
    page->scan.server = server;
    page->scan.repeatable = true;
    lw__redis_carry_out(page->redis, &page->scan, 1, deadline);
    return page->scan.state == LW__REDIS_ANSWERED ? LW_OK : page->scan.error;
}

/* Takes the keys that are ours: what has a NUL in it was written by somebody else. */
static int take_keys(struct page *page, const char *prefix) {
    struct lw__redis_common *common = &page->redis->common;
    size_t ours = strlen(common->config.prefix) + 2, prefix_size = strlen(prefix);
    const redisReply *keys = lw__redis_read_scan(page->scan.reply, &page->next);
    if (keys == NULL || page->next >> LW__REDIS_SCAN_BITS != 0) {
        return lw__host_fail(&common->env, LW_CORRUPT, "redis: what came is no answer to SCAN, or too large a cursor");
    }
    page->found = lw__host_alloc(&common->env, keys->elements * sizeof *page->found + 1);
    if (page->found == NULL) {
        return LW_NOMEM;
    }
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        if (key->len >= ours + prefix_size && memchr(key->str, 0, key->len) == NULL &&
            memcmp(key->str + ours, prefix, prefix_size) == 0) {
            page->found[page->count++].key = key->str + ours;
        }
    }
    return LW_OK;
}

/* Puts the keys in order by a hash of so many bits, each once. True when no two have the same hash. */
static bool order_keys(struct page *page, uint32_t seed, uint32_t bits) {
    size_t kept = 0;
    bool apart = true;
    page->seed = seed;
    for (size_t i = 0; i < page->count; i++) {
        uint64_t id = lw_id(page->found[i].key, strlen(page->found[i].key));
        page->found[i].hash = bits > 0 ? lw__redis_draw(id, seed) >> (64 - bits) : 0;
    }
    qsort(page->found, page->count, sizeof *page->found, compare_found);
    for (size_t i = 0; i < page->count; i++) {
        if (kept > 0 && compare_found(&page->found[kept - 1], &page->found[i]) == 0) {
            continue;
        }
        apart = apart && !(kept > 0 && page->found[kept - 1].hash == page->found[i].hash);
        page->found[kept++] = page->found[i];
    }
    page->count = kept;
    return apart;
}

/* A digest of the cursor after the page that begins at `scan`. */
static uint32_t check_of(const struct page *page, uint64_t scan) {
    uint32_t bits = lw__redis_mark_check_bits(scan, page->count_asked);
    return (uint32_t)lw__redis_draw(page->next, 0) & ((1u << bits) - 1);
}

/* Orders the keys and leaves out those that were given before. */
static void go_to_mark(struct page *page, const struct lw__redis_mark *mark) {
    uint32_t bits = lw__redis_mark_bits(mark->scan, page->count_asked), seed = 0;
    if (!mark->inside || mark->check != check_of(page, mark->scan)) {
        while (!order_keys(page, seed, bits) && seed + 1 < LW__REDIS_SEED_TRIES) {
            seed++;
        }
        return;
    }
    (void)order_keys(page, mark->seed, bits);
    size_t given = 0;
    while (given < page->count && page->found[given].hash <= mark->hash) {
        given++;
    }
    memmove(page->found, page->found + given, (page->count - given) * sizeof *page->found);
    page->count -= given;
}

/* ---- GET ---- */

static int get_values(struct page *page, uint64_t deadline) {
    struct lw__redis_common *common = &page->redis->common;
    page->gets = lw__host_alloc(&common->env, page->count * sizeof *page->gets + 1);
    page->steps = lw__host_alloc(&common->env, page->count * sizeof *page->steps + 1);
    if (page->gets == NULL || page->steps == NULL) {
        return LW_NOMEM;
    }
    for (size_t i = 0; i < page->count; i++) {
        page->steps[i] = (lw_store_step){.op = LW_STORE_GET, .key = page->found[i].key};
        page->gets[i].step = &page->steps[i];
        int error = lw__redis_command_step(&page->gets[i], &common->config, &common->env);
        if (error != LW_OK) {
            return error;
        }
    }
    lw__redis_carry_out(page->redis, page->gets, page->count, deadline);
    for (size_t i = 0; i < page->count; i++) {
        /* LW_INVALID: something of another type took its place meanwhile. */
        if (page->gets[i].state == LW__REDIS_FAILED && page->gets[i].error != LW_INVALID) {
            return page->gets[i].error;
        }
    }
    return LW_OK;
}

static const redisReply *value_at(const struct page *page, size_t index) {
    const struct lw__redis_command *get = &page->gets[index];
    return get->state == LW__REDIS_ANSWERED && get->reply->type == REDIS_REPLY_STRING ? get->reply : NULL;
}

/* ---- a page ---- */

/* Where the page after this one begins. */
static uint64_t cursor_after(struct page *page, const struct lw__redis_mark *mark) {
    struct lw__redis_mark next = {.master = mark->master, .scan = page->next};
    if (page->next == 0) {
        next.master++;
        struct lw__redis_server *server = lw__redis_map_master(&page->redis->map, next.master);
        if (server == NULL) {
            return 0;
        }
        lw__redis_map_let_go(&page->redis->map, server);
    }
    return lw__redis_mark_write(&next);
}

static int give(struct page *page, const struct lw__redis_mark *mark, uint64_t *cursor, lw_store_each *each,
                void *user) {
    int given = 0;
    bool stopped = false;
    size_t i = 0;
    /* Keys that no seed could part are given together: the cursor could not part them either. */
    for (; i < page->count && !(stopped && page->found[i].hash != page->found[i - 1].hash); i++) {
        const redisReply *value = value_at(page, i);
        if (value != NULL) {
            stopped |= each(user, page->found[i].key, value->str, value->len) != 0;
            given++;
        }
    }
    if (i == page->count) {
        *cursor = cursor_after(page, mark);
    } else {
        struct lw__redis_mark inside = *mark;
        inside.inside = true;
        inside.count = page->count_asked;
        inside.seed = page->seed;
        inside.check = check_of(page, mark->scan);
        inside.hash = page->found[i - 1].hash;
        *cursor = lw__redis_mark_write(&inside);
    }
    return given;
}

static void end_page(struct page *page) {
    const lw_env *env = &page->redis->common.env;
    for (size_t i = 0; i < page->count && page->gets != NULL; i++) {
        lw__redis_command_end(&page->gets[i]);
    }
    lw__redis_command_end(&page->scan);
    lw__host_release(env, page->gets);
    lw__host_release(env, page->steps);
    lw__host_release(env, page->found);
}

/* The server to scan; NULL and LW_OK when there are no more. */
static int find_master(struct lw__redis *redis, uint32_t index, uint64_t deadline, struct lw__redis_server **out) {
    uint64_t version;
    lw__redis_map_let_go(&redis->map, lw__redis_map_server(&redis->map, 0, &version));
    if (redis->common.config.cluster && version == 0) {
        int error = lw__redis_map_read(&redis->map, version, deadline);
        if (error != LW_OK) {
            return error;
        }
    }
    *out = lw__redis_map_master(&redis->map, index);
    return *out != NULL || index > 0 ? LW_OK : LW_UNAVAILABLE;
}

/* The power of two at or above what is wanted: few sorts of pages, so that a cursor can name them. */
static uint32_t count_for(uint32_t wanted) {
    uint32_t count = 0;
    while (wanted > 1U << count && count < LARGEST_COUNT) {
        count++;
    }
    return wanted > 0 ? count : DEFAULT_COUNT;
}

int lw__redis_list(lw_store *store, const char *prefix, uint64_t *cursor, uint32_t page_size, lw_store_each *each,
                   void *user, uint64_t deadline) {
    struct lw__redis *redis = (struct lw__redis *)store;
    if (prefix == NULL || cursor == NULL || each == NULL) {
        return lw__host_fail(&redis->common.env, LW_INVALID,
                             "store: a listing takes a prefix, a cursor and a function");
    }
    if (!lw__redis_begin(redis, &deadline)) {
        return LW_UNAVAILABLE;
    }
    struct lw__redis_mark mark = lw__redis_mark_read(*cursor);
    struct lw__redis_server *server = NULL;
    int answer = find_master(redis, mark.master, deadline, &server);
    if (answer != LW_OK || server == NULL) {
        *cursor = answer == LW_OK ? 0 : *cursor;
        return answer;
    }
    struct page page = {.redis = redis};
    page.count_asked = mark.inside ? mark.count : count_for(page_size);
    answer = ask_scan(&page, server, prefix, mark.scan, deadline);
    lw__redis_map_let_go(&redis->map, server);
    if (answer == LW_OK) {
        answer = take_keys(&page, prefix);
    }
    if (answer == LW_OK) {
        go_to_mark(&page, &mark);
        answer = get_values(&page, deadline);
    }
    if (answer == LW_OK) {
        answer = give(&page, &mark, cursor, each, user);
    }
    end_page(&page);
    return answer;
}
