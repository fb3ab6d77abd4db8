//! The program that libFuzzer drives: one target, which the environment names. `cargo xtask fuzz` builds and starts it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mastra_auth_fuzz::TARGETS;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let found = TARGETS.iter().find(|(own, _)| *own == name);
    found.expect("there is such a target").1
});

fuzz_target!(|data: &[u8]| (*TARGET)(data));
