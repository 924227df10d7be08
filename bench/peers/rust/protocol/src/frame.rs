// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of about 4 ms on pinned threads, as bench/frame.c does them: the number of picks is found first, then the median
//! of 15 runs counts. A second thread lives for one question and starts each run with the first.

use crate::Peer;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

const RUNS: usize = 15;
const RUN_NS: f64 = 4e6;
const LEAVE: u64 = u64::MAX;

/// The processors that this program may run on.
pub fn processors() -> Vec<usize> {
    // An empty set is all zeros, and the call fills in no more than the size that it is told.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set);
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &set)).collect()
    }
}

pub fn pin(processor: usize) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// What the two threads tell each other: the number of the run and its picks go one way, the number comes back.
#[derive(Default)]
struct Signals {
    picks: AtomicU64,
    begun: AtomicU64,
    ready: AtomicU64,
    ended: AtomicU64,
}

struct Runs<'a> {
    peer: &'a dyn Peer,
    signals: Option<&'a Signals>,
    number: u64,
}

impl Runs<'_> {
    /// ns for so many picks of one thread.
    fn run(&mut self, picks: u64) -> f64 {
        self.number += 1;
        if let Some(signals) = self.signals {
            while signals.ready.load(SeqCst) != self.number {
                spin_loop();
            }
            signals.picks.store(picks, SeqCst);
            signals.begun.store(self.number, SeqCst);
        }
        let start = Instant::now();
        black_box(self.peer.picks(black_box(picks)));
        while self.signals.is_some_and(|signals| signals.ended.load(SeqCst) != self.number) {
            spin_loop();
        }
        start.elapsed().as_nanos() as f64
    }

    fn quickest(&mut self, picks: u64) -> f64 {
        (0..3).map(|_| self.run(picks)).fold(f64::INFINITY, f64::min)
    }

    fn ns_per_pick(&mut self) -> f64 {
        let mut picks = 16;
        let mut elapsed = self.quickest(picks);
        while elapsed < RUN_NS / 4.0 {
            picks *= 2;
            elapsed = self.quickest(picks);
        }
        picks = (picks as f64 * RUN_NS / elapsed) as u64 + 1;
        let mut times: Vec<f64> = (0..RUNS).map(|_| self.run(picks) / picks as f64).collect();
        median(&mut times)
    }
}

fn second(peer: &dyn Peer, signals: &Signals, processor: usize) {
    pin(processor);
    for number in 1.. {
        signals.ready.store(number, SeqCst);
        while signals.begun.load(SeqCst) < number {
            spin_loop();
        }
        if signals.begun.load(SeqCst) == LEAVE {
            return;
        }
        black_box(peer.picks(black_box(signals.picks.load(SeqCst))));
        signals.ended.store(number, SeqCst);
    }
}

pub fn ns_per_pick(peer: &dyn Peer, processors: &[usize], threads: usize) -> f64 {
    if threads == 1 {
        return Runs { peer, signals: None, number: 0 }.ns_per_pick();
    }
    let signals = Signals::default();
    thread::scope(|scope| {
        scope.spawn(|| second(peer, &signals, processors[1]));
        let ns = Runs { peer, signals: Some(&signals), number: 0 }.ns_per_pick();
        signals.begun.store(LEAVE, SeqCst);
        ns
    })
}
