//! What a fault does to the endpoints of the platform.

use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::header::COOKIE;
use serde_json::json;

use super::{Platform, With, newer, refused};

impl Platform {
    fn fails_once(&self, endpoint: &str, kind: FaultKind) {
        let fault = Fault::new(kind).on(endpoint).times(1);
        self.0.cloud.control().set_fault(fault);
    }
}

#[tokio::test]
async fn an_answer_is_lost_after_the_session_was_rotated() {
    let platform = Platform::new().await;
    for path in ["me", "refresh"] {
        let sealed = platform.session("member");
        platform.access_ends();
        platform.fails_once(path, FaultKind::Lost);
        let asked = platform
            .0
            .http
            .get(platform.0.url(&format!("/v1/auth/{path}")))
            .header(COOKIE, format!("wos-session={sealed}"));
        let lost = async { asked.send().await?.bytes().await };
        assert!(lost.await.is_err(), "{path}");
        refused(&platform.me(&sealed).await, 401, "invalid_grant");
    }
    assert_eq!(platform.0.cloud.requests("rotation"), 2);
}

#[tokio::test]
async fn a_status_comes_as_a_problem_an_old_body_or_a_text() {
    let platform = Platform::new().await;
    let sealed = platform.session("member");
    for (kind, status, media, body) in [
        (
            FaultKind::Status { status: 503 },
            503,
            "application/problem+json",
            "\"detail\":\"The local Cloud",
        ),
        (
            FaultKind::BareError { status: 500 },
            500,
            "application/json",
            "{\"error\":\"The local Cloud was told to fail.\"}",
        ),
        (
            FaultKind::TextError { status: 401 },
            401,
            "text/plain; charset=utf-8",
            "The local Cloud was told to fail.",
        ),
        (
            FaultKind::EchoSecret,
            401,
            "application/problem+json",
            &sealed,
        ),
    ] {
        platform.fails_once("me", kind.clone());
        let answer = platform.me(&sealed).await;
        assert_eq!(answer.status, status, "{kind:?}");
        assert_eq!(answer.header("content-type"), media, "{kind:?}");
        assert!(answer.text.contains(body), "{kind:?}: {}", answer.text);
    }
    assert_eq!(platform.me(&sealed).await.status, 200);
}

#[tokio::test]
async fn one_member_is_left_out_of_the_right_answer() {
    let platform = Platform::new().await;
    let member = platform.person("member");
    let without = |name: &str| FaultKind::Without {
        member: name.into(),
    };
    platform.fails_once("verify", without("memberOrgIds"));
    let with = With::Bearer(&member.token);
    let less = platform.get("/auth/verify", with).await.body;
    let mut whole = platform.get("/auth/verify", with).await.body;
    assert!(
        whole
            .as_object_mut()
            .unwrap()
            .remove("memberOrgIds")
            .is_some()
    );
    assert_eq!(less, whole);
    platform.access_ends();
    platform.fails_once("me", without("role"));
    let answer = platform.me(member.sealed_session.as_deref().unwrap()).await;
    assert_eq!(answer.body.get("role"), None);
    assert!(newer(&answer).is_some(), "the headers stay");
    platform.fails_once("tokens", without("x"));
    let answer = platform.get("/auth/tokens", With::Nothing).await;
    assert_eq!(answer.text, "A bearer token is needed.");
}

#[tokio::test]
async fn a_sign_in_fails_where_it_is_told_to() {
    let platform = Platform::new().await;
    platform.fails_once("callback", FaultKind::Status { status: 500 });
    let answer = platform.get("/auth/callback?code=c", With::Nothing).await;
    assert_eq!(answer.body["status"], json!(500));
}
