//! Tells the linker what an addon may leave undefined, and how to keep it small.

use std::env;

fn main() {
    napi_build::setup();
    // There the compiler brings its own linker, lld; others do not know these options. Tables of curves occur several times.
    if env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all,--ignore-data-address-equality");
    }
}
