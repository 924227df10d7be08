// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pingora's selections. `pingora` is LoadBalancer::select, which its users call: it asks the health of the node too.
//! `pingora-bare` is the selection alone, without the balancer around it. Keys are text; nodes are known by their
//! address.

use pingora_ketama::{Bucket, Continuum};
use pingora_load_balancing::discovery::Static;
use pingora_load_balancing::selection::{BackendIter, BackendSelection, Consistent, Random, RoundRobin};
use pingora_load_balancing::{Backend, Backends, LoadBalancer};
use protocol::{Case, KEYS, Scene};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[global_allocator]
static MEMORY: protocol::memory::Counted = protocol::memory::Counted;

const ITERATIONS: usize = 256;

struct Input {
    backends: BTreeSet<Backend>,
    fewer: BTreeSet<Backend>,
    buckets: Vec<Bucket>,
    keys: Vec<String>,
}

impl Input {
    fn key(&self, i: usize) -> &[u8] {
        self.keys[i % KEYS].as_bytes()
    }
}

fn input_of(scene: &Scene, weighted: bool) -> Input {
    let weight = |i: usize| if weighted { scene.weights[i] } else { 1 };
    let node = |(i, text): (usize, &String)| Backend::new_with_weight(text, weight(i) as usize).expect("an address");
    let bucket = |(i, text): (usize, &String)| Bucket::new(text.parse().expect("an address"), weight(i));
    let addresses = scene.addresses();
    let backends: BTreeSet<_> = addresses.iter().enumerate().map(node).collect();
    let mut fewer = backends.clone();
    fewer.remove(&node((scene.count() / 2, &addresses[scene.count() / 2])));
    let buckets = addresses.iter().enumerate().map(bucket).collect();
    Input { backends, fewer, buckets, keys: scene.texts() }
}

fn plain(scene: &Scene) -> Input {
    input_of(scene, false)
}

fn weighted(scene: &Scene) -> Input {
    input_of(scene, true)
}

/// What tells the nodes apart, as a number.
fn number(backend: &Backend) -> usize {
    match backend.addr.as_inet().map(|address| address.ip()) {
        Some(IpAddr::V4(address)) => u32::from(address) as usize,
        _ => 0,
    }
}

fn balancer<S>(input: &Input) -> LoadBalancer<S>
where
    S: BackendSelection + 'static,
    S::Iter: BackendIter,
{
    let balancer = LoadBalancer::from_backends(Backends::new(Static::new(input.backends.clone())));
    match pin!(balancer.update()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => (),
        _ => panic!("a list that does not change is there at once"),
    }
    balancer
}

fn bare<S: BackendSelection>(backends: &BTreeSet<Backend>) -> Arc<S> {
    Arc::new(S::build(backends))
}

/// The balancer, and the selection alone.
fn both<S>(whole: &'static str, alone: &'static str, input: fn(&Scene) -> Input) -> [Case; 2]
where
    S: BackendSelection<Config: Send + Sync> + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    [
        Case::new(whole, input, balancer::<S>, |input, balancer, i| {
            number(&balancer.select(input.key(i), ITERATIONS).expect("a node"))
        }),
        Case::with_change(
            alone,
            input,
            |input| bare::<S>(&input.backends),
            |input, selection, i| number(selection.iter(input.key(i)).next().expect("a node")),
            |input, selection| {
                *selection = bare(&input.fewer);
                *selection = bare(&input.backends);
            },
        ),
    ]
}

fn main() {
    let peers =
        ["pingora 0.9.1 (LoadBalancer::select)", "pingora-bare 0.9.1 (its selections alone)", "pingora-ketama 0.9.1"];
    let mut cases = Vec::new();
    cases.extend(both::<RoundRobin>("pingora/round_robin", "pingora-bare/round_robin", plain));
    cases.extend(both::<Random>("pingora/random", "pingora-bare/random", plain));
    cases.extend(both::<Random>("pingora/weighted_random", "pingora-bare/weighted_random", weighted));
    for case in both::<Consistent>("pingora/ketama", "pingora-bare/ketama", plain) {
        cases.push(case.beside("loadwise-nginx"));
    }
    let ring = Case::with_change(
        "pingora-ketama/ketama",
        plain,
        |input| Continuum::new(&input.buckets),
        |input, ring, i| ring.node_idx(input.key(i)),
        |input, ring| {
            *ring = Continuum::new(&input.buckets[1..]);
            *ring = Continuum::new(&input.buckets);
        },
    );
    cases.push(ring.beside("loadwise-nginx"));
    protocol::serve(&peers, cases);
}
