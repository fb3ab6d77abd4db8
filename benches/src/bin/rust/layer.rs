//! What the axum layer adds to a request with a cached session: a router that is called in memory, without a socket.
//!
//! Beside the open router stands one under a layer that does nothing: `Router::layer` puts a box of its own around each route
//! and its future, which every layer costs. A service around the whole router does not pay that.

use std::convert::Infallible;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::{COOKIE, HOST, HeaderValue};
use mastra_auth_benches::cloud::{SignedIn, cookies};
use mastra_auth_benches::report::Table;
use mastra_auth_benches::rounds::{Rounds, repeated};
use mastra_auth_cloud::Dialect;
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser};
use tower_layer::{Layer as _, layer_fn};
use tower_service::Service;

const ROUNDS: usize = 201;
const OPEN: &str = "axum, open";
const EMPTY: &str = "an empty layer, Router::layer";
const OWN: &str = "ours, around the router";
const ON_IT: &str = "ours, Router::layer";

pub(crate) fn table() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let SignedIn { auth, token, .. } = &runtime.block_on(SignedIn::new(Dialect::V1))?;
    let _inside = runtime.enter();
    let cookie = cookies(&format!("mastra_session={token}"));
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    headers.insert(COOKIE, cookie.parse()?);

    let open = || Router::new().route("/", get(|| async { "usr_mei".to_owned() }));
    let who = get(|user: CurrentUser| async move { user.id().as_str().to_owned() });
    let ours = || Router::new().route("/", who.clone());
    let mut plain = open();
    let mut empty = open().layer(layer_fn(Empty));
    let mut on_it = ours().layer(AuthLayer::required(auth.clone()));
    let mut around = AuthLayer::optional(auth.clone()).layer(ours());
    let answer = asked(&mut around, &headers).context("who is known is answered at once")?;
    ensure!(answer.status().is_success(), "nobody is known");

    let contenders = vec![
        (OPEN, repeated(|| asked(&mut plain, &headers))),
        (EMPTY, repeated(|| asked(&mut empty, &headers))),
        (OWN, repeated(|| asked(&mut around, &headers))),
        (ON_IT, repeated(|| asked(&mut on_it, &headers))),
    ];
    let rounds = Rounds::run(ROUNDS, contenders)?;
    let title = "a request of a known user, without a socket";
    Ok(Table::new(title, OWN, &rounds))
}

fn asked<S>(service: &mut S, headers: &HeaderMap) -> Option<Response>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = headers.clone();
    service.call(request).now_or_never()?.ok()
}

/// Hands everything on.
#[derive(Clone)]
struct Empty<S>(S);

impl<S: Service<Request>> Service<Request> for Empty<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}
