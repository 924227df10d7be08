/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Distributions as tables of quantiles, drawn from with whole numbers only, so that every platform draws the same.
 *
 * The three tables are fitted to 8,819 requests of a code completion service: the Azure LLM inference trace 2023, part
 * "code" (Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting", ISCA 2024; published by
 * Microsoft under CC BY 4.0). Only these quantiles were taken over, not one of its rows. In that trace the three are
 * close to independent of each other and of the row before (correlations of 0.00 to 0.01 for the tokens, of 0.10 for
 * the logarithms of two gaps in a row), so independent draws resemble it, its bursts and its silences included.
 */
#ifndef LOADWISE_TRACE_QUANTILES_H
#define LOADWISE_TRACE_QUANTILES_H

#include <stddef.h>
#include <stdint.h>

struct quantile {
    uint32_t at; /* share of values below, in units of 1/10000 */
    uint64_t value;
};

struct quantiles {
    const struct quantile *knots; /* from 0 to 10000 */
    size_t count;
};

/* Time between two arrivals, in units of 100 ns as the trace has them. */
extern const struct quantiles quantiles_gap;

/* Tokens of the prompt, and of the answer. */
extern const struct quantiles quantiles_context;
extern const struct quantiles quantiles_generated;

/* The value at a position from 0 to 2^32 - 1 through the distribution: straight lines between the knots. */
uint64_t quantiles_value(const struct quantiles *quantiles, uint32_t position);

#endif
