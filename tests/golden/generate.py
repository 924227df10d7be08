#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes vectors.h: what the library must answer on every platform, worked out a second time.

A developer's tool, not part of the build: ./generate.py > vectors.h. Nothing here is shared with the library; the
rules are those that the heads of src/strategy/*.c and include/loadwise/view.h state. Needs python3-xxhash.

A change of these vectors is a change of behaviour that moves users' keys and picks: it needs a reason and a release note.
"""

import math
import xxhash

from vectors import GOLDEN, MASK, SEED, emit, emit_end, emit_opening, first_ticket, hex64, key, mix, points, stepped

ID_SEED = int.from_bytes(b"loadwise", "big")


def unmix(z):
    """The inverse of mix, to aim a key at a place."""

    def unshift(value, by):
        result = value
        for _ in range(64 // by + 1):
            result = value ^ result >> by
        return result

    z = unshift(z, 31) * pow(0x94D049BB133111EB, -1, 1 << 64) & MASK
    z = unshift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & MASK
    return unshift(z, 30)


def lw_id(data):
    return xxhash.xxh3_64_intdigest(data, ID_SEED)


# ---- chance: lane 0 of a strategy ----


class Lane:
    def __init__(self, seed):
        self.state = stepped(seed, 0)

    def bits(self):
        self.state = (self.state + GOLDEN) & MASK
        return mix(self.state)

    def below(self, bound):
        """Lemire: the high half of a product, where the low half would not bias it."""
        while True:
            product = (self.bits() >> 32) * bound
            if product % 2**32 >= 2**32 % bound:
                return product >> 32

    def below_twice(self, first, second):
        """Two numbers from the halves of one word; a word that would bias either is thrown away."""
        while True:
            bits = self.bits()
            one, two = (bits >> 32) * first, bits % 2**32 * second
            if one % 2**32 >= 2**32 % first and two % 2**32 >= 2**32 % second:
                return one >> 32, two >> 32

    def below_wide(self, bound):
        while True:
            product = self.bits() * bound
            if product % 2**64 >= 2**64 % bound:
                return product >> 64


def uniform(lane, count, may):
    if all(may(i) for i in range(count)):
        return lane.below(count)
    for _ in range(8):
        i = lane.below(count)
        if may(i):
            return i
    left = [i for i in range(count) if may(i)]
    return left[lane.below(len(left))]


# ---- strategies ----


def alias_table(weights):
    """Pairs columns that lack with columns that lend: the small last in, the large from the back of the set."""
    count, total = len(weights), sum(weights)
    need = [w * count for w in weights]
    small = [i for i in range(count) if need[i] < total]
    large = [i for i in range(count) if need[i] >= total]
    table = [(0, i) for i in range(count)]
    while small and large:
        poor, rich = small.pop(), large[-1]
        table[poor] = (need[poor], rich)
        need[rich] -= total - need[poor]
        if need[rich] < total:
            small.append(large.pop())
    return table


def alias_draw(lane, table, total):
    column, height = lane.below_twice(len(table), total)
    threshold, other = table[column]
    return column if height < threshold else other


def holder(weights, place):
    for i, weight in enumerate(weights):
        if place < weight:
            return i
        place -= weight
    raise ValueError(place)


def weighted_random(seed, weights, picks):
    lane, gcd = Lane(seed), math.gcd(*weights)
    weights = [w // gcd for w in weights]
    if sum(weights) >= 2**32:
        return [holder(weights, lane.below_wide(sum(weights))) for _ in range(picks)]
    table = alias_table(weights)
    return [alias_draw(lane, table, sum(weights)) for _ in range(picks)]


def beats(one, other):
    return one < other or (math.isnan(other) and not math.isnan(one))


def distinct(lane, count, choices):
    """Two nodes come from one word, more from a word each; always among those that are left."""
    if choices == 2:
        ranks = lane.below_twice(count, count - 1)
    else:
        ranks = [lane.below(count - i) for i in range(choices)]
    left = list(range(count))
    return [left.pop(rank) for rank in ranks]


def p2c(seed, loads, choices, picks):
    lane, result = Lane(seed), []
    for _ in range(picks):
        best, *others = distinct(lane, len(loads), choices)
        for i in others:
            best = i if beats(loads[i], loads[best]) else best
        result.append(best)
    return result


def tie(seed, candidates, picks):
    lane = Lane(seed)
    return [candidates[lane.below(len(candidates))] for _ in range(picks)]


def nginx(weights):
    current = [0] * len(weights)
    while True:
        current = [c + w for c, w in zip(current, weights)]
        best = max((i for i in range(len(weights)) if weights[i]), key=lambda i: (current[i], -i))
        current[best] -= sum(weights)
        yield best


def turns(weights, picks):
    turn = nginx(weights)
    return [next(turn) for _ in range(picks)]


def walk(weights, begin, picks):
    gcd = math.gcd(*weights)
    weights = [w // gcd for w in weights]
    cycle = sum(weights)
    step = cycle * GOLDEN >> 64 | 1
    while math.gcd(step, cycle) != 1:
        step += 1
    return [holder(weights, turn * step % cycle) for turn in range(begin, begin + picks)]


class Ring:
    def __init__(self, ids, weights, vnodes):
        self.points = points(ids, [vnodes * weight for weight in weights])

    def order(self, key_, room, may=lambda i: True):
        place = mix(key_) >> 32
        begin = next((p for p, point in enumerate(self.points) if point[0] >= place), 0)
        found = []
        for point in self.points[begin:] + self.points[:begin]:
            if len(found) < room and may(point[2]) and point[2] not in found:
                found.append(point[2])
        return found

    def owner(self, key_, may=lambda i: True):
        return self.order(key_, 1, may)[0]


# ---- cases ----


def emit_ids():
    """One length at least for each branch of the hash."""
    sizes = [0, 1, 3, 4, 8, 9, 16, 17, 31, 64, 65, 128, 129, 200, 240, 241, 256, 1024, 1025, 2000]
    data = bytes((i * 131 + 7) % 256 for i in range(2000))
    emit("uint32_t", "id_sizes", sizes)
    emit("uint64_t", "id_expected", [hex64(lw_id(data[:size])) for size in sizes])


def emit_ring():
    ids = [lw_id(b"node-%02d" % i) for i in range(20)]
    weights = [i % 4 for i in range(20)]
    ring = Ring(ids, weights, 150)
    emit("uint32_t", "ring_weights", weights)
    emit("uint8_t", "ring_owners", [ring.owner(key(i)) for i in range(600)])
    emit("uint8_t", "ring_owners_of_some", [ring.owner(key(i), lambda n: n % 3 != 1) for i in range(200)])
    emit("uint8_t", "ring_orders", [n for i in range(40) for n in ring.order(key(i), 5)])


def shared_place():
    """Two small ids of which a point stands at the same place."""
    seen = {}
    for node in range(1, 5000):
        for r in range(150):
            place = stepped(node, r + 1) >> 32
            if seen.setdefault(place, node) != node:
                return place, seen[place], node
    raise ValueError("none")


def telling_ring():
    """A shared place, and ids on whose ring a slip by one point would show: beside that place and at both ends."""
    place, one, other = shared_place()
    for filler in range(5000, 9000):
        ids = [other, filler, one, filler + 1]
        ring = Ring(ids, [1] * 4, 150)
        owners = [point[2] for point in ring.points]
        at = next(p for p, point in enumerate(ring.points) if point[0] == place)
        if owners[at + 2] not in (0, 2) and len({owners[-2], owners[-1], owners[0], owners[1]}) == 4:
            return place, ids, ring
    raise ValueError("none")


def emit_ring_borders():
    """Keys on, just before and just past a place that two nodes share; and past the last point, which wraps."""
    place, ids, ring = telling_ring()
    first, last = ring.points[0][0], ring.points[-1][0]
    places = [place - 1, place, place + 1, 0, first, first + 1, last - 1, last, last + 1, 2**32 - 1]
    keys = [unmix(p << 32 | low) for p in places for low in (0, 2**32 - 1)]
    emit("uint64_t", "ring_border_ids", [hex64(i) for i in ids])
    emit("uint64_t", "ring_border_keys", [hex64(k) for k in keys])
    emit("uint8_t", "ring_border_owners", [ring.owner(k) for k in keys])
    emit("uint8_t", "ring_border_orders", [n for k in keys for n in ring.order(k, 4)])


def emit_rotations():
    ticket = first_ticket(SEED)
    emit("uint8_t", "round_robin_picks", [(ticket + i) % 7 for i in range(40)])
    emit("uint8_t", "wrr_511_picks", turns([5, 1, 1], 28))
    emit("uint8_t", "wrr_421_picks", turns([4, 2, 1], 28))
    weights = [13, 0, 8, 21, 1, 34, 2, 3, 5, 55]
    emit("uint32_t", "wrr_weights", weights)
    emit("uint8_t", "wrr_picks", turns(weights, sum(weights) * 2))
    cycle = turns(weights, sum(weights))
    emit("uint8_t", "wrr_phased_picks", [cycle[(ticket + i) % len(cycle)] for i in range(100)])
    some = [n for n in cycle * 3 if n % 3 != 0]
    emit("uint8_t", "wrr_picks_of_some", some[:100])
    weights = [30011, 20011, 10007, 17011, 13001]
    emit("uint32_t", "walk_weights", weights)
    emit("uint8_t", "walk_picks", walk(weights, 0, 300))
    weights = [4294967295, 4294967291, 0, 77777777, 3000000000, 4294967279, 4000000007, 4123456789, 4294967231]
    emit("uint32_t", "wide_weights", weights)
    emit("uint8_t", "wide_walk_picks", walk(weights, 0, 300))
    emit("uint8_t", "wide_phased_picks", walk(weights, ticket, 100))
    emit("uint8_t", "wide_random_picks", weighted_random(SEED, weights, 300))


def emit_draws():
    lane = Lane(SEED)
    emit("uint8_t", "random_picks", [uniform(lane, 10, lambda i: True) for _ in range(300)])
    lane = Lane(SEED)
    emit("uint8_t", "random_picks_of_some", [uniform(lane, 70, lambda i: i % 9 == 4) for _ in range(200)])
    lane = Lane(SEED)
    emit("uint8_t", "random_picks_excluding", [uniform(lane, 10, lambda i: i not in (3, 7)) for _ in range(100)])
    weights = [5, 1, 0, 7, 2, 9, 4, 3]
    emit("uint32_t", "random_weights", weights)
    emit("uint8_t", "weighted_random_picks", weighted_random(SEED, weights, 300))


def emit_loads():
    loads = [(i * 37 % 11) * 0.125 for i in range(90)]
    loads[5] = loads[77] = math.nan
    loads[8] = -0.0
    loads[13] = math.inf
    texts = ["NAN" if math.isnan(x) else "INFINITY" if math.isinf(x) else repr(x) for x in loads]
    emit("double", "loads", texts)
    emit("uint8_t", "p2c_picks", p2c(SEED, loads, 2, 300))
    emit("uint8_t", "p2c_5_picks", p2c(SEED, loads, 5, 200))
    known = [x for x in loads if not math.isnan(x)]
    lowest = [i for i, x in enumerate(loads) if x == min(known)]
    emit("uint8_t", "least_load_picks", tie(SEED, lowest, 100))
    quotas = [(i * 29 % 83) / 83 for i in range(90)]
    best = max(quotas)
    emit("uint8_t", "most_available_picks", tie(SEED, [i for i, q in enumerate(quotas) if q >= best - 0.05], 100))


if __name__ == "__main__":
    emit_opening("generate.py", "vectors.h", ("math.h", "stdint.h"))
    print(f"#define VECTORS_SEED UINT64_C({SEED})\n")
    emit_ids()
    emit_ring()
    emit_ring_borders()
    emit_rotations()
    emit_draws()
    emit_loads()
    emit_end()
