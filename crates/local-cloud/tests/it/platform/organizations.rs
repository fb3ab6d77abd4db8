//! Organizations, members and invitations.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Platform, With, newer, refused};

#[tokio::test]
async fn organizations_are_listed_made_named_and_changed_over_to() {
    let platform = Platform::new().await;
    let sealed = platform.session("admin");
    let acme = json!({ "id": "org_acme", "name": "Acme", "role": "admin", "isCurrent": true });
    let globex =
        json!({ "id": "org_globex", "name": "Globex", "role": "member", "isCurrent": false });
    let both = json!({ "organizations": [acme, globex] });
    let list = platform.get("/auth/orgs", With::Session(&sealed)).await;
    assert_eq!(list.body, both);
    let token = platform.person("admin").token;
    let list = platform.get("/auth/orgs", With::Bearer(&token)).await;
    assert_eq!(list.body, both);
    let to = json!({ "organizationId": "org_globex" });
    let switched = platform
        .post("/auth/switch-org", With::Session(&sealed), to.clone())
        .await;
    assert_eq!(
        switched.body,
        json!({ "ok": true, "organizationId": "org_globex" })
    );
    let second = newer(&switched).unwrap();
    assert_eq!(
        platform.me(&second).await.body["organizationId"],
        "org_globex"
    );
    assert_eq!(
        platform.me(&sealed).await.body["organizationId"],
        "org_acme"
    );
    let answer = platform
        .post("/auth/switch-org", With::Session(&sealed), to)
        .await;
    refused(&answer, 401, "invalid_grant");
    let to = json!({ "organizationId": "org_none" });
    let answer = platform
        .post("/auth/switch-org", With::Session(&second), to)
        .await;
    refused(&answer, 401, "no member");
    let rename = |sealed: String, name: &str| {
        let body = Some(json!({ "name": name }));
        let platform = &platform;
        async move {
            platform
                .call(Method::PATCH, "/auth/orgs", With::Session(&sealed), body)
                .await
        }
    };
    refused(&rename(second, "G").await, 403, "admin");
    let answer = rename(platform.session("owner"), "Acme Ltd").await;
    assert_eq!(answer.body["organization"]["name"], "Acme Ltd");
    refused(
        &rename(platform.session("newcomer"), "N").await,
        403,
        "chosen",
    );
}

#[tokio::test]
async fn a_person_without_an_organization_makes_one() {
    let platform = Platform::new().await;
    let sealed = platform.session("newcomer");
    let make = |name: Value| {
        platform.post(
            "/auth/orgs",
            With::Session(&sealed),
            json!({ "name": name }),
        )
    };
    refused(&make(json!("")).await, 400, "member of the body");
    let made = make(json!("Noor's")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["organization"]["id"].clone();
    let me = platform.me(&newer(&made).unwrap()).await.body;
    assert_eq!((&me["organizationId"], &me["role"]), (&id, &json!("admin")));
    refused(&make(json!("Again")).await, 401, "invalid_grant");
    let me = platform.me(&platform.session("newcomer")).await.body;
    assert_eq!(
        me["memberOrgIds"],
        json!([id]),
        "the refused one is not made"
    );
}

#[tokio::test]
async fn members_are_listed_changed_and_removed_by_an_admin() {
    let platform = Platform::new().await;
    let (admin, viewer) = (platform.session("owner"), platform.session("viewer"));
    let list = platform.get("/org/members", With::Session(&viewer)).await;
    let list = list.body["members"].as_array().unwrap().clone();
    assert_eq!(list.len(), 4);
    let mei = list.iter().find(|one| one["userId"] == "usr_mei").unwrap();
    assert_eq!(
        (&mei["role"], &mei["status"]),
        (&json!("member"), &json!("active"))
    );
    let path = format!("/org/members/{}", mei["id"].as_str().unwrap());
    let change = |sealed, role: &str| {
        let body = Some(json!({ "role": role }));
        platform.call(Method::PATCH, &path, With::Session(sealed), body)
    };
    refused(&change(&viewer, "admin").await, 403, "admin");
    refused(&change(&admin, "viewer").await, 400, "member or admin");
    assert_eq!(
        change(&admin, "admin").await.body["member"]["role"],
        "admin"
    );
    let elsewhere = platform.session("outsider");
    refused(&change(&elsewhere, "member").await, 404, "member");
    let member = platform.session("member");
    assert_eq!(platform.me(&member).await.body["role"], "admin");
    let remove = |sealed| platform.call(Method::DELETE, &path, With::Session(sealed), None);
    refused(&remove(&viewer).await, 403, "admin");
    refused(&remove(&elsewhere).await, 404, "member");
    assert_eq!(remove(&admin).await.body, json!({ "ok": true }));
    refused(&remove(&admin).await, 404, "member");
    let me = platform.me(&member).await.body;
    assert_eq!(
        (&me["organizationId"], &me["memberOrgIds"]),
        (&json!(null), &json!([]))
    );
    let answer = platform.get("/org/members", With::Session(&member)).await;
    refused(&answer, 403, "chosen");
    refused(
        &platform.get("/org/members", With::Nothing).await,
        401,
        "session",
    );
}

#[tokio::test]
async fn an_invited_person_is_a_member_from_the_next_sign_in() {
    let platform = Platform::new().await;
    let (admin, member) = (platform.session("owner"), platform.session("member"));
    let path = "/org/members/invitations";
    let invite = |sealed, role| {
        let body = json!({ "email": "NOOR@example.com", "role": role });
        platform.post(path, With::Session(sealed), body)
    };
    refused(&invite(&member, "member").await, 403, "admin");
    refused(&invite(&admin, "king").await, 400, "member or admin");
    let made = invite(&admin, "member").await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["invitation"]["state"], "pending");
    let id = invite(&admin, "admin").await.body["invitation"]["id"].clone();
    let one = format!("{path}/{}", id.as_str().unwrap());
    let remove = |sealed| platform.call(Method::DELETE, &one, With::Session(sealed), None);
    refused(&remove(&member).await, 403, "admin");
    assert_eq!(remove(&admin).await.body, json!({ "ok": true }));
    refused(&remove(&admin).await, 404, "invitation");
    let me = platform.me(&platform.session("newcomer")).await.body;
    assert_eq!(
        (&me["organizationId"], &me["role"]),
        (&json!("org_acme"), &json!("member"))
    );
    let list = platform.get(path, With::Session(&member)).await;
    assert_eq!(list.body["invitations"].as_array().unwrap().len(), 1);
    assert_eq!(list.body["invitations"][0]["state"], "accepted");
    let control = platform.0.cloud.control();
    assert!(control.remove_member("org_acme", "newcomer"));
    let me = platform.me(&platform.session("newcomer")).await.body;
    assert_eq!(me["memberOrgIds"], json!([]), "it is good once");
    assert_eq!(invite(&admin, "member").await.status, 201);
    control.advance(Duration::from_hours(7 * 24));
    let me = platform.me(&platform.session("newcomer")).await.body;
    assert_eq!(me["memberOrgIds"], json!([]), "it has expired");
}

#[tokio::test]
async fn the_admin_page_changes_members_and_options() {
    let platform = Platform::new().await;
    let admin = |method, path, body| platform.0.admin(method, path, body);
    let role = |name: &str| Some(json!({ "role": name }));
    let place = "organizations/org_globex/members/member";
    assert_eq!(admin(Method::PUT, place, role("king")).await.status, 400);
    assert_eq!(admin(Method::PUT, place, role("viewer")).await.status, 200);
    let people = admin(Method::GET, "state", None).await.body["people"].clone();
    for (id, role) in [("usr_olivia", "admin"), ("usr_noor", "")] {
        let shown = json!({ "id": id, "role": role });
        assert!(people.as_array().unwrap().contains(&shown), "{people}");
    }
    let page = platform.0.page("/admin").await.text;
    assert!(page.contains("no organization") && page.contains("switch-org"));
    let front = platform.0.page("/").await.text;
    assert!(front.contains("org_globex") && !front.contains("MASTRA_PROJECT_ID"));
    let sealed = platform.session("member");
    let me = platform.me(&sealed).await.body;
    assert_eq!(me["memberOrgIds"], json!(["org_acme", "org_globex"]));
    assert_eq!(admin(Method::DELETE, place, None).await.status, 200);
    assert_eq!(admin(Method::DELETE, place, None).await.status, 404);
    let nowhere = "organizations/org_none/members/member";
    assert_eq!(
        admin(Method::PUT, nowhere, role("viewer")).await.status,
        404
    );
    let shown = admin(Method::GET, "platform", None).await.body;
    assert_eq!(
        shown,
        json!({
            "rotateAfter": 300, "rotationLeeway": 0, "redirectQuery": "keep", "callbackState": "replace",
            "redirectHosts": ["*.mastra.ai", "*.mastra.cloud"],
        })
    );
    for bad in [
        json!({ "rotateAfter": -1 }),
        json!({ "rotate": 1 }),
        json!({ "callbackState": "x" }),
    ] {
        assert_eq!(
            admin(Method::PATCH, "platform", Some(bad)).await.status,
            400
        );
    }
    let changed = admin(Method::PATCH, "platform", Some(json!({ "rotateAfter": 0 }))).await;
    assert_eq!(changed.body["rotateAfter"], 0);
    assert!(newer(&platform.me(&sealed).await).is_some());
    let issued = admin(
        Method::POST,
        "tokens",
        Some(json!({ "person": "outsider", "age": 3 })),
    )
    .await;
    let session = issued.body["session"].as_str().unwrap();
    assert_eq!(platform.me(session).await.status, 200);
    assert_eq!(issued.body["organizationId"], "org_globex");
    let key = admin(Method::POST, "project-tokens", role("viewer")).await;
    let verified = platform.get(
        "/auth/verify",
        With::Bearer(key.body["token"].as_str().unwrap()),
    );
    assert_eq!(verified.await.body["role"], "viewer");
}
