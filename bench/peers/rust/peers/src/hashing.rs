// SPDX-License-Identifier: MIT OR Apache-2.0
//! Crates that place keys. Keys are numbers, which they hash themselves; a ring has 150 points a node.

use anchorhash::AnchorHash;
use consistent_hash::{DefaultHash, Node, StaticHashRing};
use hashring::HashRing;
use maglev::{ConsistentHasher, Maglev};
use maglev_hash::MaglevTable;
use protocol::{Case, KEYS, Scene};

const POINTS: usize = 150;

struct Input {
    nodes: Vec<u32>,
    keys: Vec<u64>,
}

impl Input {
    fn key(&self, i: usize) -> u64 {
        self.keys[i % KEYS]
    }

    fn middle(&self) -> u32 {
        self.nodes[self.nodes.len() / 2]
    }

    fn fewer(&self) -> Vec<u32> {
        self.nodes.iter().copied().filter(|&node| node != self.middle()).collect()
    }
}

fn input(scene: &Scene) -> Input {
    Input { nodes: (0..scene.count() as u32).collect(), keys: scene.keys.clone() }
}

/// hashring leaves points to its users: a point is a node and a number.
type Point = (u32, u32);

fn points(node: u32) -> impl Iterator<Item = Point> {
    (0..POINTS as u32).map(move |number| (node, number))
}

fn hashring_change(input: &Input, ring: &mut HashRing<Point>) {
    points(input.middle()).for_each(|point| {
        ring.remove(&point);
    });
    ring.batch_add(points(input.middle()).collect());
}

fn hashring_open(input: &Input) -> HashRing<Point> {
    let mut ring = HashRing::new();
    ring.batch_add(input.nodes.iter().flat_map(|&node| points(node)).collect());
    ring
}

type Static = StaticHashRing<'static, u32, (), DefaultHash>;

fn static_ring(nodes: &[u32]) -> Static {
    StaticHashRing::new(DefaultHash, nodes.iter().map(|&node| Node::new(node).quantity(POINTS)))
}

fn anchor_open(input: &Input) -> Anchor {
    let builder = anchorhash::Builder::default().with_resources(input.nodes.iter().copied());
    builder.build((input.nodes.len() + input.nodes.len() / 4 + 1) as u16)
}

type Anchor = AnchorHash<u64, u32, std::collections::hash_map::RandomState>;

fn rings() -> [Case; 2] {
    [
        Case::with_change(
            "hashring/ring",
            input,
            hashring_open,
            |input, ring, i| ring.get(&input.key(i)).expect("a node").0 as usize,
            hashring_change,
        ),
        Case::with_change(
            "consistent_hash/ring",
            input,
            |input| static_ring(&input.nodes),
            |input, ring, i| ring.calc_candidates(&input.key(i)).next().expect("a node").key as usize,
            |input, ring| {
                *ring = static_ring(&input.fewer());
                *ring = static_ring(&input.nodes);
            },
        ),
    ]
}

fn tables() -> [Case; 4] {
    [
        Case::with_change(
            "maglev/maglev",
            input,
            |input| Maglev::new(input.nodes.clone()),
            |input, table, i| table.get(&input.key(i)).copied().expect("a node") as usize,
            |input, table| {
                *table = Maglev::new(input.fewer());
                *table = Maglev::new(input.nodes.clone());
            },
        )
        .most(128, "its build keeps n x 100 n numbers, 840 MB for 1024 nodes"),
        Case::with_change(
            "maglev-hash/maglev",
            input,
            |input| MaglevTable::new(input.nodes.clone()),
            |input, table, i| table.get(&input.key(i)).copied().expect("a node") as usize,
            |input, table| {
                *table = MaglevTable::new(input.fewer());
                *table = MaglevTable::new(input.nodes.clone());
            },
        ),
        Case::with_change(
            "anchorhash/anchor",
            input,
            anchor_open,
            |input, anchor, i| anchor.get_resource(input.key(i)).copied().expect("a node") as usize,
            |input, anchor| {
                anchor.remove_resource(&input.middle()).expect("it is there");
                anchor.add_resource(input.middle()).expect("it has left");
            },
        ),
        Case::new(
            "jumphash/jump",
            input,
            |_| jumphash::JumpHasher::new_with_keys(1, 2),
            |input, hasher, i| hasher.slot(&input.key(i), input.nodes.len() as u32) as usize,
        )
        .only_picks(),
    ]
}

pub const PEERS: [&str; 6] = [
    "hashring 0.3.6",
    "consistent_hash 0.1.4",
    "maglev 0.2.1",
    "maglev-hash 0.1.0",
    "anchorhash 0.2.2",
    "jumphash 0.1.9",
];

pub fn cases() -> Vec<Case> {
    rings().into_iter().chain(tables()).collect()
}
