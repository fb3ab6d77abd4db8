//! Tokens and key sets from outside: every rule with what it accepts, what it refuses and its boundary, and what attackers try.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::large_enum_variant,
    reason = "what a test does not expect fails it, and tests sign with random keys"
)]

mod attacks;
mod bitflips;
mod claims;
mod faults;
mod keys;
mod signer;
mod timing;
#[path = "../world/host.rs"]
mod world_host;
mod wycheproof;
