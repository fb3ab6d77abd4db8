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

/// A function to call with any bytes.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The targets of the core.
pub const TARGETS: &[Target] = &[
    target("address", addresses::address),
    target("authenticate", requests::authenticate),
    target("callback", sign_in::callback),
    target("channel", channel::channel),
    target("claims", tokens::claims),
    target("cookie", cookies::cookie),
    target("envelope", answers::envelope),
    target("json", json::json),
    target("jws", tokens::jws),
    target("key_set", tokens::key_set),
    target("permission", permissions::permission),
    target("problem", answers::problem),
    target("query", sign_in::query),
    target("return_path", addresses::return_path),
    target("revocation", revocations::revocation),
    target("roles", permissions::roles),
    target("sealed", sealed::sealed),
    target("set_cookie", cookies::set_cookie),
    target("site", addresses::site),
    target("snapshot", revocations::snapshot),
    target("state", addresses::state),
    target("token", tokens::token),
];
