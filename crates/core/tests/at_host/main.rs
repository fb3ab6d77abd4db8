//! The jobs that check signatures once more, with a host that checks them, as in WebAssembly: the same requests, answers and
//! codes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "what a test does not expect fails it, and the files serve other tests too"
)]

#[path = "../flows/clock.rs"]
mod clock;
#[path = "../flows/clock_ahead.rs"]
mod clock_ahead;
#[path = "../flows/ends.rs"]
mod ends;
#[path = "../flows/keys.rs"]
mod keys;
#[path = "../flows/logout.rs"]
mod logout;
#[path = "../flows/order.rs"]
mod order;
#[path = "../flows/past_the_end.rs"]
mod past_the_end;
#[path = "../flows/permissions.rs"]
mod permissions;
#[path = "../flows/renew.rs"]
mod renew;
#[path = "../flows/renewing.rs"]
mod renewing;
#[path = "../flows/revocations.rs"]
mod revocations;
#[path = "../flows/session.rs"]
mod session;
#[path = "../flows/sign_in_rules.rs"]
mod sign_in_rules;
#[path = "../flows/source.rs"]
mod source;
#[path = "../world/mod.rs"]
mod world;

mod verdicts;
