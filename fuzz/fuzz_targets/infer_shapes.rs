//! One operator after another: inference returns, and what it says holds of what is computed.
//!
//! The bytes are a model whose nodes are checked one by one, on the values that its initialisers and earlier nodes give;
//! or they are no model, and every decision is drawn from them.

#![no_main]

use hologram_fuzz::proto;
use libfuzzer_sys::{fuzz_crossover, fuzz_mutator, fuzz_target};

fuzz_target!(|data: &[u8]| hologram_fuzz::run(data, hologram_fuzz::infer_shapes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    proto::mutated(data, size, max_size, seed).unwrap_or_else(|| libfuzzer_sys::fuzzer_mutate(data, size, max_size))
});

fuzz_crossover!(|data1: &[u8], data2: &[u8], out: &mut [u8], seed: u32| { proto::crossed(data1, data2, out, seed) });
