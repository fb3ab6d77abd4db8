//! What takes long to show: each a short form that runs with the usual tests, and a long one by the name of
//! `cargo xtask soak NAME`, whose figures are what it prints.
//!
//! One binary, for each is linked as a whole in release.
#![cfg(all(feature = "axum", feature = "metrics", feature = "reqwest"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]
#![allow(clippy::print_stdout, reason = "what is measured is printed")]

mod account;
#[path = "../common/mod.rs"]
mod common;
mod cost;
mod crossing;
mod deploy;
mod hostile;
mod load;
mod outage;
mod rotation;
