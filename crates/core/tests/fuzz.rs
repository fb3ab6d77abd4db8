//! The fuzz targets of `fuzz/`, over their seeds and a bounded number of mutations of them: they compile and hold on every
//! machine. The search for what breaks them is `cargo fuzz`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "what a test does not expect fails it"
)]

#[path = "../../../fuzz/src/lib.rs"]
#[allow(
    missing_docs,
    unreachable_pub,
    reason = "a crate of its own over there"
)]
mod targets;

use std::path::Path;

/// Mutations of each seed.
const MUTATIONS: u64 = 2_000;

/// SplitMix64: the same mutations in every run.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn below(state: &mut u64, end: usize) -> usize {
    random(state) as usize % end.max(1)
}

/// One to four edits: a bit, a byte, a byte put in, some taken out, some said twice.
fn mutated(seed: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=below(state, 4) {
        let begin = below(state, bytes.len() + 1).min(bytes.len());
        let end = (begin + below(state, 16)).min(bytes.len());
        match below(state, 5) {
            0 if begin < bytes.len() => bytes[begin] ^= 1 << below(state, 8),
            1 if begin < bytes.len() => bytes[begin] = random(state) as u8,
            2 => bytes.insert(
                begin,
                *b"\"\\{}[],:.=0-\n\x00\xff;"
                    .get(below(state, 17))
                    .unwrap_or(&b' '),
            ),
            3 => _ = bytes.drain(begin..end),
            _ => {
                let again = bytes[begin..end].to_vec();
                bytes.splice(begin..begin, again);
            }
        }
    }
    bytes
}

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(name);
    let mut seeds: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    let mut state = 1;
    target(&[]);
    for seed in seeds {
        let seed = std::fs::read(seed).unwrap();
        target(&seed);
        for _ in 0..MUTATIONS {
            target(&mutated(&seed, &mut state));
        }
    }
}

#[test]
fn threat_098_no_token_ends_the_program() {
    replay("token", targets::token);
}

#[test]
fn threat_098_no_key_set_ends_the_program() {
    replay("key_set", targets::key_set);
}

#[test]
fn threat_098_no_cookie_header_ends_the_program() {
    replay("cookie", targets::cookie);
}

#[test]
fn threat_098_no_answer_ends_the_program() {
    replay("envelope", targets::envelope);
}
