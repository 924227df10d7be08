#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes bucket_vectors.h: owners of keys by jump, anchor and multi_probe, worked out a second time.

A developer's tool, not part of the build: ./generate_buckets.py > bucket_vectors.h. Standard library only. Nothing here
is shared with the library; the rules are those at the heads of src/strategy/{jump,anchor,multi_probe}.c and keyed.h.

A change of these vectors moves users' keys: it needs a reason and a release note.
"""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
REHASHES = 64


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def key(i):
    return i * GOLDEN & MASK


def emit(kind, name, values):
    lines, line = [], "   "
    for text in [str(value) for value in values]:
        if len(line) + len(text) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {text},"
    print(f"static const {kind} {name}[] = {{")
    print("\n".join(lines + [line]))
    print("};\n")


def hex64(value):
    return f"UINT64_C(0x{value:016x})"


def order(owner, key_, room, may):
    """Owners of the key, of the key mixed with 1, 2, 3 ... golden steps; each where it is met first."""
    found = []
    for attempt in range(REHASHES):
        node = owner(key_ if attempt == 0 else mix((mix(key_) + attempt * GOLDEN) & MASK))
        if may(node) and node not in found:
            found.append(node)
        if len(found) == room:
            return found
    raise ValueError("the vectors shall not need the last resort")


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
        emit("uint16_t", f"jump_owners_of_{count}", [jump(mix(key(i)), count) for i in range(300)])
    owner = lambda key_: jump(mix(key_), 57)
    emit("uint16_t", "jump_orders", [n for i in range(60) for n in order(owner, key(i), 4, lambda n: n % 3 != 1)])


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


def circle(ids, weights):
    return sorted(
        (mix((mix(ids[i]) + (r + 1) * GOLDEN) & MASK) >> 32, ids[i], i) for i in range(len(ids)) for r in range(weights[i])
    )


def probe_places(key_, probes):
    for probe in range(probes):
        bits = mix((mix(key_) - (probe // 2 + 1) * GOLDEN) & MASK)
        yield bits >> 32 if probe % 2 == 0 else bits & 0xFFFFFFFF


def nearest(points, key_, probes):
    return min(((p[0] - place) % 2**32, p) for place in probe_places(key_, probes) for p in points)[1][2]


def probed_order(points, key_, probes, room):
    found = []
    while len(found) < room:
        found.append(nearest([p for p in points if p[2] not in found], key_, probes))
    return found


def emit_multi_probe():
    ids = [mix(100 + i) for i in range(30)]
    weights = [i * 7 % 4 for i in range(30)]
    points = circle(ids, weights)
    emit("uint64_t", "probed_ids", [hex64(i) for i in ids])
    emit("uint32_t", "probed_weights", weights)
    for probes in (1, 4, 21):
        emit("uint8_t", f"probed_owners_by_{probes}", [nearest(points, key(i), probes) for i in range(200)])
    some = [p for p in points if p[2] % 3 != 1]
    emit("uint8_t", "probed_orders", [n for i in range(30) for n in probed_order(some, key(i), 21, 4)])


if __name__ == "__main__":
    print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
    print("/* Written by generate_buckets.py; see there. Do not edit. */\n/* clang-format off */")
    print("#ifndef LOADWISE_TESTS_BUCKET_VECTORS_H\n#define LOADWISE_TESTS_BUCKET_VECTORS_H\n")
    print("#include <stdint.h>\n")
    emit_jump()
    emit_anchor()
    emit_multi_probe()
    print("#endif")
