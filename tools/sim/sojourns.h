/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How long requests took at a node of late, by how many were there when they came: what a node answers to probes.
 * The estimate is the median of the last few at the load that is nearest to the one asked for (Prequal, NSDI 2024).
 * What ended more than a second ago is not of late: a node that nobody used says nothing bad of itself. Nothing is
 * written down before the first probe comes, which therefore learns the load alone.
 */
#ifndef LOADWISE_SIM_SOJOURNS_H
#define LOADWISE_SIM_SOJOURNS_H

#include <stdint.h>

enum { SIM_LOADS = 128, SIM_RECENT = 9 };

struct sim_sojourn {
    uint64_t ended, ns;
};

struct sim_sojourns {
    struct sim_sojourn recent[SIM_LOADS][SIM_RECENT];
    uint32_t count[SIM_LOADS]; /* ever written */
};

void sim_sojourns_add(struct sim_sojourns *sojourns, uint32_t load, uint64_t ns, uint64_t now);

/* ns; 0 when nothing is known. */
uint64_t sim_sojourns_at(const struct sim_sojourns *sojourns, uint32_t load, uint64_t now);

#endif
