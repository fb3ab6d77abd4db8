//! The client and the provider against a local Cloud over sockets.
//!
//! One program, so that the libraries below are linked once.
#![cfg(all(
    feature = "axum",
    feature = "metrics",
    feature = "program",
    feature = "redis",
    feature = "reqwest"
))]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod client;
mod clock;
#[path = "../common/mod.rs"]
mod common;
#[path = "../ear/mod.rs"]
mod ear;
mod guides;
mod keys;
mod leak;
mod metrics;
mod metrics_names;
mod metrics_queries;
mod operations;
mod outages;
mod platform;
mod previous_session;
mod program;
mod refusals;
mod renewal;
mod revocation_ends;
mod revocations;
mod session_ended;
mod sessions;
mod telemetry;
mod telemetry_names;
mod transport;
mod two_people;
mod variables;
