//! The five sign-in routes: `/auth/login`, `/auth/callback`, `/auth/logout`, `/auth/me` and `/auth/check`, or at the paths
//! that the deployment chose.

mod callback;
mod check;
mod login;
mod logout;
mod me;
mod other_host;

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get, post};
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::url::{PublicUrl, RedirectUri};

use super::response::set_cookie;
use crate::MastraCloudAuth;

/// What the routes share: the provider, and addresses that come from the configuration alone.
#[derive(Clone)]
struct RouteState {
    auth: MastraCloudAuth,
    public_url: Arc<PublicUrl>,
    redirect_uri: Arc<RedirectUri>,
}

/// The sign-in routes. Merge them into an app outside of any [`AuthLayer`](super::AuthLayer). They are below the path of
/// the public URL; [`AuthBuilder::route_paths`](crate::AuthBuilder::route_paths) changes the paths:
///
/// - `GET /auth/login?return_to=/path` redirects the browser to the Cloud's login page.
/// - `GET /auth/callback` finishes the sign-in and redirects to that path.
/// - `POST /auth/logout` ends the session, here at once and at the Cloud. A form gets 303 to the app's front page, other
///   clients 200 JSON. If the Cloud did not confirm, the answer is 503. The cookie is cleared in every case. Pages of other
///   origins get 403.
/// - `GET /auth/me` returns `{id, email, name, avatarUrl, roles, permissions}`, in dialect `platform` also `organizationId` and
///   `memberOrgIds`. Without a user it answers 401. It renews the session as the layer does.
/// - `/auth/check?permission=resource:action`, by any method, tells a proxy whether a request may pass. 200 has the user's
///   id in `X-Auth-User` and the roles in `X-Auth-Roles`, percent-encoded, with commas between the roles; in dialect `platform`
///   also the organization in `X-Auth-Organization`. Otherwise 401, 403 without one of the permissions, 503 with `Retry-After` if
///   the Cloud cannot be asked, or 400 for any other query. It is never a page or a redirect, and renews the session as the layer
///   does.
///
/// They use no state of the app, so they merge into a router of any state.
///
/// # Errors
///
/// `invalid_configuration` if the provider has no public URL.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use mastra_auth_cloud::MastraCloudAuth;
/// use mastra_auth_cloud::axum::routes;
///
/// #[derive(Clone)]
/// struct AppState;
///
/// let auth = MastraCloudAuth::builder().project_id("demo").public_url("https://app.example.com").build()?;
/// let app: Router<AppState> = Router::new().merge(routes(&auth)?);
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
pub fn routes<S>(auth: &MastraCloudAuth) -> Result<Router<S>, CloudApiError>
where
    S: Clone + Send + Sync + 'static,
{
    let Some(public_url) = auth.public_url() else {
        return Err(CloudApiError::configuration(
            "public_url is required for the sign-in routes. Provide it in the options or set the MASTRA_PUBLIC_URL environment variable.",
        ));
    };
    let paths = &auth.axum_settings().paths;
    let redirect_uri =
        RedirectUri::parse(&public_url.join(&paths.callback)).map_err(CloudApiError::argument)?;
    let routes = RouteState {
        auth: auth.clone(),
        public_url: Arc::new(public_url.clone()),
        redirect_uri: Arc::new(redirect_uri),
    };
    let arrives = |route: &str| {
        let (auth, route) = (auth.clone(), route.to_owned());
        from_fn(
            move |OriginalUri(uri): OriginalUri, request: Request, next: Next| {
                auth.note_arrival(&uri, &route);
                next.run(request)
            },
        )
    };
    Ok(Router::new()
        .route(&paths.login, get(login::login).layer(arrives(&paths.login)))
        .route(&paths.callback, get(callback::callback))
        .route(&paths.logout, post(logout::logout))
        .route(&paths.me, get(me::me).layer(arrives(&paths.me)))
        .route(&paths.check, any(check::check))
        .with_state(routes))
}

/// Adds cookies to an answer, in order.
fn with_cookies(mut response: Response, cookies: &[SetCookie]) -> Response {
    for cookie in cookies {
        set_cookie(response.headers_mut(), cookie);
    }
    response
}
