//! A service with our routes, layer and extractors, and requests of strangers.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use axum::routing::get;
use mastra_auth_cloud::axum::{AuthLayer, CurrentOrganization, routes};
use mastra_auth_cloud::transport::{self, CloudCall, Transport, TransportFuture};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use url::Url;

use super::script::Script;

const GENUINE: &str = "genuine-token-of-a-test";
const APP: &str = "https://app.example.com";
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS];
/// The headers that are read.
const HEADERS: [&str; 12] = [
    "authorization",
    "cookie",
    "x-mastra-organization-id",
    "accept",
    "origin",
    "host",
    "content-type",
    "sec-fetch-site",
    "x-forwarded-host",
    "sec-purpose",
    "x-forwarded-proto",
    "x-request-id",
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// A Cloud that knows one token.
struct OneToken;

impl Transport for OneToken {
    fn send(&self, request: transport::Request) -> TransportFuture<'_> {
        let mut headers = request.headers();
        let is_good =
            headers.any(|(_, value)| value.ends_with(GENUINE) && value.len() < GENUINE.len() + 14);
        let user = json!({ "id": "usr_1", "email": "ada@example.com", "roles": ["member"] });
        let body = json!({
            "ok": true, "data": { "user": user }, "user": user,
            "organizationId": "org_1", "memberOrgIds": ["org_1", "org_2"], "role": "member",
        });
        let answer = if is_good && request.call() == CloudCall::VerifyToken {
            transport::Response::new(200, body.to_string().into_bytes())
        } else {
            transport::Response::new(401, br#"{"ok":false,"title":"no"}"#.to_vec())
        };
        Box::pin(async move { Ok(answer) })
    }
}

fn router(dialect: Dialect) -> Router {
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .public_url(APP)
        .dialect(dialect)
        .transport(OneToken)
        .build()
        .unwrap();
    let named = |organization: CurrentOrganization| async move { organization.id().to_string() };
    Router::new()
        .route("/organization", get(named))
        .layer(AuthLayer::required(auth.clone()))
        .merge(routes(&auth).unwrap())
}

/// A request: the dialect, the method, path and query up to a byte 0; then headers, each as a byte for its name and its value up to
/// a byte 0. In values and the path a tilde stands for the one good token.
///
/// Only who brings that is signed in, in an organization of theirs. No redirect leaves the app but to the Cloud, no answer repeats
/// the token but as the cookie, and none is an error of the server's own.
pub fn app(data: &[u8]) {
    let mut script = Script(data);
    let dialect = [Dialect::V1, Dialect::Platform][script.below(2)];
    let method = METHODS[script.below(4)].clone();
    let path = script.text().replace('~', GENUINE);
    let Ok(uri) = path.parse::<Uri>() else {
        return;
    };
    if !path.starts_with('/') {
        return;
    }
    let mut request = Request::builder()
        .method(method)
        .uri(uri.clone())
        .body(Body::empty())
        .unwrap();
    let mut is_genuine = false;
    while !script.is_over() {
        let name = HeaderName::from_static(HEADERS[script.below(HEADERS.len())]);
        let value = script.text().replace('~', GENUINE);
        is_genuine |= value.contains(GENUINE);
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return;
        };
        request.headers_mut().append(name, value);
    }
    RUNTIME.block_on(async {
        let response = router(dialect).oneshot(request).await.unwrap();
        check(uri.path(), response, is_genuine).await;
    });
}

async fn check(path: &str, response: Response<Body>, is_genuine: bool) {
    let status = response.status().as_u16();
    assert_ne!(status, 500);
    let app = Url::parse(APP).unwrap();
    for (name, value) in response.headers() {
        assert!(
            value
                .as_bytes()
                .iter()
                .all(|byte| matches!(byte, b' '..=b'~')),
            "{name}: {value:?}"
        );
        let value = value.to_str().unwrap();
        assert!(
            *name == SET_COOKIE || *name == LOCATION || !value.contains(GENUINE),
            "{name}: {value}"
        );
        if *name == LOCATION {
            let to = app.join(path).unwrap().join(value).unwrap();
            let is_cloud = matches!(
                to.host_str(),
                Some("cloud.mastra.ai" | "platform.mastra.ai")
            );
            assert!(is_cloud || to.origin() == app.origin(), "{value}");
        }
    }
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    if status == 200 && matches!(path, "/organization" | "/auth/me" | "/auth/check") {
        assert!(is_genuine, "{path} signs a stranger in");
    }
    if status == 200 && path == "/organization" {
        assert!(
            matches!(&*body, "" | "org_1" | "org_2" | "user:usr_1"),
            "{body}"
        );
    }
}
