//! What ships, measured beside what one would use instead. `cargo xtask bench` runs it; `docs/benchmarks.md` explains it.
//!
//! Two programs: `rust` for calls in this process, `http` for servers under load. What both share is here: interleaved
//! rounds, and the one form in which figures are told. It decides nothing about the product.

pub mod cloud;
pub mod report;
pub mod rounds;
