//! Authorization codes: good once, for a while, and for what they were made for.

use std::time::Duration;

use mastra_auth_local_cloud::Dialect;
use serde_json::{Value, json};

use super::two_projects;
use crate::desk::{APP, BOTH, Call, Desk, VERIFIER, challenge, query};

#[tokio::test(flavor = "multi_thread")]
async fn threat_016_of_a_hundred_exchanges_of_one_code_one_succeeds() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let call = desk.exchange(&desk.code().await);
        let tasks: Vec<_> = (0..100)
            .map(|_| tokio::spawn(call.clone().send()))
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            let answer = task.await.unwrap();
            if answer.status == 200 {
                won.push(answer.signed_in().token);
            } else {
                answer.is(400, "code_reused");
            }
        }
        assert_eq!(won.len(), 1, "{dialect:?}");
        assert_eq!(desk.cloud.control().sessions().len(), 1);
        desk.verify(&won[0]).send().await.is(401, "session_ended");
    }
}

#[tokio::test]
async fn threat_016_using_a_code_again_ends_the_session_it_made() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let bystander = desk.sign_in().await;
        let code = desk.code().await;
        let mei = desk.exchange(&code).send().await.signed_in();
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
        desk.exchange(&code).send().await.is(400, "code_reused");
        desk.verify(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        assert_eq!(desk.verify(&bystander.token).send().await.status, 200);
    }
}

#[tokio::test]
async fn threat_044_a_code_is_good_only_for_what_it_was_made_for() {
    type Change = fn(Call) -> Call;
    let other_project: Change = |call| call.project(Some("shop"));
    let changes: [(Dialect, Change); 6] = [
        (Dialect::V1, other_project),
        (Dialect::Pkce, other_project),
        (Dialect::Pkce, |call| {
            call.member("redirect_uri", json!("http://localhost:5000/callback/"))
        }),
        (Dialect::Pkce, |call| {
            call.member("redirect_uri", json!("http://LOCALHOST:5000/callback"))
        }),
        (Dialect::Pkce, |call| {
            call.member("code_verifier", json!("x".repeat(43)))
        }),
        (Dialect::Pkce, |call| {
            call.member("code_verifier", json!(challenge(VERIFIER)))
        }),
    ];
    for (dialect, change) in changes {
        let desk = Desk::with(dialect, |options| options.seed = two_projects()).await;
        let code = desk.code().await;
        change(desk.exchange(&code))
            .send()
            .await
            .is(400, "invalid_code");
        assert!(desk.cloud.control().sessions().is_empty());
        let after = desk.exchange(&code).send().await;
        assert_eq!(after.code(), "code_reused", "a code has one try");
        assert_eq!(desk.exchange(&desk.code().await).send().await.status, 200);
        desk.exchange("code_unknown")
            .send()
            .await
            .is(400, "invalid_code");
    }
}

#[tokio::test]
async fn threat_042_no_sign_in_without_a_challenge_nor_an_exchange_without_its_verifier() {
    let desk = Desk::with(Dialect::Pkce, |options| {
        options.auto_approve = Some("member".into());
    })
    .await;
    let begin = format!("/auth/oss?project_id=demo&state=s&redirect_uri={APP}");
    let (good, short) = (challenge(VERIFIER), "x".repeat(42));
    for rest in [
        String::new(),
        "&code_challenge_method=S256".into(),
        "&code_challenge=&code_challenge_method=S256".into(),
        format!("&code_challenge={good}"),
        format!("&code_challenge={good}&code_challenge_method=plain"),
        format!("&code_challenge={good}&code_challenge_method=s256"),
        format!("&code_challenge={VERIFIER}%20&code_challenge_method=S256"),
        format!("&code_challenge={short}&code_challenge_method=S256"),
        format!("&code_challenge={good}&code_challenge=&code_challenge_method=S256"),
    ] {
        let page = desk.page(&format!("{begin}{rest}")).await;
        assert_eq!(page.status, 400, "{rest}");
        assert_eq!(page.header("location"), "");
    }
    let path = format!("{begin}&code_challenge={good}&code_challenge_method=S256");
    for verifier in [
        Value::Null,
        json!(""),
        json!(null),
        json!(7),
        json!([VERIFIER]),
    ] {
        let back = desk.page(&path).await.location();
        let code = query(&back, "code").unwrap();
        let call = desk
            .exchange(&code)
            .member("code_verifier", verifier.clone());
        let answer = call.send().await;
        assert_eq!(answer.status, 400, "{verifier}: {}", answer.text);
        assert!(desk.cloud.control().sessions().is_empty());
    }
}

#[tokio::test]
async fn codes_and_sessions_end_by_themselves() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| options.code_lifetime = Duration::ZERO).await;
        let code = desk.code().await;
        desk.exchange(&code).send().await.is(400, "code_expired");
        assert!(desk.cloud.control().sessions().is_empty());

        let desk = Desk::with(dialect, |options| options.session_lifetime = Duration::ZERO).await;
        let mei = desk.sign_in().await;
        for call in [
            desk.verify(&mei.token),
            desk.validate(&mei.token),
            desk.destroy(&mei.session, &mei.token),
        ] {
            call.send().await.is(401, "token_expired");
        }
    }
}
