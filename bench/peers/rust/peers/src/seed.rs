// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seed: the crate loadwise 0.1.0, called as its documentation does. Ids are names; the rows of seed-u64 have numbers
//! for ids, which is the kindest that a user can be.

use loadwise::strategy::*;
use loadwise::{ConsecutiveFailurePolicy, HealthTracker, QuotaConfig, QuotaDimension, QuotaTracker};
use loadwise::{LoadMetric, Node, RateMetric, SelectionContext, Strategy, Weighted};
use protocol::{Case, KEYS, Scene};
use std::hash::Hash;
use std::time::Duration;

#[derive(Clone)]
pub struct Backend<Id> {
    id: Id,
    weight: u32,
    load: f64,
    share: f64,
}

pub trait SeedId: Eq + Hash + Clone + std::fmt::Debug + Send + Sync + 'static {
    fn of(name: &str, index: usize) -> Self;
}
impl SeedId for String {
    fn of(name: &str, _index: usize) -> Self {
        name.into()
    }
}
impl SeedId for u64 {
    fn of(_name: &str, index: usize) -> Self {
        index as u64
    }
}

impl<Id: SeedId> Node for Backend<Id> {
    type Id = Id;
    fn id(&self) -> &Id {
        &self.id
    }
}
impl<Id: SeedId> Weighted for Backend<Id> {
    fn weight(&self) -> u32 {
        self.weight
    }
}
impl<Id: SeedId> LoadMetric for Backend<Id> {
    fn load_score(&self) -> f64 {
        self.load
    }
}
impl<Id: SeedId> RateMetric for Backend<Id> {
    fn remaining_ratio(&self) -> f64 {
        self.share
    }
}

/// All nodes, all but the one in the middle, and contexts with the keys.
pub struct Input<Id> {
    nodes: Vec<Backend<Id>>,
    fewer: Vec<Backend<Id>>,
    plain: SelectionContext,
    keyed: Vec<SelectionContext>,
}

fn input<Id: SeedId>(scene: &Scene) -> Input<Id> {
    let node = |i: usize| Backend {
        id: Id::of(&scene.names[i], i),
        weight: scene.weights[i],
        load: scene.loads[i],
        share: scene.shares[i],
    };
    let nodes: Vec<_> = (0..scene.count()).map(node).collect();
    let mut fewer = nodes.clone();
    fewer.remove(nodes.len() / 2);
    let keyed = scene.keys.iter().map(|&key| SelectionContext { hash_key: Some(key), ..Default::default() });
    Input { nodes, fewer, plain: SelectionContext::default(), keyed: keyed.collect() }
}

/// A strategy that keeps nothing of the nodes.
fn plain<S: Strategy<Backend<String>> + 'static>(name: &'static str, new: fn(&Input<String>) -> S) -> Case {
    Case::new(name, input::<String>, new, |input, strategy, _| {
        strategy.select(&input.nodes, &input.plain).expect("a node")
    })
    .only_picks()
}

/// One that is built by its first pick and built again whenever the slice has changed.
fn built<Id: SeedId, S: Strategy<Backend<Id>> + Default + 'static>(name: &'static str, keyed: bool) -> Case {
    let pick = move |input: &Input<Id>, strategy: &S, i: usize| {
        let context = if keyed { &input.keyed[i % KEYS] } else { &input.plain };
        strategy.select(&input.nodes, context).expect("a node")
    };
    let open = |input: &Input<Id>| {
        let strategy = S::default();
        strategy.select(&input.nodes, &input.plain);
        strategy
    };
    let change = |input: &Input<Id>, strategy: &mut S| {
        strategy.select(&input.fewer, &input.plain);
        strategy.select(&input.nodes, &input.plain);
    };
    Case::with_change(name, input::<Id>, open, pick, change)
}

fn ids<Id: SeedId>(scene: &Scene) -> Vec<Id> {
    scene.names.iter().enumerate().map(|(i, name)| Id::of(name, i)).collect()
}

/// Both pick from the same tracker, so that its build is asked of the first alone.
fn health<Id: SeedId>(report: &'static str, status: &'static str) -> [Case; 2] {
    fn open<Id: SeedId>(ids: &Vec<Id>) -> HealthTracker<Id> {
        let tracker = HealthTracker::new(ConsecutiveFailurePolicy::default());
        ids.iter().for_each(|id| tracker.report_success(id));
        tracker
    }
    [
        Case::new(report, ids::<Id>, open::<Id>, |ids, tracker, i| {
            tracker.report_success(&ids[i % ids.len()]);
            i
        }),
        Case::new(status, ids::<Id>, open::<Id>, |ids, tracker, i| tracker.status(&ids[i % ids.len()]) as usize)
            .only_picks(),
    ]
}

fn quota<Id: SeedId>(record: &'static str, remaining: &'static str) -> [Case; 2] {
    fn open<Id: SeedId>(ids: &Vec<Id>) -> QuotaTracker<Id> {
        let tracker = QuotaTracker::new();
        for id in ids {
            let requests = QuotaDimension::builder().name("requests".into()).window(Duration::from_secs(60));
            let dimensions = vec![requests.limit((1 << 40) - 1).build()];
            tracker.register(id, QuotaConfig::builder().dimensions(dimensions).build());
        }
        tracker
    }
    [
        Case::new(record, ids::<Id>, open::<Id>, |ids, tracker, i| {
            usize::from(tracker.record_usage(&ids[i % ids.len()], &[("requests", 1)]))
        }),
        Case::new(remaining, ids::<Id>, open::<Id>, |ids, tracker, i| {
            tracker.remaining(&ids[i % ids.len()], "requests") as usize
        })
        .only_picks(),
    ]
}

pub const PEERS: [&str; 2] = ["seed 0.1.0 (crate loadwise)", "seed-u64 0.1.0 (crate loadwise, ids are numbers)"];

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        plain("seed/round_robin", |_| RoundRobin::new()),
        plain("seed/random", |_| Random::new()),
        plain("seed/weighted_random", |_| WeightedRandom::new()),
        plain("seed/least_load", |_| LeastLoad::new()),
        plain("seed/p2c", |_| PowerOfTwoChoices::new()),
        plain("seed/most_available", |_| MostAvailable::default()),
        built::<String, WeightedRoundRobin>("seed/smooth_wrr", false),
        built::<u64, WeightedRoundRobin>("seed-u64/smooth_wrr", false),
        built::<String, ConsistentHash>("seed/ring", true),
        built::<u64, ConsistentHash>("seed-u64/ring", true),
    ];
    cases.extend(health::<String>("seed/health_report", "seed/health_status"));
    cases.extend(health::<u64>("seed-u64/health_report", "seed-u64/health_status"));
    cases.extend(quota::<String>("seed/quota_record", "seed/quota_remaining"));
    cases.extend(quota::<u64>("seed-u64/quota_record", "seed-u64/quota_remaining"));
    cases
}
