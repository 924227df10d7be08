/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Exponential and Pareto by inversion, normal by Marsaglia's polar method. Zipf by rejection from the inverted integral
 * of x^-skew (Hörmann and Derflinger 1996): no table, whatever the number of keys.
 */
#include "chance.h"

#include "exact.h"

#include <math.h>

double sim_exponential(struct sim_chance *chance) { return -exact_log(sim_uniform(chance)); }

double sim_normal(struct sim_chance *chance) {
    double x, y, square;
    do {
        x = 2 * sim_uniform(chance) - 1;
        y = 2 * sim_uniform(chance) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    return x * sqrt(-2 * exact_log(square) / square);
}

double sim_factor(struct sim_chance *chance, double sigma) {
    return sigma > 0 ? exact_exp(sigma * sim_normal(chance) - sigma * sigma / 2) : 1;
}

static double pareto(struct sim_chance *chance, double mean, double alpha) {
    return mean * (alpha - 1) / alpha * exact_pow(sim_uniform(chance), -1 / alpha);
}

double sim_draw(struct sim_chance *chance, const struct sim_distribution *distribution) {
    double mean = distribution->mean;
    switch (distribution->shape) {
    case SIM_EXPONENTIAL: return mean * sim_exponential(chance);
    case SIM_LOGNORMAL: return mean * sim_factor(chance, distribution->spread);
    case SIM_PARETO: return pareto(chance, mean, distribution->spread);
    case SIM_UNIFORM: return 2 * mean * sim_uniform(chance);
    case SIM_EMPIRICAL: return distribution->values[sim_below(chance, (uint32_t)distribution->value_count)];
    default: return mean;
    }
}

/* ---- Zipf ---- */

/* The integral of x^-skew from 1, and its inverse. */
static double integral(const struct sim_zipf *zipf, double x) {
    double power = 1 - zipf->skew;
    return fabs(power) < 1e-9 ? exact_log(x) : (exact_pow(x, power) - 1) / power;
}

static double inverse(const struct sim_zipf *zipf, double area) {
    double power = 1 - zipf->skew;
    if (fabs(power) < 1e-9) {
        return exact_exp(area);
    }
    double base = area * power + 1;
    return base > 0 ? exact_pow(base, 1 / power) : 1;
}

void sim_zipf_init(struct sim_zipf *zipf, uint64_t count, double skew) {
    zipf->count = count;
    zipf->skew = skew;
    zipf->head = integral(zipf, 1.5) - 1;
    zipf->tail = integral(zipf, (double)count + 0.5);
    zipf->sure = 2 - inverse(zipf, integral(zipf, 2.5) - exact_pow(2, -skew));
}

uint64_t sim_zipf_draw(const struct sim_zipf *zipf, struct sim_chance *chance) {
    if (zipf->skew <= 0) {
        return 1 + (uint64_t)(sim_uniform(chance) * (double)zipf->count * (1 - 0x1p-53));
    }
    for (;;) {
        double area = zipf->tail + sim_uniform(chance) * (zipf->head - zipf->tail), x = inverse(zipf, area);
        uint64_t rank = (uint64_t)(x + 0.5);
        rank = rank < 1 ? 1 : rank > zipf->count ? zipf->count : rank;
        if ((double)rank - x <= zipf->sure ||
            area >= integral(zipf, (double)rank + 0.5) - exact_pow((double)rank, -zipf->skew)) {
            return rank;
        }
    }
}
