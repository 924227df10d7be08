// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps of the health tracker; what events and answers mean is told in tests/golden/seed_health.c.

use crate::world;
use loadwise::{ConsecutiveFailurePolicy, HealthStatus, HealthTracker, Outcome};
use std::time::{Duration, Instant};

pub struct Health {
    tracker: HealthTracker<u64>,
    interval: u64,
    walks: u64,
}

impl Health {
    pub fn new(words: &[&str]) -> Self {
        let interval = words[2].parse().unwrap();
        let policy = ConsecutiveFailurePolicy::builder()
            .failure_threshold(words[0].parse().unwrap())
            .recovery_successes(words[1].parse().unwrap())
            .probe_interval(Duration::from_nanos(interval))
            .build();
        Health { tracker: HealthTracker::new(policy), interval, walks: 1000 }
    }

    /// A sequence of events on a node of which nothing is known.
    pub fn walk(&mut self, events: &str) -> String {
        self.walks += 1;
        events.chars().map(|event| self.at(self.walks, event)).collect()
    }

    pub fn at(&self, node: u64, event: char) -> char {
        match event {
            's' => self.tracker.report_success(&node),
            'f' => self.tracker.report_failure(&node),
            'S' => self.tracker.report_outcome(&node, &Outcome::Success),
            'F' => self.tracker.report_outcome(&node, &Outcome::Failure),
            'l' => self.tracker.report_outcome(&node, &Outcome::RateLimited { retry_after: None }),
            '1' => world::wait(1),
            'w' => world::wait(self.interval - 1),
            'W' => world::wait(self.interval),
            _ => panic!("no event {event}"),
        }
        match self.tracker.status(&node) {
            HealthStatus::Unhealthy if self.tracker.should_probe(&node) => 'U',
            HealthStatus::Healthy => 'h',
            HealthStatus::Degraded => 'd',
            HealthStatus::Unhealthy => 'u',
            HealthStatus::Recovering => 'r',
        }
    }

    pub fn probe(&self, node: u64) -> String {
        u8::from(self.tracker.should_probe(&node)).to_string()
    }

    pub fn counts(&self, node: u64) -> String {
        let health = self.tracker.get_health(&node);
        let ago = |time: Option<Instant>| time.map_or("-1".into(), |t| t.elapsed().as_nanos().to_string());
        let (failure, success) = (ago(health.last_failure), ago(health.last_success));
        format!("{} {} {failure} {success}", health.consecutive_failures, health.consecutive_successes)
    }
}
