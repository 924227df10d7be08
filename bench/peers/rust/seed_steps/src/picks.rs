// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of the strategies and filters.

use crate::memory;
use loadwise::filter::AllOf;
use loadwise::strategy::*;
use loadwise::{Filter, HealthAware, HealthFilter, HealthStatus, LoadMetric, Node, QuotaFilter, RateMetric};
use loadwise::{SelectionContext, Strategy, Weighted};

/// A node as the steps describe it: `id:weight:load`, where the load is the free share too.
#[derive(Clone, Copy)]
pub struct Backend {
    id: u64,
    weight: u32,
    load: f64,
}

impl Node for Backend {
    type Id = u64;
    fn id(&self) -> &u64 {
        &self.id
    }
}
impl Weighted for Backend {
    fn weight(&self) -> u32 {
        self.weight
    }
}
impl LoadMetric for Backend {
    fn load_score(&self) -> f64 {
        self.load
    }
}
impl RateMetric for Backend {
    fn remaining_ratio(&self) -> f64 {
        self.load
    }
}

struct Status(HealthStatus);
impl HealthAware for Status {
    fn health_status(&self) -> HealthStatus {
        self.0
    }
}

const STATUSES: [(char, HealthStatus); 4] = [
    ('h', HealthStatus::Healthy),
    ('d', HealthStatus::Degraded),
    ('u', HealthStatus::Unhealthy),
    ('r', HealthStatus::Recovering),
];

/// What a pick may be told: indexes excluded by the context, indexes filtered out beforehand, a key.
#[derive(Default)]
struct Wish {
    context: SelectionContext,
    filtered: Vec<usize>,
}

fn wish(words: &[&str]) -> Wish {
    let mut wish = Wish::default();
    for word in words {
        let number = || word[1..].parse().unwrap();
        match word.chars().next() {
            Some('-') => wish.context.exclude.get_or_insert_default().push(number()),
            Some('~') => wish.filtered.push(number()),
            Some('#') => wish.context.hash_key = word[1..].parse().ok(),
            _ => panic!("no wish {word}"),
        }
    }
    wish
}

pub struct Picks {
    strategy: Box<dyn Strategy<Backend> + Send + Sync>,
    nodes: Vec<Backend>,
}

fn strategy(words: &[&str]) -> Box<dyn Strategy<Backend> + Send + Sync> {
    let epsilon = |at: usize| words.get(at).map_or(0.05, |word| word.parse().unwrap());
    match words[0] {
        "round_robin" => Box::new(RoundRobin::new()),
        "smooth_wrr" => Box::new(WeightedRoundRobin::new()),
        "random" => Box::new(Random::new()),
        "weighted_random" => Box::new(WeightedRandom::new()),
        "least_load" => Box::new(LeastLoad::new()),
        "p2c" => Box::new(PowerOfTwoChoices::new()),
        "most_available" => Box::new(MostAvailable::builder().epsilon(epsilon(1)).build()),
        "ring" => Box::new(ConsistentHash::builder().replicas(epsilon(1) as usize).build()),
        "least_load,round_robin" => Box::new(WithFallback::new(LeastLoad::new(), RoundRobin::new())),
        "chain" => Box::new(FallbackChain::new(words[1..].iter().map(|&word| strategy(&[word])).collect())),
        name => panic!("no strategy {name}"),
    }
}

impl Picks {
    pub fn new(words: &[&str]) -> Self {
        Picks { strategy: strategy(words), nodes: Vec::new() }
    }

    pub fn set_nodes(&mut self, words: &[&str]) {
        let node = |word: &&str| {
            let mut parts = word.split(':');
            let mut next = || parts.next().unwrap();
            Backend { id: next().parse().unwrap(), weight: next().parse().unwrap(), load: next().parse().unwrap() }
        };
        self.nodes = words.iter().map(node).collect();
    }

    /// As its users do it: who is filtered out is left out of the slice.
    fn place(&self, wish: &Wish) -> Option<usize> {
        if wish.filtered.is_empty() {
            return self.strategy.select(&self.nodes, &wish.context);
        }
        let left: Vec<usize> = (0..self.nodes.len()).filter(|i| !wish.filtered.contains(i)).collect();
        let slice: Vec<Backend> = left.iter().map(|&i| self.nodes[i]).collect();
        self.strategy.select(&slice, &wish.context).map(|at| left[at])
    }

    pub fn pick(&self, words: &[&str]) -> String {
        self.place(&wish(words)).map_or("none".into(), |index| index.to_string())
    }

    /// How often each node came, and none.
    pub fn draw(&self, words: &[&str]) -> String {
        let wish = wish(&words[1..]);
        let mut counts = vec![0u64; self.nodes.len() + 1];
        for _ in 0..words[0].parse().unwrap() {
            counts[self.place(&wish).unwrap_or(self.nodes.len())] += 1;
        }
        counts.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
    }

    /// By one pick, once there was another.
    pub fn allocations(&self) -> String {
        let wish = Wish::default();
        self.place(&wish);
        let before = memory::calls();
        self.place(&wish);
        (memory::calls() - before).to_string()
    }

    /// How many nodes have a key of 0, 1, 2, ...
    pub fn owners(&self, keys: u64) -> String {
        let owner = |key| {
            let context = SelectionContext { hash_key: Some(key), ..Default::default() };
            self.strategy.select(&self.nodes, &context)
        };
        let mut owners: Vec<_> = (0..keys).map(owner).collect();
        owners.sort();
        owners.dedup();
        owners.len().to_string()
    }
}

/// Which statuses a health filter lets through.
pub fn health_filter(allowed: &str) -> String {
    let allowed: Vec<_> = STATUSES.iter().filter(|(letter, _)| allowed.contains(*letter)).map(|s| s.1).collect();
    let filter = HealthFilter::new(&allowed);
    STATUSES.iter().map(|s| if filter.is_eligible(&Status(s.1)) { s.0 } else { '.' }).collect()
}

/// Whether a free share passes all of these thresholds.
pub fn quota_filter(share: &str, thresholds: &[&str]) -> String {
    let filter = |word: &&str| Box::new(QuotaFilter::new(word.parse().unwrap())) as Box<dyn Filter<Backend>>;
    let all = AllOf::new(thresholds.iter().map(filter).collect());
    u8::from(all.is_eligible(&Backend { id: 0, weight: 1, load: share.parse().unwrap() })).to_string()
}
