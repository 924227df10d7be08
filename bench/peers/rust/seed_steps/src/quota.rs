// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of the quota tracker.

use loadwise::{QuotaConfig, QuotaDimension, QuotaTracker};
use std::time::Duration;

pub struct Quota {
    tracker: QuotaTracker<u64>,
}

/// `tpm=5` as a name and a number.
fn amounts<'a>(words: &[&'a str]) -> Vec<(&'a str, u64)> {
    let pair = |word: &&'a str| word.split_once('=').map(|(name, amount)| (name, amount.parse().unwrap())).unwrap();
    words.iter().map(pair).collect()
}

/// `tpm=LIMIT:WINDOW:RESOLUTION`.
fn dimension(word: &str) -> QuotaDimension {
    let (name, rest) = word.split_once('=').unwrap();
    let numbers: Vec<u64> = rest.split(':').map(|number| number.parse().unwrap()).collect();
    QuotaDimension::builder()
        .name(name.into())
        .limit(numbers[0])
        .window(Duration::from_nanos(numbers[1]))
        .resolution(numbers[2] as usize)
        .build()
}

impl Quota {
    pub fn new() -> Self {
        Quota { tracker: QuotaTracker::new() }
    }

    pub fn register(&self, node: u64, words: &[&str]) -> String {
        let dimensions = words.iter().map(|word| dimension(word)).collect();
        self.tracker.register(&node, QuotaConfig::builder().dimensions(dimensions).build());
        "-".into()
    }

    pub fn record(&self, node: u64, words: &[&str]) -> String {
        u8::from(self.tracker.record_usage(&node, &amounts(words))).to_string()
    }

    pub fn exhaust(&self, node: u64, ns: u64) -> String {
        self.tracker.mark_exhausted(&node, Duration::from_nanos(ns));
        "-".into()
    }

    pub fn remaining(&self, node: u64, name: &str) -> String {
        self.tracker.remaining(&node, name).to_string()
    }

    pub fn capacity(&self, node: u64, words: &[&str]) -> String {
        u8::from(self.tracker.has_capacity(&node, &amounts(words))).to_string()
    }

    pub fn pressure(&self, node: u64) -> String {
        format!("{:.6}", self.tracker.pressure(&node))
    }
}
