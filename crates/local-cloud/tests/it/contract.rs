//! The running server against `contract/`: it serves what the document has and nothing else, and answers as it says.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::desk::{ALL, APP, Answer, Desk, SignedIn, form};
use crate::schema::Document;
use mastra_auth_local_cloud::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) fn document(dialect: Dialect) -> Document {
    Document::read(match dialect {
        Dialect::Platform => include_str!("../../../../contract/openapi.platform.yaml"),
        Dialect::Pkce => include_str!("../../../../contract/openapi.pkce.yaml"),
        _ => include_str!("../../../../contract/openapi.v1.yaml"),
    })
}

/// What is answered where no route is: 404 without a body, or 405.
fn is_served(answer: &Answer) -> bool {
    answer.status != 405 && !(answer.status == 404 && answer.text.is_empty())
}

#[tokio::test]
async fn each_dialect_serves_its_own_document_and_nothing_else() {
    let paths: BTreeSet<String> = ALL
        .iter()
        .flat_map(|dialect| document(*dialect).operations())
        .map(|(_, path)| path)
        .collect();
    for dialect in ALL {
        let desk = Desk::new(dialect).await;
        let documented = document(dialect).operations();
        for path in &paths {
            for method in ["get", "post", "put", "patch", "delete"] {
                let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let asked = desk.call(verb, &path.replace("{id}", "usr_mei"));
                let expect = documented.contains(&(method.to_owned(), path.clone()));
                let answer = asked.send().await;
                assert_eq!(
                    is_served(&answer),
                    expect,
                    "{dialect:?} {method} {path}: {}",
                    answer.status
                );
            }
        }
    }
}

#[test]
fn every_route_of_the_source_is_in_a_document() {
    let paths: BTreeSet<String> = ALL
        .iter()
        .flat_map(|dialect| document(*dialect).operations())
        .map(|(_, path)| path)
        .collect();
    let sources = [
        include_str!("../../src/api.rs"),
        include_str!("../../src/pages.rs"),
        include_str!("../../src/pages/sign_in.rs"),
        include_str!("../../src/platform.rs"),
        include_str!("../../src/serve.rs"),
        include_str!("../../src/admin.rs"),
    ];
    let routes: Vec<&str> = sources
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2))
        .filter(|text| {
            ["/api", "/auth", "/v1", "/.well-known"]
                .iter()
                .any(|head| text.starts_with(head))
        })
        .collect();
    assert!(routes.len() >= 30, "{routes:?}");
    for route in routes {
        let route = route.split('?').next().unwrap_or_default();
        assert!(paths.contains(route), "{route} is in no document");
    }
}

#[test]
fn each_example_of_a_document_is_as_its_schema_says() {
    for dialect in ALL {
        let document = document(dialect);
        let examples = document.examples();
        assert!(examples.len() >= 15, "{}", examples.len());
        for (schema, example) in examples {
            if let Err(fault) = document.check(&schema, &example) {
                panic!("{dialect:?}: {example}: {fault}");
            }
        }
    }
}

/// What was seen, by operation and status; every answer is held to its schema when it comes in.
pub(crate) struct Seen {
    document: Document,
    answers: BTreeSet<(String, String, u16)>,
}

impl Seen {
    pub(crate) fn of(dialect: Dialect) -> Self {
        Self {
            document: document(dialect),
            answers: BTreeSet::new(),
        }
    }

    pub(crate) fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        let place = format!("{method} {path} {status}");
        let kind = answer.header("content-type");
        match self.document.content(method, path, status) {
            None => assert_eq!(answer.text, "", "{place}"),
            Some((media_type, schema)) => {
                assert!(kind.starts_with(&media_type), "{place}: {kind}");
                let body = match &*media_type {
                    "application/json" | "application/problem+json" => {
                        serde_json::from_str(&answer.text).unwrap()
                    }
                    _ => Value::String(answer.text.clone()),
                };
                if let Err(fault) = self.document.check(&schema, &body) {
                    panic!("{place}: {fault}\n{}", answer.text);
                }
            }
        }
        for header in self.document.headers(method, path, status) {
            assert_ne!(answer.header(&header), "", "{place}: {header}");
        }
        self.answers.insert((method.into(), path.into(), status));
    }

    /// Every documented answer was seen, but those that this Cloud gives on command only.
    pub(crate) fn is_complete(&self) {
        for (method, path) in self.document.operations() {
            for status in self.document.statuses(&method, &path) {
                let on_command = matches!(status, 429 | 500);
                assert!(
                    on_command
                        || self
                            .answers
                            .contains(&(method.clone(), path.clone(), status)),
                    "{method} {path}: {status} is in the document and was not seen"
                );
            }
        }
    }
}

/// The login and logout pages, the form and the key set: alike in both dialects but for one parameter.
async fn pages(desk: &Desk, seen: &mut Seen) {
    let login = desk.login_path("demo", APP, "s");
    let page = desk.page(&login).await;
    seen.check("get", "/auth/oss", &page);
    seen.check("get", "/auth/oss", &desk.page("/auth/oss").await);
    let at_once = Desk::with(desk.dialect, |options| {
        options.auto_approve = Some("member".into());
    })
    .await;
    seen.check("get", "/auth/oss", &at_once.page(&login).await);
    seen.check("post", "/auth/oss", &desk.decide(&page, "").await);
    seen.check("post", "/auth/oss", &desk.decide(&page, "").await);
    let foreign = desk
        .http
        .post(desk.url("/auth/oss"))
        .header("origin", "https://evil.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form(&[("number", "n"), ("person", "usr_mei")]));
    let foreign = Answer::read(foreign.send().await.unwrap()).await;
    seen.check("post", "/auth/oss", &foreign);
    let no_form = desk.http.post(desk.url("/auth/oss")).body("{}");
    let no_form = Answer::read(no_form.send().await.unwrap()).await;
    assert_eq!(no_form.status, 400, "{}", no_form.text);
    seen.check("post", "/auth/oss", &no_form);
    let name = match desk.dialect {
        Dialect::Pkce => "post_logout_redirect_uri",
        _ => "redirect_uri",
    };
    for query in [
        String::new(),
        form(&[(name, APP)]),
        form(&[(name, "https://evil.example/")]),
    ] {
        let page = desk.page(&format!("/auth/logout?{query}")).await;
        seen.check("get", "/auth/logout", &page);
    }
    let keys = desk.page("/.well-known/jwks.json").await;
    seen.check("get", "/.well-known/jwks.json", &keys);
}

/// The same call with each thing wrong that can be.
async fn wrongly(
    call: crate::desk::Call,
    seen: &mut Seen,
    method: &str,
    path: &str,
    with_body: bool,
) {
    let anonymous = call.clone().without_token().body(json!({ "token": "" }));
    for call in [
        call.clone().token("junk"),
        anonymous,
        call.clone().project(None),
        call.clone().project(Some("other")),
    ] {
        seen.check(method, path, &call.send().await);
    }
    if with_body {
        for body in [json!([]), json!({}), json!("x".repeat(70_000))] {
            seen.check(method, path, &call.clone().body(body).send().await);
        }
        let plain = call.raw("text/plain", "{}").await;
        seen.check(method, path, &plain);
    }
}

async fn signed_in_twice(desk: &Desk, seen: &mut Seen, path: &str) -> SignedIn {
    let code = desk.code().await;
    for _ in 0..2 {
        seen.check("post", path, &desk.exchange(&code).send().await);
    }
    let answer = desk.exchange(&desk.code().await).send().await;
    answer.signed_in()
}

#[tokio::test]
async fn v1_answers_as_the_document_says() {
    let desk = Desk::new(Dialect::V1).await;
    let mut seen = Seen::of(Dialect::V1);
    pages(&desk, &mut seen).await;
    let exchange = "/api/v1/auth/callback";
    let mei = signed_in_twice(&desk, &mut seen, exchange).await;
    let other = desk.sign_in_as("usr_victor").await;
    let owner = desk.sign_in_as("usr_olivia").await;
    wrongly(desk.exchange("junk"), &mut seen, "post", exchange, true).await;
    for (path, call) in [
        ("/api/v1/auth/verify", desk.verify(&mei.token)),
        ("/api/v1/auth/session/validate", desk.validate(&mei.token)),
    ] {
        seen.check("post", path, &call.clone().send().await);
        let junk = call.clone().token("junk").member("token", json!("junk"));
        seen.check("post", path, &junk.send().await);
        wrongly(call, &mut seen, "post", path, true).await;
    }
    for (path, rest) in [
        ("/api/v1/users/{id}", ""),
        ("/api/v1/users/{id}/permissions", "/permissions"),
    ] {
        for (id, token) in [
            ("usr_mei", &mei.token),
            ("usr_mei", &owner.token),
            ("usr_mei", &other.token),
            ("nobody", &owner.token),
            ("%ff", &owner.token),
            ("..%2fx", &owner.token),
        ] {
            let call = desk.user(&format!("{id}{rest}"), token);
            seen.check("get", path, &call.send().await);
        }
        let call = desk.user(&format!("usr_mei{rest}"), &mei.token);
        wrongly(call, &mut seen, "get", path, false).await;
    }
    let destroy = "/api/v1/auth/session/destroy";
    let call = desk.destroy(&other.session, &mei.token);
    seen.check("post", destroy, &call.clone().send().await);
    wrongly(call, &mut seen, "post", destroy, true).await;
    let own = desk.destroy(&mei.session, &mei.token);
    for _ in 0..2 {
        seen.check("post", destroy, &own.clone().send().await);
    }
    let verify = desk.verify(&mei.token).send().await;
    seen.check("post", "/api/v1/auth/verify", &verify);
    seen.is_complete();
}

#[tokio::test]
async fn which_token_is_wrong_is_told_before_that_they_differ() {
    let desk = Desk::new(Dialect::V1).await;
    let (mei, other) = (desk.sign_in().await, desk.sign_in_as("usr_victor").await);
    let call = desk.verify(&mei.token);
    for (call, status, code) in [
        (call.clone().without_token(), 401, "missing_token"),
        (call.clone().token("junk"), 401, "invalid_token"),
        (call.clone().token(&other.token), 400, "token_mismatch"),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(code), "{}", answer.text);
    }
}

#[tokio::test]
async fn pkce_answers_as_the_document_says() {
    let desk = Desk::new(Dialect::Pkce).await;
    let mut seen = Seen::of(Dialect::Pkce);
    pages(&desk, &mut seen).await;
    let exchange = "/auth/callback";
    let mei = signed_in_twice(&desk, &mut seen, exchange).await;
    wrongly(desk.exchange("junk"), &mut seen, "post", exchange, true).await;
    let project = desk.cloud.control().issue_project_token("viewer").unwrap();
    let brief = desk
        .cloud
        .control()
        .sign_in("mei@example.com", Duration::ZERO);
    for (path, call) in [
        ("/auth/verify", desk.verify(&mei.token)),
        ("/auth/session/validate", desk.validate(&mei.token)),
    ] {
        for token in [&mei.token, &project, brief.as_ref().unwrap()] {
            seen.check("post", path, &call.clone().token(token).send().await);
        }
        wrongly(call, &mut seen, "post", path, false).await;
    }
    let destroy = "/auth/session/destroy";
    for token in [&mei.token, &mei.token, &project] {
        let call = desk.destroy(&mei.session, token);
        seen.check("post", destroy, &call.send().await);
    }
    seen.is_complete();
}

#[tokio::test]
async fn each_key_is_written_as_the_document_says() {
    use mastra_auth_local_cloud::Algorithm;
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let desk = Desk::with(Dialect::V1, |options| options.algorithm = algorithm).await;
        let mut seen = Seen::of(Dialect::V1);
        let keys = desk.page("/.well-known/jwks.json").await;
        seen.check("get", "/.well-known/jwks.json", &keys);
    }
}
