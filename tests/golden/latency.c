/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A history of samples, and the scores after each of them, bit for bit. */
#include "golden.h"
#include "latency_vectors.h"

#include <loadwise/latency.h>

int main(void) {
    lw_latency *latency;
    lw_latency_options options = LW_LATENCY_OPTIONS_INIT;
    options.tau = VECTORS_TAU;
    options.expiry = VECTORS_EXPIRY;
    options.timeout = VECTORS_TIMEOUT;
    options.penalty = VECTORS_PENALTY;
    options.initial = VECTORS_INITIAL;
    options.min_samples = VECTORS_MIN_SAMPLES;
    if (lw_latency_new(&latency, NULL, &options) != LW_OK) {
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < GOLDEN_COUNT(latency_steps); i++) {
        const struct latency_step *step = &latency_steps[i];
        lw_sample sample = LW_SAMPLE_INIT;
        sample.outcome = step->outcome;
        sample.latency = step->latency;
        GOLDEN_CHECK(lw_latency_observe_at(latency, step->node, &sample, step->now) >= 0);
        GOLDEN_CHECK(lw_latency_score_at(latency, step->node, LW_LATENCY_MEAN, 0, step->now) == step->mean);
        GOLDEN_CHECK(lw_latency_score_at(latency, step->node, LW_LATENCY_PEAK, 0, step->now) == step->peak);
    }
    lw_latency_free(latency);
    return golden_verdict();
}
