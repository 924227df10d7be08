/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What was used within the last window, in 60 parts. */
#ifndef LOADWISE_SIM_WINDOW_H
#define LOADWISE_SIM_WINDOW_H

#include <stdint.h>

enum { SIM_PARTS = 60 };

struct sim_window {
    double parts[SIM_PARTS], sum;
    uint64_t part; /* number of the current one */
};

static inline void sim_window_pass(struct sim_window *window, uint64_t length, uint64_t now) {
    uint64_t part = now / (length / SIM_PARTS);
    uint64_t gone = part - window->part < SIM_PARTS ? part - window->part : SIM_PARTS;
    for (uint64_t i = 1; i <= gone; i++) {
        double *old = &window->parts[(window->part + i) % SIM_PARTS];
        window->sum -= *old;
        *old = 0;
    }
    window->part = part;
}

/* ns until parts have passed away that hold so much. */
static inline uint64_t sim_window_wait(const struct sim_window *window, uint64_t length, uint64_t now, double much) {
    uint64_t gone = 1;
    for (double freed = 0; gone < SIM_PARTS; gone++) {
        freed += window->parts[(window->part + gone) % SIM_PARTS];
        if (freed >= much) {
            break;
        }
    }
    return (window->part + gone) * (length / SIM_PARTS) - now;
}

static inline void sim_window_add(struct sim_window *window, double amount) {
    window->parts[window->part % SIM_PARTS] += amount;
    window->sum += amount;
}

#endif
