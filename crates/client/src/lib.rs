//! Sign in with Mastra Cloud from Rust.
//!
//! [`MastraCloudAuth`] is what a service holds: it runs sign-ins, authenticates requests, reads permissions and ends
//! sessions. With the feature `axum` it is also a set of routes, a layer and extractors. The rules are those of
//! `mastra-auth-cloud-core`; this crate adds the sockets, the clock and the randomness. With the feature `redis` a sign-out
//! on one instance reaches all others within a moment.
//!
//! ```no_run
//! # async fn example() -> Result<(), mastra_auth_cloud::CloudApiError> {
//! use mastra_auth_cloud::{Answer, MastraCloudAuth};
//!
//! let auth = MastraCloudAuth::builder().project_id("demo").build()?;
//! # let headers = http::HeaderMap::new();
//! match auth.authenticate(&headers).await {
//!     Answer::Authenticated(identity) => println!("{}", identity.user().id()),
//!     Answer::Anonymous => println!("nobody is signed in"),
//!     Answer::Rejected(error) => println!("refused: {}", error.code()),
//!     Answer::Unavailable(error) => println!("could not be found out: {}", error.code()),
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
mod environment;
mod headers;
mod revocation;
mod signals;
mod single_flight;
mod system;
mod transport;

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "metrics")]
pub mod metrics;

pub use auth::{LoginStart, MastraCloudAuth, RedactedUrl, RefreshedSession, SessionEnd};
pub use builder::Builder;
pub use client::MastraCloudClient;
pub use mastra_auth_cloud_core as core;
pub use mastra_auth_cloud_core::cookie::{SameSite, SetCookie};
pub use mastra_auth_cloud_core::dialect::Dialect;
pub use mastra_auth_cloud_core::error::{CloudApiError, Code, Kind};
pub use mastra_auth_cloud_core::flow::callback::SignedIn;
pub use mastra_auth_cloud_core::flow::identify::Answer;
pub use mastra_auth_cloud_core::flow::logout::SignOut;
pub use mastra_auth_cloud_core::identity::Identity;
pub use mastra_auth_cloud_core::identity::statistics::Statistics;
pub use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
pub use mastra_auth_cloud_core::model::{CloudSession, CloudUser};
pub use mastra_auth_cloud_core::permission::Grants;
pub use mastra_auth_cloud_core::roles::RoleMapping;
pub use mastra_auth_cloud_core::secret::SessionToken;
pub use mastra_auth_cloud_core::verification::{Mode, VerificationOptions};
#[cfg(feature = "redis")]
pub use revocation::RedisRevocations;
pub use revocation::{
    ChannelError, Link, Message, Received, RevocationChannel, RevocationStatus, Working,
};
pub use transport::{ReqwestTransport, Sending, Transport};
