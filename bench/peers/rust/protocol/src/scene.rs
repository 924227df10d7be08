// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nodes and keys of one question, the same in every language: bench/peers/protocol.h says how they are made.

pub const KEYS: usize = 4096;

pub struct Scene {
    pub names: Vec<String>,
    pub weights: Vec<u32>,
    pub loads: Vec<f64>,
    pub shares: Vec<f64>,
    pub keys: Vec<u64>,
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

impl Scene {
    pub fn new(nodes: usize, mut seed: u64) -> Self {
        Scene {
            names: (0..nodes).map(|i| format!("node-{i:05}")).collect(),
            weights: (0..nodes as u32).map(|i| i * 7 % 5 + 1).collect(),
            loads: (0..nodes).map(|_| unit(splitmix(&mut seed))).collect(),
            shares: (0..nodes).map(|_| unit(splitmix(&mut seed))).collect(),
            keys: (0..KEYS).map(|_| splitmix(&mut seed)).collect(),
        }
    }

    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The keys as text.
    pub fn texts(&self) -> Vec<String> {
        self.keys.iter().map(|key| format!("{key:016x}")).collect()
    }

    /// For peers that know nodes by their address only.
    pub fn addresses(&self) -> Vec<String> {
        let address = |i: usize| format!("10.{}.{}.{}:8080", (i >> 16) & 255, (i >> 8) & 255, i & 255);
        (0..self.count()).map(address).collect()
    }
}
