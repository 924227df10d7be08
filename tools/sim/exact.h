/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The functions of chance by sums, products and quotients alone, which IEEE 754 rounds alike everywhere. The library's
 * own log and exp may differ in the last bit from one processor to another, and one bit is enough to make another run.
 * Right to about 1e-15, relatively.
 */
#ifndef LOADWISE_SIM_EXACT_H
#define LOADWISE_SIM_EXACT_H

/* Natural logarithm of a normal number above 0. */
double exact_log(double x);

/* e^x for x from -700 to 700. */
double exact_exp(double x);

/* x^y for x above 0. */
double exact_pow(double x, double y);

/* sin(2 pi turns). */
double exact_sin_turns(double turns);

#endif
