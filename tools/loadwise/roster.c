/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The first list as it is, then what the second one has besides. */
#include "roster.h"

#include <loadwise/bitmap.h>
#include <stdlib.h>
#include <string.h>

static uint32_t roster_add(struct roster *roster, const struct node *node) {
    roster->entries[roster->count] = (struct roster_entry){node->name, {ROSTER_ABSENT, ROSTER_ABSENT}, {0, 0}};
    return roster->count++;
}

static void roster_enter(struct roster *roster, const struct fleet *fleets, uint32_t side) {
    for (uint32_t i = 0; i < fleets[side].count; i++) {
        const struct node *node = &fleets[side].nodes[i];
        uint32_t known = side == 0 ? fleets[0].count : fleet_find(&fleets[0], node->name);
        uint32_t entry = known < fleets[0].count ? known : roster_add(roster, node);
        roster->entries[entry].weight[side] = node->weight;
        roster->place[side][i] = entry;
    }
}

static void roster_share(struct roster *roster, const struct fleet *fleet, const uint64_t *open, uint32_t side) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < fleet->count; i++) {
        sum += open == NULL || lw_bitmap_get(open, i) ? fleet->nodes[i].weight : 0;
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        if (sum > 0 && (open == NULL || lw_bitmap_get(open, i))) {
            roster->entries[roster->place[side][i]].share[side] = (double)fleet->nodes[i].weight / (double)sum;
        }
    }
}

bool roster_init(struct roster *roster, const struct fleet *fleets, const uint64_t *const *open) {
    size_t most = (size_t)fleets[0].count + fleets[1].count;
    *roster = (struct roster){.entries = calloc(most, sizeof *roster->entries)};
    for (uint32_t side = 0; side < ROSTER_SIDES; side++) {
        roster->place[side] = calloc(fleets[side].count, sizeof *roster->place[side]);
    }
    if (roster->entries == NULL || roster->place[0] == NULL || roster->place[1] == NULL) {
        return false;
    }
    for (uint32_t side = 0; side < ROSTER_SIDES; side++) {
        roster_enter(roster, fleets, side);
        roster_share(roster, &fleets[side], open[side], side);
    }
    return true;
}

void roster_free(struct roster *roster) {
    free(roster->entries);
    free(roster->place[0]);
    free(roster->place[1]);
    memset(roster, 0, sizeof *roster);
}

double roster_least(const struct roster *roster) {
    double least = 0;
    for (uint32_t i = 0; i < roster->count; i++) {
        double more = roster->entries[i].share[1] - roster->entries[i].share[0];
        least += more > 0 ? more : 0;
    }
    return least;
}

bool roster_owned(const struct roster *roster, uint32_t side) {
    for (uint32_t i = 0; i < roster->count; i++) {
        if (roster->entries[i].share[side] > 0) {
            return true;
        }
    }
    return false;
}
