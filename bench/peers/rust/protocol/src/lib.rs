// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line protocol between the driver of bench/peers and a program in Rust; bench/peers/protocol.h tells its lines.
//!
//! A case is made from an input (all that its user has at hand: nodes in the form that the crate wants, keys), what
//! opens a subject (that is the cold build), and one pick. Picks are inlined into the loop that is measured, and their
//! results are added up and kept alive.

pub mod frame;
pub mod memory;
mod scene;

pub use scene::{KEYS, Scene};

use std::io::{Write, stdin, stdout};
use std::time::Instant;

/// A subject that can be measured.
pub trait Peer: Sync {
    fn open(&mut self);
    fn close(&mut self);
    fn picks(&self, picks: u64) -> u64;
    /// One node leaves and comes back.
    fn change(&mut self);
}

struct Stage<I, T, P, C> {
    input: I,
    subject: Option<T>,
    open: fn(&I) -> T,
    pick: P,
    change: C,
}

impl<I, T, P, C> Peer for Stage<I, T, P, C>
where
    I: Sync,
    T: Sync,
    P: Fn(&I, &T, usize) -> usize + Sync,
    C: Fn(&I, &mut T) + Sync,
{
    fn open(&mut self) {
        self.subject = Some((self.open)(&self.input));
    }

    fn close(&mut self) {
        self.subject = None;
    }

    fn picks(&self, picks: u64) -> u64 {
        let subject = self.subject.as_ref().expect("it is open");
        (0..picks as usize).fold(0, |sum: usize, i| sum.wrapping_add((self.pick)(&self.input, subject, i))) as u64
    }

    fn change(&mut self) {
        (self.change)(&self.input, self.subject.as_mut().expect("it is open"));
    }
}

pub struct Case {
    name: &'static str,
    beside: Option<&'static str>,
    threads: bool,
    changes: bool,
    builds: bool,
    most: Option<(usize, &'static str)>,
    stage: Box<dyn Fn(&Scene) -> Box<dyn Peer>>,
}

impl Case {
    /// For two threads, and with nothing to be done when a node leaves.
    pub fn new<I, T, P>(name: &'static str, input: fn(&Scene) -> I, open: fn(&I) -> T, pick: P) -> Case
    where
        I: Sync + 'static,
        T: Sync + 'static,
        P: Fn(&I, &T, usize) -> usize + Copy + Sync + 'static,
    {
        let stage = move |scene: &Scene| -> Box<dyn Peer> {
            Box::new(Stage { input: input(scene), subject: None, open, pick, change: |_: &I, _: &mut T| () })
        };
        Case { name, beside: None, threads: true, changes: false, builds: true, most: None, stage: Box::new(stage) }
    }

    /// With what is to be done when a node leaves and comes back.
    pub fn with_change<I, T, P>(
        name: &'static str,
        input: fn(&Scene) -> I,
        open: fn(&I) -> T,
        pick: P,
        change: fn(&I, &mut T),
    ) -> Case
    where
        I: Sync + 'static,
        T: Sync + 'static,
        P: Fn(&I, &T, usize) -> usize + Copy + Sync + 'static,
    {
        let stage = move |scene: &Scene| -> Box<dyn Peer> {
            Box::new(Stage { input: input(scene), subject: None, open, pick, change })
        };
        Case { name, beside: None, threads: true, changes: true, builds: true, most: None, stage: Box::new(stage) }
    }

    /// The row of ours that does the same work, where that is not the one called loadwise.
    pub fn beside(mut self, row: &'static str) -> Case {
        self.beside = Some(row);
        self
    }

    /// Sets of more nodes are not asked for, for this reason.
    pub fn most(mut self, nodes: usize, reason: &'static str) -> Case {
        self.most = Some((nodes, reason));
        self
    }

    /// Nothing is made of the nodes before they are picked.
    pub fn only_picks(mut self) -> Case {
        self.builds = false;
        self
    }

    /// One thread at a time may pick.
    pub fn alone(mut self) -> Case {
        self.threads = false;
        self
    }

    fn introduction(&self) -> String {
        let mut line = format!("case {} pick", self.name);
        if self.builds {
            line += " build bytes";
        }
        if self.threads {
            line += " threads";
        }
        if self.changes {
            line += " change";
        }
        line + &self.beside.map_or(String::new(), |row| format!(" beside {row}"))
    }
}

/// The median of 3 to 15 times, in no more than 100 ms once there are 3.
fn median_of_some(mut time: impl FnMut() -> f64) -> f64 {
    let mut times = Vec::new();
    let mut spent = 0.0;
    while times.len() < 3 || (times.len() < 15 && spent < 100e6) {
        times.push(time());
        spent += times[times.len() - 1];
    }
    frame::median(&mut times)
}

fn ns_of(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64
}

struct Host {
    cases: Vec<Case>,
    processors: Vec<usize>,
}

impl Host {
    fn answer(&self, words: &[&str]) -> Option<String> {
        let case = self.cases.iter().find(|case| case.name == words[1])?;
        let numbers: Vec<u64> = words[2..].iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let (nodes, seed) = (*numbers.first()? as usize, *numbers.last()?);
        if let Some((_, reason)) = case.most.filter(|(most, _)| nodes > *most) {
            return Some(format!("none {reason}"));
        }
        let mut peer = (case.stage)(&Scene::new(nodes, seed));
        Some(match words[0] {
            "pick" if numbers[1] > 1 && !case.threads => "none not for two threads".into(),
            "pick" if numbers[1] > self.processors.len() as u64 => "none one processor".into(),
            "pick" => {
                peer.open();
                format!("ns {:.4}", frame::ns_per_pick(peer.as_ref(), &self.processors, numbers[1] as usize))
            }
            "build" => {
                let build = || {
                    let ns = ns_of(|| peer.open());
                    peer.close();
                    ns
                };
                format!("ns {:.1}", median_of_some(build))
            }
            "change" if case.changes => {
                peer.open();
                peer.change();
                format!("ns {:.1}", median_of_some(|| ns_of(|| peer.change()) / 2.0))
            }
            "bytes" => format!("bytes {:.1}", memory::bytes_of(|| peer.open()) as f64 / nodes as f64),
            _ => "none not asked of this case".into(),
        })
    }
}

/// Answers questions until the driver says quit. `peers` are names with their versions.
pub fn serve(peers: &[&str], cases: Vec<Case>) {
    let host = Host { cases, processors: frame::processors() };
    let mut out = stdout().lock();
    let mut say = |line: &str| writeln!(out, "{line}").and_then(|()| out.flush()).expect("the driver listens");
    frame::pin(host.processors[0]);
    peers.iter().for_each(|peer| say(&format!("peer {peer}")));
    host.cases.iter().for_each(|case| say(&case.introduction()));
    say("ready");
    for line in stdin().lines().map_while(Result::ok).take_while(|line| line != "quit") {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = if words.len() < 4 { None } else { host.answer(&words) };
        say(&answer.unwrap_or("none cannot read that question".into()));
    }
}
