#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes bucket_vectors.h: owners of keys by jump, anchor and multi_probe, worked out a second time.

A developer's tool, not part of the build: ./generate_buckets.py > bucket_vectors.h. Standard library only. Nothing here
is shared with the library; the rules are those at the heads of src/strategy/{jump,anchor,multi_probe}.c and keyed.h.

A change of these vectors moves users' keys: it needs a reason and a release note.
"""

from vectors import GOLDEN, MASK, emit, emit_end, emit_opening, hex64, key, mix, order, points


# ---- jump ----


def jump(raw, buckets):
    bucket, following = 0, 0
    while following < buckets:
        bucket = following
        raw = (raw * 2862933555777941757 + 1) & MASK
        following = int((bucket + 1) * (2.0**31 / ((raw >> 33) + 1)))
    return bucket


assert [jump(*case) for case in [(1, 1), (42, 57), (0xDEAD10CC, 666), (256, 1024)]] == [0, 43, 361, 520]


def emit_jump():
    for count in (3, 57, 10000):
        kind = "uint8_t" if count < 256 else "uint16_t"
        emit(kind, f"jump_owners_of_{count}", [jump(mix(key(i)), count) for i in range(300)])
    owner = lambda key_: jump(mix(key_), 57)
    emit("uint8_t", "jump_orders", [n for i in range(60) for n in order(owner, key(i), 4, lambda n: n % 3 != 1)])


# ---- anchor ----


class Anchor:
    """The pseudocode of the paper, over sets and lists of names; nodes are ids."""

    def __init__(self, capacity):
        self.a, self.n = capacity, 0
        self.A = list(range(capacity))
        self.K, self.W, self.L = (list(range(capacity)) for _ in "KWL")
        self.R = list(range(capacity))[::-1]
        self.nodes = {}

    def draw(self, random, bound):
        return (random >> 32) * bound >> 32

    def owner(self, key_):
        mixed = mix(key_)
        b = self.draw(mixed, self.a)
        while self.A[b] > 0:
            h = self.draw(mix((mixed + (b + 1) * GOLDEN) & MASK), self.A[b])
            while self.A[h] >= self.A[b]:
                h = self.K[h]
            b = h
        return self.nodes[b]

    def remove(self, b):
        self.R.append(b)
        self.n -= 1
        self.A[b] = self.n
        self.W[self.L[b]] = self.K[b] = self.W[self.n]
        self.L[self.W[self.n]] = self.L[b]
        del self.nodes[b]

    def add(self, node):
        b = self.R.pop()
        self.A[b] = 0
        self.L[self.W[self.n]] = self.n
        self.W[self.L[b]] = self.K[b] = b
        self.n += 1
        self.nodes[b] = node

    def update(self, ids):
        buckets = {node: b for b, node in self.nodes.items()}
        for node in sorted(set(buckets) - set(ids), reverse=True):
            self.remove(buckets[node])
        for node in sorted(set(ids) - set(buckets)):
            self.add(node)


def anchor_id(number):
    return mix(number + 1)


def emit_anchor():
    """Twenty versions, each a mask over 48 nodes: single events, many at once, nearly none left, a full table."""
    masks, owners, orders = [(1 << 48) - 1], [], []
    for step in range(19):
        flips = mix(step) & mix(step + 100) & mix(step + 200) if step % 4 == 3 else 1 << mix(step) % 48
        masks.append((masks[-1] ^ flips) & (1 << 48) - 1)
    masks[10], masks[15] = 1 << 7, (1 << 48) - 1
    anchor = Anchor(50)
    for mask in masks:
        members = [number for number in range(48) if mask >> number & 1]
        numbers = {anchor_id(number): number for number in members}
        anchor.update(numbers)
        owners += [numbers[anchor.owner(key(i))] for i in range(50)]
    emit("uint64_t", "anchor_masks", [hex64(mask) for mask in masks])
    emit("uint8_t", "anchor_owners", owners)
    owner = lambda key_: numbers[anchor.owner(key_)]
    emit("uint8_t", "anchor_orders", [n for i in range(40) for n in order(owner, key(i), 4, lambda n: n % 5 != 2)])


# ---- multi_probe ----


def probe_places(key_, probes):
    for probe in range(probes):
        bits = mix((mix(key_) - (probe // 2 + 1) * GOLDEN) & MASK)
        yield bits >> 32 if probe % 2 == 0 else bits & 0xFFFFFFFF


def nearest(circle, key_, probes):
    return min(((p[0] - place) % 2**32, p) for place in probe_places(key_, probes) for p in circle)[1][2]


def probed_order(circle, key_, probes, room):
    found = []
    while len(found) < room:
        found.append(nearest([p for p in circle if p[2] not in found], key_, probes))
    return found


def emit_multi_probe():
    ids = [mix(100 + i) for i in range(30)]
    weights = [i * 7 % 4 for i in range(30)]
    circle = points(ids, weights)
    emit("uint64_t", "probed_ids", [hex64(i) for i in ids])
    emit("uint32_t", "probed_weights", weights)
    for probes in (1, 4, 21):
        emit("uint8_t", f"probed_owners_by_{probes}", [nearest(circle, key(i), probes) for i in range(200)])
    some = [p for p in circle if p[2] % 3 != 1]
    emit("uint8_t", "probed_orders", [n for i in range(30) for n in probed_order(some, key(i), 21, 4)])


if __name__ == "__main__":
    emit_opening("generate_buckets.py", "bucket_vectors.h")
    emit_jump()
    emit_anchor()
    emit_multi_probe()
    emit_end()
