//! The fuzz targets of servers and files, over their committed inputs and a bounded number of mutations. The search for what breaks
//! them is `cargo xtask fuzz`.

#![cfg(all(feature = "axum", feature = "program"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "what a test does not expect fails it"
)]

#[path = "../../../fuzz/src/servers.rs"]
#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a crate of its own over there"
)]
mod targets;

use targets::replay::{FEW, MANY, replay};

#[test]
fn no_request_of_a_stranger_is_signed_in_or_breaks_the_server() {
    replay("app", FEW, targets::app::app);
}

#[test]
fn threat_098_no_credentials_file_ends_the_program() {
    replay("credentials", FEW, targets::files::credentials);
}

#[test]
fn threat_098_no_request_ends_the_local_cloud() {
    replay("local_cloud", FEW, targets::local_cloud::local_cloud);
}

#[test]
fn threat_098_no_signing_key_ends_the_program() {
    replay("signing_key", MANY, targets::files::signing_key);
}
