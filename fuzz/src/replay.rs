//! Replays a target in the tests: its committed inputs, and a fixed number of mutations of them, the same in every run.

use std::path::Path;

use super::lines;

/// Mutations of a target: the same number on every machine, so that no test depends on its speed.
pub const MANY: usize = 10_000;
/// Of one that takes long.
pub const FEW: usize = 1_000;

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

/// The inputs of a target: those written by hand, and those that the search found.
fn inputs(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let text = |kind: &str| {
        let path = folder.join(kind).join(format!("{name}.txt"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    [text("seeds"), text("corpus")]
        .iter()
        .flat_map(|text| lines::read(text))
        .collect()
}

/// Runs a target over nothing, its inputs, and mutations of them, unless it is told to leave those out.
pub fn replay(name: &str, mutations: usize, target: fn(&[u8])) {
    let inputs = inputs(name);
    assert!(!inputs.is_empty());
    let run = |input: &[u8]| {
        let shown = Shown(name, input);
        target(input);
        std::mem::forget(shown);
    };
    run(&[]);
    for input in &inputs {
        run(input);
    }
    if std::env::var_os("FUZZ_INPUTS_ALONE").is_some() {
        return;
    }
    let mut state = 1;
    for input in inputs.iter().cycle().take(mutations) {
        run(&mutated(input, &mut state));
    }
}

/// Prints the input that ends a test.
struct Shown<'i>(&'i str, &'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!(
            "an input of fuzz/seeds/{}.txt that fails:\n{}",
            self.0,
            lines::line(self.1)
        );
    }
}
