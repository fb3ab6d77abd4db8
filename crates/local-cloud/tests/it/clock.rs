//! A clock that a test moves, and a Cloud that begins anew.

use std::time::Duration;

use crate::desk::{BOTH, Desk};
use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::Method;
use serde_json::json;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn tokens_and_sessions_end_by_the_clouds_own_clock() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let control = desk.cloud.control();
        let token = control.sign_in("member", HOUR).unwrap();
        control.advance(Duration::from_mins(59));
        assert_eq!(desk.verify(&token).send().await.status, 200);
        control.advance(Duration::from_mins(2));
        let over = desk.verify(&token).send().await;
        assert_eq!((over.status.as_u16(), over.code()), (401, "token_expired"));
        // Another Cloud of the same process has its own time.
        let other = Desk::new(dialect).await;
        let token = other.cloud.control().sign_in("member", HOUR).unwrap();
        assert_eq!(other.verify(&token).send().await.status, 200);
        // What is issued from now on begins now.
        let fresh = control.sign_in("member", HOUR).unwrap();
        assert_eq!(desk.verify(&fresh).send().await.status, 200);
    }
}

#[tokio::test]
async fn a_code_ends_by_the_clouds_own_clock() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let code = desk.code().await;
        let moved = desk
            .admin(Method::POST, "clock", Some(json!({ "seconds": 61 })))
            .await;
        assert!(moved.body["now"].is_i64(), "{moved:?}");
        let over = desk.exchange(&code).send().await;
        assert_eq!((over.status.as_u16(), over.code()), (400, "code_expired"));
    }
}

#[tokio::test]
async fn a_reset_takes_everything_back_but_the_keys() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let control = desk.cloud.control();
        let token = control.sign_in("member", HOUR).unwrap();
        let keys = desk.admin(Method::GET, "keys", None).await.body;
        control.advance(HOUR / 2);
        control.set_fault(Fault::new(FaultKind::Html).on("user"));
        assert!(control.set_role("usr_mei", "admin"));
        desk.verify(&token).send().await;
        assert!(
            control
                .requests()
                .iter()
                .any(|row| row.endpoint == "verify" && row.status == 200)
        );

        assert_eq!(desk.admin(Method::POST, "reset", None).await.status, 200);
        assert_eq!(control.requests(), []);
        assert!(control.sessions().is_empty());
        assert_eq!(desk.cloud.requests("any"), 0);
        assert_eq!(
            desk.admin(Method::GET, "faults", None).await.body["faults"],
            json!([])
        );
        assert_eq!(desk.admin(Method::GET, "keys", None).await.body, keys);
        let refused = desk.verify(&token).send().await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "invalid_token")
        );
        let state = desk.admin(Method::GET, "state", None).await.body;
        let people = state["people"].as_array().unwrap();
        let mei = people.iter().find(|user| user["id"] == "usr_mei").unwrap();
        assert_eq!(mei["role"], "member");
        let fresh = control.sign_in("member", HOUR).unwrap();
        assert_eq!(desk.verify(&fresh).send().await.status, 200);
    }
}
