#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes latency_vectors.h: a history of samples and the scores that follow, worked out a second time.

A developer's tool, not part of the build: ./generate_latency.py > latency_vectors.h. The rules are those of the heads of
src/latency/*.c; costs and stamps are kept apart here, so the packing of words has no part in it.
"""

from generate_fixed import LN2, ONE, exp2_neg

UNIT, MOST = 1 << 20, 1 << 43
OK, FAILURE, CONNECT_FAILURE, TIMEOUT, RATE_LIMITED, OVERLOAD, CALLER_FAULT, CANCELLED = range(8)
SECOND = 10**9
TAU, EXPIRY, PENALTY, SECONDS_OUT, INITIAL, MIN_SAMPLES = 10 * SECOND, 180 * SECOND, 3 * SECOND, 5 * SECOND, 10**7, 5
NODES, STEPS = 4, 300


def cut(cost):
    """To 29 significant bits, half a unit up."""
    shift = max(cost.bit_length() - 29, 0)
    return (cost + (1 << shift >> 1) >> shift) << shift


def share_of(value, share):
    return (value >> 32) * share + ((value % ONE) * share + ONE // 2 >> 32)


def between(target, start, share):
    return target + share_of(start - target, share) if start >= target else target - share_of(target - start, share)


class Estimate:
    def __init__(self, peak):
        self.peak, self.cost, self.tick = peak, 0, 0

    def left(self, tick):
        halvings = int((1 << 60) / LN2) // (TAU * (1 << 16) >> TICK)
        return exp2_neg(max(tick - self.tick, 0) * halvings >> 12)

    def fold(self, sample, number, tick):
        share = self.left(tick)
        if number == 1:
            share = 0
        elif self.peak:
            share = 0 if sample >= self.cost else share
        elif number <= MIN_SAMPLES:
            share = share * (number - 1) // number
        self.cost = cut(between(sample, self.cost, share))
        self.tick = tick if number == 1 else max(tick, self.tick)


TICK = TAU.bit_length() - 1 - 15


class Node:
    def __init__(self):
        self.count, self.last = 0, 0
        self.kinds = [Estimate(False), Estimate(True)]

    def known(self, now):
        return 0 if (now >> 16) - self.last > EXPIRY >> 16 else self.count

    def book(self, samples, now):
        self.count = self.known(now) + samples
        self.last = max(self.last, now >> 16)
        return self.count

    def read(self, kind, now):
        if self.known(now) == 0:
            return group_cost()
        share = self.kinds[kind].left(now >> TICK)
        if self.known(now) < MIN_SAMPLES:
            share = share * self.known(now) // MIN_SAMPLES
        return between(group_cost(), self.kinds[kind].cost, share)


group = Node()


def group_cost():
    return group.kinds[0].cost if group.count else INITIAL * UNIT


def told(node, kind, outcome, latency, now):
    cost = min(latency, MOST) * UNIT
    if outcome == OK:
        return cost
    if outcome == CALLER_FAULT:
        return 0
    if outcome == CANCELLED:
        return max(cost, group_cost()) if node.known(now) and cost > node.read(kind, now) else 0
    least = (PENALTY if outcome in (RATE_LIMITED, OVERLOAD) else SECONDS_OUT) * UNIT
    return max(cost, least, node.read(1, now), group_cost())


def observe(node, outcome, latency, now):
    samples = [told(node, kind, outcome, latency, now) for kind in range(2)]
    if not any(samples):
        return
    number = node.book(0 if outcome == CANCELLED else 1, now)
    for kind, sample in enumerate(samples):
        if sample:
            node.kinds[kind].fold(sample, 65535 if outcome == CANCELLED else number, now >> TICK)
    if outcome == OK:
        group.kinds[0].fold(samples[0], group.book(1, now), now >> TICK)


class Chance:
    def __init__(self):
        self.state = 20240917

    def below(self, bound):
        self.state = self.state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        return (self.state >> 33) % bound


def history():
    """Mostly good samples a few ms apart; now and then a failure, a pause, a very long pause, a step back."""
    chance, now = Chance(), 5 * SECOND
    for _ in range(STEPS):
        pause = chance.below(40)
        now += [chance.below(400), 7, -3][pause] * SECOND if pause < 3 else chance.below(50_000_000)
        now = max(now, 0)
        outcome = chance.below(16) if chance.below(3) == 0 else OK
        yield now, chance.below(NODES), outcome if outcome < 8 else OK, chance.below(10 ** (3 + chance.below(7)))


def main():
    nodes = [Node() for _ in range(NODES)]
    print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
    print("/* Written by generate_latency.py; see there. Do not edit. */")
    print("#ifndef LOADWISE_TESTS_LATENCY_VECTORS_H\n#define LOADWISE_TESTS_LATENCY_VECTORS_H\n\n#include <stdint.h>\n")
    for name, value in [("TAU", TAU), ("EXPIRY", EXPIRY), ("TIMEOUT", SECONDS_OUT), ("PENALTY", PENALTY)]:
        print(f"#define VECTORS_{name} UINT64_C({value})")
    print(f"#define VECTORS_INITIAL {INITIAL}\n#define VECTORS_MIN_SAMPLES {MIN_SAMPLES}\n")
    print("/* A request ended; then the scores of its node with nothing in flight, mean and peak. */")
    print("static const struct latency_step {\n    uint64_t now;\n    uint32_t node, outcome;")
    print("    uint64_t latency, mean, peak;\n} latency_steps[] = {")
    for now, at, outcome, latency in history():
        observe(nodes[at], outcome, latency, now)
        mean, peak = (nodes[at].read(kind, now) >> 12 for kind in range(2))
        print(f"    {{{now}, {at}, {outcome}, {latency}, {mean}, {peak}}},")
    print("};\n\n#endif")


main()
