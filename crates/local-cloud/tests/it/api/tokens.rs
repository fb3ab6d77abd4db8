//! What a token is good for: the calls of its own project at its own Cloud, from its own place in the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mastra_auth_local_cloud::Dialect;
use reqwest::Method;
use serde_json::{Value, json};

use super::two_projects;
use crate::desk::{APP, Answer, BOTH, Desk, VERIFIER, claims, header};

#[tokio::test]
async fn threat_009_nothing_but_a_session_token_is_taken_for_one() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let [head, body, signature] = *mei.token.split('.').collect::<Vec<_>>() else {
            panic!("a token has three parts");
        };
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = encode(&json!({ "alg": "none", "kid": header(&mei.token)["kid"] }));
        let mut owner = claims(&mei.token);
        owner["sub"] = json!("usr_olivia");
        let mut tokens = vec![
            desk.code().await,
            mei.session.clone(),
            mei.user.clone(),
            "demo".into(),
            format!("{head}.{body}"),
            format!("{head}.{body}."),
            format!("{unsigned}.{body}."),
            format!("{head}.{}.{signature}", encode(&owner)),
            format!("{}x", mei.token),
            format!("{}=", mei.token),
            format!("{}.", mei.token),
        ];
        let project = desk.cloud.control().issue_project_token("owner").unwrap();
        if dialect == Dialect::V1 {
            tokens.push(project.clone());
        }
        for token in tokens {
            for call in [
                desk.verify(&token),
                desk.validate(&token),
                desk.destroy(&mei.session, &token),
            ] {
                call.send().await.is(401, "invalid_token");
            }
            if dialect == Dialect::V1 {
                desk.user("usr_mei", &token)
                    .send()
                    .await
                    .is(401, "invalid_token");
                let call = desk.permissions("usr_mei", &token);
                call.send().await.is(401, "invalid_token");
            }
        }
        if dialect == Dialect::Pkce {
            let machine = desk.verify(&project).send().await.body;
            let expect =
                json!({ "valid": true, "role": "owner", "token_type": "project_api_token" });
            assert_eq!(machine, expect);
            desk.validate(&project)
                .send()
                .await
                .is(401, "invalid_token");
            let destroyed = desk.destroy(&mei.session, &project).send().await;
            destroyed.is(401, "invalid_token");
        }
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    }
}

#[tokio::test]
async fn each_call_needs_its_bearer_and_its_project() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| options.seed = two_projects()).await;
        let mei = desk.sign_in().await;
        let mut calls = vec![desk.verify(&mei.token), desk.validate(&mei.token)];
        if dialect == Dialect::V1 {
            calls.push(desk.destroy(&mei.session, &mei.token));
            calls.push(desk.user("usr_mei", &mei.token));
            calls.push(desk.permissions("usr_mei", &mei.token));
        }
        for call in calls {
            call.clone()
                .project(None)
                .send()
                .await
                .is(400, "missing_project");
            let unknown = call.clone().project(Some("none"));
            unknown.send().await.is(403, "unknown_project");
            let other = call.clone().project(Some("shop"));
            other.send().await.is(401, "invalid_token");
            let anonymous = call.clone().without_token().send().await;
            assert!(
                matches!(anonymous.code(), "missing_token" | "token_mismatch"),
                "{}",
                anonymous.text
            );
        }
        let bare = desk.destroy(&mei.session, &mei.token).without_token();
        bare.send().await.is(401, "missing_token");
        for scheme in ["Basic", "Token", ""] {
            let value = format!("{scheme} {}", mei.token);
            let call = desk.destroy(&mei.session, "").without_token();
            let request = call.request().header("authorization", value.trim());
            Answer::read(request.send().await.unwrap())
                .await
                .is(401, "missing_token");
        }
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    }
    let desk = Desk::new(Dialect::V1).await;
    let (mei, olivia) = (desk.sign_in().await, desk.sign_in_as("usr_olivia").await);
    for call in [desk.verify(&mei.token), desk.validate(&mei.token)] {
        let mixed = call.member("token", json!(olivia.token));
        mixed.send().await.is(400, "token_mismatch");
    }
    let foreign = desk.destroy(&mei.session, &olivia.token).send().await;
    foreign.is(403, "forbidden");
    assert_eq!(desk.verify(&mei.token).send().await.status, 200);
}

#[tokio::test]
async fn threat_045_what_one_cloud_gave_is_nothing_at_another() {
    for dialect in BOTH {
        let (here, there) = (Desk::new(dialect).await, Desk::new(dialect).await);
        let mei = there.sign_in().await;
        here.verify(&mei.token)
            .send()
            .await
            .is(401, "invalid_token");
        let code = there.code().await;
        here.exchange(&code).send().await.is(400, "invalid_code");
        assert_eq!(
            there.exchange(&code).send().await.status,
            200,
            "not used up"
        );
        assert_ne!(claims(&mei.token)["iss"], json!(here.cloud.url()));
    }
}

#[tokio::test]
async fn threat_050_a_token_in_the_address_is_nobody() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let head = if dialect == Dialect::V1 {
            "/api/v1"
        } else {
            ""
        };
        for name in ["token", "access_token", "jwt", "id_token_hint"] {
            let path = format!("{head}/auth/verify?{name}={}", mei.token);
            let call = desk.call(Method::POST, &path).body(json!({}));
            assert_ne!(call.send().await.status, 200, "{name}");
        }
        let back = desk.page(&desk.login_path("demo", APP, "s")).await;
        let back = desk.decide(&back, "usr_mei").await.location();
        let mut names: Vec<_> = back.query_pairs().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["code", "state"], "the way back holds no token");
    }
}

#[tokio::test]
async fn threat_106_the_admin_routes_show_no_token_and_no_code() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let (used, open) = (desk.code().await, desk.code().await);
        desk.exchange(&used).send().await;
        desk.verify(&mei.token).send().await;
        let mut text = desk.page("/admin").await.text;
        for path in ["state", "sessions", "keys", "faults", "requests"] {
            let answer = desk.admin(Method::GET, path, None).await;
            assert_eq!(answer.status, 200);
            text.push_str(&answer.text);
        }
        assert!(text.contains(&mei.session) || text.contains("Mei"));
        let signature = mei.token.rsplit('.').next().unwrap();
        for secret in [&*mei.token, signature, &*used, &*open, VERIFIER] {
            assert!(!text.contains(secret));
        }
    }
}

#[tokio::test]
async fn a_token_is_issued_without_the_login_page() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let ask = async |body: Value| desk.admin(Method::POST, "tokens", Some(body)).await;
        for (person, id) in [
            ("member", "usr_mei"),
            ("mei@example.com", "usr_mei"),
            ("usr_victor", "usr_victor"),
        ] {
            let issued = ask(json!({ "person": person })).await;
            assert_eq!(issued.status, 200, "{}", issued.text);
            assert_eq!(issued.body["userId"], json!(id));
            let token = issued.body["token"].as_str().unwrap();
            assert_eq!(claims(token)["sid"], issued.body["sessionId"]);
            assert_eq!(desk.verify(token).send().await.status, 200);
        }
        let old = ask(json!({ "person": "member", "age": 90, "lifetime": 60 })).await;
        let old = old.body["token"].as_str().unwrap().to_owned();
        let lives = |name: &str| claims(&old)[name].as_i64().unwrap();
        assert_eq!(lives("exp") - lives("iat"), 60);
        desk.verify(&old).send().await.is(401, "token_expired");
        assert_eq!(desk.validate(&old).send().await.status, 200, "renewable");

        let before = desk.cloud.control().sessions().len();
        for body in [
            json!({ "person": "nobody" }),
            json!({ "person": "" }),
            json!({ "person": "member", "lifetimes": 1 }),
            json!({ "person": "member", "age": -1 }),
            json!({}),
        ] {
            let answer = ask(body.clone()).await;
            assert!(answer.status.is_client_error(), "{body}: {}", answer.text);
        }
        assert_eq!(desk.cloud.control().sessions().len(), before);
    }
}
