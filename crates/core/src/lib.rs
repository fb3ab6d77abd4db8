//! The rules of signing in with Mastra Cloud, without I/O.
//!
//! Everything here turns arguments, a time and some random bytes into requests, and responses into results. There is no
//! socket, no clock, no generator, no logging and no async: a driver brings those. The Rust client
//! (`mastra-auth-cloud`) is one driver; the same decisions are made by the same code whatever runs it.
//!
//! Read it bottom up: words ([`secret`], [`ids`], [`time`]), shapes ([`error`], [`http`], [`url`]), concepts
//! ([`config`], [`dialect`], [`cookie`], [`state`], [`permission`], [`roles`], [`jwt`], [`model`]), one operation per endpoint
//! ([`op`]), and on top what is remembered ([`identity`]) and the jobs that take several steps ([`flow`]).
//!
//! # What it does not do
//!
//! It opens no connection, reads no environment, starts nothing and never waits. It has no way to make an identity but an
//! answer of the Cloud, or a signature that was checked against its keys.

extern crate alloc;

// L0: words
pub mod encoding;
pub mod entropy;
pub mod ids;
pub mod malformed;
pub mod secret;
pub mod time;

// L1: shapes
pub mod cloud_call;
pub mod error;
pub mod http;
pub mod json;
pub mod url;

// L2: concepts
mod binding;
pub mod config;
pub mod cookie;
pub mod dialect;
mod endpoint;
mod envelope;
pub mod jwt;
pub mod model;
pub mod permission;
mod pkce;
pub mod roles;
pub mod state;
pub mod tally;
mod unverified;
pub mod verification;

// L3: operations
pub mod op;

// L4: what is remembered, and jobs of several steps
pub mod flow;
pub mod identity;
