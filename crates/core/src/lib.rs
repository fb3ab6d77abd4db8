//! The rules of signing in with Mastra Cloud, without I/O.
//!
//! This crate turns arguments, a time and random bytes into requests, and responses into results. It has no socket, no clock,
//! no generator, no logging and no async runtime: a driver brings those. Jobs are `async` functions that their
//! [`Task`](flow::Task) steps through. The Rust client (`mastra-auth-cloud`) is one driver. Every driver runs the same code
//! and so makes the same decisions.
//!
//! Read it bottom up: words ([`secret`], [`ids`], [`time`]), shapes ([`error`], [`http`], [`url`]), concepts ([`config`],
//! [`cookie`], [`login`], [`rbac`], [`jwt`]). Above them are the Cloud's API ([`cloud`]), the caches ([`engine`]) and the
//! jobs of several steps ([`flow`]).
//!
//! # What it does not do
//!
//! It opens no connection, reads no environment, starts no thread and never waits. Only an answer of the Cloud makes an
//! identity, or a signature verified against its keys.

extern crate alloc;

/// `Debug` that shows a type's name, and nothing of its value.
macro_rules! redacted {
    ($($name:ident $(<$life:lifetime>)?),+) => {$(
        impl core::fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    )+};
}

/// An enum of stable labels, for metrics, logs and other languages: all of them, and each as text.
macro_rules! labels {
    ($(#[$outer:meta])* enum $name:ident { $($(#[$doc:meta])* $label:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $label,)+
        }

        impl $name {
            /// All values, in their order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$label),+];

            /// The value as stable lower-case text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$label => $text,)+
                }
            }
        }
    };
}

// L0: words
mod crypto;
#[doc(hidden)]
pub mod encoding;
pub mod entropy;
pub mod events;
pub mod ids;
pub mod malformed;
pub mod secret;
pub mod time;

// L1: shapes
pub mod cloud_call;
pub mod error;
pub mod http;
#[doc(hidden)]
pub mod json;
pub mod url;

// L2: concepts
pub mod config;
pub mod cookie;
pub mod counters;
pub mod dialect;
pub mod jwt;
pub mod login;
pub mod rbac;
mod unverified;
pub mod verification;

// L3: the Cloud's API
pub mod cloud;

// L4 to L7: what is cached, from values up to the engine
pub mod cache;
pub mod engine;
pub mod revocation;
pub mod session;
mod sync;

// L8 and above: jobs of several steps
pub mod flow;

/// Compiles the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
