//! Tokens that end sooner than their session, and the newer ones that come in their place.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]

mod desk;

use std::time::Duration;

use desk::{BOTH, Desk};
use mastra_auth_local_cloud::Dialect;
use serde_json::Value;

fn newer(dialect: Dialect, body: &Value) -> Option<String> {
    let member = match dialect {
        Dialect::Pkce => &body["access_token"],
        _ => &body["data"]["jwt"],
    };
    member.as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_token_is_renewed_in_its_last_third_and_past_its_end() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.token_lifetime = Some(Duration::from_secs(3));
        })
        .await;
        let mei = desk.sign_in().await;
        let early = desk.validate(&mei.token).send().await;
        assert_eq!(early.status, 200);
        assert_eq!(newer(dialect, &early.body), None);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let late = desk.validate(&mei.token).send().await;
        let second = newer(dialect, &late.body).unwrap();
        assert_ne!(second, mei.token);
        for token in [&mei.token, &second] {
            let verified = desk.verify(token).send().await;
            // The old one may have ended on the way here.
            assert!(verified.status == 200 || *token == mei.token);
        }
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        assert_eq!(desk.verify(&mei.token).send().await.status, 401);
        let past = desk.validate(&mei.token).send().await;
        assert!(newer(dialect, &past.body).is_some(), "{}", past.text);
        assert_eq!(desk.cloud.requests("renewal"), 2);
        assert_eq!(desk.cloud.control().sessions().len(), 1, "the same session");
        // Where the session has ended there is nothing to renew.
        assert_eq!(desk.cloud.control().end_sessions_of("usr_mei"), 1);
        for token in [&mei.token, &second] {
            assert_eq!(desk.validate(token).send().await.status, 401);
        }
    }
}

#[tokio::test]
async fn a_token_that_ends_with_its_session_is_not_renewed() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.session_lifetime = Duration::from_secs(2);
            options.token_lifetime = Some(Duration::from_secs(30));
        })
        .await;
        let mei = desk.sign_in().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let alive = desk.validate(&mei.token).send().await;
        assert_eq!(
            (alive.status.as_u16(), newer(dialect, &alive.body)),
            (200, None)
        );
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(desk.validate(&mei.token).send().await.status, 401);
        assert_eq!(desk.cloud.requests("renewal"), 0);
    }
}
