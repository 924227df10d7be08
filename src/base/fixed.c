/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Powers and logarithms of two from a table and a short series.
 *
 * Both cut the interval [0, 1) into 32 pieces. A table knows the function where a piece begins, to 36 bits; the first
 * terms of its Taylor series do the rest of the piece, u in [0, 1) being the place inside it:
 *
 *     2^-(i + u)/32       = 2^-i/32 * (1 - (a u - a^2/2 u^2 + a^3/6 u^3 - a^4/24 u^4)),  a = ln 2 / 32
 *     log2(1 + (i + u)/32) = log2(1 + i/32) + log2(1 + v),  v = u / (32 + i) < 1/32, six terms
 *
 * Products are cut to whole units, the last step rounds to the nearest. tests/golden/generate_fixed.py writes the
 * tables and holds the steps against true values of 60 digits.
 *
 * Cost: one table entry and 5 (power) or 7 (logarithm) multiplications, about 3 ns.
 */
#include "base/fixed.h"

enum { PIECE_BITS = 5, FINER = 4, LEAST_POWER = 32 };

/* Units of 2^-36. */
static const uint64_t exp2_of_piece[] = {
    UINT64_C(0x1000000000), UINT64_C(0xfa83b2db7), UINT64_C(0xf5257d152), UINT64_C(0xefe4b99be), UINT64_C(0xeac0c6e7e),
    UINT64_C(0xe5b906e78),  UINT64_C(0xe0ccdeec3), UINT64_C(0xdbfbb797e), UINT64_C(0xd744fccad), UINT64_C(0xd2a81d91f),
    UINT64_C(0xce248c152),  UINT64_C(0xc9b9bd867), UINT64_C(0xc5672a115), UINT64_C(0xc12c4cca6), UINT64_C(0xbd08a39f6),
    UINT64_C(0xb8fbaf476),  UINT64_C(0xb504f3340), UINT64_C(0xb123f581d), UINT64_C(0xad583eea4), UINT64_C(0xa9a15ab4f),
    UINT64_C(0xa5fed6a9b),  UINT64_C(0xa27043031), UINT64_C(0x9ef532609), UINT64_C(0x9b8d39b9d), UINT64_C(0x9837f0519),
    UINT64_C(0x94f4efa90),  UINT64_C(0x91c3d373b), UINT64_C(0x8ea4398b4), UINT64_C(0x8b95c1e3f), UINT64_C(0x88980e809),
    UINT64_C(0x85aac367d),  UINT64_C(0x82cd8698b),
};

static const uint64_t log2_of_piece[] = {
    UINT64_C(0x0),         UINT64_C(0xb5d69bac),  UINT64_C(0x1663f6fad), UINT64_C(0x2118b119b), UINT64_C(0x2b803473f),
    UINT64_C(0x359ebc5b7), UINT64_C(0x3f782d720), UINT64_C(0x49101eac4), UINT64_C(0x5269e12f3), UINT64_C(0x5b8887367),
    UINT64_C(0x646eea248), UINT64_C(0x6d1fafdce), UINT64_C(0x759d4f80d), UINT64_C(0x7dea15a33), UINT64_C(0x86082806b),
    UINT64_C(0x8df988f4b), UINT64_C(0x95c01a3a0), UINT64_C(0x9d5d9fd50), UINT64_C(0xa4d3c25e7), UINT64_C(0xac241134c),
    UINT64_C(0xb35004724), UINT64_C(0xba58feb27), UINT64_C(0xc1404eadf), UINT64_C(0xc80730b00), UINT64_C(0xceaecfea8),
    UINT64_C(0xd53847ac0), UINT64_C(0xdba4a47ab), UINT64_C(0xe1f4e5171), UINT64_C(0xe829fb693), UINT64_C(0xee44cd5a0),
    UINT64_C(0xf446359b1), UINT64_C(0xfa2f045e8),
};

/* 1 / (1 + i/32), a Q32. */
static const uint64_t inverse_of_piece[] = {
    UINT64_C(0x100000000), UINT64_C(0xf83e0f84), UINT64_C(0xf0f0f0f1), UINT64_C(0xea0ea0ea), UINT64_C(0xe38e38e4),
    UINT64_C(0xdd67c8a6),  UINT64_C(0xd79435e5), UINT64_C(0xd20d20d2), UINT64_C(0xcccccccd), UINT64_C(0xc7ce0c7d),
    UINT64_C(0xc30c30c3),  UINT64_C(0xbe82fa0c), UINT64_C(0xba2e8ba3), UINT64_C(0xb60b60b6), UINT64_C(0xb21642c8),
    UINT64_C(0xae4c415d),  UINT64_C(0xaaaaaaab), UINT64_C(0xa72f0539), UINT64_C(0xa3d70a3d), UINT64_C(0xa0a0a0a1),
    UINT64_C(0x9d89d89e),  UINT64_C(0x9a90e7d9), UINT64_C(0x97b425ed), UINT64_C(0x94f2094f), UINT64_C(0x92492492),
    UINT64_C(0x8fb823ee),  UINT64_C(0x8d3dcb09), UINT64_C(0x8ad8f2fc), UINT64_C(0x88888889), UINT64_C(0x864b8a7e),
    UINT64_C(0x84210842),  UINT64_C(0x82082082),
};

uint64_t lw__exp2_neg(uint64_t x) {
    uint64_t whole = x >> 32, fraction = x & (LW__ONE - 1);
    if (whole > LEAST_POWER) {
        return 0;
    }
    uint64_t u = (fraction << PIECE_BITS) & (LW__ONE - 1);
    uint64_t fall = u * 0x276 >> 32;
    fall = u * (0x1c6b1 - fall) >> 32;
    fall = u * (0xf5fdf0 - fall) >> 32;
    fall = u * (0x58b90bfc - fall) >> 32;
    uint64_t begin = exp2_of_piece[fraction >> (32 - PIECE_BITS)];
    uint64_t value = begin - ((begin >> FINER) * fall >> 32);
    uint64_t shift = whole + FINER;
    return (value + (UINT64_C(1) << (shift - 1))) >> shift;
}

uint64_t lw__log2(uint64_t x) {
    uint64_t whole = 63 - (uint64_t)__builtin_clzll(x);
    uint64_t fraction = x << (63 - whole) << 1; /* what follows the leading 1, in units of 2^-64 */
    uint64_t piece = fraction >> (64 - PIECE_BITS);
    uint64_t u = fraction << PIECE_BITS >> 32;
    uint64_t v = u * inverse_of_piece[piece] >> 32;
    uint64_t rise = v * 0xf >> 32;
    rise = v * (0x24f - rise) >> 32;
    rise = v * (0x5c55 - rise) >> 32;
    rise = v * (0xf6385 - rise) >> 32;
    rise = v * (0x2e2a8ed - rise) >> 32;
    rise = v * (0xb8aa3b29 - rise) >> 32;
    return (whole << 32) + ((log2_of_piece[piece] + rise + (1 << (FINER - 1))) >> FINER);
}
