#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes fixed_vectors.h: powers and logarithms in fixed point, worked out a second time.

A developer's tool, not part of the build:
    ./generate_fixed.py > fixed_vectors.h    the vectors
    ./generate_fixed.py tables               the constants of src/base/fixed.c

The tables come from true values to 60 digits, the steps are those that the head of src/base/fixed.c states, and every
vector is held against the true value before it is written: the error must stay below one unit.
"""

import sys
from decimal import Decimal, getcontext

getcontext().prec = 60
LN2 = Decimal(2).ln()
ONE = 1 << 32
FINE = 36  # bits behind the point of tables and sums


def rounded(value, bits):
    return int((value * (1 << bits)).to_integral_value())


def true_exp2(power):
    return (power * LN2).exp()


def true_log2(x):
    return x.ln() / LN2


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


EXP2_PIECE = [rounded(true_exp2(Decimal(-i) / 32), FINE) for i in range(32)]
LOG2_PIECE = [rounded(true_log2(1 + Decimal(i) / 32), FINE) for i in range(32)]
INVERSE_PIECE = [rounded(1 / (1 + Decimal(i) / 32), 32) for i in range(32)]
EXP2_TERM = [rounded((LN2 / 32) ** k / factorial(k), FINE) for k in range(1, 5)]
LOG2_TERM = [rounded(1 / (k * LN2 * Decimal(32) ** k), FINE) for k in range(1, 7)]


def series(u, terms):
    """u (t1 - u (t2 - u (t3 - ...))) with every product cut to whole units."""
    total = 0
    for term in reversed(terms):
        total = u * (term - total) >> 32
    return total


def exp2_neg(x):
    whole, fraction = divmod(x, ONE)
    if whole > 32:
        return 0
    base = EXP2_PIECE[fraction >> 27]
    value = base - ((base >> 4) * series(fraction << 5 & ONE - 1, EXP2_TERM) >> 32)
    return value + (1 << whole + 3) >> whole + 4


def log2(x):
    whole = x.bit_length() - 1
    fraction = (x << 63 - whole) - (1 << 63)
    piece, rest = fraction >> 58, fraction >> 26 & ONE - 1
    value = LOG2_PIECE[piece] + series(rest * INVERSE_PIECE[piece] >> 32, LOG2_TERM)
    return (whole << 32) + (value + 8 >> 4)


def check(got, true):
    assert abs(got - true) < 1, (got, true)
    return got


def exp2_vector(x):
    return check(exp2_neg(x), true_exp2(Decimal(-x) / ONE) * ONE)


def log2_vector(x):
    return check(log2(x), true_log2(Decimal(x)) * ONE)


def points(count, top):
    """Edges first, then a walk of growing strides over all sizes."""
    result, z = [], 1
    while len(result) < count:
        z = z * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        result.append(z >> 64 - top + len(result) % top)
    return result


EXP2_POINTS = sorted(
    {0, 1, 2, ONE - 1, ONE, ONE + 1, 1 << 27, (1 << 27) - 1, 31 * ONE, 32 * ONE, 33 * ONE - 1, 33 * ONE, (1 << 64) - 1}
    | {i << 27 for i in range(0, 32, 5)}
    | set(points(200, 38))
)
LOG2_POINTS = sorted(
    {1, 2, 3, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 1}
    | {1 << i for i in range(0, 64, 9)}
    | set(points(200, 64)) - {0}
)


def array(name, values, per_line=3):
    print(f"static const uint64_t {name}[] = {{")
    for at in range(0, len(values), per_line):
        print("    " + ", ".join(f"UINT64_C(0x{v:016x})" for v in values[at : at + per_line]) + ",")
    print("};\n")


def tables():
    array("exp2_of_piece", EXP2_PIECE)
    array("log2_of_piece", LOG2_PIECE)
    array("inverse_of_piece", INVERSE_PIECE)
    array("exp2_terms", EXP2_TERM)
    array("log2_terms", LOG2_TERM)


def header():
    print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
    print("/* Written by generate_fixed.py; see there. Do not edit. */")
    print("#ifndef LOADWISE_TESTS_FIXED_VECTORS_H\n#define LOADWISE_TESTS_FIXED_VECTORS_H\n\n#include <stdint.h>\n")
    array("exp2_points", EXP2_POINTS)
    array("exp2_expected", [exp2_vector(x) for x in EXP2_POINTS])
    array("log2_points", LOG2_POINTS)
    array("log2_expected", [log2_vector(x) for x in LOG2_POINTS])
    print("#endif")


if __name__ == "__main__":
    tables() if sys.argv[1:] == ["tables"] else header()
