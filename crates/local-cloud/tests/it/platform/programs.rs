//! Bearers: access tokens, what renews them, and API keys.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Platform, With, refused};
use crate::desk::claims;

#[tokio::test]
async fn a_bearer_names_its_person_and_an_organization() {
    let platform = Platform::new().await;
    let token = platform.person("admin").token;
    assert_eq!(claims(&token)["org_id"], "org_acme");
    let own = platform.get("/auth/verify", With::Bearer(&token)).await;
    assert_eq!(
        own.body,
        json!({
            "user": { "id": "usr_anders", "email": "anders@example.com", "firstName": "Anders", "lastName": "Holm" },
            "organizationId": "org_acme", "role": "admin", "authType": "user",
            "memberOrgIds": ["org_acme", "org_globex"],
        })
    );
    let other = platform
        .get("/auth/verify", With::For(&token, "org_globex"))
        .await;
    assert_eq!(other.body["organizationId"], "org_globex");
    assert_eq!(other.body["role"], "member");
    let member = platform.person("member").token;
    let answer = platform
        .get("/auth/verify", With::For(&member, "org_globex"))
        .await;
    refused(&answer, 403, "no member");
    let none = platform.person("newcomer").token;
    let answer = platform.get("/auth/verify", With::Bearer(&none)).await;
    refused(&answer, 403, "no member");
    assert!(
        platform
            .0
            .cloud
            .control()
            .remove_member("org_acme", "member")
    );
    let answer = platform.get("/auth/verify", With::Bearer(&member)).await;
    refused(&answer, 403, "no member");
    for with in [With::Nothing, With::Bearer("junk"), With::Bearer("sk_junk")] {
        refused(&platform.get("/auth/verify", with).await, 401, "token");
    }
    let sealed = platform.session("admin");
    let answer = platform.get("/auth/verify", With::Session(&sealed)).await;
    refused(&answer, 401, "bearer");
    platform.access_ends();
    let answer = platform.get("/auth/verify", With::Bearer(&token)).await;
    refused(&answer, 401, "expired");
}

#[tokio::test]
async fn both_tokens_rotate() {
    let platform = Platform::new().await;
    let first = platform.person("member");
    let with = |token: &Option<String>| json!({ "refreshToken": token });
    let refresh = |body: Value| platform.post("/auth/refresh-token", With::Nothing, body);
    let answer = refresh(with(&first.refresh_token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (access, next) = (
        answer.body["accessToken"].clone(),
        answer.body["refreshToken"].clone(),
    );
    assert_ne!(access, json!(first.token));
    let verified = platform.get("/auth/verify", With::Bearer(access.as_str().unwrap()));
    assert_eq!(verified.await.body["user"]["id"], "usr_mei");
    refused(
        &refresh(with(&first.refresh_token)).await,
        401,
        "invalid_grant",
    );
    refused(
        &refresh(json!({ "refreshToken": "junk" })).await,
        401,
        "invalid_grant",
    );
    refused(&refresh(json!({})).await, 400, "member of the body");
    let answer = refresh(json!({})).await;
    assert_eq!(answer.body["errors"][0]["field"], "refreshToken");
    assert_eq!(refresh(json!({ "refreshToken": next })).await.status, 200);
    let sealed = first.sealed_session;
    refused(&refresh(with(&sealed)).await, 400, "member of the body");
    assert!(platform.0.cloud.control().end_session(&first.session_id));
    let last = platform.person("member");
    platform.0.cloud.control().end_sessions_of("member");
    refused(&refresh(with(&last.refresh_token)).await, 401, "ended");
}

#[tokio::test]
async fn an_api_key_is_shown_once_and_belongs_to_its_organization() {
    let platform = Platform::new().await;
    let admin = platform.person("admin").token;
    let with = With::For(&admin, "org_globex");
    let made = platform
        .post("/auth/tokens", with, json!({ "name": "CI" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("sk_"));
    let id = made.body["token"]["id"].as_str().unwrap();
    let verified = platform.get("/auth/verify", With::Bearer(&secret)).await;
    assert_eq!(
        verified.body,
        json!({
            "user": { "id": id, "email": null, "firstName": null, "lastName": null },
            "organizationId": "org_globex", "role": "member", "authType": "api-key", "memberOrgIds": ["org_globex"],
        })
    );
    let answer = platform
        .get("/auth/verify", With::For(&secret, "org_acme"))
        .await;
    refused(&answer, 403, "no member");
    let list = platform.get("/auth/tokens", with).await;
    assert!(!list.text.contains(&secret));
    assert_eq!(list.body["tokens"][0]["name"], "CI");
    assert!(list.body["tokens"][0]["lastUsedAt"].is_string());
    let elsewhere = platform.get("/auth/tokens", With::Bearer(&admin)).await;
    assert_eq!(elsewhere.body, json!({ "tokens": [] }));
    let path = format!("/auth/tokens/{id}");
    let delete = |with| platform.call(Method::DELETE, &path, with, None);
    let answer = delete(With::Bearer(&admin)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (404, "text/plain; charset=utf-8")
    );
    let answer = delete(With::Bearer(&secret)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(delete(with).await.body, json!({ "ok": true }));
    let answer = platform.get("/auth/verify", With::Bearer(&secret)).await;
    refused(&answer, 401, "not valid");
}

#[tokio::test]
async fn an_api_key_writes_telemetry_of_a_project() {
    let platform = Platform::new().await;
    let control = platform.0.cloud.control();
    let key = control.issue_api_key("org_acme", "member").unwrap();
    assert!(control.issue_api_key("org_none", "member").is_none());
    assert!(control.issue_api_key("org_acme", "king").is_none());
    let ask =
        |with, project| platform.post("/auth/ingest/verify", with, json!({ "projectId": project }));
    let answer = ask(With::Bearer(&key), "demo").await;
    assert_eq!(
        answer.body,
        json!({ "organizationId": "org_acme", "projectId": "demo", "authType": "api-key" })
    );
    refused(&ask(With::Bearer(&key), "other").await, 404, "project");
    refused(&ask(With::Nothing, "demo").await, 401, "bearer");
    let token = platform.person("admin").token;
    refused(&ask(With::Bearer(&token), "demo").await, 403, "API key");
}
