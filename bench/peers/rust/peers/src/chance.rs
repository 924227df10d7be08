// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draws, with the generator that each crate has for its thread: rand itself, the tables for weights that belong to it,
//! and weighted_rand.

use protocol::{Case, Scene};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_distr::weighted::WeightedAliasIndex;
use weighted_rand::builder::{NewBuilder, WalkerTableBuilder};

fn weights(scene: &Scene) -> Vec<u32> {
    scene.weights.clone()
}

pub const PEERS: [&str; 4] =
    ["rand 0.9.5", "rand-search 0.9.5 (WeightedIndex)", "rand_distr 0.5.1 (alias)", "weighted_rand 0.4.2"];

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("rand/random", weights, |weights| weights.len(), |_, &count, _| rand::rng().random_range(0..count))
            .only_picks(),
        Case::new(
            "rand-search/weighted_random",
            weights,
            |weights| WeightedIndex::new(weights).expect("some weight is above 0"),
            |_, table, _| table.sample(&mut rand::rng()),
        ),
        Case::new(
            "rand_distr/weighted_random",
            weights,
            |weights| WeightedAliasIndex::new(weights.clone()).expect("some weight is above 0"),
            |_, table, _| table.sample(&mut rand::rng()),
        ),
        Case::new(
            "weighted_rand/weighted_random",
            weights,
            |weights| WalkerTableBuilder::new(weights.as_slice()).build(),
            |_, table, _| table.next(),
        ),
    ]
}
