#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes ketama_vectors.h: the servers that libmemcached and nginx choose, worked out a second time.

A developer's tool, not part of the build: ./generate_ketama.py > ketama_vectors.h. MD5 and CRC-32 are Python's own.
tests/peers asks the real programs on the machines that have them; these vectors hold on all others.
"""

import bisect
import hashlib
import struct
import zlib

KEYS = 400
SERVERS = [
    ("10.0.0.1:11211", 1),
    ("10.0.0.2:11212", 3),
    ("cache-3", 2),
    ("cache-4:80", 5),
    ("[::1]:8080", 1),
    ("unix:/run/cache", 4),
    ("10.0.0.2:11213", 2),
    ("cache-8:11211", 0),
]
DOWN = 3


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def memcached_label(name):
    if name.startswith("unix:"):
        return name[5:] + ":0"
    host, colon, port = name.rpartition(":")
    if not colon or not port.isdigit():
        host, port = name, "11211"
    host = host.removeprefix("[").removesuffix("]")
    return host if port == "11211" else f"{host}:{port}"


def digest(text):
    return struct.unpack("<4I", hashlib.md5(text.encode()).digest())


def plain(servers):
    return [
        (digest(f"{memcached_label(name)}-{i}")[0], node)
        for node, (name, weight) in enumerate(servers)
        for i in range(100 * weight)
    ]


def weighted(servers):
    total, live = sum(w for _, w in servers), sum(w > 0 for _, w in servers)
    points = []
    for node, (name, weight) in enumerate(servers):
        share = float32(float32(weight) / float32(total))
        share = float32(float32(share * 160) / 4)
        share = float32(float32(share * live) + float32(1e-10))
        for i in range(int(share)):
            points += [(place, node) for place in digest(f"{memcached_label(name)}-{i}")]
    return points


def nginx(servers):
    places = {}
    for node, (name, weight) in enumerate(servers):
        host, port = name, ""
        if name.startswith("unix:"):
            host = name[5:]
        elif name.rpartition(":")[2].isdigit() and ":" in name:
            host, _, port = name.rpartition(":")
        place = 0
        for _ in range(160 * weight):
            place = zlib.crc32(host.encode() + b"\0" + port.encode() + struct.pack("<I", place))
            places.setdefault(place, node)
    return list(places.items())


def owners(points, place_of, down=None):
    points = sorted(points)
    places = [place for place, _ in points]
    answer = []
    for k in range(KEYS):
        at = bisect.bisect_left(places, place_of(f"user:{k}".encode()))
        while points[at % len(points)][1] == down:
            at += 1
        answer.append(points[at % len(points)][1])
    return answer


def meeting():
    """Two servers with a point at one place for nginx, and who comes after it: (place, first, second, next)."""
    servers = [(f"cache-{i}", 1) for i in range(2000)]
    owner = {}
    for node, server in enumerate(servers):
        for place, _ in nginx([server]):
            if place in owner and owner[place] != node:
                three = [servers[owner[place]], servers[node], servers[(node + 1) % len(servers)]]
                circle = sorted(nginx(three))
                after = circle[(bisect.bisect_right(circle, (place, 3))) % len(circle)]
                if after[1] == 2:
                    return place, [name for name, _ in three]
            owner.setdefault(place, node)


def md5_place(key):
    return struct.unpack("<I", hashlib.md5(key).digest()[:4])[0]


def array(name, values):
    print(f"static const uint8_t {name}[] = {{")
    for at in range(0, len(values), 32):
        print("    " + ", ".join(map(str, values[at : at + 32])) + ",")
    print("};")


equal = [(name, min(weight, 1)) for name, weight in SERVERS]
print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
print("/* Written by generate_ketama.py. */\n// clang-format off")
print("static const char *const ketama_names[] = {" + ", ".join(f'"{name}"' for name, _ in SERVERS) + "};")
print("static const uint32_t ketama_weights[] = {" + ", ".join(str(weight) for _, weight in SERVERS) + "};")
print(f"enum {{ KETAMA_DOWN = {DOWN} }};")
place, three = meeting()
print(f"#define KETAMA_MEETING UINT64_C({place})")
print("static const char *const ketama_meeting[] = {" + ", ".join(f'"{name}"' for name in three) + "};")
array("ketama_plain", owners(plain(equal), md5_place))
array("ketama_plain_down", owners(plain(equal), md5_place, DOWN))
array("ketama_weighted", owners(weighted(SERVERS), md5_place))
array("ketama_weighted_equal", owners(weighted(equal), md5_place))
array("ketama_nginx", owners(nginx(SERVERS), zlib.crc32))
array("ketama_nginx_down", owners(nginx(SERVERS), zlib.crc32, DOWN))
