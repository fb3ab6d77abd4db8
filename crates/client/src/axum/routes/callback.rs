//! `GET /auth/callback`: finishes a sign-in, or shows an error page. A failure is never a redirect, so a browser that keeps
//! no cookies does not loop. A used callback, or one of another sign-in, is not exchanged; a browser that is signed in is
//! redirected to the wanted path.

use axum::extract::State;
use axum::response::Response;
use http::header::REFERRER_POLICY;
use http::{HeaderMap, HeaderValue, Method, Uri};
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::callback::declined;
use mastra_auth_cloud_core::login::parameters::CallbackParameters;
use mastra_auth_cloud_core::login::state::State as LoginState;
use mastra_auth_cloud_core::url::ReturnPath;
use url::form_urlencoded;

use super::{RouteState, with_cookies};
use crate::axum::page::{Address, reference, refresh_page};
use crate::axum::prefetch::answer_prefetch;
use crate::axum::public_error::of_failed_login;
use crate::axum::response::{accepts_html, see_other};
use crate::headers;
use crate::telemetry::{self, RequestIds};

pub(super) async fn callback(
    State(routes): State<RouteState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let mut response = answer(routes, method, uri, headers).await;
    // The address holds a code, or even a session: no page that follows is told of it.
    let policy = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(REFERRER_POLICY, policy);
    response
}

async fn answer(routes: RouteState, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(answer) = answer_prefetch(&method, &headers) {
        return answer;
    }
    let Some(parameters) = CallbackParameters::read(uri.query().unwrap_or_default()) else {
        let error = CloudApiError::new(Code::StateMalformed);
        return refused(
            &routes,
            &headers,
            &error,
            None,
            &CallbackParameters::default(),
        )
        .await;
    };
    let text = parameters.state.as_deref().unwrap_or_default();
    let state = match LoginState::parse(text, Some(routes.public_url.origin())) {
        Ok(state) => state,
        Err(error) => return refused(&routes, &headers, &error, None, &parameters).await,
    };
    let wanted = state.return_path();
    let cookie = headers::whole_cookie(&headers).unwrap_or_default();
    let ids = RequestIds::of(&headers);
    let result = match (&parameters.again, &parameters.error) {
        (Some(code), _) => Err(CloudApiError::unusable_callback(code)
            .unwrap_or_else(|| CloudApiError::new(Code::StateMalformed))),
        (None, Some(error)) => Err(declined(error)),
        (None, None) => {
            let code = parameters.code.as_deref().unwrap_or_default();
            routes.auth.finish(code, state, &cookie, &ids).await
        }
    };
    match result {
        Ok(signed_in) => {
            let path = signed_in.return_path.as_str();
            let response = if routes.auth.config().cookie.at(None).is_strict() {
                refresh_page(path)
            } else {
                see_other(path)
            };
            with_cookies(response, &signed_in.cookies)
        }
        Err(error) => {
            let response = refused(&routes, &headers, &error, Some(wanted), &parameters).await;
            // This sign-in is over for this browser. A declined one may still be approved.
            let is_exchange = parameters.again.is_none() && parameters.error.is_none();
            let cleared = is_exchange
                .then(|| routes.auth.clear_login(text, &cookie))
                .flatten();
            with_cookies(response, cleared.as_slice())
        }
    }
}

/// Answers a failed callback: a redirect to the wanted path if the browser is signed in, else the error.
async fn refused(
    routes: &RouteState,
    headers: &HeaderMap,
    error: &CloudApiError,
    wanted: Option<ReturnPath>,
    parameters: &CallbackParameters,
) -> Response {
    if !error.is_unusable_callback() && parameters.again.is_none() {
        return failed(routes, headers, error);
    }
    let (answer, renewed) = routes.auth.authenticate_and_renew(headers).await;
    if let Authentication::Authenticated(identity) = answer {
        telemetry::already_signed_in(&identity, error, &RequestIds::of(headers));
        let wanted = wanted.unwrap_or_default().place(&routes.public_url);
        let response = see_other(wanted.as_str());
        return with_cookies(response, renewed.as_slice());
    }
    // The session cookie is not sent with a request from the Cloud's page, but with one from this app's page.
    if routes.auth.config().cookie.at(None).is_strict()
        && parameters.again.is_none()
        && accepts_html(headers)
    {
        let code = if error.is_refusal() {
            Code::LoginRejected.as_str()
        } else {
            error.code()
        };
        let state = parameters.state.as_deref().unwrap_or_default();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("state", state)
            .append_pair("again", code)
            .finish();
        return refresh_page(&format!("?{query}"));
    }
    failed(routes, headers, error)
}

/// The page or the JSON of a failed sign-in.
pub(super) fn failed(routes: &RouteState, headers: &HeaderMap, error: &CloudApiError) -> Response {
    let reference = reference();
    let ids = RequestIds::of(headers).on_page(&reference);
    routes.auth.sign_in_failed(error, &ids);
    let public = of_failed_login(error);
    if !accepts_html(headers) {
        return public.json();
    }
    public.page(Some(&routes.auth), headers, &reference, Address::Cleared)
}
