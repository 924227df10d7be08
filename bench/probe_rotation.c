/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rotations: a cursor per thread, moved without a locked instruction; for smooth weighted round robin it runs over
   the whole period, written out beforehand. */
#include "probes.h"

#include <stdlib.h>

static inline uint32_t turn(struct probe_lane *lane, uint32_t cycle) {
    uint64_t at = __atomic_load_n(&lane->cursor, __ATOMIC_RELAXED);
    __atomic_store_n(&lane->cursor, at + 1 == cycle ? 0 : at + 1, __ATOMIC_RELAXED);
    return (uint32_t)at;
}

/* The cursor goes behind the node that was found, so the one after a gap has no double share. */
static inline uint32_t turn_eligible(const struct probe *probe, struct probe_lane *lane) {
    const uint64_t *bits = probe->fleet->eligible;
    uint32_t words = (probe->fleet->count + 63) / 64;
    uint64_t at = __atomic_load_n(&lane->cursor, __ATOMIC_RELAXED);
    uint32_t word = (uint32_t)(at / 64);
    uint64_t left = word < words ? bits[word] & UINT64_MAX << at % 64 : 0;
    while (left == 0) {
        word = word + 1 >= words ? 0 : word + 1;
        left = bits[word];
    }
    uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(left);
    __atomic_store_n(&lane->cursor, found + 1, __ATOMIC_RELAXED);
    return found;
}

static inline uint32_t slot_eligible(const struct probe *probe, struct probe_lane *lane) {
    uint32_t index;
    do {
        index = probe->slots[turn(lane, probe->length)];
    } while (!probe_may(probe, index));
    return index;
}

PROBE_LOOPS(round_robin_whole, turn(lane, probe->fleet->count))
PROBE_LOOPS(round_robin_partial, turn_eligible(probe, lane))
PROBE_LOOPS(smooth_wrr_whole, probe->slots[turn(lane, probe->length)])
PROBE_LOOPS(smooth_wrr_partial, slot_eligible(probe, lane))

/*
 * The smooth sequence without its scan over all nodes. After t steps the rule sees node i at weight_i * t - total *
 * picks_i, so among nodes of one weight it takes the one with fewest picks, the first in order: they simply rotate.
 * Hence only the next one of each weight has to be compared, whatever the number of nodes.
 */
enum { WEIGHTS = FLEET_WEIGHT + 1 };

struct weight_class {
    const uint32_t *members;
    uint32_t size, at, rounds;
};

static struct weight_class *next_class(struct weight_class *classes, int64_t step, int64_t total) {
    struct weight_class *best = classes;
    int64_t best_value = INT64_MIN;
    for (int64_t weight = 1; weight < WEIGHTS; weight++) {
        struct weight_class *class = &classes[weight];
        int64_t value = weight * step - total * class->rounds;
        if (class->size > 0 &&
            (value > best_value || (value == best_value && class->members[class->at] < best->members[best->at]))) {
            best = class;
            best_value = value;
        }
    }
    return best;
}

static void fill_period(struct probe *probe, struct weight_class *classes) {
    for (uint32_t slot = 0; slot < probe->length; slot++) {
        struct weight_class *class = next_class(classes, (int64_t)slot + 1, probe->length);
        probe->slots[slot] = (uint16_t) class->members[class->at];
        class->at++;
        if (class->at == class->size) {
            class->at = 0;
            class->rounds++;
        }
    }
}

static void sort_by_weight(const struct fleet *fleet, struct weight_class *classes, uint32_t *members) {
    uint32_t *place[WEIGHTS];
    for (uint32_t weight = 0; weight < WEIGHTS; weight++) {
        place[weight] = members;
        classes[weight].members = members;
        members += classes[weight].size;
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        *place[fleet->weights[i]]++ = i;
    }
}

static int build_period(struct probe *probe) {
    const struct fleet *fleet = probe->fleet;
    struct weight_class classes[WEIGHTS] = {0};
    uint32_t *members = malloc(fleet->count * sizeof *members);
    probe->slots = malloc((size_t)fleet->count * FLEET_WEIGHT * sizeof *probe->slots);
    if (members == NULL || probe->slots == NULL) {
        free(members);
        return -1;
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        probe->length += fleet->weights[i];
        classes[fleet->weights[i]].size++;
    }
    sort_by_weight(fleet, classes, members);
    fill_period(probe, classes);
    free(members);
    return 0;
}

const struct probe_kind probe_round_robin = {"round_robin",
                                             "a cursor per thread that wraps",
                                             NULL,
                                             PROBE_FORMS_OF(round_robin_whole),
                                             PROBE_FORMS_OF(round_robin_partial),
                                             NULL};
const struct probe_kind probe_smooth_wrr = {"smooth_wrr",
                                            "a cursor per thread in the written-out period",
                                            NULL,
                                            PROBE_FORMS_OF(smooth_wrr_whole),
                                            PROBE_FORMS_OF(smooth_wrr_partial),
                                            build_period};
