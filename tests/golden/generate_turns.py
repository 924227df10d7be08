#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes turn_vectors.h: the sequences of stride and edf, worked out a second time.

A developer's tool, not part of the build: ./generate_turns.py > turn_vectors.h. Standard library only. Nothing here is
shared with the library; the rules are those at the heads of src/strategy/{stride,edf}.c. Fractions are exact.

A change of these vectors is a change of behaviour: it needs a reason and a release note.
"""

import heapq
from fractions import Fraction
from math import floor

from vectors import SEED, emit, emit_end, emit_opening, first_ticket

SCALE, OFFSET = 65535, 32767


# ---- stride ----


def nearest(share):
    return floor(share + Fraction(1, 2))


def capped(weights, max_ratio):
    """The greatest cap that is at most max_ratio times the mean of the weights under it."""
    rest, falling = sum(weights), sorted(weights, reverse=True)
    cap = Fraction(falling[0])
    if cap * len(weights) <= max_ratio * rest:
        return cap
    for k, weight in enumerate(falling, 1):
        rest -= weight
        cap = Fraction(max_ratio * rest, len(weights) - max_ratio * k)
        if cap >= falling[k]:
            return cap


def scaled(weights, max_ratio):
    """Weights above 0 as parts of SCALE: none above max_ratio times the mean, none below a hundredth of it."""
    most = capped(weights, max_ratio)
    mean = Fraction(sum(min(w, most) for w in weights), len(weights))
    least = nearest(mean / 100 / most * SCALE)
    return [max(least, min(SCALE, nearest(w / most * SCALE))) for w in weights]


def stride(weights, picks, max_ratio=10, ticket=0):
    nodes = [i for i, w in enumerate(weights) if w > 0]
    parts = scaled([weights[i] for i in nodes], max_ratio)
    found = []
    while len(found) < picks:
        generation, place = divmod(ticket, len(nodes))
        if (parts[place] * generation + OFFSET * place) % SCALE >= SCALE - parts[place]:
            found.append(nodes[place])
        ticket += 1
    return found


# ---- edf ----


def edf(weights, picks):
    """Turns by when they are due; of those due together, the one that waits longest, then the first in order."""
    due = [(Fraction(1, w), Fraction(0), i) for i, w in enumerate(weights) if w > 0]
    heapq.heapify(due)
    found = []
    for _ in range(picks):
        deadline, _, i = due[0]
        found.append(i)
        heapq.heapreplace(due, (deadline + Fraction(1, weights[i]), deadline, i))
    return found


assert edf([5, 1, 1], 14) == [0, 0, 0, 0, 1, 2, 0] * 2


# ---- cases ----

FEW = [13, 0, 8, 21, 1, 34, 2, 3, 5, 55]
STEEP = [1000000, 1, 0, 900, 20000, 500000, 7, 4294967295, 30000, 12, 1, 1, 5, 1000, 4000000000]
EQUAL = [6, 4, 4, 6, 3, 0, 4, 12]


def emit_stride():
    emit("uint8_t", "stride_511_picks", stride([5, 1, 1], 70))
    emit("uint8_t", "stride_few_picks", stride(FEW, 300))
    emit("uint8_t", "stride_few_phased_picks", stride(FEW, 200, ticket=first_ticket(SEED)))
    emit("uint32_t", "stride_steep_weights", STEEP)
    emit("uint8_t", "stride_steep_picks", stride(STEEP, 400))
    emit("uint8_t", "stride_steep_picks_by_2", stride(STEEP, 200, 2))
    emit("uint8_t", "stride_steep_picks_by_1000", stride(STEEP, 200, 1000))


def emit_edf():
    emit("uint8_t", "edf_511_picks", edf([5, 1, 1], 28))
    emit("uint32_t", "turn_weights", FEW)
    cycle = edf(FEW, sum(FEW))
    ticket = first_ticket(SEED)
    emit("uint8_t", "edf_few_picks", cycle * 2)
    emit("uint8_t", "edf_few_phased_picks", [cycle[(ticket + i) % len(cycle)] for i in range(100)])
    emit("uint32_t", "turn_weights_alike", EQUAL)
    emit("uint8_t", "edf_alike_picks", edf(EQUAL, 2 * sum(EQUAL)))


if __name__ == "__main__":
    emit_opening("generate_turns.py", "turn_vectors.h")
    emit_stride()
    emit_edf()
    emit_end()
