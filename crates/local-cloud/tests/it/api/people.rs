//! People sign in, are known, may what their role allows, and sign out.

use mastra_auth_local_cloud::Dialect;
use serde_json::json;
use url::Url;

use super::who;
use crate::desk::{APP, BOTH, Desk, claims, query};

#[tokio::test]
async fn a_person_signs_in_is_known_and_signs_out() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let (mei, olivia) = (desk.sign_in().await, desk.sign_in_as("usr_olivia").await);
        assert_eq!(mei.user, "usr_mei");
        let known = desk.verify(&mei.token).send().await;
        assert_eq!(who(&known), ("usr_mei".into(), "member".into()));
        let known = desk.verify(&olivia.token).send().await;
        assert_eq!(who(&known), ("usr_olivia".into(), "owner".into()));
        let session = desk.validate(&mei.token).send().await;
        let session = session
            .body
            .pointer("/data/session")
            .unwrap_or(&session.body)
            .clone();
        let owner = session.get("user_id").or_else(|| session.get("userId"));
        assert_eq!(owner.unwrap(), "usr_mei");

        assert_eq!(
            desk.destroy(&mei.session, &mei.token).send().await.status,
            200
        );
        desk.verify(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        desk.validate(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        desk.destroy(&mei.session, &mei.token)
            .send()
            .await
            .is(401, "session_ended");
        let other = desk.verify(&olivia.token).send().await;
        assert_eq!(other.status, 200, "the other session stays");
    }
}

#[tokio::test]
async fn a_login_page_is_answered_once_and_may_be_denied() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let login = desk.login_path("demo", "http://127.0.0.1:5000/cb?own=1", "s|%2Fx&y");
        let page = desk.page(&login).await;
        let back = desk.decide(&page, "").await.location();
        assert_eq!(
            back.as_str(),
            "http://127.0.0.1:5000/cb?own=1&error=access_denied&state=s%7C%252Fx%26y"
        );
        assert_eq!(query(&back, "state").unwrap(), "s|%2Fx&y");
        assert_eq!(desk.decide(&page, "usr_mei").await.status, 400, "used up");
        let page = desk.page(&login).await;
        assert_eq!(desk.decide(&page, "usr_nobody").await.status, 400);
    }
}

#[tokio::test]
async fn whoever_is_approved_is_not_asked() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.auto_approve = Some("victor@example.com".into());
        })
        .await;
        let back = desk
            .page(&desk.login_path("demo", APP, "s"))
            .await
            .location();
        let code = query(&back, "code").unwrap();
        let answer = desk.exchange(&code).send().await;
        assert_eq!(answer.signed_in().user, "usr_victor");
    }
}

#[tokio::test]
async fn what_a_user_may_do_follows_the_role_of_now() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let grants = async |id: &str, token: &str| {
        desk.permissions(id, token).send().await.body["data"]["permissions"].clone()
    };
    assert_eq!(
        grants("usr_mei", &mei.token).await,
        json!(["*:read", "*:execute"])
    );
    assert!(desk.cloud.control().set_role("usr_mei", "owner"));
    assert_eq!(grants("usr_mei", &mei.token).await, json!(["*"]));
    assert_eq!(claims(&mei.token)["role"], "member");
    let known = desk.verify(&mei.token).send().await;
    assert_eq!(who(&known).1, "owner", "not what the token says");
    assert!(desk.cloud.control().set_role("usr_mei", "viewer"));
    assert_eq!(grants("usr_mei", &mei.token).await, json!(["*:read"]));
}

#[tokio::test]
async fn people_read_themselves_and_admins_read_everybody() {
    let desk = Desk::new(Dialect::V1).await;
    for (reader, id, expect) in [
        ("usr_mei", "usr_mei", Ok("mei@example.com")),
        ("usr_mei", "usr_olivia", Err((403, "forbidden"))),
        ("usr_mei", "usr_nobody", Err((403, "forbidden"))),
        ("usr_victor", "usr_mei", Err((403, "forbidden"))),
        ("usr_anders", "usr_mei", Ok("mei@example.com")),
        ("usr_olivia", "usr_victor", Ok("victor@example.com")),
        ("usr_olivia", "usr_nobody", Err((404, "user_not_found"))),
        ("usr_olivia", "..%2Fusr_mei", Err((404, "user_not_found"))),
        ("usr_olivia", "%ff", Err((404, "user_not_found"))),
    ] {
        let token = desk.sign_in_as(reader).await.token;
        for call in [desk.user(id, &token), desk.permissions(id, &token)] {
            let answer = call.send().await;
            match expect {
                Err((status, code)) => answer.is(status, code),
                Ok(email) => {
                    assert_eq!(answer.status, 200, "{reader} {id}");
                    let user = &answer.body["data"]["user"];
                    assert!(user.is_null() || user["email"] == email);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cloud_that_stopped_answers_nobody() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let call = desk.verify(&mei.token);
    desk.cloud.stop().await;
    assert!(call.request().send().await.is_err());
}

#[tokio::test]
async fn the_logout_page_ends_a_session_only_for_its_own_token() {
    let desk = Desk::new(Dialect::Pkce).await;
    let (mei, victor) = (desk.sign_in().await, desk.sign_in_as("usr_victor").await);
    let back =
        |token: &str| format!("/auth/logout?post_logout_redirect_uri={APP}&id_token_hint={token}");
    assert_eq!(
        desk.page(&back("junk")).await.location(),
        Url::parse(APP).unwrap()
    );
    assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    desk.page(&back(&mei.token)).await.location();
    desk.verify(&mei.token)
        .send()
        .await
        .is(401, "session_ended");
    assert_eq!(desk.verify(&victor.token).send().await.status, 200);

    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let path = format!(
        "/auth/logout?redirect_uri={APP}&id_token_hint={}",
        mei.token
    );
    desk.page(&path).await.location();
    assert_eq!(
        desk.verify(&mei.token).send().await.status,
        200,
        "no token in the address"
    );
}
