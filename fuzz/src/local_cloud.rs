//! Requests to the local Cloud, in this process.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use mastra_auth_local_cloud::{Control, Dialect, LocalCloud, Options};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use super::script::Script;

const METHODS: [Method; 6] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::HEAD,
];
const HEADERS: [&str; 8] = [
    "authorization",
    "cookie",
    "host",
    "origin",
    "content-type",
    "x-project-id",
    "x-organization-id",
    "sec-fetch-site",
];
/// What answers whose a token is.
const QUESTIONS: [&str; 7] = [
    "/api/v1/auth/verify",
    "/api/v1/auth/session/validate",
    "/api/v1/users/",
    "/auth/verify",
    "/auth/session/validate",
    "/v1/auth/me",
    "/v1/auth/verify",
];

struct Cloud {
    router: Router,
    control: Control,
    _runs: LocalCloud,
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
static CLOUDS: LazyLock<[Cloud; 3]> = LazyLock::new(|| {
    [Dialect::V1, Dialect::Pkce, Dialect::Platform].map(|dialect| {
        let mut options = Options::default();
        (options.dialect, options.port) = (dialect, 0);
        let cloud = RUNTIME.block_on(LocalCloud::start(options)).unwrap();
        Cloud {
            router: cloud.router(),
            control: cloud.control(),
            _runs: cloud,
        }
    })
});

/// A request: the dialect, the method, path and query up to a byte 0, a number of headers, each as a byte for its name and its
/// value up to a byte 0, and the body. A tilde stands for the token of a person, and a backquote for their sealed session.
///
/// It is answered, and not with an error of the server's own. A question about a token is answered only with a good one, and none
/// that comes by another name than the Cloud's.
pub fn local_cloud(data: &[u8]) {
    let mut script = Script(data);
    let cloud = &CLOUDS[script.below(3)];
    let method = METHODS[script.below(METHODS.len())].clone();
    cloud.control.reset();
    let is_known = data.contains(&b'~') || data.contains(&b'`');
    let person = is_known.then(|| cloud.control.sign_in_as("admin").unwrap());
    let filled = |text: String| match &person {
        None => text,
        Some(person) => text
            .replace('~', &person.token)
            .replace('`', person.sealed_session.as_deref().unwrap_or("none")),
    };
    let path = filled(script.text());
    let Ok(uri) = path.parse::<Uri>() else {
        return;
    };
    if !path.starts_with('/') {
        return;
    }
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap();
    for _ in 0..script.below(8) {
        let name = HeaderName::from_static(HEADERS[script.below(HEADERS.len())]);
        let Ok(value) = HeaderValue::from_bytes(filled(script.text()).as_bytes()) else {
            return;
        };
        request.headers_mut().append(name, value);
    }
    let host = request.headers().get("host");
    let host = host
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let is_foreign = !["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|own| host.starts_with(own));
    *request.body_mut() = Body::from(filled(String::from_utf8_lossy(script.rest()).into_owned()));
    RUNTIME.block_on(async {
        let response = cloud.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert!(status < 500, "{status}");
        assert!(!is_foreign || status == 403, "{host}: {status}");
        let path = path.split('?').next().unwrap();
        if status == 200 && QUESTIONS.iter().any(|question| path.starts_with(question)) {
            assert!(is_known, "{path} knows a stranger");
        }
        to_bytes(response.into_body(), 1 << 22).await.unwrap();
    });
}
