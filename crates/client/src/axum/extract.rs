//! Extractors: the user of a request as an argument of its handler. They read what [`AuthLayer`](super::AuthLayer) found.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::session::Identity;

use super::layer::Session;
use super::rejection::{AuthRejection, RejectionReason};
use crate::{MastraCloudAuth, SessionEnd, telemetry};

/// The signed-in user of the request; without one the answer is 401. Dereferences to a [`CloudUser`].
///
/// As `Option<CurrentUser>` under [`AuthLayer::optional`](super::AuthLayer::optional) it is `None` where no user is signed in.
///
/// ```
/// use mastra_auth_cloud::axum::CurrentUser;
///
/// async fn home(user: Option<CurrentUser>) -> String {
///     user.map_or_else(|| "Sign in".to_owned(), |user| format!("Hello, {}", user.id()))
/// }
/// # let _ = home;
/// ```
#[derive(Clone, Debug)]
pub struct CurrentUser {
    pub(super) auth: MastraCloudAuth,
    pub(super) identity: Arc<Identity>,
}

/// A permission as a type, so that a handler's signature names the permission it requires.
///
/// ```
/// use mastra_auth_cloud::axum::{Permission, RequirePermission};
///
/// struct ReadAgents;
/// impl Permission for ReadAgents {
///     const NAME: &'static str = "agents:read";
/// }
///
/// async fn agents(user: RequirePermission<ReadAgents>) -> String {
///     format!("agents for {}", user.id())
/// }
/// # let _ = agents;
/// ```
pub trait Permission {
    /// `resource:action` or `resource:action:id`.
    const NAME: &'static str;
}

/// The signed-in user with the permission `P`. Others get 401 or 403, and 503 if the permissions cannot be read.
pub struct RequirePermission<P> {
    user: CurrentUser,
    permission: PhantomData<fn() -> P>,
}

impl CurrentUser {
    /// The identity behind the user, with its session and expiry.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits until the user's session ends, so that a stream or a WebSocket ends with it. See
    /// [`MastraCloudAuth::session_ended`] for when that is.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use axum::response::sse::{Event, Sse};
    /// use futures_util::{Stream, StreamExt as _, stream};
    /// use mastra_auth_cloud::axum::CurrentUser;
    ///
    /// async fn events(user: CurrentUser) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    ///     let news = stream::repeat_with(|| Ok(Event::default().data("news")));
    ///     Sse::new(news.take_until(user.ended()))
    /// }
    /// # let _ = events;
    /// ```
    pub fn ended(&self) -> impl Future<Output = SessionEnd> + Send + use<> {
        self.auth.session_ended(&self.identity)
    }
}

impl<P> RequirePermission<P> {
    /// The user.
    pub fn user(&self) -> &CurrentUser {
        &self.user
    }
}

impl Deref for CurrentUser {
    type Target = CloudUser;

    fn deref(&self) -> &CloudUser {
        self.identity.user()
    }
}

impl<P> Deref for RequirePermission<P> {
    type Target = CloudUser;

    fn deref(&self) -> &CloudUser {
        &self.user
    }
}

impl<P: Permission> std::fmt::Debug for RequirePermission<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequirePermission")
            .field("permission", &P::NAME)
            .finish_non_exhaustive()
    }
}

/// A route without its layer is closed, not open.
fn session(parts: &Parts) -> Result<&Session, AuthRejection> {
    parts.extensions.get::<Session>().ok_or_else(|| {
        telemetry::layer_missing();
        AuthRejection::new(None, RejectionReason::LayerMissing, parts)
    })
}

pub(super) fn current(parts: &Parts) -> Result<CurrentUser, AuthRejection> {
    let session = session(parts)?;
    match &session.identity {
        Ok(identity) => Ok(user(session, identity)),
        Err(reason) => Err(AuthRejection::new(Some(&session.auth), *reason, parts)),
    }
}

fn user(session: &Session, identity: &Arc<Identity>) -> CurrentUser {
    CurrentUser {
        auth: session.auth.clone(),
        identity: Arc::clone(identity),
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        current(parts)
    }
}

/// `None` if the request carries no accepted credential. An unavailable Cloud is never `None`: the layer has then answered
/// 503 already. Without a layer the answer is 500.
impl<S: Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, AuthRejection> {
        let session = session(parts)?;
        let identity = session.identity.as_ref().ok();
        Ok(identity.map(|identity| user(session, identity)))
    }
}

impl<S: Sync, P: Permission> FromRequestParts<S> for RequirePermission<P> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        let user = current(parts)?;
        let auth = session(parts)?.auth.clone();
        match auth.admit(&user, P::NAME, &parts.headers).await {
            Ok(()) => Ok(Self {
                user,
                permission: PhantomData,
            }),
            Err(reason) => Err(AuthRejection::new(Some(&auth), reason, parts)),
        }
    }
}

impl MastraCloudAuth {
    /// Checks that a user has a permission; else returns the rejection to answer with.
    pub(super) async fn admit(
        &self,
        user: &CloudUser,
        permission: &str,
        headers: &HeaderMap,
    ) -> Result<(), RejectionReason> {
        match self.permissions(user).await {
            Ok(grants) if grants.allows(permission) => Ok(()),
            Ok(_) => {
                telemetry::permission_denied(user.id().as_str(), permission, headers);
                Err(RejectionReason::PermissionDenied)
            }
            // The session was signed out or expired after the layer let the request in.
            Err(error) if error.is_end_of_session() => Err(RejectionReason::InvalidToken),
            Err(error) => {
                telemetry::permissions_unavailable(&error, permission, headers);
                Err(RejectionReason::Unavailable)
            }
        }
    }
}
