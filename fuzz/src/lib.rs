//! What reads bytes of strangers, as functions of any bytes: a property of what they say holds whatever comes, or they panic.
//!
//! `cargo xtask fuzz` calls them with what libFuzzer's search finds. The tests of the crates call them with the inputs of
//! `seeds` and `corpus`, and a fixed number of mutations, so that they compile and hold on every machine.

pub mod addresses;
pub mod answers;
pub mod channel;
pub mod cookies;
pub mod json;
pub mod lines;
pub mod permissions;
pub mod replay;
pub mod requests;
pub mod revocations;
pub mod script;
pub mod sealed;
pub mod sign_in;
pub mod tokens;
pub mod world;

/// A name, and a function to call with any bytes.
type Target = (&'static str, fn(&[u8]));

/// The targets of the core.
pub const TARGETS: &[Target] = &[
    ("address", addresses::address),
    ("authenticate", requests::authenticate),
    ("callback", sign_in::callback),
    ("channel", channel::channel),
    ("claims", tokens::claims),
    ("cookie", cookies::cookie),
    ("envelope", answers::envelope),
    ("json", json::json),
    ("jws", tokens::jws),
    ("key_set", tokens::key_set),
    ("permission", permissions::permission),
    ("problem", answers::problem),
    ("query", sign_in::query),
    ("return_path", addresses::return_path),
    ("revocation", revocations::revocation),
    ("roles", permissions::roles),
    ("sealed", sealed::sealed),
    ("set_cookie", cookies::set_cookie),
    ("site", addresses::site),
    ("snapshot", revocations::snapshot),
    ("state", addresses::state),
    ("token", tokens::token),
];
