//! Users without a Cloud, to test a handler alone. Feature `testing`, for `[dev-dependencies]`.
//!
//! A [`TestUser`] becomes a [`CurrentUser`] by [`CurrentUser::for_test`], and [`signed_in_as`] is the layer that signs every
//! request in as that user. Both take the path of a real token, verified by a key of their own. To test a whole service, with
//! its layers, sign-outs and outages, run the crate `mastra-auth-local-cloud` in the test.
//!
//! A build without debug assertions, as in a release, fails with this feature: no service may ship it. To test in release mode,
//! set `MASTRA_AUTH_TESTING_IN_RELEASE=1` while compiling.
//!
//! ```
//! use axum::Router;
//! use axum::body::Body;
//! use axum::http::{Request, StatusCode};
//! use axum::routing::get;
//! use mastra_auth_cloud::axum::testing::{TestUser, signed_in_as};
//! use mastra_auth_cloud::axum::{CurrentUser, Permission, RequirePermission};
//! use tower::ServiceExt as _;
//!
//! struct ReadAgents;
//! impl Permission for ReadAgents {
//!     const NAME: &'static str = "agents:read";
//! }
//!
//! async fn agents(user: RequirePermission<ReadAgents>) -> String {
//!     format!("agents of {}", user.id())
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! for (permission, status) in [("agents:*", StatusCode::OK), ("news:read", StatusCode::FORBIDDEN)] {
//!     let ada = CurrentUser::for_test(TestUser::new("usr_ada").permission(permission))?;
//!     let app = Router::new().route("/agents", get(agents)).layer(signed_in_as(ada));
//!     let answer = app.oneshot(Request::get("/agents").body(Body::empty()).unwrap()).await.unwrap();
//!     assert_eq!(answer.status(), status);
//! }
//! # Ok::<(), mastra_auth_cloud::CloudApiError>(())
//! # }).unwrap();
//! ```

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use axum::Extension;
use futures_util::FutureExt as _;
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::rbac::pattern::Permissions;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::{Map, Value, json};

use super::extract::CurrentUser;
use super::layer::Session;
use crate::MastraCloudAuth;
use crate::transport::{Request, Transport, TransportError, TransportFuture};

const _: () = assert!(
    cfg!(debug_assertions) || option_env!("MASTRA_AUTH_TESTING_IN_RELEASE").is_some(),
    "the feature `testing` of mastra-auth-cloud signs users in without a Cloud and is for [dev-dependencies] alone; to test in \
     release mode, set MASTRA_AUTH_TESTING_IN_RELEASE=1",
);

const PROJECT: &str = "test";
const ISSUER: &str = "https://cloud.mastra.ai";
/// Seconds until the user's session ends.
const LIFE: u64 = 86_400;

/// Who is signed in. Without a permission of its own the user has those of the four default roles.
#[derive(Clone, Debug)]
pub struct TestUser {
    claims: Map<String, Value>,
    roles: Vec<String>,
    permissions: Vec<String>,
    organizations: Vec<String>,
}

impl TestUser {
    /// A user with this id, and no roles.
    pub fn new(id: &str) -> Self {
        Self {
            claims: Map::from_iter([("sub".to_owned(), id.into())]),
            roles: Vec::new(),
            permissions: Vec::new(),
            organizations: Vec::new(),
        }
    }

    /// Sets the name for display.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.with("name", name)
    }

    /// Sets the e-mail address.
    #[must_use]
    pub fn email(self, email: &str) -> Self {
        self.with("email", email)
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }

    /// Adds a permission, such as `agents:read` or `agents:*`. From the first one on, roles grant nothing of their own, and a
    /// user without a role has the role `test`: permissions come from roles.
    #[must_use]
    pub fn permission(mut self, permission: &str) -> Self {
        self.permissions.push(permission.to_owned());
        self
    }

    /// Adds an organization that the user is a member of, as in dialect `platform`. The user acts for the first one. Without any
    /// the user has one alone, `user:` and the id.
    #[must_use]
    pub fn organization(mut self, id: &str) -> Self {
        self.organizations.push(id.to_owned());
        self
    }

    fn with(mut self, claim: &str, value: &str) -> Self {
        self.claims.insert(claim.to_owned(), value.into());
        self
    }
}

impl CurrentUser {
    /// A signed-in user for a test, without a Cloud. Feature `testing`.
    ///
    /// The user's session lasts a day. Nothing is asked of any Cloud; [`ended`](Self::ended) waits until that day is over.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where a permission is not `resource:action` or `resource:action:id`; the error of a token where
    /// the id is empty or otherwise none that a Cloud gives; `invalid_argument` where an organization's id is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::axum::CurrentUser;
    /// use mastra_auth_cloud::axum::testing::TestUser;
    ///
    /// async fn greeting(user: CurrentUser) -> String {
    ///     format!("Hello, {}", user.name().unwrap_or("stranger"))
    /// }
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let ada = CurrentUser::for_test(TestUser::new("usr_ada").name("Ada").role("admin"))?;
    /// assert!(ada.has_role("admin"));
    /// assert_eq!(greeting(ada).await, "Hello, Ada");
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// # }).unwrap();
    /// ```
    pub fn for_test(user: TestUser) -> Result<Self, CloudApiError> {
        let secret = crate::system::random::<32>()?;
        let TestUser {
            mut claims,
            mut roles,
            permissions,
            organizations,
        } = user;
        let organizations = organizations
            .iter()
            .map(|id| OrganizationId::parse(id).map_err(CloudApiError::argument))
            .collect::<Result<Vec<_>, _>>()?;
        if roles.is_empty() && !permissions.is_empty() {
            roles.push("test".to_owned());
        }
        let mapping = if permissions.is_empty() {
            RoleMapping::default_roles()
        } else {
            let grants = Permissions::new(permissions);
            RoleMapping::new(roles.iter().map(|role| (role.clone(), grants.clone())))?
        };
        if let Some((_, permission)) = mapping.malformed().next() {
            return Err(CloudApiError::configuration(format!(
                "the permission {permission:?} of a test user is not resource:action or resource:action:id"
            )));
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let times = json!({ "iss": ISSUER, "aud": PROJECT, "iat": now, "exp": now.saturating_add(LIFE), "sid": "ses_test" });
        claims.extend(times.as_object().cloned().unwrap_or_default());
        claims.insert("roles".to_owned(), roles.into());
        let auth = MastraCloudAuth::builder()
            .project_id(PROJECT)
            .role_mapping(mapping)
            .verification(VerificationOptions {
                mode: VerificationMode::Keys,
                secret: Some(SharedSecret::new(&secret).map_err(CloudApiError::argument)?),
                ..VerificationOptions::default()
            })
            .transport(NoCloud)
            .build()?;
        let token = signed(&Value::Object(claims), &secret);
        // A signature that is checked here, with a secret that is at hand, has nothing to wait for.
        match auth.authenticate_token(&token).now_or_never() {
            Some(Authentication::Authenticated(identity)) if organizations.is_empty() => {
                Ok(Self { auth, identity })
            }
            Some(Authentication::Authenticated(identity)) => {
                let own = organizations.first().cloned();
                let identity = Arc::unwrap_or_clone(identity)
                    .for_test(|user| user.with_organizations(own, organizations));
                let identity = Arc::new(identity);
                Ok(Self { auth, identity })
            }
            Some(Authentication::Rejected(error) | Authentication::Unavailable(error)) => {
                Err(error)
            }
            Some(Authentication::Anonymous) | None => Err(CloudApiError::configuration(
                "the test user cannot be signed in",
            )),
        }
    }
}

/// A layer that signs every request in as this user, in the place of [`AuthLayer`](super::AuthLayer): for the extractors of the
/// routes under it.
///
/// An `AuthLayer` under it still asks for a credential of its own.
pub fn signed_in_as(user: CurrentUser) -> Extension<impl Clone + Send + Sync + 'static> {
    Extension(Session {
        auth: user.auth,
        identity: Ok(user.identity),
    })
}

/// A token over these claims, by HS256 (RFC 7518 section 3.2).
fn signed(claims: &Value, secret: &[u8]) -> String {
    let header = base64url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let input = format!("{header}.{}", base64url(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", base64url(signature.as_ref()))
}

/// The Cloud of a test user: there is none.
struct NoCloud;

impl Transport for NoCloud {
    fn send(&self, _: Request) -> TransportFuture<'_> {
        Box::pin(async { Err(TransportError::Connect) })
    }
}
