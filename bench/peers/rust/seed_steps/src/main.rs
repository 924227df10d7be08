// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plays steps through the crate loadwise 0.1.0: one line in, one answer out. The steps come from the programs
//! tests/golden/seed_*.c, which play them through the library of this repository; scripts/differences lays both side by
//! side. A step at which the crate panics is answered `panic`.

mod health;
mod memory;
mod picks;
mod quota;
mod world;

use std::io::{BufWriter, Write, stdin, stdout};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

#[derive(Default)]
struct Stage {
    health: Option<health::Health>,
    picks: Option<picks::Picks>,
    quota: Option<quota::Quota>,
}

impl Stage {
    fn picks(&mut self) -> &mut picks::Picks {
        self.picks.as_mut().unwrap()
    }

    fn health(&mut self) -> &mut health::Health {
        self.health.as_mut().unwrap()
    }

    fn quota(&mut self) -> &quota::Quota {
        self.quota.get_or_insert_with(quota::Quota::new)
    }

    fn play(&mut self, verb: &str, words: &[&str]) -> String {
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match verb {
            "policy" => self.health = Some(health::Health::new(words)),
            "walk" => return self.health().walk(words[0]),
            "at" => return self.health().at(number(0), words[1].chars().next().unwrap()).into(),
            "probe" => return self.health().probe(number(0)),
            "counts" => return self.health().counts(number(0)),
            "strategy" => self.picks = Some(picks::Picks::new(words)),
            "nodes" => self.picks().set_nodes(words),
            "pick" => return self.picks().pick(words),
            "draw" => return self.picks().draw(words),
            "owners" => return self.picks().owners(number(0)),
            "allocations" => return self.picks().allocations(),
            "allow_health" => return picks::health_filter(words.first().unwrap_or(&"")),
            "allow_share" => return picks::quota_filter(words[0], &words[1..]),
            "register" => return self.quota().register(number(0), &words[1..]),
            "record" => return self.quota().record(number(0), &words[1..]),
            "exhaust" => return self.quota().exhaust(number(0), number(1)),
            "remaining" => return self.quota().remaining(number(0), words[1]),
            "capacity" => return self.quota().capacity(number(0), &words[1..]),
            "pressure" => return self.quota().pressure(number(0)),
            "wait" => world::wait(number(0)),
            _ => return format!("no step {verb}"),
        }
        "-".into()
    }
}

fn main() {
    let mut stage = Stage::default();
    let mut out = BufWriter::new(stdout().lock());
    set_hook(Box::new(|_| ()));
    for line in stdin().lines().map(|line| line.expect("a line")) {
        if let Some(name) = line.strip_prefix("case ") {
            stage = Stage::default();
            writeln!(out, "{name}").expect("somebody reads");
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let played = catch_unwind(AssertUnwindSafe(|| stage.play(words[0], &words[1..])));
        writeln!(out, "{}", played.unwrap_or("panic".into())).expect("somebody reads");
    }
}
