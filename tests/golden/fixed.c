/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Powers and logarithms in fixed point, bit for bit. */
#include "base/fixed.h"
#include "fixed_vectors.h"
#include "golden.h"

int main(void) {
    for (size_t i = 0; i < GOLDEN_COUNT(exp2_points); i++) {
        GOLDEN_CHECK(lw__exp2_neg(exp2_points[i]) == exp2_expected[i]);
    }
    for (size_t i = 0; i < GOLDEN_COUNT(log2_points); i++) {
        GOLDEN_CHECK(lw__log2(log2_points[i]) == log2_expected[i]);
    }
    return golden_verdict();
}
