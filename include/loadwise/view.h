/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lw_view: all that a strategy sees of one pick. For authors of strategies; users of strategies need strategy.h only.
 *
 * The engine makes a view on the stack of the thread that picks; it is valid until the strategy returns. Everything
 * that a strategy may read, it reads through the functions here; what it may write is its own state, scratch and lane,
 * with atomic operations, since other threads do the same at the same time.
 */
#ifndef LOADWISE_VIEW_H
#define LOADWISE_VIEW_H

#include <loadwise/bitmap.h>
#include <loadwise/error.h>
#include <loadwise/nodes.h>
#include <loadwise/request.h>
#include <stdbool.h>

LW_BEGIN

enum lw_lane_limit {
    LW_LANE_SIZE = 64, /* most bytes of lane memory */
    LW_LANES = 16,     /* most lanes, and the default */
};

/* The memories of a strategy for one node set, as declared in its ops; NULL where none was declared. See ops.h. */
typedef struct lw_memory {
    const void *config;
    void *plan;
    void *state;
    void **scratch;       /* one pointer a node */
    unsigned char *lanes; /* lane_mask + 1 of them, 64 bytes apart */
    uint32_t lane_mask;
    uint32_t signal; /* enum lw_signal: which column is the load */
    void *board;     /* beside the plan */
} lw_memory;

/* The lane of the thread that picks. */
typedef struct lw_lane {
    uint64_t chance; /* state of the generator; use lw_view_random and its kin */
    uint32_t number; /* in the order of first use */
    uint32_t shared; /* not 0: other threads are in this lane at the same time */
} lw_lane;

typedef struct lw_view {
    const lw_nodes *nodes;
    const lw_request *request; /* never NULL */
    const uint64_t *eligible;  /* NULL: all; read it through the functions below, which honour exclusions too */
    uint32_t count;            /* nodes, at least 1 */
    uint64_t now; /* monotonic ns; 0 unless a column is computed, LW_NEEDS_CLOCK was declared or the caller passed it */
    const lw_memory *memory;
    lw_lane *lane;
    const uint64_t *within; /* a second bitmap, of a mix-in: see lw_view_within */
    bool partial;           /* some node may be out of the question: a bitmap, or exclusions */
} lw_view;

/* ---- who may be chosen ---- */

static inline bool lw_view_is_excluded(const lw_view *view, uint32_t index) {
    for (size_t i = 0; i < view->request->exclude_count; i++) {
        if (view->request->exclude[i] == index) {
            return true;
        }
    }
    return false;
}

/* May this node be chosen: is it in the bitmap and not excluded by the request? */
static inline bool lw_view_may(const lw_view *view, uint32_t index) {
    return !view->partial || ((view->eligible == NULL || lw_bitmap_get(view->eligible, index)) &&
                              (view->within == NULL || lw_bitmap_get(view->within, index)) &&
                              (view->request->exclude_count == 0 || !lw_view_is_excluded(view, index)));
}

/* True when nothing is out of the question, the common case that deserves a short cut. */
static inline bool lw_view_all(const lw_view *view) { return !view->partial; }

/*
 * The same pick among fewer nodes: those whose bit is set in `bits` as well, which must live as long as the view. For
 * mix-ins, to hand to lw_view_child_pick. A view is narrowed once: not one whose `within` is set already.
 */
static inline lw_view lw_view_within(const lw_view *view, const uint64_t *bits) {
    lw_view narrowed = *view;
    narrowed.within = bits;
    narrowed.partial = true;
    return narrowed;
}

/*
 * Word `word` of the bitmap of nodes that may be chosen; bits past the last node are 0. For loops over nodes.
 * Threads: any. Errors: none; word must be below LW_BITMAP_WORDS(count).
 */
LW_API uint64_t lw_view_word(const lw_view *view, uint32_t word);

/* How many nodes may be chosen. O(1) when all may, else O(n / 512) with blocks, O(n / 64) without. Errors: none. */
LW_API uint32_t lw_view_count(const lw_view *view);

/* The node of that rank (from 0, in index order) among those that may be chosen; for a rank past the end the last one,
   since others may clear bits between a count and this call. A refusal when there is none. Cost as above. */
LW_API ptrdiff_t lw_view_nth(const lw_view *view, uint32_t rank);

/* Why lw_view_count is 0, to be asked only then: LW_FILTERED when the bitmap leaves no node, else LW_EXCLUDED. */
LW_API ptrdiff_t lw_view_refusal(const lw_view *view);

/* ---- chance ---- */

/* 64 random bits: splitmix64 of this lane. Threads that share a lane may now and then draw the same bits. */
static inline uint64_t lw_view_random(const lw_view *view) {
    uint64_t z = __atomic_load_n(&view->lane->chance, __ATOMIC_RELAXED) + UINT64_C(0x9e3779b97f4a7c15);
    __atomic_store_n(&view->lane->chance, z, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform below bound, which must not be 0; without bias (Lemire, "Fast Random Integer Generation in an Interval"). */
static inline uint32_t lw_view_below(const lw_view *view, uint32_t bound) {
    uint64_t product = (lw_view_random(view) >> 32) * bound;
    while (__builtin_expect((uint32_t)product < bound, 0) && (uint32_t)product < (0 - bound) % bound) {
        product = (lw_view_random(view) >> 32) * bound;
    }
    return (uint32_t)(product >> 32);
}

/* A node drawn uniformly from those that may be chosen: a bounded number of redraws, then by rank. Or a refusal. */
LW_API ptrdiff_t lw_view_uniform(const lw_view *view);

/* ---- memories ---- */

static inline const void *lw_view_config(const lw_view *view) { return view->memory->config; }

static inline const void *lw_view_plan(const lw_view *view) { return view->memory->plan; }

static inline void *lw_view_board(const lw_view *view) { return view->memory->board; }

static inline void *lw_view_state(const lw_view *view) { return view->memory->state; }

static inline void *lw_view_scratch(const lw_view *view, uint32_t index) { return view->memory->scratch[index]; }

static inline void *lw_view_lane(const lw_view *view) {
    return view->memory->lanes + (size_t)(view->lane->number & view->memory->lane_mask) * LW_LANE_SIZE;
}

/* Takes the next number from a counter in the lane: every number once, whoever else takes at the same time. */
static inline uint64_t lw_view_ticket(const lw_view *view, uint64_t *counter) {
    if (view->lane->shared || view->memory->lane_mask != LW_LANES - 1) {
        return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    }
    uint64_t ticket = __atomic_load_n(counter, __ATOMIC_RELAXED);
    __atomic_store_n(counter, ticket + 1, __ATOMIC_RELAXED);
    return ticket;
}

/* ---- the host ---- */

/* Tells the host that the strategy would like to hear of this node; see probe.h. For begin: picks may be trials. */
LW_API void lw_view_ask(const lw_view *view, uint32_t index);

/*
 * ---- columns ----
 *
 * Those declared in `needs` may be read. Any other may be there or not: `nodes->present` has its LW_HAS bit where it
 * is. Weight, capacity and priority may be read in any case, since each has a value for nodes without it.
 */

/* What counts as load: the load column, or the signal that the strategy's `metric` names. */
static inline const lw_f64_column *lw_view_loads(const lw_view *view) {
    uint32_t signal = view->memory->signal;
    return __builtin_expect(signal == LW_SIGNAL_LOAD, 1) ? &view->nodes->load : &view->nodes->signals[signal];
}

static inline double lw_view_load(const lw_view *view, uint32_t index) {
    return lw_f64_at(lw_view_loads(view), index, view->now);
}

static inline double lw_view_remaining(const lw_view *view, uint32_t index) {
    return lw_f64_at(&view->nodes->remaining, index, view->now);
}

/* 1 where unset. */
static inline uint32_t lw_view_weight(const lw_view *view, uint32_t index) {
    return view->nodes->present & LW_HAS(weight) ? lw_u32_at(&view->nodes->weight, index) : 1;
}

static inline uint32_t lw_view_inflight(const lw_view *view, uint32_t index) {
    return lw_u32_at(&view->nodes->inflight, index);
}

/* 0, which is no limit, where unset. */
static inline uint32_t lw_view_capacity(const lw_view *view, uint32_t index) {
    return view->nodes->present & LW_HAS(capacity) ? lw_u32_at(&view->nodes->capacity, index) : 0;
}

/* 0, which is used first, where unset. */
static inline uint32_t lw_view_priority(const lw_view *view, uint32_t index) {
    return view->nodes->present & LW_HAS(priority) ? lw_u32_at(&view->nodes->priority, index) : 0;
}

/* ---- children ---- */

/* Number of child strategies. Threads: any. Errors: none. */
LW_API uint32_t lw_view_children(const lw_view *view);

/* What the child would pick, with its own memories. Threads: any. Errors: those of the child. */
LW_API ptrdiff_t lw_view_child_pick(const lw_view *view, uint32_t child);

/* The child's preference order for a key; see sequence in ops.h. Errors: LW_UNSUPPORTED and those of the child. */
LW_API ptrdiff_t lw_view_child_sequence(const lw_view *view, uint32_t child, uint64_t key, uint32_t *out,
                                        uint32_t room);

LW_END

#endif
