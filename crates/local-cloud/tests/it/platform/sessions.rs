//! Sealed sessions: who has one, how it rotates, how it ends.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::{Platform, With, newer, refused};

#[tokio::test]
async fn a_session_names_its_person() {
    let platform = Platform::new().await;
    let sealed = platform.session("admin");
    assert!(sealed.starts_with("Fe26.2*") && sealed.len() > 600);
    let me = platform.me(&sealed).await;
    assert_eq!(me.status, 200, "{}", me.text);
    assert_eq!(
        me.body,
        json!({
            "user": {
                "id": "usr_anders", "email": "anders@example.com", "firstName": "Anders", "lastName": "Holm",
                "profilePictureUrl": format!("{}/avatars/admin.svg", platform.0.cloud.url()),
            },
            "organizationId": "org_acme", "role": "admin",
            "permissions": ["projects:read", "projects:write", "members:manage"],
            "memberOrgIds": ["org_acme", "org_globex"],
        })
    );
    assert_eq!(newer(&me), None);
    let nobodys = platform.me(&platform.session("newcomer")).await.body;
    assert_eq!(nobodys["organizationId"], json!(null));
    assert_eq!(nobodys["role"], json!(null));
    assert_eq!(nobodys["permissions"], json!([]));
    assert_eq!(nobodys["memberOrgIds"], json!([]));
    refused(
        &platform.get("/auth/me", With::Nothing).await,
        401,
        "session",
    );
    refused(&platform.me("Fe26.2*made*up").await, 401, "not valid");
    let token = platform.person("admin").token;
    let answer = platform.get("/auth/me", With::Bearer(&token)).await;
    refused(&answer, 401, "session");
    refused(&platform.me(&token).await, 401, "not valid");
}

#[tokio::test]
async fn a_session_rotates_once_its_access_part_ends() {
    let platform = Platform::new().await;
    let first = platform.session("member");
    platform.access_ends();
    let answer = platform.me(&first).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let second = newer(&answer).unwrap();
    assert_ne!(first, second);
    refused(&platform.me(&first).await, 401, "invalid_grant");
    refused(&platform.refresh(&first).await, 401, "invalid_grant");
    let answer = platform.me(&second).await;
    assert_eq!((answer.status.as_u16(), newer(&answer)), (200, None));
    assert_eq!(platform.0.cloud.requests("rotation"), 1);
}

#[tokio::test]
async fn a_refresh_always_rotates_and_the_old_one_stays_good_for_its_access_life() {
    let platform = Platform::new().await;
    let first = platform.session("member");
    let answer = platform.refresh(&first).await;
    assert_eq!(answer.body, json!({ "ok": true }));
    let second = newer(&answer).unwrap();
    let answer = platform.me(&first).await;
    assert_eq!((answer.status.as_u16(), newer(&answer)), (200, None));
    refused(&platform.refresh(&first).await, 401, "invalid_grant");
    let list = |sealed| platform.get("/auth/orgs", With::Session(sealed));
    assert_eq!(list(&first).await.status, 200);
    platform.access_ends();
    refused(&list(&first).await, 401, "invalid_grant");
    let answer = list(&second).await;
    assert_eq!(
        (answer.status.as_u16(), newer(&answer)),
        (200, None),
        "it never rotates"
    );
    refused(&platform.me(&first).await, 401, "invalid_grant");
    assert!(newer(&platform.me(&second).await).is_some());
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let hour = Duration::from_hours(1);
    let platform = Platform::with(|options| options.session_lifetime = hour).await;
    let person = platform.person("member");
    platform.0.cloud.control().advance(hour);
    let sealed = person.sealed_session.unwrap();
    refused(&platform.me(&sealed).await, 401, "ended");
    refused(&platform.refresh(&sealed).await, 401, "ended");
    let body = json!({ "refreshToken": person.refresh_token });
    let answer = platform.post("/auth/refresh-token", With::Nothing, body);
    refused(&answer.await, 401, "ended");
}

#[tokio::test]
async fn of_many_who_rotate_at_once_one_succeeds() {
    let platform = Platform::new().await;
    let sealed = platform.session("member");
    platform.access_ends();
    let all = futures_util::future::join_all((0..20).map(|_| platform.me(&sealed))).await;
    let good = all.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    assert_eq!(platform.0.cloud.requests("rotation"), 1);
}

#[tokio::test]
async fn within_the_leeway_the_old_one_rotates_again() {
    let platform = Platform::with(|options| {
        options.platform.rotate_after = Duration::ZERO;
        options.platform.rotation_leeway = Duration::from_mins(1);
    })
    .await;
    let first = platform.session("member");
    let second = newer(&platform.me(&first).await).unwrap();
    let other = newer(&platform.me(&first).await).unwrap();
    assert_ne!(second, other);
    for sealed in [&second, &other] {
        assert_eq!(platform.me(sealed).await.status, 200);
    }
    platform.0.cloud.control().advance(Duration::from_mins(1));
    refused(&platform.me(&first).await, 401, "invalid_grant");
}

#[tokio::test]
async fn a_logout_ends_the_session_and_names_a_page_once() {
    let platform = Platform::new().await;
    let (first, other) = (platform.session("member"), platform.session("member"));
    let body = json!({ "returnTo": "http://localhost:5000/bye" });
    let with = With::Session(&first);
    let answer = platform.post("/auth/logout", with, body).await;
    assert_eq!(answer.body["ok"], true);
    assert_eq!(newer(&answer).as_deref(), Some(""));
    let page = answer.body["logoutUrl"].as_str().unwrap();
    let page = page.strip_prefix(platform.0.cloud.url()).unwrap();
    let back = platform.0.page(page).await.location();
    assert_eq!(back.as_str(), "http://localhost:5000/bye");
    refused(&platform.me(&first).await, 401, "ended");
    let again = platform
        .call(Method::POST, "/auth/logout", with, None)
        .await;
    assert_eq!(again.body, json!({ "ok": true }));
    assert_eq!(platform.me(&other).await.status, 200);
    for (address, why) in [(json!(7), "member of the body"), (json!("/bye"), "no URL")] {
        let bad = platform.post("/auth/logout", with, json!({ "returnTo": address }));
        refused(&bad.await, 400, why);
    }
}

#[tokio::test]
async fn the_admin_verbs_end_sessions_and_change_roles() {
    let platform = Platform::new().await;
    let control = platform.0.cloud.control();
    let (one, two) = (platform.person("member"), platform.session("member"));
    assert!(control.set_role("member", "viewer"));
    assert!(!control.set_role("member", "king"));
    assert!(!control.set_role("newcomer", "admin"));
    assert_eq!(platform.me(&two).await.body["role"], "viewer");
    assert!(control.end_session(&one.session_id));
    refused(
        &platform.me(one.sealed_session.as_deref().unwrap()).await,
        401,
        "ended",
    );
    assert_eq!(control.end_sessions_of("member"), 1);
    refused(&platform.me(&two).await, 401, "ended");
    control.change_platform(|options| options.rotate_after = Duration::ZERO);
    assert!(newer(&platform.me(&platform.session("member")).await).is_some());
    control.reset();
    refused(&platform.me(&two).await, 401, "not valid");
    let answer = platform.me(&platform.session("member")).await;
    assert_eq!(
        (&answer.body["role"], newer(&answer)),
        (&json!("member"), None)
    );
}

#[tokio::test]
async fn a_session_survives_a_restart_where_there_is_a_database() {
    let folder = std::env::temp_dir().join(format!("mastra-platform-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("cloud.sqlite");
    let start = || Platform::with(|options| options.db = Some(file.clone()));
    let platform = start().await;
    let sealed = platform.session("member");
    assert!(
        platform
            .0
            .cloud
            .control()
            .remove_member("org_acme", "member")
    );
    platform.0.cloud.stop().await;
    let platform = start().await;
    let me = platform.me(&sealed).await;
    assert_eq!(me.body["user"]["id"], "usr_mei", "{}", me.text);
    assert_eq!(me.body["memberOrgIds"], json!([]), "stays removed");
    std::fs::remove_dir_all(folder).unwrap();
}
