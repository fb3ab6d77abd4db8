//! A deployment's settings for its routes and pages.

use std::fmt;
use std::sync::atomic::AtomicBool;

use mastra_auth_cloud_core::error::CloudApiError;

use super::page::RenderPage;
use super::paths::RoutePaths;

#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) paths: RoutePaths,
    pub(crate) error_page: Option<RenderPage>,
    /// A browser reached a sign-in route, so the routes are mounted where the configuration says.
    pub(super) is_reached: AtomicBool,
    pub(super) is_warned: AtomicBool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl Settings {
    pub(crate) fn check(self) -> Result<Self, CloudApiError> {
        Ok(Self {
            paths: self.paths.checked()?,
            ..self
        })
    }
}
