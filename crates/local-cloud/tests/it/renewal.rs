//! Tokens that end sooner than their session, and the newer ones that come in their place.

use std::time::Duration;

use crate::desk::{BOTH, Desk};
use mastra_auth_local_cloud::Dialect;
use serde_json::Value;

fn newer(dialect: Dialect, body: &Value) -> Option<String> {
    let member = match dialect {
        Dialect::Pkce => &body["access_token"],
        _ => &body["data"]["jwt"],
    };
    member.as_str().map(str::to_owned)
}

/// A token of Mei's that was issued so many seconds ago, for an hour from then on.
fn token_of_age(desk: &Desk, age: u64) -> String {
    let (age, lifetime) = (Duration::from_secs(age), Duration::from_hours(1));
    let control = desk.cloud.control();
    control
        .sign_in_with_token_of("member", age, lifetime)
        .unwrap()
}

#[tokio::test]
async fn a_token_is_renewed_in_its_last_third_and_past_its_end() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let early = desk.validate(&token_of_age(&desk, 2_300)).send().await;
        assert_eq!(early.status, 200);
        assert_eq!(newer(dialect, &early.body), None);

        let old = token_of_age(&desk, 2_400);
        let late = desk.validate(&old).send().await;
        let second = newer(dialect, &late.body).unwrap();
        assert_ne!(second, old);
        for token in [&old, &second] {
            assert_eq!(desk.verify(token).send().await.status, 200);
        }

        // For a minute past its end it is good for a renewal, and for nothing else.
        let ended = token_of_age(&desk, 3_600);
        assert_eq!(desk.verify(&ended).send().await.status, 401);
        let past = desk.validate(&ended).send().await;
        assert!(newer(dialect, &past.body).is_some(), "{}", past.text);
        let long_past = desk.validate(&token_of_age(&desk, 3_661)).send().await;
        assert_eq!(long_past.status, 401);
        assert_eq!(desk.cloud.requests("renewal"), 2);
        let sessions = desk.cloud.control().sessions();
        assert_eq!(sessions.len(), 4, "a renewal begins no session");

        // Where the session has ended there is nothing to renew.
        assert_eq!(desk.cloud.control().end_sessions_of("usr_mei"), 4);
        for token in [&old, &second, &ended] {
            assert_eq!(desk.validate(token).send().await.status, 401);
        }
    }
}

#[tokio::test]
async fn a_token_that_ends_with_its_session_is_not_renewed() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.session_lifetime = Duration::from_hours(1);
        })
        .await;
        // Past two thirds of its life, and cut at the end of its session.
        let (age, lifetime) = (Duration::from_hours(3), Duration::from_hours(9));
        let control = desk.cloud.control();
        let token = control.sign_in_with_token_of("member", age, lifetime);
        let token = token.unwrap();
        let alive = desk.validate(&token).send().await;
        assert_eq!(
            (alive.status.as_u16(), newer(dialect, &alive.body)),
            (200, None)
        );
        assert_eq!(desk.cloud.requests("renewal"), 0);
    }
}
