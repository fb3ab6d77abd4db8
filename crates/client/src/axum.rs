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
//! A route under the layer is closed to requests without a signed-in user; merge open routes beside it. Answers that depend
//! on the session carry `Cache-Control: no-store` and `Vary: Cookie`. API clients get errors as JSON
//! `{"error": {"code", "message"}}`. A browser that navigates is redirected to sign in where that helps, and else gets a page
//! with the code. While the Cloud is unavailable the answer is 503 and every cookie stays.
//!
//! Sign-in URLs follow from the public URL alone. The `Host` and forwarded headers are only compared with it: a sign-in
//! that begins under another name is first redirected to the public URL.

mod addresses;
mod current_organization;
mod extract;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod organization;
mod origin;
mod page;
mod paths;
mod prefetch;
mod public_error;
mod rejection;
mod response;
mod routes;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;

pub use current_organization::CurrentOrganization;
pub use extract::{CurrentUser, Permission, RequirePermission};
pub use layer::{AuthFuture, AuthLayer, AuthService};
#[cfg(feature = "metrics")]
pub use metrics::metrics;
pub use page::ErrorPage;
pub use paths::RoutePaths;
pub use rejection::{AuthRejection, RejectionReason};
pub use routes::routes;
pub(crate) use settings::Settings;
