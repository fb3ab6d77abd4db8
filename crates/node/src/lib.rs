//! The rules of signing in with Mastra Cloud, for Node.
//!
//! Conversions, and short synchronous calls into the core: no socket, no generator, no thread. The TypeScript package
//! `@mastra/auth-cloud` is its only importer and brings those. It reads the clocks, which costs less than to be told them.
//!
//! - Every export runs inside [`guard`]: a panic becomes a thrown error with the code `internal`, never the end of the process.
//! - What can fail for a reason gives back a [`Failure`](convert::Failure) with kind, code, status and endpoint; nothing else
//!   is thrown.
//! - A warm look gives back a number: the user it stands for was made once and is kept on the other side.
//!
//! # What it does not do
//!
//! It decides nothing. It keeps nothing beside what the core keeps.

#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "the glue that calls the exports is not in test builds"
    )
)]

mod answer;
mod authority;
mod checks;
mod config;
mod convert;
mod flow;
mod guard;
mod left;
mod look;
mod operations;
mod permissions;
mod revocations;
mod rules;
mod sessions;
mod sign_in;
mod site;
mod statistics;
mod text;
mod tokens;
