/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * log: x = m 2^e with m from 0.707 to 1.414, log m = 2 atanh((m - 1) / (m + 1)) by its series, whose argument is at
 * most 0.172. exp: x = k log 2 + r with |r| at most 0.347, e^r by Taylor's series, k into the exponent. sin: the turn
 * is folded into a quarter, then Taylor's series.
 */
#include "exact.h"

#include <stdint.h>
#include <string.h>

#define LN2_HIGH 0x1.62e42feep-1 /* 32 bits of log 2, so that k times it is exact */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define SQRT2 0x1.6a09e667f3bcdp+0
#define TWO_PI 0x1.921fb54442d18p+2

enum { EXPONENT_BIAS = 1023, MANTISSA_BITS = 52 };

static uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double exact_log(double x) {
    static const double odd[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13,
                                 1.0 / 11, 1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3};
    uint64_t bits = bits_of(x);
    int exponent = (int)(bits >> MANTISSA_BITS) - EXPONENT_BIAS;
    double m = from_bits((bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | (uint64_t)EXPONENT_BIAS << MANTISSA_BITS);
    if (m > SQRT2) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 1.0 / 23;
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
        sum = sum * square + odd[i];
    }
    return exponent * LN2_HIGH + (2 * s + (2 * s * square * sum + exponent * LN2_LOW));
}

double exact_exp(double x) {
    double turns = x / (LN2_HIGH + LN2_LOW);
    int k = (int)(turns + (turns < 0 ? -0.5 : 0.5));
    double r = x - k * LN2_HIGH - k * LN2_LOW, sum = 1;
    for (int i = 14; i > 0; i--) {
        sum = 1 + sum * r / i;
    }
    int half = k / 2; /* two steps, so that neither leaves the range */
    return sum * from_bits((uint64_t)(half + EXPONENT_BIAS) << MANTISSA_BITS) *
           from_bits((uint64_t)(k - half + EXPONENT_BIAS) << MANTISSA_BITS);
}

double exact_pow(double x, double y) { return exact_exp(y * exact_log(x)); }

double exact_sin_turns(double turns) {
    double whole = (double)(int64_t)turns;
    double f = turns - whole; /* above -1, below 1 */
    f = f > 0.5 ? f - 1 : f < -0.5 ? f + 1 : f;
    f = f > 0.25 ? 0.5 - f : f < -0.25 ? -0.5 - f : f;
    double x = f * TWO_PI, square = x * x, sum = 1;
    for (int i = 20; i > 1; i -= 2) {
        sum = 1 - sum * square / (i * (i + 1));
    }
    return x * sum;
}
