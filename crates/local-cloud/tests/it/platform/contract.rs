//! The running platform against `contract/openapi.platform.yaml`: each documented answer is seen, and is as it says.

use mastra_auth_local_cloud::Dialect;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::{Value, json};

use super::{Platform, With};
use crate::contract::Seen;
use crate::desk::{Answer, form, number};

struct Held {
    platform: Platform,
    seen: Seen,
}

impl Held {
    /// A call of the operation at `path`, whose `{id}` is filled in.
    async fn ask(
        &mut self,
        (method, path, id): (&Method, &str, &str),
        with: With<'_>,
        body: Option<Value>,
    ) -> Answer {
        let to = path.replace("{id}", id);
        let to = to.strip_prefix("/v1").unwrap();
        let answer = self.platform.call(method.clone(), to, with, body).await;
        let name = method.as_str().to_lowercase();
        self.seen.check(&name, path, &answer);
        answer
    }

    async fn page(&mut self, path: &str) -> Answer {
        let answer = self.platform.0.page(path).await;
        let place = path.split('?').next().unwrap();
        self.seen.check("get", place, &answer);
        answer
    }

    /// The form of the page of the identity service, sent from a page of `origin`.
    async fn decide(&mut self, origin: &str, body: String) -> Answer {
        let desk = &self.platform.0;
        let sent = desk
            .http
            .post(desk.url("/auth/sign-in"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .body(body);
        let answer = Answer::read(sent.send().await.unwrap()).await;
        self.seen.check("post", "/auth/sign-in", &answer);
        answer
    }

    /// Bodies that are none, with a credential that is good.
    async fn wrong_bodies(&mut self, place: (&Method, &str, &str), with: With<'_>) {
        for body in [json!([]), json!({}), json!("x".repeat(70_000))] {
            self.ask(place, with, Some(body)).await;
        }
        let (method, path, id) = place;
        let desk = &self.platform.0;
        let plain = desk
            .http
            .request(method.clone(), desk.url(&path.replace("{id}", id)))
            .header("content-type", "text/plain");
        let plain = match with {
            With::Session(sealed) => plain.header(COOKIE, format!("wos-session={sealed}")),
            With::Bearer(token) => plain.header(AUTHORIZATION, format!("Bearer {token}")),
            _ => plain,
        };
        let answer = Answer::read(plain.body("{}").send().await.unwrap()).await;
        self.seen
            .check(&method.as_str().to_lowercase(), path, &answer);
    }
}

async fn pages(held: &mut Held) {
    let app = ("redirect_uri", "http://localhost:5000/callback");
    let login = |more: &[(&str, &str)]| {
        let fields = [&[("product", "deploy"), app], more].concat();
        format!("/v1/auth/login?{}", form(&fields))
    };
    held.page("/v1/auth/login").await;
    held.page("/auth/sign-in").await;
    held.page("/v1/auth/callback?code=x").await;
    let own = held.platform.0.cloud.url().to_owned();
    for (more, person) in [
        (&[][..], "usr_mei"),
        (&[("organization_id", "org_globex")], "usr_mei"),
        (&[], "usr_nobody"),
    ] {
        let start = held.page(&login(more)).await;
        let page = held.page(start.header("location")).await;
        let decision = form(&[("number", &number(&page)), ("person", person)]);
        let sent = held.decide(&own, decision).await;
        if sent.status.is_redirection() {
            held.page(sent.header("location")).await;
        }
    }
    held.decide(&own, "person=".into()).await;
    held.decide("https://evil.example", "person=".into()).await;
    let back = "return_to=http://localhost:5000/";
    for query in ["", back, "return_to=https://evil.example/"] {
        held.page(&format!("/auth/logout?{query}")).await;
    }
    held.page("/.well-known/jwks.json").await;
}

async fn sessions(held: &mut Held) {
    let (get, post) = (&Method::GET, &Method::POST);
    let sealed = held.platform.session("owner");
    let with = With::Session(&sealed);
    for path in ["/v1/auth/me", "/v1/auth/refresh"] {
        held.ask((get, path, ""), with, None).await;
        held.ask((get, path, ""), With::Nothing, None).await;
    }
    let sealed = held.platform.session("owner");
    let with = With::Session(&sealed);
    for (path, body) in [
        (
            "/v1/auth/switch-org",
            json!({ "organizationId": "org_globex" }),
        ),
        ("/v1/auth/orgs", json!({ "name": "New" })),
    ] {
        held.wrong_bodies((post, path, ""), with).await;
        held.ask((post, path, ""), with, Some(body)).await;
        held.ask((post, path, ""), With::Nothing, None).await;
        held.ask((get, "/v1/auth/orgs", ""), with, None).await;
    }
    let sealed = held.platform.session("owner");
    let with = With::Session(&sealed);
    held.ask(
        (post, "/v1/auth/orgs", ""),
        with,
        Some(json!({ "name": "New" })),
    )
    .await;
    held.ask((get, "/v1/auth/orgs", ""), With::Nothing, None)
        .await;
    let logout = (post, "/v1/auth/logout", "");
    held.wrong_bodies(logout, with).await;
    held.ask(logout, with, Some(json!({ "returnTo": 7 }))).await;
    held.ask(logout, with, None).await;
}

async fn programs(held: &mut Held) {
    let (get, post) = (&Method::GET, &Method::POST);
    let person = held.platform.person("owner");
    let (key, token) = (
        held.platform
            .0
            .cloud
            .control()
            .issue_api_key("org_acme", "member"),
        person.token,
    );
    let key = key.unwrap();
    let (own, foreign) = (With::Bearer(&token), With::For(&token, "org_none"));
    let verify = (get, "/v1/auth/verify", "");
    for with in [own, foreign, With::Bearer(&key), With::Nothing] {
        held.ask(verify, with, None).await;
    }
    let refresh = (post, "/v1/auth/refresh-token", "");
    held.wrong_bodies(refresh, With::Nothing).await;
    let body = Some(json!({ "refreshToken": person.refresh_token }));
    for _ in 0..2 {
        held.ask(refresh, With::Nothing, body.clone()).await;
    }
    let ingest = (post, "/v1/auth/ingest/verify", "");
    held.wrong_bodies(ingest, With::Bearer(&key)).await;
    for project in ["demo", "other"] {
        let body = Some(json!({ "projectId": project }));
        held.ask(ingest, With::Bearer(&key), body).await;
    }
    for with in [own, With::Nothing] {
        held.ask(ingest, with, None).await;
    }
    let tokens = (post, "/v1/auth/tokens", "");
    held.wrong_bodies(tokens, own).await;
    let named = Some(json!({ "name": "CI" }));
    let made = held.ask(tokens, own, named.clone()).await;
    let id = made.body["token"]["id"].as_str().unwrap().to_owned();
    for with in [foreign, With::Nothing] {
        held.ask(tokens, with, named.clone()).await;
    }
    for with in [own, foreign, With::Nothing] {
        held.ask((get, "/v1/auth/tokens", ""), with, None).await;
    }
    let delete = (&Method::DELETE, "/v1/auth/tokens/{id}", &*id);
    for with in [With::Nothing, foreign, own, own] {
        held.ask(delete, with, None).await;
    }
}

async fn organizations(held: &mut Held) {
    let (get, post, patch, delete) = (&Method::GET, &Method::POST, &Method::PATCH, &Method::DELETE);
    let of = |name: &str| held.platform.session(name);
    let (admin, member, nobody) = (of("owner"), of("member"), of("newcomer"));
    let (admin, member) = (With::Session(&admin), With::Session(&member));
    let nobody = With::Session(&nobody);
    let renamed = Some(json!({ "name": "Acme Ltd" }));
    let rename = (patch, "/v1/auth/orgs", "");
    held.wrong_bodies(rename, admin).await;
    for with in [admin, member, With::Nothing] {
        held.ask(rename, with, renamed.clone()).await;
    }
    let invited = Some(json!({ "email": "new@example.com", "role": "member" }));
    let invite = (post, "/v1/org/members/invitations", "");
    held.wrong_bodies(invite, admin).await;
    for with in [member, With::Nothing] {
        held.ask(invite, with, invited.clone()).await;
    }
    let made = held.ask(invite, admin, invited).await;
    let invitation = made.body["invitation"]["id"].as_str().unwrap().to_owned();
    for path in ["/v1/org/members", "/v1/org/members/invitations"] {
        for with in [nobody, With::Nothing] {
            held.ask((get, path, ""), with, None).await;
        }
    }
    held.ask((get, "/v1/org/members/invitations", ""), member, None)
        .await;
    let list = held.ask((get, "/v1/org/members", ""), member, None).await;
    let of_mei = |one: &&Value| one["userId"] == "usr_mei";
    let mei = list.body["members"].as_array().unwrap().iter().find(of_mei);
    let mei = mei.unwrap()["id"].as_str().unwrap().to_owned();
    let change = (patch, "/v1/org/members/{id}", &*mei);
    held.wrong_bodies(change, admin).await;
    let role = Some(json!({ "role": "member" }));
    for with in [admin, member, With::Nothing] {
        held.ask(change, with, role.clone()).await;
    }
    held.ask((patch, "/v1/org/members/{id}", "om_none"), admin, role)
        .await;
    for (path, id) in [
        ("/v1/org/members/invitations/{id}", &*invitation),
        ("/v1/org/members/{id}", &*mei),
    ] {
        for with in [With::Nothing, member, admin, admin] {
            held.ask((delete, path, id), with, None).await;
        }
    }
}

#[tokio::test]
async fn the_platform_answers_as_the_document_says() {
    let mut held = Held {
        platform: Platform::new().await,
        seen: Seen::of(Dialect::Platform),
    };
    pages(&mut held).await;
    sessions(&mut held).await;
    programs(&mut held).await;
    organizations(&mut held).await;
    held.seen.is_complete();
}
