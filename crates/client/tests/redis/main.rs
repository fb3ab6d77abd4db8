//! What instances tell one another over a real redis-server: `cargo xtask redis` runs these.
#![cfg(all(feature = "axum", feature = "redis-tls", feature = "reqwest"))]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

#[path = "../common/mod.rs"]
mod common;
mod redis_server;
mod redis_slow;
mod rotation;
mod set;
mod sign_outs;
mod strangers;
mod tls;
