// SPDX-License-Identifier: MIT OR Apache-2.0
//! Crates that choose a node, called as their users call them, behind the protocol of bench/peers.

mod chance;
mod hashing;
mod seed;
mod services;

#[global_allocator]
static MEMORY: protocol::memory::Counted = protocol::memory::Counted;

fn main() {
    let peers = [&seed::PEERS[..], &services::PEERS, &hashing::PEERS, &chance::PEERS].concat();
    let cases = [seed::cases(), services::cases(), hashing::cases(), chance::cases()];
    protocol::serve(&peers, cases.into_iter().flatten().collect());
}
