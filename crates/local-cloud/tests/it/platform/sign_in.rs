//! From the login address by the page to the address that it comes back to.

use mastra_auth_local_cloud::{CallbackState, RedirectQuery};
use serde_json::Value;
use url::Url;
use url::form_urlencoded;

use super::{Platform, With, newer, refused};
use crate::desk::{Answer, form, number, query};

const APP: &str = "http://localhost:5000/api/auth/sso/callback?nonce=n1";

impl Platform {
    async fn login(&self, fields: &[(&str, &str)]) -> Answer {
        self.get(&format!("/auth/login?{}", form(fields)), With::Nothing)
            .await
    }

    /// Where a redirect of this platform leads, within itself.
    async fn follow(&self, answer: &Answer) -> Answer {
        assert!(answer.status.is_redirection(), "{}", answer.text);
        self.0.page(answer.header("location")).await
    }

    /// Picks a person at the page; an empty one denies.
    async fn pick(&self, login: &Answer, person: &str) -> Answer {
        let page = self.follow(login).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let sent = self
            .0
            .http
            .post(self.0.url("/auth/sign-in"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", self.0.cloud.url())
            .body(form(&[("number", &number(&page)), ("person", person)]));
        let sent = Answer::read(sent.send().await.unwrap()).await;
        self.follow(&sent).await
    }

    async fn back(&self, fields: &[(&str, &str)], person: &str) -> Url {
        let answer = self.pick(&self.login(fields).await, person).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        Url::parse(answer.header("location")).unwrap()
    }
}

const DEPLOY: [(&str, &str); 5] = [
    ("product", "deploy"),
    ("redirect_uri", APP),
    ("post_login_redirect", "/agents?a=1"),
    ("prompt", "login"),
    ("state", "uuid|%2Fagents"),
];

#[tokio::test]
async fn a_browser_comes_back_with_its_session() {
    let platform = Platform::new().await;
    let back = platform.back(&DEPLOY, "usr_mei").await;
    assert!(back.as_str().starts_with(APP), "{back}");
    assert_eq!(query(&back, "state").as_deref(), Some("deploy|/agents?a=1"));
    let me = platform.me(&query(&back, "code").unwrap()).await;
    assert_eq!(me.body["user"]["id"], "usr_mei", "{}", me.text);
}

#[tokio::test]
async fn what_is_not_published_of_the_way_back_is_an_option() {
    let platform = Platform::with(|options| {
        options.platform.redirect_query = RedirectQuery::Drop;
        options.platform.callback_state = CallbackState::Echo;
    })
    .await;
    let back = platform.back(&DEPLOY, "usr_mei").await;
    assert_eq!(query(&back, "nonce"), None);
    assert_eq!(query(&back, "state").as_deref(), Some("uuid|%2Fagents"));
    let back = platform.back(&DEPLOY[..2], "usr_mei").await;
    assert_eq!(query(&back, "state").as_deref(), Some("deploy|/"));
}

#[tokio::test]
async fn a_denial_lands_on_the_login_page_of_the_app() {
    let platform = Platform::new().await;
    let back = platform.back(&DEPLOY, "").await;
    assert_eq!((back.path(), back.port()), ("/login", Some(5000)));
    assert_eq!(query(&back, "error").as_deref(), Some("access_denied"));
    assert!(query(&back, "error_description").is_some());
    assert_eq!(query(&back, "code"), None);
    assert!(platform.0.cloud.control().sessions().is_empty());
}

#[tokio::test]
async fn a_program_gets_tokens_at_its_port() {
    let platform = Platform::new().await;
    let fields = [
        ("product", "cli"),
        ("cli_port", "4999"),
        ("state", "0123456789abcdef"),
    ];
    let back = platform.back(&fields, "usr_gita").await;
    assert!(back.as_str().starts_with("http://127.0.0.1:4999/callback?"));
    assert_eq!(query(&back, "state").as_deref(), Some("0123456789abcdef"));
    assert_eq!(query(&back, "org").as_deref(), Some("org_globex"));
    let user: Value = serde_json::from_str(&query(&back, "user").unwrap()).unwrap();
    assert_eq!(user["email"], "gita@example.com");
    assert!(query(&back, "refresh_token").unwrap().starts_with("rt_"));
    let token = query(&back, "token").unwrap();
    let verified = platform.get("/auth/verify", With::Bearer(&token)).await;
    assert_eq!(verified.body["user"]["id"], "usr_gita");
    let denied = platform.back(&fields, "").await;
    assert_eq!(denied.path(), "/callback");
    assert_eq!(query(&denied, "error").as_deref(), Some("access_denied"));
    let back = platform.back(&fields, "usr_noor").await;
    assert_eq!(query(&back, "org").as_deref(), Some(""));
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let platform = Platform::with(|options| {
        options
            .platform
            .redirect_hosts
            .push("app.example.com".into());
    })
    .await;
    for (address, good) in [
        ("http://localhost:1/x", true),
        ("http://127.0.0.2:1/x", true),
        ("https://[::1]/x", true),
        ("https://studio.mastra.ai/x", true),
        ("https://a.b.mastra.cloud/x", true),
        ("https://app.example.com/x", true),
        ("http://app.example.com/x", false),
        ("https://mastra.ai.example/x", false),
        ("https://example.com/x", false),
        ("https://me@studio.mastra.ai/x", false),
        ("https://studio.mastra.ai/x#y", false),
        ("ftp://localhost/x", false),
    ] {
        let answer = platform
            .login(&[("product", "deploy"), ("redirect_uri", address)])
            .await;
        if good {
            assert_eq!(answer.status, 302, "{address}: {}", answer.text);
        } else {
            refused(&answer, 400, "redirect_uri host not allowed");
        }
    }
    for fields in [
        &[("product", "deploy")][..],
        &[("product", "deploy"), ("redirect_uri", "/x")],
        &[("product", "gateway"), ("redirect_uri", APP)],
        &[("redirect_uri", APP)],
        &[("product", "cli"), ("state", "s")],
        &[("product", "cli"), ("cli_port", "0"), ("state", "s")],
        &[("product", "cli"), ("cli_port", "99999"), ("state", "s")],
        &[("product", "cli"), ("cli_port", "4999")],
        &[("product", "cli"), ("product", "cli")],
        &[
            ("product", "deploy"),
            ("redirect_uri", APP),
            ("cli_port", "x"),
        ],
        &[
            ("product", "cli"),
            ("cli_port", "4999"),
            ("state", "s"),
            ("redirect_uri", "/x"),
        ],
    ] {
        assert_eq!(platform.login(fields).await.status, 400, "{fields:?}");
    }
}

#[tokio::test]
async fn a_sign_in_may_ask_for_an_organization() {
    let platform = Platform::new().await;
    let mut fields = DEPLOY.to_vec();
    fields.push(("organization_id", "org_globex"));
    let back = platform.back(&fields, "usr_anders").await;
    let me = platform.me(&query(&back, "code").unwrap()).await;
    assert_eq!(me.body["organizationId"], "org_globex");
    assert_eq!(me.body["role"], "member");
    let answer = platform
        .pick(&platform.login(&fields).await, "usr_mei")
        .await;
    refused(&answer, 403, "no member");
}

#[tokio::test]
async fn a_page_is_good_once_and_each_code_is() {
    let platform = Platform::new().await;
    let login = platform.login(&DEPLOY).await;
    assert_eq!(platform.pick(&login, "usr_mei").await.status, 302);
    assert_eq!(platform.follow(&login).await.status, 400);
    let answer = platform
        .get("/auth/callback?code=login_x", With::Nothing)
        .await;
    refused(&answer, 400, "code");
    refused(
        &platform.get("/auth/callback", With::Nothing).await,
        400,
        "code",
    );
}

#[tokio::test]
async fn a_person_can_be_signed_in_without_a_page() {
    let platform = Platform::with(|options| options.auto_approve = Some("outsider".into())).await;
    let answer = platform.login(&DEPLOY).await;
    assert_eq!(
        newer(&answer),
        None,
        "an app on this machine has a cookie of this name"
    );
    let location = Url::parse(answer.header("location")).unwrap();
    let me = platform.me(&query(&location, "code").unwrap()).await;
    assert_eq!(me.body["user"]["id"], "usr_gita");
    let parsed = form_urlencoded::parse(location.query().unwrap().as_bytes());
    assert_eq!(parsed.count(), 3, "{location}");
}
