/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pairs are noted one by one; when the room is used up, equal ones are joined, and only then there may be more room. */
#include "moves.h"

#include <stdlib.h>
#include <string.h>

enum { MOVES_ROOM = 4096 };

bool moves_init(struct moves *moves, uint32_t count) {
    memset(moves, 0, sizeof *moves);
    moves->count = count;
    moves->room = MOVES_ROOM;
    moves->nodes = calloc((size_t)count + 1, sizeof *moves->nodes);
    moves->pairs = calloc(moves->room, sizeof *moves->pairs);
    return moves->nodes != NULL && moves->pairs != NULL;
}

void moves_free(struct moves *moves) {
    free(moves->nodes);
    free(moves->pairs);
    memset(moves, 0, sizeof *moves);
}

static int moves_by_pair(const void *one, const void *other) {
    const struct move *a = one, *b = other;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from) : (a->to > b->to) - (a->to < b->to);
}

static int moves_by_keys(const void *one, const void *other) {
    const struct move *a = one, *b = other;
    return a->keys != b->keys ? (a->keys < b->keys) - (a->keys > b->keys) : moves_by_pair(one, other);
}

static void moves_join(struct moves *moves) {
    size_t kept = 0;
    qsort(moves->pairs, moves->pair_count, sizeof *moves->pairs, moves_by_pair);
    for (size_t i = 0; i < moves->pair_count; i++) {
        if (kept > 0 && moves_by_pair(&moves->pairs[kept - 1], &moves->pairs[i]) == 0) {
            moves->pairs[kept - 1].keys += moves->pairs[i].keys;
        } else {
            moves->pairs[kept++] = moves->pairs[i];
        }
    }
    moves->pair_count = kept;
}

static bool moves_make_room(struct moves *moves) {
    moves_join(moves);
    if (moves->pair_count <= moves->room / 2) {
        return true;
    }
    struct move *larger = realloc(moves->pairs, 2 * moves->room * sizeof *larger);
    if (larger != NULL) {
        moves->pairs = larger;
        moves->room *= 2;
    }
    return larger != NULL;
}

bool moves_add(struct moves *moves, uint32_t from, uint32_t to) {
    moves->keys++;
    moves->nodes[from].before++;
    moves->nodes[to].after++;
    if (from == to) {
        return true;
    }
    if (moves->pair_count == moves->room && !moves_make_room(moves)) {
        return false;
    }
    moves->moved++;
    moves->nodes[from].left++;
    moves->nodes[to].arrived++;
    moves->pairs[moves->pair_count++] = (struct move){from, to, 1};
    return true;
}

void moves_sort(struct moves *moves) {
    moves_join(moves);
    qsort(moves->pairs, moves->pair_count, sizeof *moves->pairs, moves_by_keys);
}
