//! Sign-in for axum: routes, a layer, extractors. Feature `axum`.
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use mastra_auth_cloud::MastraCloudAuth;
//! use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, routes};
//!
//! # fn example() -> Result<(), mastra_auth_cloud::CloudApiError> {
//! let auth = MastraCloudAuth::from_env()?;
//! let app: Router = Router::new()
//!     .route("/agents", get(|user: CurrentUser| async move { format!("for {}", user.id()) }))
//!     .layer(AuthLayer::required(auth.clone()))
//!     .merge(routes(&auth)?);
//! # Ok(())
//! # }
//! ```
//!
//! What stands under the layer is closed unless somebody is signed in; what is to be open is merged beside it. Answers
//! that depend on the session carry `Cache-Control: no-store` and `Vary: Cookie`. API clients get errors as JSON
//! `{"error": {"code", "message"}}`. A browser that navigates is sent to sign in where that helps, and gets a page with the code
//! where it does not. While the Cloud cannot be asked the answer is 503 and every cookie stays.
//!
//! Where sign-in starts and ends follows from the public URL alone. The `Host` and the forwarded headers are compared with it and
//! with nothing else: a sign-in that is begun under another name goes to the public URL first.

mod extract;
mod face;
mod idle;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod onward;
mod origin;
mod outside;
mod page;
mod paths;
mod preflight;
mod rejection;
mod routes;

pub use extract::{CurrentUser, OptionalUser, Permission, RequirePermission};
pub(crate) use face::Face;
pub use layer::{AuthLayer, AuthService};
#[cfg(feature = "metrics")]
pub use metrics::metrics;
pub use page::ErrorPage;
pub use paths::RoutePaths;
pub use rejection::{AuthRejection, Denied};
pub use routes::routes;
