//! The product measured beside its alternatives. `cargo xtask bench` runs it; `docs/benchmarks.md` explains it.
//!
//! Two programs: `rust` for calls in this process, `http` for servers under load and for two checkouts in turns. Both print
//! one line of JSON. Shared here: interleaved rounds and the form of the report. It decides nothing about the product.

pub mod cloud;
pub mod report;
pub mod rounds;
