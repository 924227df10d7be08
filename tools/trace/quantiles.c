/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A position is scaled to millionths: fine enough for the tails, and small enough that no product passes 64 bits. */
#include "quantiles.h"

#define KNOTS(table) (sizeof(table) / sizeof((table)[0]))

enum { STEPS_PER_KNOT = 100, STEPS = 10000 * STEPS_PER_KNOT };

static const struct quantile gap_knots[] = {
    {0, 60},
    {100, 222},
    {200, 420},
    {500, 880},
    {1000, 2090},
    {1500, 8850},
    {2000, 11840},
    {2500, 20773},
    {3000, 32922},
    {3500, 53441},
    {4000, 151040},
    {4500, 382171},
    {5000, 637980},
    {5500, 895573},
    {6000, 949904},
    {6500, 979436},
    {7000, 1001298},
    {7500, 1039955},
    {8000, 1600692},
    {8500, 1988316},
    {9000, 2728563},
    {9250, 3022291},
    {9500, 4007763},
    {9700, 5974356},
    {9800, 7987461},
    {9900, 22050704},
    {9925, 34894359},
    {9950, 99783312},
    {9975, 384246749},
    {9990, 792325026},
    {9995, 1324744244},
    {9999, 1783988162},
    {10000, 2171689520},
};

static const struct quantile context_knots[] = {
    {0, 3},       {100, 17},    {200, 35},    {500, 75},    {1000, 147},   {1500, 232},  {2000, 386},
    {2500, 578},  {3000, 770},  {3500, 939},  {4000, 1075}, {4500, 1261},  {5000, 1469}, {5500, 1690},
    {6000, 1909}, {6500, 2164}, {7000, 2433}, {7500, 2745}, {8000, 3192},  {8500, 3920}, {9000, 5188},
    {9250, 6097}, {9500, 7303}, {9700, 7435}, {9900, 7436}, {10000, 7437},
};

static const struct quantile generated_knots[] = {
    {0, 6},      {500, 6},    {1000, 7},   {2000, 8},    {3000, 9},     {3500, 10},  {4000, 11},
    {4500, 12},  {5000, 13},  {5500, 14},  {6000, 16},   {6500, 18},    {7000, 20},  {7500, 24},
    {8000, 29},  {8500, 39},  {9000, 55},  {9250, 69},   {9500, 90},    {9700, 128}, {9800, 171},
    {9900, 251}, {9950, 359}, {9990, 825}, {9999, 1350}, {10000, 1899},
};

const struct quantiles quantiles_gap = {gap_knots, KNOTS(gap_knots)};
const struct quantiles quantiles_context = {context_knots, KNOTS(context_knots)};
const struct quantiles quantiles_generated = {generated_knots, KNOTS(generated_knots)};

uint64_t quantiles_value(const struct quantiles *quantiles, uint32_t position) {
    uint64_t step = ((uint64_t)position * STEPS) >> 32;
    const struct quantile *next = quantiles->knots + 1;
    while (step >= (uint64_t)next->at * STEPS_PER_KNOT) {
        next++;
    }
    const struct quantile *last = next - 1;
    uint64_t width = (uint64_t)(next->at - last->at) * STEPS_PER_KNOT;
    uint64_t into = step - (uint64_t)last->at * STEPS_PER_KNOT;
    return last->value + ((next->value - last->value) * into + width / 2) / width;
}
