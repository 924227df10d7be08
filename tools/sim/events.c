/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A heap with four branches: half as deep as with two, and the four children lie side by side. */
#include "events.h"

#include <stdlib.h>

enum { BRANCHES = 4, LEAST_ROOM = 1024 };

static inline bool is_earlier(const struct sim_upcoming *a, const struct sim_upcoming *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

bool sim_events_add(struct sim_events *events, uint64_t at, uint32_t kind, uint32_t what) {
    if (events->count == events->room) {
        size_t room = events->room > 0 ? 2 * events->room : LEAST_ROOM;
        struct sim_upcoming *grown = realloc(events->heap, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        events->heap = grown;
        events->room = room;
    }
    struct sim_upcoming added = {at, events->said++, kind, what};
    size_t place = events->count++;
    while (place > 0) {
        size_t parent = (place - 1) / BRANCHES;
        if (!is_earlier(&added, &events->heap[parent])) {
            break;
        }
        events->heap[place] = events->heap[parent];
        place = parent;
    }
    events->heap[place] = added;
    return true;
}

void sim_events_pop(struct sim_events *events) {
    struct sim_upcoming last = events->heap[--events->count];
    size_t place = 0;
    for (;;) {
        size_t first = place * BRANCHES + 1, end = first + BRANCHES, least = first;
        if (first >= events->count) {
            break;
        }
        end = end < events->count ? end : events->count;
        for (size_t i = first + 1; i < end; i++) {
            least = is_earlier(&events->heap[i], &events->heap[least]) ? i : least;
        }
        if (!is_earlier(&events->heap[least], &last)) {
            break;
        }
        events->heap[place] = events->heap[least];
        place = least;
    }
    events->heap[place] = last;
}

void sim_events_free(struct sim_events *events) { free(events->heap); }
