//! What the client sees of an error: status, code and text, as JSON, or on a page with a heading and a link.
//!
//! Own codes are shown as they are; those of the Cloud become `login_rejected` or `cloud_error`.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use mastra_auth_cloud_core::error::{CloudApiError, Code, Kind, Remedy};
use mastra_auth_cloud_core::url::PublicUrl;

use super::page::{Address, ErrorPage};
use super::response::json_error;
use crate::MastraCloudAuth;

pub(super) const CLEAR_COOKIES: &str = "The browser sends more cookies to this site than are read. Clear the cookies of this site, then sign in again.";

/// The public side of an error.
pub(crate) struct PublicError<'e> {
    pub(crate) status: StatusCode,
    pub(crate) code: &'e str,
    pub(crate) text: &'e str,
    pub(crate) title: &'static str,
    pub(crate) link: Link,
}

/// The link of a page: its text, and where it leads.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    /// To the login route.
    Login(&'static str),
    /// To the front page, on the host that the browser is at.
    Home(&'static str),
    /// To the front page at the public URL.
    PublicUrl(&'static str),
    /// To the same page again.
    Again(&'static str),
}

impl PublicError<'_> {
    pub(crate) fn json(&self) -> Response {
        json_error(self.status, self.code, self.text)
    }

    pub(crate) fn page(
        &self,
        auth: Option<&MastraCloudAuth>,
        headers: &HeaderMap,
        reference: &str,
        address: Address,
    ) -> Response {
        let (action, href) = self.link.resolve(auth);
        let page = ErrorPage {
            status: self.status,
            title: self.title,
            text: self.text,
            code: self.code,
            reference,
            action,
            href: &href,
            address,
        };
        let render = auth.and_then(|auth| auth.axum_settings().error_page.as_ref());
        page.answer(render, headers)
    }
}

impl Link {
    /// The text and the address.
    fn resolve(self, auth: Option<&MastraCloudAuth>) -> (&'static str, String) {
        let Some(auth) = auth else {
            return match self {
                Self::Again(text) => (text, String::new()),
                _ => ("Open the app", "/".to_owned()),
            };
        };
        match self {
            Self::Login(text) => (text, auth.login_path()),
            Self::Home(text) => (text, auth.place("/")),
            Self::PublicUrl(text) => {
                let url = auth.public_url().map(|url: &PublicUrl| url.join(""));
                (text, url.unwrap_or_else(|| auth.place("/")))
            }
            Self::Again(text) => (text, String::new()),
        }
    }
}

/// A sign-in that failed.
pub(crate) fn of_failed_login(error: &CloudApiError) -> PublicError<'_> {
    const UNFINISHED: &str = "Sign-in could not be finished";
    let unfinished = |status, text| PublicError {
        status,
        code: error.code(),
        text,
        title: UNFINISHED,
        link: Link::Login("Sign in again"),
    };
    let unavailable = |status, code, text| PublicError {
        status,
        code,
        text,
        title: "Sign-in is not available",
        link: Link::Login("Try again"),
    };
    match error.kind() {
        Kind::Network => unavailable(
            StatusCode::SERVICE_UNAVAILABLE,
            error.code(),
            "Mastra Cloud could not be reached. Try again in a moment.",
        ),
        Kind::Cloud if error.is_refusal() => PublicError {
            code: "login_rejected",
            title: "Sign-in was not accepted",
            ..unfinished(
                StatusCode::BAD_REQUEST,
                "Mastra Cloud did not accept this sign-in. It may have been used already or taken too long.",
            )
        }
        .unless_access_is_missing(error),
        Kind::Cloud if error.is(&Code::CookieTooLarge) => PublicError {
            link: Link::PublicUrl("Open the app"),
            ..unfinished(StatusCode::BAD_GATEWAY, error.message())
        },
        Kind::Cloud => unavailable(
            StatusCode::BAD_GATEWAY,
            "cloud_error",
            "Mastra Cloud answered with an error. Try again in a moment.",
        ),
        Kind::Credential => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            of_credential(error, unfinished(status, error.message()))
        }
        _ => unfinished(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The sign-in is not set up correctly.",
        ),
    }
}

/// A sign-in whose callback or credential cannot be used. `shown` is what most of them get.
fn of_credential<'e>(error: &CloudApiError, shown: PublicError<'e>) -> PublicError<'e> {
    if error.remedy() == Remedy::ClearCookies {
        PublicError {
            text: CLEAR_COOKIES,
            title: "Too many cookies",
            ..shown
        }
    } else if error.is(&Code::LoginCookieMissing) {
        PublicError {
            text: "The browser did not bring the cookie that this sign-in began with. Cookies may be blocked, or the app was opened under another host name.",
            link: Link::PublicUrl("Open the app"),
            ..shown
        }
    } else if error.is(&Code::AccessDenied) {
        PublicError {
            title: "You did not sign in",
            link: Link::Login("Sign in with Mastra Cloud"),
            ..shown
        }
    } else if error.is(&Code::CallbackReplayed) {
        PublicError {
            title: "This link was already used",
            link: Link::Home("Continue"),
            ..shown
        }
    } else {
        shown.unless_access_is_missing(error)
    }
}

impl PublicError<'_> {
    /// Where the Cloud knows the account and denies it access, signing in with it again would not help.
    fn unless_access_is_missing(self, error: &CloudApiError) -> Self {
        if error.remedy() != Remedy::AskForAccess {
            return self;
        }
        Self {
            title: "You may not do this",
            link: Link::Login("Sign in with another account"),
            ..self
        }
    }
}
