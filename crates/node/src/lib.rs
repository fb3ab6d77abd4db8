//! The rules of signing in with Mastra Cloud, for Node.
//!
//! Conversions, and short synchronous calls into the core: no socket, no random generator, no thread. The TypeScript
//! package `@mastra/auth-cloud` is its only importer and supplies those. It reads the clocks itself, which costs less than
//! passing the time. Only the worker on a revocation channel is passed it, so that tests can set it.
//!
//! - Every export runs inside [`guard`]: a panic becomes a thrown error with the code `internal`, never the end of the
//!   process.
//! - An expected error is returned as a [`Failure`](convert::Failure) with kind, code, status and endpoint; nothing else is
//!   thrown.
//! - Authenticating a cached identity returns a number: the serial of a user object that JavaScript has already.
//!
//! # What it does not do
//!
//! It decides nothing, and keeps no state beside the core's.

#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "the glue that calls the exports is not in test builds"
    )
)]

mod authenticate;
#[cfg(not(target_family = "wasm"))]
mod checks;
mod clocks;
mod config;
mod convert;
mod engine;
mod flow;
mod guard;
mod host_checks;
mod js_values;
mod operations;
mod permissions;
mod redis;
mod revocations;
mod rules;
mod sessions;
mod sign_in;
mod site;
mod statistics;
mod tokens;
