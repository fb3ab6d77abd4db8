//! A Mastra Cloud that runs on a desk: for developers and tests, never for production.
//!
//! Speaks one of the two dialects of the contract at a time, over real sockets, with a login page, signed tokens, sessions
//! in SQLite, an admin page, and faults that can be switched on. Listens on loopback only and says on every page what it
//! is. It reads the contract on its own and shares no code with the client, so that a mistake on one side shows on the other.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use mastra_auth_local_cloud::{LocalCloud, Options};
//!
//! let mut options = Options::default();
//! options.port = 0;
//! let cloud = LocalCloud::start(options).await.unwrap();
//! assert!(cloud.url().starts_with("http://localhost:"));
//! cloud.stop().await;
//! # });
//! ```
//!
//! # Admin routes
//!
//! `/admin` is the page; the same as JSON below `/admin/api`: `GET sessions`, `DELETE sessions/{id}`,
//! `DELETE users/{id}/sessions`, `PUT users/{id}/role` `{"role"}`, `GET keys`, `POST keys/rotate`, `GET|POST|DELETE faults`,
//! `GET requests`, `POST project-tokens` `{"role"}`, `POST tokens` `{"person", "age"?, "lifetime"?}` with times in seconds,
//! `DELETE faults/{id}`.
//!
//! # What it does not do
//!
//! It checks no password: whoever reaches the login page may be anybody on it. That is why it stays on this machine.

mod admin;
mod answer;
mod api;
mod cloud;
mod control;
mod fault;
mod guard;
mod issue;
mod keys;
mod pages;
mod seed;
mod serve;
mod store;

use std::path::PathBuf;
use std::time::Duration;

pub use control::Control;
pub use fault::{Fault, FaultKind};
pub use keys::Algorithm;
pub use seed::{Seed, SeedError};
pub use serve::{LocalCloud, StartError};
pub use store::SessionRow;

/// Which form of the API is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `/api/v1` paths and envelopes.
    #[default]
    V1,
    /// Bare JSON, with proof key for code exchange.
    Pkce,
}

impl Dialect {
    /// The name by which it is chosen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Pkce => "pkce",
        }
    }
}

/// What a local Cloud is started with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The port; 0 picks a free one. Default 4300.
    pub port: u16,
    /// The dialect. Default v1.
    pub dialect: Dialect,
    /// Where sessions and keys are kept. Default: in memory.
    pub db: Option<PathBuf>,
    /// People, roles and projects.
    pub seed: Seed,
    /// Who is signed in without being asked.
    pub auto_approve: Option<String>,
    /// How tokens are signed. Default Ed25519.
    pub algorithm: Algorithm,
    /// How long sessions last. Default 24 h.
    pub session_lifetime: Duration,
    /// How long tokens last, where that is shorter than their session. Default: as long as it.
    pub token_lifetime: Option<Duration>,
    /// How long codes last. Default 60 s.
    pub code_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 4300,
            dialect: Dialect::default(),
            db: None,
            seed: Seed::default(),
            auto_approve: None,
            algorithm: Algorithm::default(),
            session_lifetime: Duration::from_hours(24),
            token_lifetime: None,
            code_lifetime: Duration::from_mins(1),
        }
    }
}
