//! Faults for testing a client's resilience: on one endpoint or all, for the next requests or until they are cleared. They
//! affect the API and the key set, never the pages.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::Dialect;
use crate::wire::{Place, WireFault};

/// Where a fault applies, and what is counted: each endpoint of the dialect by its short name, or any.
pub(crate) const fn endpoints(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Platform => &PLATFORM,
        _ => &CLOUD,
    }
}

const PLATFORM: [&str; 15] = [
    "any",
    "login",
    "callback",
    "me",
    "verify",
    "refresh",
    "refresh-token",
    "logout",
    "orgs",
    "switch-org",
    "ingest",
    "tokens",
    "members",
    "invitations",
    "jwks",
];

const CLOUD: [&str; 8] = [
    "any",
    "exchange",
    "verify",
    "validate",
    "destroy",
    "user",
    "permissions",
    "jwks",
];

/// The endpoint of a request that was not routed yet; `None` for a page.
pub(crate) fn endpoint_of(dialect: Dialect, path: &str) -> Option<&'static str> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let prefixes = ["/api/v1/", "/v1/", "/auth/", "/.well-known/"];
    let path = prefixes.iter().find_map(|one| path.strip_prefix(one))?;
    let is_group = |part: &&str| matches!(*part, "auth" | "session" | "org");
    let parts: Vec<_> = path.split('/').skip_while(is_group).collect();
    let name = match *parts {
        ["jwks.json"] => "jwks",
        ["callback"] if dialect != Dialect::Platform => "exchange",
        ["users", _] => "user",
        ["users", _, name] | ["members", name @ "invitations", ..] | [name, ..] => name,
        [] => return None,
    };
    endpoints(dialect).iter().find(|one| **one == name).copied()
}

/// The kind of a fault.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FaultKind {
    /// The right answer, delayed.
    Delay {
        /// The delay, in milliseconds.
        ms: u64,
    },
    /// The connection closes without an answer.
    Drop,
    /// This HTTP status, with a proper error body.
    Status {
        /// The status, 400 to 599.
        status: u16,
    },
    /// HTTP 200 with `ok: false`.
    OkFalse,
    /// HTTP 502 with an HTML page.
    Html,
    /// HTTP 200 with an HTML page.
    HtmlOk,
    /// JSON that ends too early, with a matching length.
    Truncated,
    /// The connection closes in the middle of the body.
    Cut,
    /// HTTP 200 without a body.
    Empty,
    /// 300 MB of JSON.
    Huge,
    /// Members of the wrong type.
    WrongTypes,
    /// One byte every 200 ms.
    Drip,
    /// A redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`.
        location: String,
    },
    /// HTTP 401 whose message repeats the bearer token, or the sealed session.
    EchoSecret,
    /// The call is carried out, then the connection closes without its answer.
    Lost,
    /// This HTTP status, with `{"error": "…"}`.
    BareError {
        /// The status, 400 to 599.
        status: u16,
    },
    /// This HTTP status, with a plain text.
    TextError {
        /// The status, 400 to 599.
        status: u16,
    },
    /// The right answer without one member of its object.
    Without {
        /// The member's name.
        member: String,
    },
    /// A fault of the connection at a byte of the right answer, or of the request. [`LocalCloud::requests`](crate::LocalCloud::requests)
    /// counts as `wire` how often that byte was reached.
    Wire {
        /// The byte.
        at: Place,
        /// What happens there.
        fault: WireFault,
    },
}

impl FaultKind {
    const fn is_for_requests(&self) -> bool {
        matches!(
            self,
            Self::Wire {
                at: Place::Request(_),
                ..
            }
        )
    }
}

/// An active fault.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The endpoint's name, or `any`.
    #[serde(default = "any")]
    pub endpoint: String,
    /// The number of requests that it affects; default: until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// The kind of the fault.
    #[serde(flatten)]
    pub kind: FaultKind,
}

fn any() -> String {
    "any".into()
}

impl Fault {
    /// A fault on every endpoint, until cleared.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            endpoint: any(),
            times: None,
            kind,
        }
    }

    /// Limits the fault to one endpoint.
    #[must_use]
    pub fn on(self, endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.into(),
            ..self
        }
    }

    /// Limits the fault to the next `times` requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }
}

/// An active fault, and the number that deactivates it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
    #[serde(flatten)]
    fault: Fault,
}

/// The active faults. The newest is checked first.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<On>);

#[derive(Debug, Default)]
struct On {
    last_id: u64,
    /// Changes when the faults are cleared.
    cleared: watch::Sender<()>,
    faults: Vec<Numbered>,
}

impl Faults {
    fn on(&self) -> MutexGuard<'_, On> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, fault: Fault) {
        let mut on = self.on();
        on.last_id = on.last_id.saturating_add(1);
        let id = on.last_id;
        on.faults.push(Numbered { id, fault });
    }

    pub(crate) fn clear(&self) {
        let mut on = self.on();
        on.faults.clear();
        on.cleared.send_replace(());
    }

    /// Waits until the faults are cleared.
    pub(crate) fn cleared(&self) -> BoxFuture<'static, ()> {
        let mut cleared = self.on().cleared.subscribe();
        // An error means that the Cloud has ended, and its connections with it.
        Box::pin(async move { drop(cleared.changed().await) })
    }

    /// Deactivates a fault; false if it is not active.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut on = self.on();
        let before = on.faults.len();
        on.faults.retain(|one| one.id != id);
        on.faults.len() < before
    }

    pub(crate) fn all(&self) -> Vec<Numbered> {
        self.on().faults.clone()
    }

    /// Whether one waits for the bytes of a request.
    pub(crate) fn is_for_requests(&self) -> bool {
        let on = self.on();
        on.faults.iter().any(|one| one.fault.kind.is_for_requests())
    }

    /// The fault for the answer to this request, which uses it up by one.
    pub(crate) fn take(&self, endpoint: &str) -> Option<FaultKind> {
        self.take_if(endpoint, |kind| !kind.is_for_requests())
    }

    /// The fault for the bytes of this request, which uses it up by one.
    pub(crate) fn take_for_request(&self, endpoint: &str) -> Option<FaultKind> {
        self.take_if(endpoint, FaultKind::is_for_requests)
    }

    fn take_if(&self, endpoint: &str, is_wanted: impl Fn(&FaultKind) -> bool) -> Option<FaultKind> {
        let faults = &mut self.on().faults;
        let place = faults.iter().rposition(|Numbered { fault, .. }| {
            (fault.endpoint == "any" || fault.endpoint == endpoint) && is_wanted(&fault.kind)
        })?;
        let Numbered { fault, .. } = faults.get_mut(place)?;
        let kind = fault.kind.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                faults.remove(place);
            }
        }
        Some(kind)
    }
}

/// The answer of a fault, instead of the right one; `None` if that one follows, for [`after`].
pub(crate) async fn instead(
    kind: &FaultKind,
    dialect: Dialect,
    secret: Option<&str>,
) -> Option<Response> {
    let message = "The local Cloud was told to fail.";
    Some(match kind {
        FaultKind::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return None;
        }
        FaultKind::Drop => broken(stream::empty().boxed(), Some(1)),
        FaultKind::Lost | FaultKind::Without { .. } | FaultKind::Wire { .. } => return None,
        FaultKind::BareError { status } => json(*status, json!({ "error": message }).to_string()),
        FaultKind::TextError { status } => (status_of(*status), message).into_response(),
        FaultKind::Status { status } => error(*status, dialect, message),
        FaultKind::OkFalse => json(
            200,
            json!({ "ok": false, "error": { "message": message, "code": "fault", "status": 500 } })
                .to_string(),
        ),
        FaultKind::Html => page(502),
        FaultKind::HtmlOk => page(200),
        FaultKind::Truncated => json(200, r#"{"ok":true,"data":{"user":{"id":"usr_"#.into()),
        FaultKind::Cut => broken(
            stream::iter([Ok(Bytes::from_static(b"{\"ok\":true,"))])
                .chain(nothing_for(Duration::from_millis(50)))
                .boxed(),
            Some(4096),
        ),
        FaultKind::Empty => json(200, String::new()),
        FaultKind::Huge => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            let body = stream::once(async { Ok(Bytes::from_static(b"{")) })
                .chain(stream::iter((0..4800).map(move |_| Ok(chunk.clone()))));
            broken(body.boxed(), None)
        }
        FaultKind::WrongTypes => json(
            200,
            json!({
                "ok": true, "sub": 7, "userId": [], "access_token": 1, "user": 7, "organizationId": {}, "memberOrgIds": "all",
                "accessToken": 1, "refreshToken": [], "organizations": 7,
                "data": { "user": 7, "session": "x", "permissions": "all", "jwt": {} },
            })
            .to_string(),
        ),
        FaultKind::Drip => {
            let drops = stream::iter(0..600).then(|_| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(Bytes::from_static(b" "))
            });
            broken(drops.boxed(), None)
        }
        FaultKind::Redirect { status, location } => {
            let mut response = status_of(*status).into_response();
            if let Ok(location) = HeaderValue::from_str(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
        FaultKind::EchoSecret => error(
            401,
            dialect,
            &format!("Token {} is not valid", secret.unwrap_or_default()),
        ),
    })
}

/// What a fault makes of the right answer.
pub(crate) async fn after(kind: &FaultKind, response: Response) -> Response {
    match kind {
        FaultKind::Lost => broken(stream::empty().boxed(), Some(1)),
        FaultKind::Without { member } => {
            let (mut parts, body) = response.into_parts();
            let read = axum::body::to_bytes(body, usize::MAX)
                .await
                .unwrap_or_default();
            let Ok(mut object) = serde_json::from_slice::<Map<String, Value>>(&read) else {
                return Response::from_parts(parts, Body::from(read));
            };
            object.remove(member);
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(Value::Object(object).to_string()))
        }
        _ => response,
    }
}

fn error(status: u16, dialect: Dialect, message: &str) -> Response {
    if dialect == Dialect::Platform {
        let problem =
            json!({ "type": "fault", "title": "Fault", "status": status, "detail": message });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        return (status_of(status), kind, problem.to_string()).into_response();
    }
    json(status, json!({ "ok": false, "message": message, "code": "fault", "error": { "message": message, "code": "fault", "status": status } }).to_string())
}

fn json(status: u16, body: String) -> Response {
    let kind = [(CONTENT_TYPE, "application/json")];
    (status_of(status), kind, body).into_response()
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    (
        status,
        [(CONTENT_TYPE, "text/html")],
        "<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>",
    )
        .into_response()
}

/// A pause in a body. Without it, what came before would be dropped with the connection rather than sent.
fn nothing_for(pause: Duration) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok(Bytes::new())
    })
}

/// A body that breaks off with an error, which closes the connection. Its announced length is longer than it is.
fn broken(
    body: stream::BoxStream<'static, Result<Bytes, std::io::Error>>,
    length: Option<u64>,
) -> Response {
    let body = match length {
        Some(_) => body
            .chain(stream::once(async {
                Err(std::io::Error::other("told to fail"))
            }))
            .boxed(),
        None => body,
    };
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
