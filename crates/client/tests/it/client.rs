//! The client and the provider's methods against a real Cloud: what each call answers, refuses and throws.

use std::time::Duration;

use crate::common::{App, Browser, cloud, parameter, patient};
use mastra_auth_cloud::login::{AuthorizationCode, Exchanged, RedirectUri, State, Verifier};
use mastra_auth_cloud::{
    CloudApiError, Dialect, MastraCloudAuth, SessionId, SessionToken, SignOut, UserId,
};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue};

const BOTH: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
const HOUR: Duration = Duration::from_hours(1);

fn provider(cloud: &LocalCloud, dialect: Dialect) -> MastraCloudAuth {
    let mut policy = patient();
    policy.breaker_failures = 1_000;
    let options = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url());
    options.dialect(dialect).policy(policy).build().unwrap()
}

fn token(text: &str) -> SessionToken {
    SessionToken::parse(text).unwrap()
}

#[tokio::test]
async fn each_endpoint_answers_for_the_token_it_is_given() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let client = provider(&cloud, dialect).client();
        // One client, two people, in turns.
        let [owner, viewer] =
            ["owner", "viewer"].map(|who| token(&cloud.control().sign_in(who, HOUR).unwrap()));
        for (own, id, role, grant) in [
            (&owner, "usr_olivia", "owner", "*"),
            (&viewer, "usr_victor", "viewer", "*:read"),
        ] {
            let user = client.verify_token(own).await.unwrap().unwrap();
            assert_eq!(
                (user.id().as_str(), user.roles()),
                (id, &[role.to_owned()][..])
            );
            assert!(user.session_token().same_as(own));
            let session = client.validate_session(own).await.unwrap().unwrap();
            assert_eq!(session.user_id(), user.id());
            assert!(session.expires_at() > session.created_at());
            let account = client.user(user.id(), own).await.unwrap();
            let grants = client.user_permissions(user.id(), own).await.unwrap();
            let grants: Vec<_> = grants.iter().map(ToString::to_string).collect();
            if dialect == Dialect::V1 {
                assert_eq!(account.unwrap().email(), user.email());
                assert_eq!(grants, [grant]);
            } else {
                // This dialect has neither endpoint: no call is made.
                assert!(account.is_none() && grants.is_empty());
                assert_eq!(cloud.requests("user") + cloud.requests("permissions"), 0);
            }
        }
        let session = client.validate_session(&owner).await.unwrap().unwrap();
        client.destroy_session(session.id(), &owner).await.unwrap();
        assert!(
            client.verify_token(&owner).await.unwrap().is_none(),
            "ended"
        );
        assert!(
            client.verify_token(&viewer).await.unwrap().is_some(),
            "the other one is untouched"
        );
        let error = client
            .destroy_session(session.id(), &owner)
            .await
            .unwrap_err();
        assert!(error.is_refusal(), "to end it twice is told: {error:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_none_and_an_outage_is_an_error() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let client = provider(&cloud, dialect).client();
        let own = token(&cloud.control().sign_in("owner", HOUR).unwrap());
        let id = UserId::parse("usr_olivia").unwrap();
        for status in [400, 401, 403, 404, 409, 410, 422] {
            cloud.control().clear_faults();
            cloud
                .control()
                .set_fault(Fault::new(FaultKind::Status { status }));
            assert!(
                client.verify_token(&own).await.unwrap().is_none(),
                "{status}"
            );
            assert!(
                client.validate_session(&own).await.unwrap().is_none(),
                "{status}"
            );
            assert!(client.user(&id, &own).await.unwrap().is_none(), "{status}");
            assert_eq!(
                client
                    .user_permissions(&id, &own)
                    .await
                    .unwrap()
                    .iter()
                    .count(),
                0,
                "{status}"
            );
            let session = SessionId::parse("ses_1").unwrap();
            assert!(
                client.destroy_session(&session, &own).await.is_err(),
                "{status}"
            );
        }
        for kind in [
            FaultKind::Status { status: 408 },
            FaultKind::Status { status: 425 },
            FaultKind::Status { status: 429 },
            FaultKind::Status { status: 500 },
            FaultKind::Status { status: 503 },
            FaultKind::Html,
            FaultKind::Empty,
            FaultKind::Truncated,
            FaultKind::WrongTypes,
            FaultKind::Cut,
            FaultKind::Drop,
        ] {
            cloud.control().clear_faults();
            cloud.control().set_fault(Fault::new(kind.clone()));
            let mut errors: Vec<Option<CloudApiError>> = vec![
                client.verify_token(&own).await.err(),
                client.validate_session(&own).await.err(),
            ];
            if dialect == Dialect::V1 {
                errors.push(client.user(&id, &own).await.err());
                errors.push(client.user_permissions(&id, &own).await.err());
            }
            for error in errors {
                assert!(
                    !error.unwrap_or_else(|| panic!("{kind:?}")).is_refusal(),
                    "{kind:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_code_is_exchanged_with_what_its_login_began_with() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let client = provider(&cloud, dialect).client();
        let redirect_uri = RedirectUri::parse("http://localhost:9/auth/callback").unwrap();
        let verifier = || Verifier::parse(&"v".repeat(43)).unwrap();
        let mut browser = Browser::default();
        let mut fresh_code = async || {
            let state = State::parse("0123456789abcdef0123456789abcdef", None).unwrap();
            let login = client.login_url(&redirect_uri, &state, &verifier());
            let callback = browser.pick(&cloud, &login, "member").await;
            AuthorizationCode::parse(&parameter(&callback, "code")).unwrap()
        };
        let exchanged = client
            .exchange_code(fresh_code().await, verifier(), redirect_uri.clone())
            .await
            .unwrap();
        let own = match exchanged {
            Exchanged::Session(both) => both.0.session_token().clone(),
            Exchanged::AccessToken { token, .. } => token,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            client
                .verify_token(&own)
                .await
                .unwrap()
                .unwrap()
                .id()
                .as_str(),
            "usr_mei"
        );
        if dialect == Dialect::Pkce {
            let other = Verifier::parse(&"w".repeat(43)).unwrap();
            let error = client
                .exchange_code(fresh_code().await, other, redirect_uri.clone())
                .await
                .unwrap_err();
            assert!(error.is_refusal(), "{error:?}");
            let elsewhere = RedirectUri::parse("http://localhost:9/elsewhere").unwrap();
            let error = client
                .exchange_code(fresh_code().await, verifier(), elsewhere)
                .await
                .unwrap_err();
            assert!(error.is_refusal(), "{error:?}");
        }
        let unknown = AuthorizationCode::parse("code_unknown").unwrap();
        assert!(
            client
                .exchange_code(unknown, verifier(), redirect_uri.clone())
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn the_methods_of_the_provider_answer_as_documented() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect);
        let own = token(&cloud.control().sign_in("admin", HOUR).unwrap());
        let mut headers = HeaderMap::new();
        assert!(auth.current_user(&headers).await.unwrap().is_none());
        let cookie = format!("a=b; {}={}", auth.cookie_name(), own.expose());
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());

        let user = auth.current_user(&headers).await.unwrap().unwrap();
        assert_eq!(user.id().as_str(), "usr_anders");
        let cached = auth.user(user.id(), None).await.unwrap().unwrap();
        assert!(cached.session_token().same_as(&own), "from the cache");
        let unknown = UserId::parse("usr_nobody").unwrap();
        assert!(auth.user(&unknown, None).await.unwrap().is_none());
        assert_eq!(
            auth.user_profile_url(&user),
            format!("{}/users/usr_anders", cloud.url())
        );
        let ids = [user.id().clone(), UserId::parse("usr_nobody").unwrap()];
        let users = auth.users(&ids, Some(&own)).await.unwrap();
        assert_eq!(
            users.iter().map(Option::is_some).collect::<Vec<_>>(),
            [dialect == Dialect::V1, false]
        );

        assert!(
            auth.session_token_from_request(&headers)
                .unwrap()
                .same_as(&own)
        );
        let session = auth.validate_session(&own).await.unwrap().unwrap();
        let refreshed = auth.refresh_session(&own).await.unwrap().unwrap();
        assert_eq!(refreshed.session, session);
        assert!(refreshed.token.same_as(&own), "nothing newer so far");
        let written = auth.session_cookie(&session, &own).unwrap();
        assert!(
            written
                .expose()
                .starts_with(&format!("{}={};", auth.cookie_name(), own.expose()))
        );
        assert!(auth.clear_session_cookie().expose().contains("Max-Age=0"));

        assert_eq!(user.roles(), ["admin"]);
        assert!(user.has_role("admin") && !user.has_role("Admin"));
        let permissions = auth.permissions(&user).await.unwrap();
        assert!(permissions.allows("agents:write"));
        assert!(!permissions.allows("agents:delete"));
        assert!(permissions.allows_all(&["agents:read", "tools:execute"]));
        assert!(!permissions.allows_all(&["agents:read", "agents:delete"]));
        assert!(permissions.allows_any(&["agents:read", "agents:delete"]));
        assert!(!permissions.allows_any(&["agents:delete"]));
        assert_eq!(
            auth.available_roles(),
            ["owner", "admin", "member", "viewer"]
        );
        assert!(auth.permissions_for_role("viewer").allows("agents:read"));
        assert_eq!(auth.permissions_for_role("king").iter().count(), 0);

        assert_eq!(auth.sign_out(&own).await, SignOut::Ended);
        assert!(auth.current_user(&headers).await.unwrap().is_none());
        assert!(
            auth.user(user.id(), None).await.unwrap().is_none(),
            "the session ended"
        );
    }
}

#[tokio::test]
async fn a_sign_in_with_a_hosts_own_state_is_finished_by_its_id() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect);
        let redirect = "http://localhost:9/api/auth/sso/callback";
        let state = "5f0c2b6e-3f6e-4f59-9a58-2b1c1a9d7e11|%2Fagents%3Fa%3D1";
        let url = auth.login_url(redirect, state).unwrap();
        assert_eq!(parameter(&url, "state"), state, "the host's own state");
        let cookie = auth.login_cookie(redirect, state).unwrap();
        let pair = cookie.expose().split(';').next().unwrap().to_owned();
        let callback = Browser::default().pick(&cloud, &url, "owner").await;
        // The host passes what stands before the bar.
        let (id, _) = state.split_once('|').unwrap();
        let code = parameter(&callback, "code");
        let error = auth.handle_callback(&code, id, "").await.unwrap_err();
        assert_eq!(error.code(), "login_cookie_missing");
        let signed_in = auth.handle_callback(&code, id, &pair).await.unwrap();
        assert_eq!(signed_in.identity.user().id().as_str(), "usr_olivia");
        let names: Vec<_> = signed_in
            .cookies
            .iter()
            .map(|cookie| cookie.expose().split('=').next().unwrap())
            .collect();
        assert!(names[0].contains("mastra_login_"));
        assert_eq!(
            names.last(),
            Some(&auth.cookie_name()),
            "the session comes last"
        );
        // An open redirect in the state is taken out of it.
        let url = auth
            .login_url(
                redirect,
                "5f0c2b6e-3f6e-4f59-9a58-2b1c1a9d7e12|%2F%2Fevil.example",
            )
            .unwrap();
        assert!(!url.contains("evil"), "{url}");
    }
}

#[tokio::test]
async fn a_project_token_is_a_machine_of_its_own() {
    let cloud = cloud(Dialect::Pkce).await;
    let auth = provider(&cloud, Dialect::Pkce);
    let tokens =
        ["member", "viewer"].map(|role| token(&cloud.control().issue_project_token(role).unwrap()));
    let mut ids = Vec::new();
    for (own, role) in tokens.iter().zip(["member", "viewer"]) {
        let user = auth.client().verify_token(own).await.unwrap().unwrap();
        assert_eq!(user.roles(), [role]);
        assert!(
            user.id().as_str().starts_with("project-token:"),
            "{}",
            user.id()
        );
        assert_eq!(
            auth.permissions(&user)
                .await
                .unwrap()
                .allows("agents:execute"),
            role == "member"
        );
        ids.push(user.id().clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_logout_page_is_the_dialects_own() {
    for dialect in BOTH {
        let cloud = cloud(dialect).await;
        let auth = provider(&cloud, dialect);
        let app = App::start(&cloud, dialect).await;
        let url = auth.logout_url(&app.url, None).unwrap();
        let page = Browser::default().open(&url.unwrap()).await;
        assert!(
            page.status.is_success() || page.status.is_redirection(),
            "{page:?}"
        );
        assert!(auth.logout_url("javascript:alert(1)", None).is_err());
    }
}

/// Variables belong to a process: the test runs itself once more with others.
#[test]
fn options_come_from_the_environment() {
    const INNER: &str = "MASTRA_TEST_INNER";
    if let Ok(expect) = std::env::var(INNER) {
        let said = match MastraCloudAuth::from_env() {
            Ok(auth) => format!("{auth:?} {}", auth.cookie_name()),
            Err(error) => error.message().to_owned(),
        };
        assert!(said.contains(&expect), "{said}");
        return;
    }
    for (variables, expect) in [
        (&[][..], "MASTRA_PROJECT_ID"),
        (&[("MASTRA_PROJECT_ID", "")], "MASTRA_PROJECT_ID"),
        (&[("MASTRA_PROJECT_ID", "demo")], "__Host-mastra_session"),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_PUBLIC_URL", "http://localhost:1"),
            ],
            " mastra_session_",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_CLOUD_URL", "http://cloud.example.com"),
            ],
            "base_url",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_CLOUD_DIALECT", "v2"),
            ],
            "MASTRA_CLOUD_DIALECT",
        ),
        (
            &[("MASTRA_PROJECT_ID", "demo"), ("MASTRA_COOKIE_NAME", "own")],
            " __Host-own",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_COOKIE_DOMAIN", "example.com"),
            ],
            " mastra_session",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_COOKIE_SECURE", "false"),
            ],
            " mastra_session",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_COOKIE_SECURE", "yes"),
            ],
            "MASTRA_COOKIE_SECURE must be true or false",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_CLOUD_API_PREFIX", "/a?b"),
            ],
            "api_prefix",
        ),
        (
            &[
                ("MASTRA_PROJECT_ID", "demo"),
                ("MASTRA_CLOUD_AUTH_PATH", "/a?b"),
            ],
            "auth_path",
        ),
        (
            &[("MASTRA_PROJECT_ID", "demo"), ("MASTRA_CALL_TIMEOUT", "0")],
            "MASTRA_CALL_TIMEOUT must be a whole number of seconds",
        ),
        (
            &[("MASTRA_PROJECT_ID", "demo"), ("MASTRA_CALL_TIMEOUT", "60")],
            "__Host-mastra_session",
        ),
    ] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MASTRA_") {
                command.env_remove(name);
            }
        }
        command
            .args(["--exact", "client::options_come_from_the_environment"])
            .env(INNER, expect);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let ran = output.status.success() && said.contains("1 passed");
        assert!(ran, "{said}");
    }
}
