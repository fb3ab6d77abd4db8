//! The layer that authenticates each request before its handler runs.
//!
//! [`AuthLayer::required`] closes the routes under it; [`AuthLayer::optional`] lets every request in and provides its user,
//! if any. Either way a request whose credential cannot be checked gets 503: to treat it as signed out would be wrong.
//! Covers every kind of request, WebSocket upgrades too. A session near its end is renewed on the way, with its new cookie
//! set on the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, ORIGIN, SET_COOKIE};
use http::{Extensions, HeaderMap, Method};
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::rbac::pattern::Permission;
use mastra_auth_cloud_core::session::Identity;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::organization::{in_named_organization, names_organization};
use super::rejection::{RejectionReason, turn_away};
use super::response::{guard, set_cookie};
use crate::MastraCloudAuth;

/// What the layer passes to the extractors.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) auth: MastraCloudAuth,
    /// The user, or the rejection for a handler that needs one.
    pub(crate) identity: Result<Arc<Identity>, RejectionReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Required,
    Optional,
}

/// Authenticates each request.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use mastra_auth_cloud::MastraCloudAuth;
/// use mastra_auth_cloud::axum::{AuthLayer, CurrentUser};
///
/// # let auth = MastraCloudAuth::builder().project_id("demo").build()?;
/// let app: Router = Router::new()
///     .route("/agents", get(|user: CurrentUser| async move { user.id().to_string() }))
///     .layer(AuthLayer::required(auth)) // closes the routes above it
///     .route("/health", get(|| async { "ok" })); // open: it was added after the layer
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthLayer {
    auth: MastraCloudAuth,
    entry: Entry,
    /// A user needs all of them.
    permissions: Option<Arc<[Permission]>>,
}

impl AuthLayer {
    /// Lets in signed-in users only. Others get 401 as JSON; a browser that navigates is redirected to sign in.
    ///
    /// A CORS preflight passes: it never carries a credential, and a `CorsLayer` under this layer answers it. A preflight
    /// is `OPTIONS` with `Origin` and `Access-Control-Request-Method`, without a credential or a body, and it has no user.
    pub const fn required(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Required,
            permissions: None,
        }
    }

    /// Lets in every request and provides its user, for `Option<`[`CurrentUser`](super::CurrentUser)`>`.
    pub const fn optional(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Optional,
            permissions: None,
        }
    }

    /// Lets in signed-in users with this permission, such as `agents:read`. Called more than once, it requires all of them.
    ///
    /// Without the permission the answer is 403, and 503 if the permissions cannot be read. Without a user it is as with
    /// [`required`](Self::required).
    ///
    /// # Errors
    ///
    /// `invalid_argument` if the text is not `resource:action` or `resource:action:id`, and so could never be granted.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use axum::routing::get;
    /// use mastra_auth_cloud::MastraCloudAuth;
    /// use mastra_auth_cloud::axum::AuthLayer;
    ///
    /// # let auth = MastraCloudAuth::builder().project_id("demo").build()?;
    /// let agents: Router = Router::new()
    ///     .route("/agents", get(|| async { "agents" }))
    ///     .route("/agents/new", get(|| async { "new" }).layer(auth.require("agents:write")?))
    ///     .layer(AuthLayer::required(auth.clone()).require("agents:read")?);
    /// assert!(auth.require("agents").is_err());
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// ```
    pub fn require(self, permission: &str) -> Result<Self, CloudApiError> {
        let permission = Permission::parse(permission).map_err(CloudApiError::argument)?;
        let earlier = self.permissions.iter().flat_map(|all| all.iter().cloned());
        Ok(Self {
            permissions: Some(earlier.chain([permission]).collect()),
            entry: Entry::Required,
            auth: self.auth,
        })
    }

    /// The cached identity of a request that may come in, if neither a call nor a renewal is needed.
    fn known(&self, request: &Request) -> Option<Arc<Identity>> {
        if names_organization(request.headers()) {
            return None;
        }
        let Some(permissions) = &self.permissions else {
            return self.auth.known(request.headers()).ok();
        };
        let identity = match self.found(request) {
            Some(found) => found.ok()?,
            None => self.auth.known(request.headers()).ok()?,
        };
        let grants = self.auth.known_permissions(identity.user())?;
        grants.allows_all(permissions.iter()).then_some(identity)
    }

    /// What an outer layer of the same deployment already found and renewed.
    fn found(&self, request: &Request) -> Option<Result<Arc<Identity>, RejectionReason>> {
        let session = request.extensions().get::<Session>()?;
        session
            .auth
            .is_same(&self.auth)
            .then(|| session.identity.clone())
    }

    /// Whether a request may come in.
    async fn admit(
        &self,
        found: &Result<Arc<Identity>, RejectionReason>,
        headers: &HeaderMap,
    ) -> Result<(), RejectionReason> {
        match found {
            Err(RejectionReason::Unavailable) => Err(RejectionReason::Unavailable),
            Err(reason) if self.entry == Entry::Required => Err(*reason),
            Err(_) => Ok(()),
            Ok(identity) => {
                for permission in self.permissions.iter().flat_map(|all| all.iter()) {
                    let user = identity.user();
                    self.auth.admit(user, permission.as_str(), headers).await?;
                }
                Ok(())
            }
        }
    }
}

impl MastraCloudAuth {
    /// A layer that lets in signed-in users with this permission, for one route or for many: see [`AuthLayer::require`].
    ///
    /// # Errors
    ///
    /// `invalid_argument` if the text is not `resource:action` or `resource:action:id`.
    pub fn require(&self, permission: &str) -> Result<AuthLayer, CloudApiError> {
        AuthLayer::required(self.clone()).require(permission)
    }
}

impl MastraCloudAuth {
    /// Authenticates a request. Returns the identity, in the organization that it acts for, and the cookie to set on the answer.
    pub(super) async fn find_user(
        &self,
        headers: &HeaderMap,
    ) -> (Result<Arc<Identity>, RejectionReason>, Option<SetCookie>) {
        let (answer, renewed) = self.authenticate_and_renew(headers).await;
        let found = identity(answer).and_then(|identity| in_named_organization(identity, headers));
        (found, renewed)
    }
}

/// The user, or the rejection.
fn identity(answer: Authentication) -> Result<Arc<Identity>, RejectionReason> {
    match answer {
        Authentication::Authenticated(identity) => Ok(identity),
        Authentication::Anonymous => Err(RejectionReason::NotSignedIn),
        Authentication::Rejected(error) => Err(RejectionReason::of(&error)),
        Authentication::Unavailable(_) => Err(RejectionReason::Unavailable),
    }
}

/// Whether a request is a preflight as browsers send it (Fetch, "CORS-preflight fetch"): `OPTIONS` with an origin and a
/// requested method, without a credential and without a body. Any other request must authenticate, so only the bare
/// question passes the layer.
fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS && {
        let headers = request.headers();
        headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && !headers.contains_key(COOKIE)
            && !headers.contains_key(AUTHORIZATION)
            && request.body().is_end_stream()
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
    S: Service<Request, Response: IntoResponse> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AuthFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    // Inlined: every request passes here and is large, so avoid another move.
    #[inline]
    fn call(&mut self, mut request: Request) -> Self::Future {
        let known = if is_preflight(&request) {
            Some(Err(RejectionReason::NotSignedIn))
        } else {
            self.layer.known(&request).map(Ok)
        };
        if let Some(identity) = known {
            let session = Session {
                auth: self.layer.auth.clone(),
                identity,
            };
            let extensions = request.extensions_mut();
            if extensions.is_empty() {
                extensions.clone_from(&ROOMY);
            }
            extensions.insert(session);
            let answer = self.inner.call(request);
            let path = AnswerPath::Known { answer };
            return AuthFuture { path };
        }
        // Call the service that was polled ready; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        let found = layer.found(&request);
        let searching = Box::pin(async move {
            let (found, renewed) = match found {
                Some(found) => (found, None),
                None => layer.auth.find_user(request.headers()).await,
            };
            let auth = layer.auth.clone();
            let mut response = if let Err(reason) = layer.admit(&found, request.headers()).await {
                turn_away(Some(&auth), reason, &request.into_parts().0)
            } else {
                let session = Session {
                    auth: auth.clone(),
                    identity: found.clone(),
                };
                request.extensions_mut().insert(session);
                inner.call(request).await?.into_response()
            };
            guard(response.headers_mut());
            if let (Some(cookie), Ok(identity)) = (renewed, found) {
                keep(&auth, &identity, &cookie, response.headers_mut());
            }
            Ok(response)
        });
        let path = AnswerPath::Searched { searching };
        AuthFuture { path }
    }
}

/// Empty extensions with capacity for what axum and this layer insert: the route, its path parameters, the original URI and
/// the session. So no request has to grow its own.
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
    /// The future of [`AuthService`].
    pub struct AuthFuture<F, E> {
        #[pin]
        path: AnswerPath<F, E>,
    }
}

pin_project! {
    /// Most requests have a cached identity, and need no task and no copy of the service.
    #[project = Path]
    enum AnswerPath<F, E> {
        /// The identity is cached.
        Known {
            #[pin]
            answer: F,
        },
        /// The identity must be looked up.
        Searched {
            searching: Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>,
        },
    }
}

impl<F, R, E> Future for AuthFuture<F, E>
where
    F: Future<Output = Result<R, E>>,
    R: IntoResponse,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().path.project() {
            Path::Known { answer } => answer.poll(context).map_ok(|answer| {
                let mut response = answer.into_response();
                guard(response.headers_mut());
                response
            }),
            Path::Searched { searching } => searching.as_mut().poll(context),
        }
    }
}

/// Sets the renewed session cookie, unless the handler set that cookie itself or ended the session.
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn a_preflight_is_the_bare_question() {
        let asks = [
            ("origin", "https://ui.example"),
            ("access-control-request-method", "GET"),
        ];
        let built = |method: &str, pairs: &[(&str, &str)], body: &'static str| {
            let mut request = Request::builder().method(method).uri("/");
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            let body = if body.is_empty() {
                Body::empty()
            } else {
                Body::from(body)
            };
            is_preflight(&request.body(body).unwrap())
        };
        assert!(built("OPTIONS", &asks, ""));
        assert!(!built("GET", &asks, ""));
        assert!(!built("OPTIONS", &asks[..1], ""));
        assert!(!built("OPTIONS", &asks[1..], ""));
        assert!(!built("OPTIONS", &asks, "a body"));
        for own in [("cookie", "a=b"), ("authorization", "Bearer x")] {
            assert!(!built("OPTIONS", &[asks[0], asks[1], own], ""), "{own:?}");
        }
    }
}
