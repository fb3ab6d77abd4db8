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

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{Extensions, HeaderMap};
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::identity::Identity;
use mastra_auth_cloud_core::permission::Permission;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::outside::{guard, set_cookie};
use super::preflight::is_preflight;
use super::rejection::{Denied, turn_away};
use crate::MastraCloudAuth;

/// What the layer leaves for the extractors.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) auth: MastraCloudAuth,
    /// The user, or what the outside is told where one is needed.
    pub(crate) identity: Result<Arc<Identity>, Denied>,
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
    /// Every one of them is needed.
    permissions: Option<Arc<[Permission]>>,
}

impl AuthLayer {
    /// Lets in only who is signed in: others get 401 as JSON, or are sent to sign in where a browser navigates.
    ///
    /// A CORS preflight passes: it never carries a credential, and a `CorsLayer` under this layer answers it. What passes is
    /// `OPTIONS` with `Origin` and `Access-Control-Request-Method`, without a credential or a body, and it has no user.
    pub const fn required(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Required,
            permissions: None,
        }
    }

    /// Lets in everybody and tells who is there, for `Option<`[`CurrentUser`](super::CurrentUser)`>`.
    pub const fn optional(auth: MastraCloudAuth) -> Self {
        Self {
            auth,
            entry: Entry::Optional,
            permissions: None,
        }
    }

    /// Lets in only who is signed in and may do this, as in `agents:read`; called more than once, who may do all of it. Without
    /// the permission the answer is 403, without a user as with [`required`](Self::required), and 503 where it cannot be found out.
    ///
    /// # Errors
    ///
    /// `invalid_argument` where the text is not `resource:action` or `resource:action:id`, and so could never be granted.
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

    /// Who a request comes from, where that is known and nothing is to be asked or renewed, and it may come in.
    fn known(&self, request: &Request) -> Option<Arc<Identity>> {
        let Some(permissions) = &self.permissions else {
            return self.auth.known(request.headers());
        };
        let identity = match self.found(request) {
            Some(found) => found.ok()?,
            None => self.auth.known(request.headers())?,
        };
        let grants = self.auth.known_permissions(identity.user())?;
        grants.allows_all(permissions.iter()).then_some(identity)
    }

    /// What a layer around this one found out already, and renewed.
    fn found(&self, request: &Request) -> Option<Result<Arc<Identity>, Denied>> {
        let session = request.extensions().get::<Session>()?;
        session
            .auth
            .is_same(&self.auth)
            .then(|| session.identity.clone())
    }

    /// Finds out who a request comes from, and what to set on the answer.
    async fn search(
        &self,
        headers: &HeaderMap,
    ) -> (Result<Arc<Identity>, Denied>, Option<SetCookie>) {
        let (answer, renewed) = self.auth.authenticate_and_renew(headers).await;
        (identity(answer), renewed)
    }

    /// Whether a request may come in.
    async fn admit(
        &self,
        found: &Result<Arc<Identity>, Denied>,
        headers: &HeaderMap,
    ) -> Result<(), Denied> {
        match found {
            Err(Denied::Unavailable) => Err(Denied::Unavailable),
            Err(denied) if self.entry == Entry::Required => Err(*denied),
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
    /// The layer that lets in only who is signed in and may do this, for one route or for many: see [`AuthLayer::require`].
    ///
    /// # Errors
    ///
    /// `invalid_argument` where the text is not `resource:action` or `resource:action:id`.
    pub fn require(&self, permission: &str) -> Result<AuthLayer, CloudApiError> {
        AuthLayer::required(self.clone()).require(permission)
    }
}

/// The user, or what the outside is told.
pub(super) fn identity(answer: Answer) -> Result<Arc<Identity>, Denied> {
    match answer {
        Answer::Authenticated(identity) => Ok(identity),
        Answer::Anonymous => Err(Denied::NotSignedIn),
        Answer::Rejected(error) => Err(Denied::of(&error)),
        Answer::Unavailable(_) => Err(Denied::Unavailable),
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
    type Future = Answering<S::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    // It stands on the way of every request, which is large: not to be moved once more.
    #[inline]
    fn call(&mut self, mut request: Request) -> Self::Future {
        let known = if is_preflight(&request) {
            Some(Err(Denied::NotSignedIn))
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
            return Answering::Known {
                answer: self.inner.call(request),
            };
        }
        // The service that was polled ready is the one to call; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        let found = layer.found(&request);
        let searching = Box::pin(async move {
            let (found, renewed) = match found {
                Some(found) => (found, None),
                None => layer.search(request.headers()).await,
            };
            let auth = layer.auth.clone();
            let mut response = if let Err(denied) = layer.admit(&found, request.headers()).await {
                turn_away(Some(&auth), denied, &request.into_parts().0)
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

impl<F, R, E> Future for Answering<F, E>
where
    F: Future<Output = Result<R, E>>,
    R: IntoResponse,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Way::Known { answer } => answer.poll(context).map_ok(|response| {
                let mut response = response.into_response();
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
