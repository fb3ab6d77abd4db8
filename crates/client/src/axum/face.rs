//! A deployment's choices for its routes and pages, and the addresses that follow from them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri};
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::url::{PublicUrl, ReturnPath};

use super::page::ErrorPage;
use super::paths::RoutePaths;
use crate::builder::Builder;
use crate::{MastraCloudAuth, signals};

type Hook = Arc<dyn Fn(&ErrorPage<'_>, &HeaderMap) -> Response + Send + Sync>;

/// Routes and pages of one deployment.
#[derive(Default)]
pub(crate) struct Face {
    pub(crate) paths: RoutePaths,
    pub(crate) error_page: Option<Hook>,
    /// A browser reached a sign-in route, so the routes are mounted where the configuration says.
    pub(crate) arrived: AtomicBool,
    told: AtomicBool,
}

impl fmt::Debug for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Face")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl Face {
    pub(crate) fn check(self) -> Result<Self, CloudApiError> {
        Ok(Self {
            paths: self.paths.check()?,
            ..self
        })
    }
}

impl Builder {
    /// Paths of the sign-in routes, below the path of the public URL. Default: below `/auth`. Feature `axum`.
    pub fn route_paths(mut self, paths: RoutePaths) -> Self {
        self.face.paths = paths;
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
        self.face.error_page = Some(Arc::new(move |error, headers| {
            page(error, headers).into_response()
        }));
        self
    }
}

impl MastraCloudAuth {
    /// The path by which browsers reach a path of the app.
    pub(crate) fn place(&self, path: &str) -> String {
        match self.public_url() {
            Some(url) => url.place(path),
            None => path.to_owned(),
        }
    }

    /// The path of the login route.
    pub(crate) fn login_path(&self) -> String {
        self.place(&self.face().paths.login)
    }

    /// Whether this is the login route's path, as browsers or a router here see it.
    pub(crate) fn is_login(&self, path: &str) -> bool {
        path == self.face().paths.login || path == self.login_path()
    }

    /// The login route's address with the return path for what a browser wanted. Cut here already: a server or proxy may
    /// reject a long address.
    pub(crate) fn login_location(&self, uri: &Uri) -> String {
        let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
        let wanted = ReturnPath::sanitize(&self.place(wanted), None);
        signals::return_path_cut(&wanted);
        let wanted = encode_component(wanted.as_str());
        format!("{}?return_to={wanted}", self.login_path())
    }

    /// Logs once if browsers are sent to sign in from under a prefix that the public URL lacks, and none has arrived so
    /// far.
    pub(crate) fn note_nest(&self, original: &Uri, nested: &Uri) {
        let is_nested = original.path() != nested.path();
        let own = self.public_url().map_or("", PublicUrl::path);
        if is_nested && own.is_empty() && !self.face().arrived.load(Ordering::Relaxed) {
            self.tell_prefix();
        }
    }

    /// Notes that a browser reached a sign-in route by this path, and logs once if the configuration says another path.
    pub(crate) fn note_arrival(&self, original: &Uri, route: &str) {
        let path = original.path();
        // A proxy may strip the prefix before it forwards the request.
        if path == route || path == self.place(route) {
            self.face().arrived.store(true, Ordering::Relaxed);
        } else {
            self.tell_prefix();
        }
    }

    fn tell_prefix(&self) {
        if !self.face().told.swap(true, Ordering::Relaxed) {
            signals::prefix_unknown(self.public_url(), &self.login_path());
        }
    }
}
