//! The app's addresses, as they follow from the public URL and the paths of the routes.

use std::sync::atomic::Ordering;

use http::Uri;
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::url::{PublicUrl, ReturnPath};

use crate::{MastraCloudAuth, telemetry};

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
        self.place(&self.axum_settings().paths.login)
    }

    /// Whether this is the login route's path, as browsers or a router here see it.
    pub(crate) fn is_login(&self, path: &str) -> bool {
        path == self.axum_settings().paths.login || path == self.login_path()
    }

    /// The login route's address with the return path for what a browser wanted. Cut here already: a server or proxy may
    /// reject a long address.
    pub(crate) fn login_location(&self, uri: &Uri) -> String {
        let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
        let wanted = ReturnPath::sanitize(&self.place(wanted), None);
        telemetry::return_path_truncated(&wanted);
        let wanted = encode_component(wanted.as_str());
        format!("{}?return_to={wanted}", self.login_path())
    }

    /// Logs once if browsers are sent to sign in from under a prefix that the public URL lacks, and none has arrived so
    /// far.
    pub(crate) fn note_nest(&self, original: &Uri, nested: &Uri) {
        let is_nested = original.path() != nested.path();
        let own = self.public_url().map_or("", PublicUrl::path);
        if is_nested && own.is_empty() && !self.axum_settings().is_reached.load(Ordering::Relaxed) {
            self.warn_of_prefix();
        }
    }

    /// Notes that a browser reached a sign-in route by this path, and logs once if the configuration says another path.
    pub(crate) fn note_arrival(&self, original: &Uri, route: &str) {
        let path = original.path();
        // A proxy may strip the prefix before it forwards the request.
        if path == route || path == self.place(route) {
            self.axum_settings()
                .is_reached
                .store(true, Ordering::Relaxed);
        } else {
            self.warn_of_prefix();
        }
    }

    fn warn_of_prefix(&self) {
        if !self.axum_settings().is_warned.swap(true, Ordering::Relaxed) {
            telemetry::public_url_lacks_prefix(self.public_url(), &self.login_path());
        }
    }
}
