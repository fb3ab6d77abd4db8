//! A local Mastra Cloud: for developers and tests, never for production.
//!
//! Speaks one of the contract's three dialects at a time, over real sockets. Has a login page, signed tokens, sessions in
//! SQLite, an admin page, and faults to switch on. Listens on loopback unless told otherwise; every page says what it is. It implements
//! the contract independently and shares no code with the client, so that a mistake on one side shows on the other.
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
//! `/admin` is the page. Its JSON API is below `/admin/api`:
//!
//! - `GET state`: what the page shows, and the projects' ids
//! - `GET sessions`, `DELETE sessions/{id}`, `DELETE users/{id}/sessions`
//! - `PUT users/{id}/role` `{"role"}`; a user's `{id}` is any name of the person
//! - in the dialect `platform`: `PUT organizations/{id}/members/{person}` `{"role"}`, `DELETE` of the same
//! - in the dialect `platform`: `GET platform`, and `PATCH platform` with members of [`PlatformOptions`]
//! - `GET keys`, `POST keys/rotate`
//! - `GET|POST|DELETE faults`, `DELETE faults/{id}`
//! - `GET requests`
//! - `POST clock` `{"seconds"}` moves the clock forward, `POST reset` begins anew
//! - `POST project-tokens` `{"role"}`; in the dialect `platform` it answers an API key of the first organization
//! - `POST tokens` `{"person", "age"?, "lifetime"?}` with times in seconds
//!
//! # What it does not do
//!
//! It checks no password: a visitor of the login page can sign in as any person. That is why it stays on this machine.

mod admin;
mod answer;
mod api;
mod cloud;
mod control;
mod credentials;
mod fault;
mod guard;
mod issue;
mod keys;
mod open;
mod pages;
mod platform;
mod platform_options;
mod seed;
mod serve;
mod store;
mod wire;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use cloud::RequestRow;
pub use control::{Control, SignedIn};
pub use fault::{Fault, FaultKind};
pub use keys::{Algorithm, PinnedKey, PinnedKeyError};
pub use platform_options::{CallbackState, PlatformOptions, RedirectQuery};
pub use seed::{Seed, SeedError};
pub use serve::{LocalCloud, StartError, listen};
pub use store::SessionRow;
pub use wire::{Place, WireFault};

/// The form of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `/api/v1` paths and envelopes.
    #[default]
    V1,
    /// Bare JSON, with proof key for code exchange.
    Pkce,
    /// The hosted sign-in below `/v1`: sealed sessions that rotate, bearers, organizations.
    Platform,
}

impl Dialect {
    /// The name that selects it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Pkce => "pkce",
            Self::Platform => "platform",
        }
    }
}

/// Options of a local Cloud.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The port; 0 picks a free one. Default 4300.
    pub port: u16,
    /// The address to listen at, which is a name to answer by too, unless it is `0.0.0.0` or `::`. Default: both loopback addresses.
    /// Another one lets other machines in: they sign in as any person.
    pub bind: Option<IpAddr>,
    /// Names to answer by besides `localhost`, `127.0.0.1` and `[::1]`; the first stands in [`LocalCloud::url`] and in tokens.
    pub hosts: Vec<String>,
    /// The dialect. Default v1.
    pub dialect: Dialect,
    /// The database file for sessions and keys. Default: in memory.
    pub db: Option<PathBuf>,
    /// People, roles and projects.
    pub seed: Seed,
    /// The person to sign in without asking.
    pub auto_approve: Option<String>,
    /// The signature algorithm of tokens. Default Ed25519.
    pub algorithm: Algorithm,
    /// The key that signs, whatever `algorithm` says. Default: one of its own, which `db` keeps.
    pub signing_key: Option<PinnedKey>,
    /// Lifetime of sessions. Default 24 h.
    pub session_lifetime: Duration,
    /// Lifetime of tokens, if shorter than their session's. Default: as long as the session; 5 min in the dialect `platform`.
    pub token_lifetime: Option<Duration>,
    /// Lifetime of codes. Default 60 s.
    pub code_lifetime: Duration,
    /// What only the dialect `platform` has.
    pub platform: PlatformOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 4300,
            bind: None,
            hosts: Vec::new(),
            dialect: Dialect::default(),
            db: None,
            seed: Seed::default(),
            auto_approve: None,
            algorithm: Algorithm::default(),
            signing_key: None,
            session_lifetime: Duration::from_hours(24),
            token_lifetime: None,
            code_lifetime: Duration::from_mins(1),
            platform: PlatformOptions::default(),
        }
    }
}
