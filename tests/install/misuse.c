/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Must not compile unless WEIGHT is uint32_t: a column refuses a member of another type. */
#include <loadwise/loadwise.h>

struct backend {
    WEIGHT weight;
};

void describe(lw_nodes *nodes, struct backend *backends);

void describe(lw_nodes *nodes, struct backend *backends) { LW_SET(*nodes, weight, backends, weight); }
