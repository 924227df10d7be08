/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Steps that make a new value of the old one: a posting on an account, a member of a meeting. */
#ifndef LW_STORE_REWRITE_H
#define LW_STORE_REWRITE_H

#include <loadwise/store.h>
#include <stdbool.h>

struct lw__rewrite {
    bool changed;   /* the new bytes are to be kept; else the other two say nothing */
    size_t size;    /* of them */
    uint64_t lasts; /* ns from now on until nothing of them counts; 0: nothing does now */
};

/* Most bytes of the new value, from a value of this size. */
size_t lw__rewrite_room(size_t size, const lw_store_step *step);

/* Carries out a step that was checked, LW_STORE_CHARGE or MEET, at `now` ns, on a value (size 0: none). Fills what the
   step writes but its answer, which it returns, and *rewrite. LW_CORRUPT: the value is none; all is as before. */
ptrdiff_t lw__rewrite(const void *value, size_t size, lw_store_step *step, uint64_t now, void *out,
                      struct lw__rewrite *rewrite);

/* For a step that failed: it has changed nothing. */
void lw__rewrite_void(lw_store_step *step);

#endif
