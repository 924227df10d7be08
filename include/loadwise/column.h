/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Columns: how the library reads one property of every node straight from the caller's own memory.
 *
 * A column is a base address and a stride over an array of structs (or of pointers to structs). It borrows: nothing is
 * copied, and the array must stay where it is while a select can see it. Strategies and filters read them through the
 * accessors below.
 */
#ifndef LOADWISE_COLUMN_H
#define LOADWISE_COLUMN_H

#include <loadwise/api.h>
#include <stddef.h>
#include <stdint.h>

LW_BEGIN

enum lw_layout_kind {
    LW_LAYOUT_STRIDED = 0, /* element i at base + i * stride */
    LW_LAYOUT_POINTERS,    /* base is an array of pointers; the element is `offset` bytes into what pointer i names */
    LW_LAYOUT_COMPUTED,    /* f64 only: a function answers */
};

typedef struct lw_layout {
    const void *base;
    size_t stride;
    size_t offset;
    uint32_t kind;
    uint32_t atomic; /* not 0: other threads may write the elements during a select, each with one atomic store */
} lw_layout;

/* A load computed on demand, up to three times a node in one pick. Called on the thread that selects, with no lock
   held; must not call the library. */
typedef double lw_compute_fn(const void *user, size_t index, uint64_t now);

struct lw_view;

/* One type per element, so that mixing them up does not compile. */
typedef struct lw_f64_column {
    lw_layout at;
    lw_compute_fn *compute;
    /* A computed column may know the node of its least element among those that the view may choose, ties drawn
       uniformly, without asking for each: the index, or negative for "cannot tell". NULL: it does not. Asked by
       strategies that declare LW_NEEDS_LEAST. */
    ptrdiff_t (*least)(const void *user, const struct lw_view *view);
} lw_f64_column;
typedef struct lw_u32_column {
    lw_layout at;
} lw_u32_column;
typedef struct lw_u64_column {
    lw_layout at;
} lw_u64_column;
typedef struct lw_string_column {
    lw_layout at; /* elements are const char *, NUL-terminated, NULL for none */
} lw_string_column;

static inline const void *lw_layout_at(const lw_layout *at, size_t index) {
    const char *element = (const char *)at->base + index * at->stride;
    if (__builtin_expect(at->kind == LW_LAYOUT_STRIDED, 1)) {
        return element;
    }
    return *(const char *const *)(const void *)element + at->offset;
}

/* Relaxed atomic reads cost what plain ones do, so there is one reader for both. */
static inline double lw_f64_at(const lw_f64_column *column, size_t index, uint64_t now) {
    double value;
    if (__builtin_expect(column->at.kind == LW_LAYOUT_COMPUTED, 0)) {
        return column->compute(column->at.base, index, now);
    }
    __atomic_load((const double *)lw_layout_at(&column->at, index), &value, __ATOMIC_RELAXED);
    return value;
}

static inline uint32_t lw_u32_at(const lw_u32_column *column, size_t index) {
    return __atomic_load_n((const uint32_t *)lw_layout_at(&column->at, index), __ATOMIC_RELAXED);
}

static inline uint64_t lw_u64_at(const lw_u64_column *column, size_t index) {
    return __atomic_load_n((const uint64_t *)lw_layout_at(&column->at, index), __ATOMIC_RELAXED);
}

static inline const char *lw_string_at(const lw_string_column *column, size_t index) {
    return *(const char *const *)lw_layout_at(&column->at, index);
}

/* The elements as one dense, unchanging array of doubles, or NULL: the only shape that a vector scan takes. */
static inline const double *lw_f64_dense(const lw_f64_column *column) {
    int dense = column->at.kind == LW_LAYOUT_STRIDED && column->at.stride == sizeof(double) && !column->at.atomic;
    return dense ? (const double *)column->at.base : NULL;
}

LW_END

#endif
