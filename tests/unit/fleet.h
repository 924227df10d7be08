/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A fleet: nodes with every column set, and specifications that cover every built-in strategy, so that a test can say
 * "for each strategy" and mean also the ones that are written after it.
 */
#ifndef LOADWISE_TESTS_FLEET_H
#define LOADWISE_TESTS_FLEET_H

#include <loadwise/loadwise.h>
#include <loadwise/ops.h>
#include <stdio.h>

enum { FLEET_MOST = 1024, FLEET_SPEC = 256 };

typedef struct member {
    const char *name;
    uint64_t id;
    uint32_t weight;
    double load;
    double remaining;
    uint32_t health, inflight, capacity, priority;
    const char *zone, *tags;
} member;

typedef struct fleet {
    lw_nodes nodes;
    member member[FLEET_MOST];
    char name[FLEET_MOST][16];
    uint64_t words[LW_BITMAP_WORDS(FLEET_MOST)];
} fleet;

static inline void fleet_man(fleet *f, uint32_t index) {
    snprintf(f->name[index], sizeof f->name[index], "node-%u", (unsigned)index % 10000);
    f->member[index] = (member){
        .name = f->name[index],
        .id = 1000 + index,
        .weight = 1 + index % 5,
        .load = 0.5 * (index % 7),
        .remaining = 1.0 / (1 + index % 3),
        .capacity = 100,
        .zone = index % 2 ? "east" : "west",
        .tags = "kind=test",
    };
}

/* count nodes of mixed weights and loads, ids from 1000 on. */
static inline void fleet_open(fleet *f, uint32_t count, uint64_t set) {
    lw_nodes_init(&f->nodes, count);
    LW_SET(f->nodes, name, f->member, name);
    LW_SET(f->nodes, id, f->member, id);
    LW_SET(f->nodes, weight, f->member, weight);
    LW_SET(f->nodes, load, f->member, load);
    LW_SET(f->nodes, remaining, f->member, remaining);
    LW_SET(f->nodes, health, f->member, health);
    LW_SET(f->nodes, inflight, f->member, inflight);
    LW_SET(f->nodes, capacity, f->member, capacity);
    LW_SET(f->nodes, priority, f->member, priority);
    LW_SET(f->nodes, zone, f->member, zone);
    LW_SET(f->nodes, tags, f->member, tags);
    f->nodes.set = set;
    f->nodes.version = 1;
    for (uint32_t i = 0; i < count; i++) {
        fleet_man(f, i);
    }
}

static inline void fleet_weights(fleet *f, uint32_t weight) {
    for (uint32_t i = 0; i < f->nodes.count; i++) {
        f->member[i].weight = weight;
    }
    f->nodes.version++;
}

/* An eligibility bitmap of nobody. */
static inline void fleet_nobody(fleet *f) {
    memset(f->words, 0, sizeof f->words);
    f->nodes.eligible = f->words;
}

/* Built-in number `position` as a specification, with as many children as it asks for; false past the last. */
static inline bool fleet_spec(size_t position, char spec[FLEET_SPEC]) {
    const lw_strategy_ops *ops = lw_strategy_builtin(position);
    if (ops == NULL) {
        return false;
    }
    size_t used = (size_t)snprintf(spec, FLEET_SPEC, "%s", ops->name);
    for (uint32_t i = 0; i < ops->children_min; i++) {
        used += (size_t)snprintf(spec + used, FLEET_SPEC - used, "%s", i == 0 ? "(ring" : ", random");
    }
    if (ops->children_min > 0) {
        snprintf(spec + used, FLEET_SPEC - used, ")");
    }
    return true;
}

static inline lw_request keyed(uint64_t key) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    request.key = key;
    return request;
}

static inline lw_request excluding(const uint64_t *indexes, size_t count) {
    lw_request request = LW_REQUEST_INIT;
    request.exclude = indexes;
    request.exclude_count = count;
    return request;
}

#endif
