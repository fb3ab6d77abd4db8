//! Each job from begin to end, in memory, against a Cloud whose answers are written beforehand.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod absence;
mod ahead;
mod authenticate;
mod breaker;
mod callback;
mod callback_again;
mod clock;
mod clock_ahead;
mod cookies;
mod ends;
mod fast_path;
mod handed_out;
mod holds;
mod keys;
mod leak;
mod login;
mod logout;
mod options;
mod order;
mod past_the_end;
mod permissions;
mod renew;
mod renewal_ends;
mod renewal_held;
mod renewing;
mod revocations;
mod sealed;
mod sealed_answers;
mod seams;
mod session;
mod sign_in_rules;
mod source;
#[path = "../world/mod.rs"]
mod world;
