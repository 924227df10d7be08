/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A ring of the last few per load; loads beyond the last row share it. */
#include "sojourns.h"

#define OF_LATE UINT64_C(1000000000)

static uint32_t row_of(uint32_t load) { return load < SIM_LOADS ? load : SIM_LOADS - 1; }

void sim_sojourns_add(struct sim_sojourns *sojourns, uint32_t load, uint64_t ns, uint64_t now) {
    uint32_t row = row_of(load);
    sojourns->recent[row][sojourns->count[row]++ % SIM_RECENT] = (struct sim_sojourn){now, ns};
}

/* Those of one load that are of late, in order of size. */
static uint32_t collect(const struct sim_sojourns *sojourns, uint32_t row, uint64_t now, uint64_t *sorted) {
    uint32_t kept = 0, count = sojourns->count[row] < SIM_RECENT ? sojourns->count[row] : SIM_RECENT;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_sojourn *sojourn = &sojourns->recent[row][i];
        uint32_t at = kept;
        if (now - sojourn->ended > OF_LATE) {
            continue;
        }
        for (; at > 0 && sorted[at - 1] > sojourn->ns; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = sojourn->ns;
        kept++;
    }
    return kept;
}

uint64_t sim_sojourns_at(const struct sim_sojourns *sojourns, uint32_t load, uint64_t now) {
    uint32_t row = row_of(load);
    uint64_t sorted[SIM_RECENT];
    for (uint32_t away = 0; away < SIM_LOADS; away++) {
        for (int side = 0; side < 2; side++) {
            uint32_t near = side == 0 ? row + away : row - away; /* below 0 wraps far beyond the last */
            uint32_t count = near < SIM_LOADS ? collect(sojourns, near, now, sorted) : 0;
            if (count > 0) {
                return sorted[count / 2];
            }
        }
    }
    return 0;
}
