//! As `main.rs`, with the targets of servers and files: theirs is so much code that each run of any target would take longer.
#![no_main]

#[path = "../servers.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let found = targets::TARGETS.iter().find(|(own, _)| *own == name);
    found.expect("there is such a target").1
});

fuzz_target!(|data: &[u8]| (*TARGET)(data));
