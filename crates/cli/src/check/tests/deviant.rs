//! A local Cloud with something in front of it that changes requests or answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

/// A request on its way to the local Cloud.
pub(super) struct Asking {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer on its way back.
pub(super) struct Answering {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What a deviant Cloud remembers from request to request.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) seen: BTreeSet<String>,
    /// An answer that it gave.
    pub(super) kept: Option<Vec<u8>>,
}

pub(super) type Before = fn(&mut Asking);
pub(super) type After = fn(&Asking, &mut Answering, &mut Memory);

struct Deviant {
    to: String,
    client: reqwest::Client,
    before: Before,
    after: After,
    memory: Mutex<Memory>,
}

/// Serves a deviant Cloud until the test's runtime ends; returns its address.
pub(super) async fn serve(
    to: &str,
    client: &reqwest::Client,
    before: Before,
    after: After,
) -> String {
    let deviant = Arc::new(Deviant {
        to: to.to_owned(),
        client: client.clone(),
        before,
        after,
        memory: Mutex::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(pass).with_state(deviant);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(State(deviant): State<Arc<Deviant>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut asking = Asking {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: to_bytes(body, 1 << 20).await.unwrap().to_vec(),
    };
    asking.headers.remove(HOST);
    asking.headers.remove(CONTENT_LENGTH);
    (deviant.before)(&mut asking);
    let url = format!("{}{}?{}", deviant.to, asking.path, asking.query);
    let url = url.trim_end_matches('?');
    let sent = deviant
        .client
        .request(asking.method.clone(), url)
        .headers(asking.headers.clone())
        .body(asking.body.clone());
    let came = sent.send().await.unwrap();
    let mut answering = Answering {
        status: came.status().as_u16(),
        headers: came.headers().clone(),
        body: came.bytes().await.unwrap().to_vec(),
    };
    answering.headers.remove(CONTENT_LENGTH);
    answering.headers.remove(TRANSFER_ENCODING);
    (deviant.after)(&asking, &mut answering, &mut deviant.memory.lock().unwrap());
    let mut response = Response::new(Body::from(answering.body));
    *response.status_mut() = StatusCode::from_u16(answering.status).unwrap();
    *response.headers_mut() = answering.headers;
    response
}

impl Asking {
    pub(super) fn is(&self, method: &str, path: &str) -> bool {
        self.method.as_str() == method && self.path.ends_with(path)
    }

    pub(super) fn param(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Sets or adds a parameter.
    pub(super) fn set_param(&mut self, name: &str, value: &str) {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes()).into_owned();
        let kept: Vec<_> = pairs.filter(|(own, _)| own != name).collect();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept);
        self.query = query.append_pair(name, value).finish();
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn set_header(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
    }

    pub(super) fn bearer(&self) -> &str {
        let header = self.header("authorization").unwrap_or_default();
        header.strip_prefix("Bearer ").unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn is_junk(&self) -> bool {
        self.bearer().ends_with(".bm8tc2lnbmF0dXJl")
    }
}

impl Answering {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn edit(&mut self, change: impl Fn(&mut Value)) {
        let mut body = self.json();
        change(&mut body);
        self.body = body.to_string().into_bytes();
    }

    /// Sets a member, or removes it where the value is null.
    pub(super) fn set(&mut self, pointer: &str, value: &Value) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        self.edit(|body| {
            if let Some(Value::Object(members)) = body.pointer_mut(parent) {
                match value {
                    Value::Null => drop(members.remove(name)),
                    value => drop(members.insert(name.to_owned(), value.clone())),
                }
            }
        });
    }

    /// Another status, in HTTP and in the error.
    pub(super) fn refuse(&mut self, status: u16) {
        self.status = status;
        self.body = json!({ "ok": false, "error": { "message": "No.", "code": "no", "status": status }, "code": "no", "message": "No." })
            .to_string()
            .into_bytes();
    }

    pub(super) fn succeed(&mut self, data: &Value) {
        self.status = 200;
        self.body = json!({ "ok": true, "data": data }).to_string().into_bytes();
    }

    pub(super) fn is_refused_with(&self, code: &str) -> bool {
        let body = self.json();
        let told = body.pointer("/error/code").or_else(|| body.get("code"));
        told.and_then(Value::as_str) == Some(code)
    }

    pub(super) fn set_header(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
    }

    pub(super) fn lead(&mut self, status: u16, to: &str) {
        self.status = status;
        self.set_header("location", to);
    }

    pub(super) fn location(&self) -> String {
        let value = self.headers.get("location");
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    }
}
