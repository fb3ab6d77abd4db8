//! A route for metrics, at a path of your choice. Features `axum` and `metrics`.

use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::response::guarded;
use crate::{MastraCloudAuth, metrics};

/// Answers with the [`Metrics`](crate::metrics::Metrics) as OpenMetrics text.
///
/// It is not mounted by default, and requires no sign-in. The metrics hold no secret, but reveal the number of users and
/// whether the Cloud is down: put the route on a port that only your Prometheus reaches.
///
/// ```no_run
/// use axum::Router;
/// use mastra_auth_cloud::MastraCloudAuth;
/// use mastra_auth_cloud::axum::metrics;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = MastraCloudAuth::from_env()?;
/// let private: Router = Router::new().route("/metrics", metrics(&auth));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9464").await?;
/// axum::serve(listener, private).await?;
/// # Ok(())
/// # }
/// ```
pub fn metrics<S>(auth: &MastraCloudAuth) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let metrics = auth.metrics();
    get(move || async move {
        match metrics.render() {
            Ok(text) => guarded(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    })
}
