/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Filters: which nodes may be chosen at all. nodes + request -> eligibility bitmap.
 *
 *     lw_health_filter healthy = lw_filter_health(LW_STATUS_BIT(LW_HEALTHY) | LW_STATUS_BIT(LW_DEGRADED));
 *     lw_tag_filter gpu = lw_filter_tag("gpu", "a100");
 *     const lw_filter *both[] = {&healthy.filter, &gpu.filter};
 *     lw_set_filter usable = lw_filter_all_of(both, 2);
 *     uint64_t words[LW_BITMAP_WORDS(N)];
 *     lw_filter_apply(&usable.filter, &nodes, &request, 0, words);
 *     nodes.eligible = words;
 *
 * A filter is a small value that the caller owns; nothing here allocates. It borrows what it was made from (strings,
 * members, user pointer). Filters do not change once made, so any thread may apply one.
 */
#ifndef LOADWISE_FILTER_H
#define LOADWISE_FILTER_H

#include <loadwise/bitmap.h>
#include <loadwise/error.h>
#include <loadwise/nodes.h>
#include <loadwise/request.h>
#include <loadwise/status.h>
#include <stdbool.h>

LW_BEGIN

typedef struct lw_filter lw_filter;

/* The interface, for filters of your own: put it first in a struct of yours. */
struct lw_filter {
    size_t size;    /* sizeof(lw_filter), so that the struct can grow */
    uint32_t needs; /* LW_HAS bits of the columns it reads */

    /* May this node be chosen for this request? Any thread; request is never NULL. */
    bool (*allows)(const lw_filter *filter, const lw_nodes *nodes, uint32_t index, const lw_request *request,
                   uint64_t now);
};

/*
 * Writes LW_BITMAP_WORDS(count) words: bit i says that node i passes. request may be NULL; now is monotonic ns, no
 * clock is read, and only filters that read a computed column or the time look at it. Returns how many passed. O(n).
 * Errors: LW_NO_COLUMN when a column that the filter reads is not set: words are then untouched.
 */
LW_API int lw_filter_apply(const lw_filter *filter, const lw_nodes *nodes, const lw_request *request, uint64_t now,
                           uint64_t *words);

/* Health is in the set, a sum of LW_STATUS_BIT. */
typedef struct lw_health_filter {
    lw_filter filter;
    uint32_t statuses;
} lw_health_filter;
LW_API lw_health_filter lw_filter_health(uint32_t statuses);

/* At least so much is remaining. NaN never is. */
typedef struct lw_remaining_filter {
    lw_filter filter;
    double at_least;
} lw_remaining_filter;
LW_API lw_remaining_filter lw_filter_remaining(double at_least);

/* Weight above zero. */
LW_API lw_filter lw_filter_weighted(void);

/* The node's tags hold key=value. Both strings are borrowed; an empty value matches `key=` alone. */
typedef struct lw_tag_filter {
    lw_filter filter;
    const char *key, *value;
} lw_tag_filter;
LW_API lw_tag_filter lw_filter_tag(const char *key, const char *value);

/* Whatever a function says. `needs` as in lw_filter. */
typedef bool lw_predicate_fn(void *user, const lw_nodes *nodes, uint32_t index, const lw_request *request);
typedef struct lw_predicate_filter {
    lw_filter filter;
    lw_predicate_fn *predicate;
    void *user;
} lw_predicate_filter;
LW_API lw_predicate_filter lw_filter_predicate(lw_predicate_fn *predicate, void *user, uint32_t needs);

/* All of the members (all nodes, of no members), or any of them (no node, of no members). Members are borrowed. */
typedef struct lw_set_filter {
    lw_filter filter;
    const lw_filter *const *members;
    size_t count;
} lw_set_filter;
LW_API lw_set_filter lw_filter_all_of(const lw_filter *const *members, size_t count);
LW_API lw_set_filter lw_filter_any_of(const lw_filter *const *members, size_t count);

/* The opposite of a filter, which is borrowed. */
typedef struct lw_not_filter {
    lw_filter filter;
    const lw_filter *member;
} lw_not_filter;
LW_API lw_not_filter lw_filter_not(const lw_filter *member);

LW_END

#endif
