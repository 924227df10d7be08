/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The built-in filters. Each is one predicate over one node; applying a filter asks it for each node and writes whole
 * words. Cost: O(n) predicates, one indirect call each; combinators stop at the first member that decides.
 */
#include <loadwise/filter.h>

#include <string.h>

enum { WORD_BITS = 64 };

static const lw_request plain_filter_request = LW_REQUEST_INIT;

static bool allowed(const lw_filter *filter, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                    uint64_t now) {
    return filter->allows(filter, nodes, index, request, now);
}

int lw_filter_apply(const lw_filter *filter, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                    uint64_t *words) {
    int passed = 0;
    if ((filter->needs & ~nodes->present) != 0) {
        return LW_NO_COLUMN;
    }
    for (uint32_t w = 0; w < LW_BITMAP_WORDS(nodes->count); w++) {
        uint64_t bits = 0;
        for (uint32_t i = w * WORD_BITS; i < nodes->count && i < (w + 1) * WORD_BITS; i++) {
            bool passes = allowed(filter, nodes, i, request != NULL ? request : &plain_filter_request, now);
            bits |= (uint64_t)passes << (i % WORD_BITS);
            passed += passes;
        }
        words[w] = bits;
    }
    return passed;
}

static lw_filter filter_of(uint32_t needs, bool (*allows)(const lw_filter *, const lw_nodes *, uint32_t,
                                                          const lw_request *, uint64_t)) {
    lw_filter filter = {sizeof filter, needs, allows};
    return filter;
}

#define PREDICATE(name)                                                                                                \
    static bool name(const lw_filter *self, const lw_nodes *nodes, uint32_t index, const lw_request *request,          \
                     uint64_t now)

PREDICATE(health_allows) {
    uint32_t health = lw_u32_at(&nodes->health, index);
    (void)request, (void)now;
    return health < 32 && (((const lw_health_filter *)self)->statuses & LW_STATUS_BIT(health)) != 0;
}

lw_health_filter lw_filter_health(uint32_t statuses) {
    return (lw_health_filter){filter_of(LW_HAS(health), health_allows), statuses};
}

PREDICATE(remaining_allows) {
    (void)request;
    return lw_f64_at(&nodes->remaining, index, now) >= ((const lw_remaining_filter *)self)->at_least;
}

lw_remaining_filter lw_filter_remaining(double at_least) {
    return (lw_remaining_filter){filter_of(LW_HAS(remaining), remaining_allows), at_least};
}

PREDICATE(weight_allows) {
    (void)self, (void)request, (void)now;
    return lw_u32_at(&nodes->weight, index) > 0;
}

lw_filter lw_filter_weighted(void) { return filter_of(LW_HAS(weight), weight_allows); }

/* Is "key=value" one of the comma-separated items? */
PREDICATE(tag_allows) {
    const lw_tag_filter *tag = (const lw_tag_filter *)self;
    size_t key = strlen(tag->key), value = strlen(tag->value);
    const char *item = lw_string_at(&nodes->tags, index);
    (void)request, (void)now;
    while (item != NULL) {
        size_t size = strcspn(item, ",");
        if (size == key + 1 + value && memcmp(item, tag->key, key) == 0 && item[key] == '=' &&
            memcmp(item + key + 1, tag->value, value) == 0) {
            return true;
        }
        item = item[size] == ',' ? item + size + 1 : NULL;
    }
    return false;
}

lw_tag_filter lw_filter_tag(const char *key, const char *value) {
    return (lw_tag_filter){filter_of(LW_HAS(tags), tag_allows), key, value};
}

PREDICATE(predicate_allows) {
    const lw_predicate_filter *filter = (const lw_predicate_filter *)self;
    (void)now;
    return filter->predicate(filter->user, nodes, index, request);
}

lw_predicate_filter lw_filter_predicate(lw_predicate_fn *predicate, void *user, uint32_t needs) {
    return (lw_predicate_filter){filter_of(needs, predicate_allows), predicate, user};
}

static lw_set_filter set_filter(const lw_filter *const *members, size_t count,
                                bool (*allows)(const lw_filter *, const lw_nodes *, uint32_t, const lw_request *,
                                               uint64_t)) {
    lw_set_filter set = {filter_of(0, allows), members, count};
    for (size_t i = 0; i < count; i++) {
        set.filter.needs |= members[i]->needs;
    }
    return set;
}

PREDICATE(all_allow) {
    const lw_set_filter *set = (const lw_set_filter *)self;
    for (size_t i = 0; i < set->count; i++) {
        if (!allowed(set->members[i], nodes, index, request, now)) {
            return false;
        }
    }
    return true;
}

lw_set_filter lw_filter_all_of(const lw_filter *const *members, size_t count) {
    return set_filter(members, count, all_allow);
}

PREDICATE(any_allows) {
    const lw_set_filter *set = (const lw_set_filter *)self;
    for (size_t i = 0; i < set->count; i++) {
        if (allowed(set->members[i], nodes, index, request, now)) {
            return true;
        }
    }
    return false;
}

lw_set_filter lw_filter_any_of(const lw_filter *const *members, size_t count) {
    return set_filter(members, count, any_allows);
}

PREDICATE(not_allows) { return !allowed(((const lw_not_filter *)self)->member, nodes, index, request, now); }

lw_not_filter lw_filter_not(const lw_filter *member) {
    return (lw_not_filter){filter_of(member->needs, not_allows), member};
}
