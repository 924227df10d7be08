/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Parameters that specifications may set: of strategies (ops.h) and of layers (layer.h). One declaration is all that
 * there is to say about one.
 */
#ifndef LOADWISE_PARAM_H
#define LOADWISE_PARAM_H

#include <stdint.h>

enum lw_param_type {
    LW_PARAM_U64 = 0, /* stored as uint64_t */
    LW_PARAM_F64,     /* decimal, not negative, stored as double */
    LW_PARAM_BOOL,    /* false or true, stored as uint64_t 0 or 1 */
    LW_PARAM_CHOICE,  /* one of choices, stored as uint64_t, its position in the list */
    LW_PARAM_POWER,   /* a power of two, stored as uint64_t */
    LW_PARAM_PRIME,   /* a prime, stored as uint64_t; both ends of its range are primes below 2^32 */
    LW_PARAM_TIME, /* a whole number with one of ns, us, ms, s, m, h behind it, stored as uint64_t ns; 0 needs none */
    LW_PARAM_PERCENTILE, /* a decimal, with or without a p before it, stored as double */
};

/* One parameter: drives parsing, range errors, `loadwise strategies` and the docs. Two names mean something to
   strategies: "lanes", how many lanes there are; "metric", a choice of LW_SIGNAL_NAMES, which column lw_view_load
   reads. */
typedef struct lw_param {
    const char *name;
    uint32_t type;         /* enum lw_param_type */
    uint32_t offset;       /* where in the config */
    const char *fallback;  /* default, as a user would write it */
    const char *min, *max; /* inclusive; NULL for BOOL and CHOICE */
    const char *choices;   /* "random|error|next" */
    const char *help;      /* one sentence */
} lw_param;

#endif
