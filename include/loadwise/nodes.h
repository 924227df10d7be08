/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lw_nodes: the caller's own array of nodes, as strategies see it. Nothing is registered, copied or owned.
 *
 *     struct backend { const char *addr; uint32_t weight; double load; } b[] = {...};
 *     lw_nodes nodes;
 *     lw_nodes_init(&nodes, sizeof b / sizeof *b);
 *     LW_SET(nodes, name, b, addr);
 *     LW_SET(nodes, weight, b, weight);
 *     LW_SET(nodes, load, b, load);
 *
 * A column that is not set is a trait the nodes do not have; a strategy that needs it answers LW_NO_COLUMN and logs
 * the name. Identity is the id column, or else the hash of the name column, or else the index.
 *
 * Ownership: columns borrow the array, the strings in it and the bitmap. They must live, and stay where they are, as
 * long as any thread may select with this lw_nodes. A column may be written during a select only if LW_SET_ATOMIC or
 * LW_SET_ATOMIC_POINTERS declared so. Threads: building an lw_nodes is for one thread, using it for any number.
 */
#ifndef LOADWISE_NODES_H
#define LOADWISE_NODES_H

#include <loadwise/column.h>
#include <string.h>

LW_BEGIN

/* The columns: X(name, type of column, C type of an element, meaning). */
#define LW_COLUMN_LIST(X)                                                                                              \
    X(name, string, const char *, "what people call the node; its hash is the identity when id is unset")              \
    X(id, u64, uint64_t, "stable identity")                                                                            \
    X(weight, u32, uint32_t, "relative share; 0: never")                                                               \
    X(load, f64, double, "lower is better; NaN: unknown, chosen last")                                                 \
    X(remaining, f64, double, "free share of a quota, 0 to 1, higher is better; NaN: unknown")                         \
    X(health, u32, uint32_t, "enum lw_status")                                                                         \
    X(inflight, u32, uint32_t, "requests under way")                                                                   \
    X(capacity, u32, uint32_t, "most requests under way; 0: no limit")                                                 \
    X(priority, u32, uint32_t, "0 is used first")                                                                      \
    X(zone, string, const char *, "where the node stands")                                                             \
    X(tags, string, const char *, "key=value,key=value")

enum lw_column {
#define LW_COLUMN_ENUM(column, kind, type, meaning) LW_COLUMN_##column,
    LW_COLUMN_LIST(LW_COLUMN_ENUM)
#undef LW_COLUMN_ENUM
        LW_COLUMN_COUNT
};

/* A set of columns is the sum of such bits. */
#define LW_HAS(column) (UINT32_C(1) << LW_COLUMN_##column)
#define LW_HAS_SIGNALS (UINT32_C(1) << 28)

/* What else may count as load, beside the load column; chosen by the parameter `metric` of a strategy. Pools have them
   all; at floor one, whoever has some sets lw_nodes.signals. */
#define LW_SIGNAL_NAMES "load|inflight|inflight_cost|ewma|peak_ewma|external|user"
enum lw_signal {
    LW_SIGNAL_LOAD = 0, /* the load column */
    LW_SIGNAL_INFLIGHT,
    LW_SIGNAL_INFLIGHT_COST,
    LW_SIGNAL_EWMA,
    LW_SIGNAL_PEAK_EWMA,
    LW_SIGNAL_EXTERNAL,
    LW_SIGNAL_USER,
    LW_SIGNALS
};

typedef struct lw_nodes {
    size_t size;      /* sizeof(lw_nodes), so that the struct can grow */
    uint32_t count;   /* number of nodes, below 2^31 */
    uint32_t present; /* which columns are set: LW_HAS bits */

    /* Plans are kept per (set, version, count). Give each set of nodes that is used with one strategy its own number
       and raise the version whenever an id, a name or a weight changes, a node comes or goes, or the order changes.
       Loads, health and bitmap are free to change. set 0 means "tell by the content": every pick of a strategy with a
       plan then hashes all ids, names and weights, which is O(n). */
    uint64_t set;
    uint64_t version;

    /* Bit i of word i / 64 says that node i may be chosen; NULL: all may. See filter.h and lw_bitmap_blocks(). */
    const uint64_t *eligible;
    const uint32_t *eligible_blocks;

#define LW_COLUMN_MEMBER(column, kind, type, meaning) lw_##kind##_column column;
    LW_COLUMN_LIST(LW_COLUMN_MEMBER)
#undef LW_COLUMN_MEMBER

    const lw_f64_column *signals; /* LW_SIGNALS of them, the first is not read; with LW_HAS_SIGNALS in present */
} lw_nodes;

/* Starts with count nodes, no column and set 0, which for strategies with a plan costs O(n) a pick: see `set`. Errors:
 * none. */
static inline void lw_nodes_init(lw_nodes *nodes, uint32_t count) {
    memset(nodes, 0, sizeof *nodes);
    nodes->size = sizeof *nodes;
    nodes->count = count;
}

static inline lw_layout lw_layout_strided(const void *base, size_t stride, uint32_t atomic) {
    lw_layout at = {base, stride, 0, LW_LAYOUT_STRIDED, atomic};
    return at;
}

static inline lw_layout lw_layout_pointers(const void *base, size_t offset, uint32_t atomic) {
    lw_layout at = {base, sizeof(void *), offset, LW_LAYOUT_POINTERS, atomic};
    return at;
}

/* A wrong member type does not compile: gcc and clang compare the types in C, conversion rules do in C++. A
   string member may be const char * or char *. */
#ifdef __cplusplus
static inline const void *lw_f64_member(const double *member) { return member; }
static inline const void *lw_u32_member(const uint32_t *member) { return member; }
static inline const void *lw_u64_member(const uint64_t *member) { return member; }
static inline const void *lw_string_member(const char *const *member) { return member; }
#define LW_MEMBER_f64(member) lw_f64_member(&(member))
#define LW_MEMBER_u32(member) lw_u32_member(&(member))
#define LW_MEMBER_u64(member) lw_u64_member(&(member))
#define LW_MEMBER_string(member) lw_string_member(&(member))
#else
#define LW_IS(member, type) __builtin_types_compatible_p(__typeof__(member), type)
#define LW_MEMBER(member, matches) ((void)sizeof(char[(matches) ? 1 : -1]), (const void *)&(member))
#define LW_MEMBER_f64(member) LW_MEMBER(member, LW_IS(member, double))
#define LW_MEMBER_u32(member) LW_MEMBER(member, LW_IS(member, uint32_t))
#define LW_MEMBER_u64(member) LW_MEMBER(member, LW_IS(member, uint64_t))
#define LW_MEMBER_string(member) LW_MEMBER(member, LW_IS(member, const char *) || LW_IS(member, char *))
#endif

#define LW_MEMBER_OF_name LW_MEMBER_string
#define LW_MEMBER_OF_id LW_MEMBER_u64
#define LW_MEMBER_OF_weight LW_MEMBER_u32
#define LW_MEMBER_OF_load LW_MEMBER_f64
#define LW_MEMBER_OF_remaining LW_MEMBER_f64
#define LW_MEMBER_OF_health LW_MEMBER_u32
#define LW_MEMBER_OF_inflight LW_MEMBER_u32
#define LW_MEMBER_OF_capacity LW_MEMBER_u32
#define LW_MEMBER_OF_priority LW_MEMBER_u32
#define LW_MEMBER_OF_zone LW_MEMBER_string
#define LW_MEMBER_OF_tags LW_MEMBER_string

#define LW_PUT(nodes, column, layout) ((nodes).column.at = (layout), (nodes).present |= LW_HAS(column))
#define LW_OFFSET(array, member) ((size_t)((const char *)&(array)[0]->member - (const char *)(array)[0]))

/* Column from `member` of each struct in `array`. The array may be empty but not NULL. */
#define LW_SET(nodes, column, array, member)                                                                           \
    LW_PUT(nodes, column, lw_layout_strided(LW_MEMBER_OF_##column((array)[0].member), sizeof((array)[0]), 0))

/* The same for numbers that other threads write, with atomic stores, while picks go on. */
#define LW_SET_ATOMIC(nodes, column, array, member)                                                                    \
    LW_PUT(nodes, column, lw_layout_strided(LW_MEMBER_OF_##column((array)[0].member), sizeof((array)[0]), 1))

/* The same for an array of pointers to structs, of at least one element. */
#define LW_SET_POINTERS(nodes, column, array, member)                                                                  \
    ((void)LW_MEMBER_OF_##column((array)[0]->member),                                                                  \
     LW_PUT(nodes, column, lw_layout_pointers((array), LW_OFFSET(array, member), 0)))
#define LW_SET_ATOMIC_POINTERS(nodes, column, array, member)                                                           \
    ((void)LW_MEMBER_OF_##column((array)[0]->member),                                                                  \
     LW_PUT(nodes, column, lw_layout_pointers((array), LW_OFFSET(array, member), 1)))

/* Column of plain values: array[i] is the value of node i. */
#define LW_SET_VALUES(nodes, column, array)                                                                            \
    LW_PUT(nodes, column, lw_layout_strided(LW_MEMBER_OF_##column((array)[0]), sizeof((array)[0]), 0))

/* A load or remaining column answered by a function; `user` must outlive the use. A select then reads the clock. */
#define LW_SET_COMPUTED(nodes, column, function, user_pointer)                                                         \
    ((nodes).column.compute = (function), (nodes).column.at.base = (user_pointer),                                     \
     (nodes).column.at.kind = LW_LAYOUT_COMPUTED, (nodes).present |= LW_HAS(column))

/*
 * Identity of one node: its id, else lw_id of its name, else its index.
 * Threads: any. Errors: none; index must be below count.
 */
LW_API uint64_t lw_nodes_id(const lw_nodes *nodes, uint32_t index);

/*
 * A number that is equal for equal (ids, names, weights, order): what set 0 uses. Names count where they are set, also
 * beside ids, since a strategy may build from them. Never 0. O(n).
 * Threads: any. Errors: none.
 */
LW_API uint64_t lw_nodes_fingerprint(const lw_nodes *nodes);

/* Name of a column, "weight"; NULL past the last. Threads: any. Errors: none. */
LW_API const char *lw_column_name(uint32_t column);

LW_END

#endif
