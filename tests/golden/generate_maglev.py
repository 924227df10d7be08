#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes maglev_vectors.h: owners of keys by maglev and rendezvous, worked out a second time.

A developer's tool, not part of the build: ./generate_maglev.py > maglev_vectors.h. Standard library only. Nothing here
is shared with the library; the rules are those at the heads of src/strategy/{maglev,maglev_table,distance,keyed}.
Distances are compared as decimals of 40 digits, and a vector that hangs on the ninth of them is refused.

A change of these vectors moves users' keys: it needs a reason and a release note.
"""

from decimal import Decimal, getcontext

from vectors import GOLDEN, MASK, emit, emit_end, emit_opening, hex64, key, mix, order, stepped

getcontext().prec = 40
LOW = (1 << 32) - 1


# ---- maglev ----


def fill(size, walks, weights):
    """Round after round, host after host, exactly as the rule is written. Walks: (offset, skip) of each host."""
    table, place, target = [None] * size, [0] * len(walks), [0] * len(walks)
    left, round_ = size, 0
    while True:
        round_ += 1
        for host, (offset, skip) in enumerate(walks):
            if round_ * weights[host] < target[host]:
                continue
            target[host] += max(weights)
            while table[(offset + place[host] * skip) % size] is not None:
                place[host] += 1
            table[(offset + place[host] * skip) % size] = host
            left -= 1
            if left == 0:
                return table


assert fill(7, [(3, 4), (0, 2), (3, 1)], [1, 1, 1]) == [1, 0, 1, 0, 2, 2, 0]
assert fill(7, [(3, 4), (3, 1)], [1, 1]) == [0, 0, 0, 0, 1, 1, 1]


def maglev(size, ids, weights):
    hosts = sorted((i for i in range(len(ids)) if weights[i] > 0), key=lambda i: ids[i])
    walks = [(mix(ids[i]) % size, stepped(ids[i], 1) % (size - 1) + 1) for i in hosts]
    table = [hosts[h] for h in fill(size, walks, [weights[i] for i in hosts])]
    return lambda key_: table[mix(key_) * size >> 64]


# ---- rendezvous ----


def draw(key_, id_):
    x = mix(key_) ^ mix((id_ + GOLDEN) & MASK)
    h = x & LOW
    h = (h ^ h >> 16) * 0x85EBCA6B & LOW
    h ^= x >> 32
    h = (h ^ h >> 16) * 0x7FEB352D & LOW
    h = (h ^ h >> 15) * 0x846CA68B & LOW
    return h ^ h >> 16


def rendezvous(ids, weights, key_, may=lambda node: True):
    """All nodes that may be chosen, the nearest first."""
    distances = []
    for node, (id_, weight) in enumerate(zip(ids, weights)):
        if weight > 0 and may(node):
            u = (Decimal(draw(key_, id_)) + Decimal("0.5")) / (1 << 32)
            distances.append((-u.ln() / weight, node))
    distances.sort()
    for (near, _), (far, _) in zip(distances, distances[1:]):
        if far - near < far * Decimal("1e-9"):
            raise ValueError("too close for a vector")
    return [node for _, node in distances]


# ---- the vectors ----

IDS = [mix(900 - i) if i % 2 else 900 - i for i in range(20)]
WEIGHTS = [(i * 7 + 3) % 4 * (1 + i % 3) for i in range(20)]
EVEN = [1] * 20
SOME = lambda node: node % 3 != 1

if __name__ == "__main__":
    emit_opening("generate_maglev.py", "maglev_vectors.h")
    emit("uint64_t", "maglev_ids", [hex64(id_) for id_ in IDS])
    emit("uint32_t", "maglev_weights", WEIGHTS)
    for name, size, weights in (("even", 65537, EVEN), ("weighted", 65537, WEIGHTS), ("small", 101, WEIGHTS)):
        owner = maglev(size, IDS, weights)
        emit("uint8_t", f"maglev_owners_{name}", [owner(key(i)) for i in range(300)])
    owner = maglev(65537, IDS, WEIGHTS)
    emit("uint8_t", "maglev_orders", [n for i in range(60) for n in order(owner, key(i), 4, SOME)])
    emit("uint8_t", "rendezvous_owners_even", [rendezvous(IDS, EVEN, key(i))[0] for i in range(300)])
    emit("uint8_t", "rendezvous_owners_weighted", [rendezvous(IDS, WEIGHTS, key(i))[0] for i in range(300)])
    emit("uint8_t", "rendezvous_orders", [n for i in range(60) for n in rendezvous(IDS, WEIGHTS, key(i), SOME)[:4]])
    emit_end()
