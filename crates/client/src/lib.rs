#![cfg_attr(docsrs, feature(doc_cfg))]
//! Sign in with Mastra Cloud from Rust.
//!
//! [`MastraCloudAuth`] is what a service holds: it runs sign-ins, authenticates requests, reads permissions and ends
//! sessions. The rules are those of `mastra-auth-cloud-core`; this crate adds the sockets, the clock and the randomness.
//!
//! | feature | what it adds |
//! |---|---|
//! | `reqwest` (default) | the transport over reqwest. Without it, provide a [`transport::Transport`] |
//! | `axum` | sign-in routes, a layer and extractors, in the module `axum` |
//! | `redis`, `redis-tls` | a sign-out on one instance reaches all others within a moment, over Redis |
//! | `metrics` | metrics for Prometheus, in the module `metrics` |
//! | `program` | tokens for programs that a person signs in, in the module `program` |
//! | `testing` | users without a Cloud, for tests of handlers, in the module `axum::testing`; does not compile in a release |
//!
//! ```no_run
//! # async fn example() -> Result<(), mastra_auth_cloud::CloudApiError> {
//! use mastra_auth_cloud::{Authentication, MastraCloudAuth};
//!
//! let auth = MastraCloudAuth::builder().project_id("demo").build()?;
//! # let headers = http::HeaderMap::new();
//! match auth.authenticate(&headers).await {
//!     Authentication::Authenticated(identity) => println!("{}", identity.user().id()),
//!     Authentication::Anonymous => println!("not signed in"),
//!     Authentication::Rejected(error) => println!("refused: {}", error.code()),
//!     Authentication::Unavailable(error) => println!("could not be found out: {}", error.code()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It never stores a token: one [`MastraCloudClient`] serves many users at once, and every call takes its token as an
//! argument. It follows no redirect, creates no session, and signs no user out because the Cloud is down.

mod auth;
mod builder;
mod client;
mod driver;
mod headers;
mod single_flight;
mod system;
mod telemetry;

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "program")]
pub mod program;
pub mod revocation;
pub mod transport;

/// The values of a sign-in that runs without the axum routes.
///
/// [`begin_login`](MastraCloudAuth::begin_login) gives a [`LoginStart`](login::LoginStart), and
/// [`finish_login`](MastraCloudAuth::finish_login) a [`SignedIn`](login::SignedIn).
pub mod login {
    pub use mastra_auth_cloud_core::cloud::ops::exchange_code::Exchanged;
    pub use mastra_auth_cloud_core::engine::SignedIn;
    pub use mastra_auth_cloud_core::login::state::State;
    pub use mastra_auth_cloud_core::secret::{AuthorizationCode, Verifier};
    pub use mastra_auth_cloud_core::url::{RedirectUri, ReturnPath};

    pub use crate::auth::{LoginStart, RedactedUrl};
}

pub use auth::{MastraCloudAuth, RefreshedSession, SessionEnd};
pub use builder::AuthBuilder;
pub use client::MastraCloudClient;
pub use mastra_auth_cloud_core::cache::statistics::Statistics;
pub use mastra_auth_cloud_core::cloud::model::{CloudSession, CloudUser};
pub use mastra_auth_cloud_core::config::Policy;
pub use mastra_auth_cloud_core::cookie::{SameSite, Secure, SetCookie};
pub use mastra_auth_cloud_core::dialect::Dialect;
pub use mastra_auth_cloud_core::error::{CloudApiError, Code, Kind, Remedy};
pub use mastra_auth_cloud_core::flow::Authentication;
pub use mastra_auth_cloud_core::flow::sign_out::SignOut;
pub use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
pub use mastra_auth_cloud_core::jwt::SharedSecret;
pub use mastra_auth_cloud_core::malformed::Malformed;
pub use mastra_auth_cloud_core::rbac::pattern::Permissions;
pub use mastra_auth_cloud_core::rbac::roles::RoleMapping;
pub use mastra_auth_cloud_core::secret::SessionToken;
pub use mastra_auth_cloud_core::session::Identity;
pub use mastra_auth_cloud_core::time::Timestamp;
pub use mastra_auth_cloud_core::url::PublicUrl;
pub use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};

/// Compiles the program of the README.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
