//! The axum parts over sockets: the layer, the extractors, the routes and their pages.
#![cfg(all(feature = "axum", feature = "reqwest"))]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod answers;
mod callback_again;
mod check;
#[path = "../common/mod.rs"]
mod common;
#[path = "../ear/mod.rs"]
mod ear;
mod guards;
mod pages;
mod paths;
mod platform;
mod prefix;
mod require;
mod return_paths;
mod stack;
mod state;
mod testing;
mod too_large;
