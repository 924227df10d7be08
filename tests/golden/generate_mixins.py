#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes mixin_vectors.h: the nodes of subset's clients, and whom bounded takes past a full owner; a second time.

A developer's tool, not part of the build: ./generate_mixins.py > mixin_vectors.h. Standard library only. Nothing here
is shared with the library; the rules are those at the heads of src/strategy/{lots,bounded,ring}.c.

A change of these vectors moves clients and keys of users: it needs a reason and a release note.
"""

from bisect import bisect_left

from vectors import GOLDEN, MASK, emit, emit_end, emit_opening, hex64, key, mix, points, stepped

IDS = [mix(500 + i) for i in range(64)]
CLIENTS = list(range(24)) + [99, 100, 12345, 4294967294]


# ---- subset ----


def shuffled(items, seed):
    """Fisher and Yates from the back, each draw a number of its own from the seed."""
    items = list(items)
    for left in range(len(items), 1, -1):
        other = (stepped(seed, left) >> 32) * left >> 32
        items[left - 1], items[other] = items[other], items[left - 1]
    return items


def by_random(nodes, size, client):
    return sorted(nodes, key=lambda i: mix(mix(IDS[i]) ^ mix((client + GOLDEN) & MASK)))[:size]


def by_shuffle(nodes, size, client):
    clients = len(nodes) // size
    return shuffled(nodes, client // clients)[client % clients * size :][:size]


def reversed_bits(number):
    return int(f"{number:032b}"[::-1], 2)


def by_lots(nodes, size, client):
    crowd, place = client // 10, sorted(range(10), key=reversed_bits).index(client % 10)
    lots = [nodes[at : at + 10] for at in range(0, len(nodes), 10)]
    circle = sorted(range(len(lots)), key=lambda lot: (reversed_bits(lot) - reversed_bits(crowd)) % 2**32)
    decks = [shuffled(range(10), stepped(crowd, lot)) for lot in range(len(lots))]
    found = []
    for turn in range(10):
        for lot in circle:
            element = decks[lot][(place + turn) % 10]
            found += [lots[lot][element]] if element < len(lots[lot]) else []
    return found[:size]


def subset(rule, count, weights, size, client):
    nodes = sorted((i for i in range(count) if weights[i] > 0), key=lambda i: IDS[i])
    return nodes if size >= len(nodes) else rule(nodes, size, client)


def emit_subsets():
    weights = [0 if i in (7, 20, 33, 34) else 1 for i in range(64)]
    emit("uint64_t", "mixin_ids", [hex64(i) for i in IDS])
    emit("uint32_t", "subset_weights", weights)
    emit("uint32_t", "subset_clients", CLIENTS)
    for rule in (by_random, by_shuffle, by_lots):
        for count, size in ((64, 7), (53, 20)):
            masks = [sum(1 << i for i in subset(rule, count, weights, size, client)) for client in CLIENTS]
            assert all(bin(mask).count("1") == size for mask in masks)
            emit("uint64_t", f"subsets_{rule.__name__}_{size}_of_{count}", [hex64(mask) for mask in masks])


# ---- bounded ----

TRIES, MILLION = 32, 1000000


class Bounded:
    """bounded(ring): no request ever ends here, so that nodes fill up."""

    def __init__(self, weights, factor, following, may):
        self.weights, self.factor, self.following, self.may = weights, factor, following, may
        self.hosts, self.under_way, self.scans = range(len(weights)), [0] * len(weights), 0
        ring = [point for point in points(IDS[: len(weights)], [150 * w for w in weights]) if may(point[2])]
        self.places, self.nodes = [point[0] for point in ring], [point[2] for point in ring]

    def owner(self, key_):
        return self.nodes[bisect_left(self.places, mix(key_) >> 32) % len(self.nodes)]

    def order(self, key_):
        begin = bisect_left(self.places, mix(key_) >> 32)
        return list(dict.fromkeys(self.nodes[begin:] + self.nodes[:begin]))

    def pick(self, key_):
        m, weight = sum(self.under_way) + 1, sum(self.weights[i] for i in self.hosts if self.may(i))
        room = lambda i: self.under_way[i] * weight * MILLION < m * self.factor * self.weights[i]
        owner = self.owner(key_)
        chosen = owner if room(owner) else self.past(key_, room)
        self.under_way[chosen] += 1
        return chosen

    def past(self, key_, room):
        if self.following:
            candidates = self.order(key_)
        else:
            candidates = [self.owner(stepped(key_, t)) for t in range(1, TRIES)]
        for node in candidates:
            if room(node):
                return node
        self.scans += 1
        free = [i for i in self.hosts if self.may(i) and room(i)]
        return min(free, key=lambda i: mix(mix(key_) ^ mix(IDS[i])))


def emit_bounded():
    """The last case is so crowded that owners of other keys are often all full: then the search over all decides."""
    weights, anyone = [9, 1, 1, 30, 1, 0, 7, 2, 40, 1, 3, 5], lambda i: True
    emit("uint32_t", "bounded_weights", weights)
    for name, factor, following, may, shares in (
        ("bounded_picks", 1250000, False, anyone, weights),
        ("bounded_picks_by_1", 1000000, False, anyone, weights),
        ("bounded_picks_of_some", 1000000, False, lambda i: i % 3 != 1, weights),
        ("bounded_picks_next", 1000000, True, anyone, weights),
        ("bounded_picks_crowded", 1000000, False, anyone, [1] * 64),
    ):
        strategy = Bounded(shares, factor, following, may)
        emit("uint8_t", name, [strategy.pick(key(i % 40)) for i in range(300)])
    assert strategy.scans > 3


if __name__ == "__main__":
    emit_opening("generate_mixins.py", "mixin_vectors.h")
    emit_subsets()
    emit_bounded()
    emit_end()
