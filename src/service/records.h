/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records of one size, for one thread: taken from blocks that are kept, and listed while they are in use. */
#ifndef LW_SERVICE_RECORDS_H
#define LW_SERVICE_RECORDS_H

#include <loadwise/env.h>

/* A record is a struct that begins so. */
struct lw__record {
    struct lw__record *next, *before; /* of those in use, or of the free ones */
};

struct lw__records {
    lw_env *env;         /* the owner's */
    size_t size, zeroed; /* of a record, and how much of its beginning is zero when it is taken */
    struct lw__record *used, *spare;
    void *blocks;
};

void lw__records_init(struct lw__records *records, lw_env *env, size_t size, size_t zeroed);
void lw__records_free(struct lw__records *records);

/* NULL: no memory. */
void *lw__records_take(struct lw__records *records);
void lw__records_give(struct lw__records *records, void *given);

#endif
