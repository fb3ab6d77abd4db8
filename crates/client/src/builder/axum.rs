//! The options of the axum routes and pages.

use std::sync::Arc;

use axum::response::IntoResponse;
use http::HeaderMap;

use super::AuthBuilder;
use crate::axum::{ErrorPage, RoutePaths};

impl AuthBuilder {
    /// Paths of the sign-in routes, below the path of the public URL. Default: below `/auth`. Feature `axum`.
    pub fn route_paths(mut self, paths: RoutePaths) -> Self {
        self.axum.paths = paths;
        self
    }

    /// Renders error pages in place of the plain ones. Feature `axum`.
    ///
    /// Called for browsers that navigate. API clients get JSON, and a browser that signing in would help is redirected
    /// there. The answer's status and `Cache-Control` are set afterwards, so a page need not set them.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::response::Html;
    /// use mastra_auth_cloud::MastraCloudAuth;
    ///
    /// let options = MastraCloudAuth::builder().project_id("demo").error_page(|error, _headers| {
    ///     let (title, text) = (error.title, error.text);
    ///     let (code, reference) = (error.code, error.reference);
    ///     Html(format!("<h1>{title}</h1><p>{text}</p><small>{code}, {reference}</small>"))
    /// });
    /// # let _ = options.build()?;
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// ```
    pub fn error_page<R: IntoResponse>(
        mut self,
        page: impl Fn(&ErrorPage<'_>, &HeaderMap) -> R + Send + Sync + 'static,
    ) -> Self {
        self.axum.error_page = Some(Arc::new(move |error, headers| {
            page(error, headers).into_response()
        }));
        self
    }
}
