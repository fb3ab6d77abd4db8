//! The dialect `platform` over sockets.

mod contract;
mod faults;
mod organizations;
mod programs;
mod sessions;
mod sign_in;

use mastra_auth_local_cloud::{Dialect, Options, SignedIn};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::{Value, json};

use crate::desk::{Answer, Desk};

pub(crate) struct Platform(pub(crate) Desk);

/// What a call of the platform carries.
#[derive(Clone, Copy)]
pub(crate) enum With<'a> {
    Nothing,
    Session(&'a str),
    Bearer(&'a str),
    /// A bearer, and the organization that the call is for.
    For(&'a str, &'a str),
}

impl Platform {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self(Desk::with(Dialect::Platform, change).await)
    }

    pub(crate) fn person(&self, name: &str) -> SignedIn {
        self.0.cloud.control().sign_in_as(name).unwrap()
    }

    /// The sealed session of a person who was just signed in.
    pub(crate) fn session(&self, name: &str) -> String {
        self.person(name).sealed_session.unwrap()
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        with: With<'_>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self
            .0
            .http
            .request(method, self.0.url(&format!("/v1{path}")));
        request = match with {
            With::Nothing => request,
            With::Session(sealed) => {
                request.header(COOKIE, format!("a=b; wos-session={sealed}; c=d"))
            }
            With::Bearer(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            With::For(token, organization) => request
                .header(AUTHORIZATION, format!("bearer {token}"))
                .header("x-organization-id", organization),
        };
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, with: With<'_>) -> Answer {
        self.call(Method::GET, path, with, None).await
    }

    pub(crate) async fn post(&self, path: &str, with: With<'_>, body: Value) -> Answer {
        self.call(Method::POST, path, with, Some(body)).await
    }

    pub(crate) async fn me(&self, sealed: &str) -> Answer {
        self.get("/auth/me", With::Session(sealed)).await
    }

    pub(crate) async fn refresh(&self, sealed: &str) -> Answer {
        self.get("/auth/refresh", With::Session(sealed)).await
    }

    /// Moves the clock past the life of an access part or bearer.
    pub(crate) fn access_ends(&self) {
        let minutes = std::time::Duration::from_mins(5);
        self.0.cloud.control().advance(minutes);
    }
}

/// The session that an answer sets, if it does.
pub(crate) fn newer(answer: &Answer) -> Option<String> {
    let cookie = answer.headers.get("set-cookie")?.to_str().unwrap();
    let (value, rest) = cookie
        .strip_prefix("wos-session=")
        .unwrap()
        .split_once(';')
        .unwrap();
    assert!(rest.contains("HttpOnly"), "{rest}");
    Some(value.to_owned())
}

/// Status, and what a problem says.
pub(crate) fn refused(answer: &Answer, status: u16, detail: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{}",
        answer.text
    );
    let body = &answer.body;
    assert_eq!(body["status"], json!(status));
    let said = body["detail"].as_str().unwrap();
    assert!(said.contains(detail), "{said}");
    for member in ["type", "title", "instance"] {
        assert!(body[member].is_string(), "{member}");
    }
}
