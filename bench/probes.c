/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The list of probes, and what they share. */
#include "probes.h"

#include <stdlib.h>
#include <string.h>

/* Of two for one strategy, the better first. */
static const struct probe_kind *const kinds[] = {
    &probe_round_robin,
    &probe_smooth_wrr,
    &probe_random,
    &probe_weighted_random,
    &probe_least_load_wide,
    &probe_least_load,
    &probe_p2c,
    &probe_ring,
    &probe_most_available_wide,
    &probe_most_available,
    &probe_chain,
    &probe_ketama,
    &probe_maglev,
    &probe_jump,
    &probe_anchor,
    &probe_multi_probe,
    &probe_rendezvous,
    NULL,
};

const struct probe_kind *probe_find(const char *strategy) {
    for (const struct probe_kind *const *kind = kinds; *kind != NULL; kind++) {
        bool usable = (*kind)->usable == NULL || (*kind)->usable();
        if (usable && strcmp((*kind)->strategy, strategy) == 0) {
            return *kind;
        }
    }
    return NULL;
}

int probe_open(struct probe *probe, const struct probe_kind *kind, const struct fleet *fleet) {
    *probe = (struct probe){.kind = kind, .fleet = fleet};
    for (uint32_t thread = 0; thread < 2; thread++) {
        probe->lane[thread].chance = fleet_mix(thread + 1);
    }
    return kind->build != NULL ? kind->build(probe) : 0;
}

void probe_close(struct probe *probe) {
    probe_close_nodes(probe);
    free(probe->slots);
    free(probe->points);
    free(probe->index);
    *probe = (struct probe){0};
}

double probe_time_build(const struct probe_kind *kind, const struct fleet *fleet) {
    struct probe probe;
    if (kind->build == NULL) {
        return 0;
    }
    double start = frame_now();
    if (probe_open(&probe, kind, fleet) != 0) {
        start = frame_now();
    }
    double elapsed = frame_now() - start;
    probe_close(&probe);
    return elapsed;
}
