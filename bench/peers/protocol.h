/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What one program of this folder and the driver say to each other, a line at a time, in whatever language it is
 * written; and for those in C the whole conversation.
 *
 *     at the start       peer NAME VERSION                            one line for each name below
 *                        case NAME/CASE WHAT... [beside ROW]          WHAT: pick threads build change bytes
 *                        ready
 *     the driver asks    pick NAME/CASE nodes threads seed            ns X: per pick of one thread, the median of runs
 *                        build NAME/CASE nodes seed                   ns X: of all that picks need, from nothing
 *                        change NAME/CASE nodes seed                  ns X: a node leaves and comes back, half of both
 *                        bytes NAME/CASE nodes seed                   bytes X: of memory, for each node
 *                        quit
 *
 * Any answer may be `none REASON`. CASE is the same word for the same thing with everyone; `beside` names the row of
 * ours that does the same work, where that is not the one called loadwise.
 *
 * A program that ends, or is silent for too long, has no answer to that question and is started again for the next one.
 * The first line that it wrote to stderr since the question is kept as the reason.
 *
 * All build the same nodes and keys: names "node-00000", weights i * 7 % 5 + 1, then from splitmix64 of the seed the
 * loads, the free shares and 4096 keys; a key as text is its 16 hexadecimal digits.
 */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include "fleet.h"
#include "frame.h"

#include <stddef.h>

enum { PROTOCOL_KEYS = 4096, PROTOCOL_KEY_SIZE = 16 };

/* The nodes and keys of one question. */
struct scene {
    struct fleet fleet;
    char (*texts)[PROTOCOL_KEY_SIZE]; /* PROTOCOL_KEYS keys, not terminated */
};

struct peer_case {
    const char *name;   /* "loadwise/ring" */
    const char *beside; /* the row that it is held against; NULL: loadwise */
    const char *what;   /* for the open, which spec or kind it is */
    bool only_picks;    /* nothing is built, or what is built is that of another case */
    /* Makes what picks need: that is the cold build. NULL, and *why tells the reason. */
    void *(*open)(const struct peer_case *kind, const struct scene *scene, const char **why);
    void (*close)(void *subject);
    frame_loop *pick;
    bool threads; /* two threads may pick from one subject */
    /* One node leaves and comes back; 0 or a negative code. NULL: nothing to be done, or not possible. */
    int (*change)(void *subject);
    size_t (*bytes)(const void *subject); /* NULL: not known */
};

/* Answers questions until the driver says quit. `peers` are names with their versions, `count` cases. Returns the exit
   status. */
int protocol_serve(const char *const *peers, const struct peer_case *cases, uint32_t count);

#endif
