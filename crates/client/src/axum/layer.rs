//! The layer: who is it, before anything else is done.
//!
//! [`AuthLayer::required`] closes what stands under it; [`AuthLayer::optional`] lets everybody in and tells who is there.
//! Either way a request whose credential cannot be checked gets 503: to treat it as signed out would be a lie. Covers
//! every kind of request, WebSocket upgrades too. A session near its end is renewed on the way, and its new cookie is set on the
//! answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use axum::extract::{OriginalUri, Request};
use axum::response::{IntoResponse as _, Response};
use http::header::SET_COOKIE;
use http::{Extensions, HeaderMap};
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::identity::Identity;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::outside::{Denied, guard, is_navigation, login_location, see_other, set_cookie};
use crate::MastraCloudAuth;

/// What the layer leaves for the extractors.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) auth: MastraCloudAuth,
    pub(crate) identity: Option<Arc<Identity>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Required,
    Optional,
}

/// Finds out who each request comes from.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    auth: MastraCloudAuth,
    entry: Entry,
}

impl AuthLayer {
    /// Lets in only who is signed in: others get 401 as JSON, or are sent to sign in where a browser navigates.
    pub const fn required(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Required,
        }
    }

    /// Lets in everybody and tells who is there, for [`OptionalUser`](super::OptionalUser).
    pub const fn optional(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Optional,
        }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service under the layer.
#[derive(Clone, Debug)]
pub struct AuthService<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S> Service<Request> for AuthService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    // It stands on the way of every request, which is large: not to be moved once more.
    #[inline]
    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(identity) = self.layer.auth.known(request.headers()) {
            let session = Session {
                auth: self.layer.auth.clone(),
                identity: Some(identity),
            };
            let extensions = request.extensions_mut();
            if extensions.is_empty() {
                extensions.clone_from(&ROOMY);
            }
            extensions.insert(session);
            return Answering::Known {
                answer: self.inner.call(request),
            };
        }
        // The service that was polled ready is the one to call; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let AuthLayer { auth, entry } = self.layer.clone();
        let searching = Box::pin(async move {
            let (answer, renewed) = auth.authenticate_and_renew(request.headers()).await;
            let identity = match answer {
                Answer::Authenticated(identity) => Some(identity),
                Answer::Unavailable(_) => return Ok(deny(Denied::Unavailable, &request)),
                Answer::Anonymous if entry == Entry::Required => {
                    return Ok(deny(Denied::NotSignedIn, &request));
                }
                Answer::Rejected(_) if entry == Entry::Required => {
                    return Ok(deny(Denied::InvalidToken, &request));
                }
                Answer::Anonymous | Answer::Rejected(_) => None,
            };
            let session = Session {
                auth: auth.clone(),
                identity: identity.clone(),
            };
            request.extensions_mut().insert(session);
            let mut response = inner.call(request).await?;
            guard(response.headers_mut());
            if let (Some(cookie), Some(identity)) = (renewed, identity) {
                keep(&auth, &identity, &cookie, response.headers_mut());
            }
            Ok(response)
        });
        Answering::Searched { searching }
    }
}

/// Nothing, and room for what axum puts into a request, the route, the parameters in its path and its URI as it came, and for
/// what the layer does: so that this need not grow on the way of every request.
static ROOMY: LazyLock<Extensions> = LazyLock::new(|| {
    #[derive(Clone)]
    struct Place<const NUMBER: u8>;
    let mut extensions = Extensions::new();
    extensions.insert(Place::<0>);
    extensions.insert(Place::<1>);
    extensions.insert(Place::<2>);
    extensions.insert(Place::<3>);
    extensions.clear();
    extensions
});

pin_project! {
    /// An answer on its way. Most requests come from somebody who is known, and need no task and no copy of a service.
    #[project = Way]
    pub enum Answering<F, E> {
        /// To somebody who is known.
        Known {
            #[pin]
            answer: F,
        },
        /// To somebody who has to be looked for.
        Searched {
            searching: Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>,
        },
    }
}

impl<F, E> Future for Answering<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Way::Known { answer } => answer.poll(context).map_ok(|mut response| {
                guard(response.headers_mut());
                response
            }),
            Way::Searched { searching } => searching.as_mut().poll(context),
        }
    }
}

/// Gives the browser the renewed session, unless the handler set that cookie itself or ended the session.
fn keep(auth: &MastraCloudAuth, identity: &Identity, cookie: &SetCookie, headers: &mut HeaderMap) {
    let name = format!("{}=", cookie.name());
    let is_set = headers
        .get_all(SET_COOKIE)
        .iter()
        .any(|value| value.as_bytes().starts_with(name.as_bytes()));
    if !is_set && !auth.is_signed_out(identity.user().session_token()) {
        set_cookie(headers, cookie);
    }
}

/// The answer to who may not come in: where signing in would help and a browser navigates, the way there.
pub(crate) fn deny(denied: Denied, request: &Request) -> Response {
    if denied.is_unauthorized() && is_navigation(request.method(), request.headers()) {
        // Under a nested router the request's own URI is cut short.
        let uri = request
            .extensions()
            .get::<OriginalUri>()
            .map_or_else(|| request.uri(), |original| &original.0);
        return see_other(&login_location(uri));
    }
    denied.into_response()
}
