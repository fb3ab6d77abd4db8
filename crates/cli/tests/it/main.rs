//! The commands as a person runs them.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod answering;
#[cfg(unix)]
mod browser;
mod check;
#[cfg(unix)]
mod containers;
#[cfg(unix)]
mod demo;
#[cfg(unix)]
mod dev;
#[cfg(unix)]
mod dev_named;
mod doctor;
#[cfg(unix)]
mod failed_sign_in;
mod help;
mod jwks;
mod process;
#[cfg(unix)]
mod program;
#[cfg(unix)]
#[path = "../../../client/tests/faults/tls.rs"]
mod tls;
mod token;
