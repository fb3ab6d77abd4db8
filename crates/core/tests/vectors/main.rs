//! The files of `vectors/`, case by case, as both languages read them.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod cookies;
mod envelopes;
mod permissions;
mod requests;
mod return_path;
mod revocation_worker;
mod tokens;
#[path = "../world/host.rs"]
mod world_host;
