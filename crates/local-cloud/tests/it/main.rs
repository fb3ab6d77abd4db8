//! The local Cloud over sockets.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod api;
mod clock;
mod contract;
mod desk;
mod faults;
mod guards;
mod kit;
mod platform;
mod renewal;
mod schema;
