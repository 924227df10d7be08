# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the generators share: keys and seeds, how they are mixed, and the shape of a header of vectors.

Standard library only, and nothing of it comes from the library: the rules are those that src/strategy/{keyed,rotation}.h
and the strategies state.
"""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
REHASHES = 64
SEED = 20240917


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def stepped(word, steps):
    """A word mixed, that many golden steps further, and mixed again: seeds, places and rehashed keys are made so."""
    return mix((mix(word) + steps * GOLDEN) & MASK)


def first_ticket(seed):
    """Where the rotation of the first (only) strategy of a specification starts in lane 0."""
    return mix(stepped(seed, 32)) >> 33


def key(i):
    return i * GOLDEN & MASK


def order(owner, key_, room, may):
    """Owners of the key, of the key mixed with 1, 2, 3 ... golden steps; each where it is met first."""
    found = []
    for attempt in range(REHASHES):
        node = owner(key_ if attempt == 0 else stepped(key_, attempt))
        if may(node) and node not in found:
            found.append(node)
        if len(found) == room:
            return found
    raise ValueError("the vectors shall not need the last resort")


def points(ids, counts):
    """A circle of 2^32 places, and so many points of each node on it: (place, id, index)."""
    return sorted((stepped(ids[i], r + 1) >> 32, ids[i], i) for i in range(len(ids)) for r in range(counts[i]))


def hex64(value):
    return f"UINT64_C(0x{value:016x})"


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


def emit_opening(generator, header, includes=("stdint.h",)):
    guard = "LOADWISE_TESTS_" + header.upper().replace(".", "_")
    print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
    print(f"/* Written by {generator}; see there. Do not edit. */\n/* clang-format off */")
    print(f"#ifndef {guard}\n#define {guard}\n")
    print("\n".join(f"#include <{include}>" for include in includes) + "\n")


def emit_end():
    print("#endif")
