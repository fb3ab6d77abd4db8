//! Callbacks that must sign no user in: each is rejected with its own code, sets no session, and discloses nothing.

use crate::common::{
    App, Browser, DIALECTS, Page, at_instance, cloud, cloud_with, endpoint, parameter, state_name,
    with_parameter,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud, Seed};

/// Where a code is exchanged, and no session itself; a sign-in that is denied comes back to the callback.
const CODES: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];

/// A refused callback: its code; no session; nothing of what came in goes out.
#[track_caller]
fn refused(page: &Page, code: &str, callback: &str) {
    assert_eq!(page.code(), code, "{page:?}");
    assert!(page.status.is_client_error(), "{page:?}");
    no_session(page);
    let names = ["code", "state", "mastra_state"];
    for name in names
        .into_iter()
        .filter(|name| callback.contains(&format!("{name}=")))
    {
        let secret = parameter(callback, name);
        for (start, _) in secret
            .char_indices()
            .filter(|(start, _)| start + 12 <= secret.len())
        {
            let part = &secret[start..start + 12];
            assert!(!page.body.contains(part), "the page repeats the {name}");
            assert!(
                !format!("{:?}", page.headers).contains(part),
                "a header repeats the {name}"
            );
        }
    }
    assert_eq!(page.headers["cache-control"], "no-store");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
}

#[track_caller]
fn no_session(page: &Page) {
    assert!(page.headers.get("location").is_none(), "{page:?}");
    for cookie in page.cookies() {
        assert!(
            cookie.starts_with("mastra_login_") && cookie.contains("; Max-Age=0"),
            "{cookie}"
        );
    }
}

async fn desk(dialect: Dialect) -> (LocalCloud, App) {
    let cloud = cloud(dialect).await;
    let app = App::start(&cloud, dialect).await;
    (cloud, app)
}

#[tokio::test]
async fn threat_040_a_callback_in_another_browser_is_refused() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let (mut attacker, mut victim) = (Browser::default(), Browser::default());
        let callback = attacker.almost(&app, &cloud, "viewer").await;
        // The victim's browser never began a sign-in.
        refused(
            &victim.open(&callback).await,
            "login_cookie_missing",
            &callback,
        );
        // It began one of its own, with another state.
        victim.begin(&app.url, "/").await;
        refused(&victim.open(&callback).await, "state_mismatch", &callback);
        // Neither attempt asked the Cloud, so who began it can still finish.
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 0);
        assert_eq!(attacker.open(&callback).await.status, 303);
        assert_eq!(victim.me(&app).await, "-");
    }
}

#[tokio::test]
async fn threat_040_a_foreign_state_is_refused() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let own = browser.almost(&app, &cloud, "viewer").await;
        let other = Browser::default().almost(&app, &cloud, "owner").await;
        // The other's state with the own code, the other's code with the own state, and both of the other.
        let state = state_name(dialect);
        let forged = with_parameter(&own, state, &parameter(&other, state));
        refused(&browser.open(&forged).await, "state_mismatch", &forged);
        refused(&browser.open(&other).await, "state_mismatch", &other);
        let made_up = with_parameter(&own, state, "3f0e0b0a-1111-4222-8333-444455556666");
        refused(&browser.open(&made_up).await, "state_mismatch", &made_up);
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 0);
    }
}

#[tokio::test]
async fn threat_044_a_code_of_another_sign_in_is_refused_by_the_cloud() {
    // With a challenge the Cloud sees that the code belongs to another sign-in. Without one nothing binds it to a browser.
    let (cloud, app) = desk(Dialect::Pkce).await;
    let mut browser = Browser::default();
    let own = browser.almost(&app, &cloud, "viewer").await;
    let other = Browser::default().almost(&app, &cloud, "owner").await;
    let injected = with_parameter(&own, "code", &parameter(&other, "code"));
    refused(&browser.open(&injected).await, "login_rejected", &injected);
    assert_eq!(browser.me(&app).await, "-");
}

#[tokio::test]
async fn threat_047_a_callback_is_used_once() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "member").await;
        let before = browser.clone();
        assert_eq!(browser.open(&callback).await.status, 303);
        // The same browser, which did not get the answer, is given the same session once more; another browser is refused.
        let mut unanswered = before.clone();
        assert_eq!(unanswered.open(&callback).await.status, 303);
        assert_eq!(unanswered.session(), browser.session());
        refused(
            &Browser::default().open(&callback).await,
            "callback_replayed",
            &callback,
        );
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 1);
        assert_eq!(
            browser.me(&app).await,
            "usr_mei",
            "the sign-in that succeeded stands"
        );
    }
}

#[tokio::test]
async fn threat_016_a_code_is_used_once() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let first = browser.almost(&app, &cloud, "member").await;
        assert_eq!(browser.open(&first).await.status, 303);
        // Another sign-in, to which the old code is sent.
        let mut later = Browser::default();
        let second = later.almost(&app, &cloud, "member").await;
        let replayed = with_parameter(&second, "code", &parameter(&first, "code"));
        refused(&later.open(&replayed).await, "code_replayed", &replayed);
        if dialect == Dialect::Platform {
            // There the code is the session itself, and good for as long as that.
            continue;
        }
        // Another instance knows nothing of the first use; the Cloud does, and ends what came of it.
        let other = App::with(|_| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(app.url.as_str())
                .dialect(dialect)
        })
        .await;
        let third = later.almost(&app, &cloud, "member").await;
        let replayed = with_parameter(&third, "code", &parameter(&first, "code"));
        let there = at_instance(&replayed, &other);
        refused(&later.open(&there).await, "login_rejected", &there);
        assert_eq!(browser.me(&other).await, "-");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_016_a_hundred_callbacks_at_once_are_one_exchange_and_of_one_browser() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "owner").await;
        // Every second one is a stranger, who has a sign-in of their own under way.
        let mut stranger = Browser::default();
        stranger.almost(&app, &cloud, "viewer").await;
        let tries = (0..100).map(|n| {
            let is_own = n % 2 == 0;
            let mut browser = if is_own { &browser } else { &stranger }.clone();
            let callback = callback.clone();
            let attempt = async move { (is_own, browser.open(&callback).await) };
            tokio::spawn(attempt)
        });
        let mut sessions = std::collections::BTreeSet::new();
        for attempt in tries.collect::<Vec<_>>() {
            let (is_own, page) = attempt.await.unwrap();
            if is_own {
                assert_eq!(page.status, 303);
                sessions.insert(page.cookies().join("\n"));
            } else {
                let code = page.code();
                assert!(matches!(&*code, "callback_replayed" | "state_mismatch"));
                refused(&page, &code, &callback);
            }
        }
        assert_eq!(
            (
                sessions.len(),
                cloud.requests(endpoint(dialect, "exchange"))
            ),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn threat_041_a_callback_of_another_project_is_refused() {
    for dialect in DIALECTS {
        let seed =
            Seed::from_toml("[[projects]]\nid = \"demo\"\n[[projects]]\nid = \"shop\"").unwrap();
        let cloud = cloud_with(dialect, |options| options.seed = seed).await;
        let demo = App::start(&cloud, dialect).await;
        let shop = App::with(|_| {
            MastraCloudAuth::builder()
                .project_id("shop")
                .base_url(cloud.url())
                .public_url(demo.url.as_str())
                .dialect(dialect)
        })
        .await;
        let mut browser = Browser::default();
        let callback = browser.almost(&demo, &cloud, "owner").await;
        let there = at_instance(&callback, &shop);
        refused(&browser.open(&there).await, "project_mismatch", &there);
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 0);
    }
}

#[tokio::test]
async fn threat_045_a_callback_of_another_cloud_is_refused() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let other_cloud = crate::common::cloud(dialect).await;
        let other = App::with(|_| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(other_cloud.url())
                .public_url(app.url.as_str())
                .dialect(dialect)
        })
        .await;
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "owner").await;
        let there = at_instance(&callback, &other);
        refused(&browser.open(&there).await, "cloud_mismatch", &there);
        assert_eq!(
            other_cloud.requests("any"),
            0,
            "the code was not sent to the wrong Cloud"
        );
    }
}

#[tokio::test]
async fn threat_048_nothing_of_the_address_is_repeated_on_the_page() {
    let (cloud, app) = desk(Dialect::V1).await;
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "owner").await;
    let state = parameter(&callback, "state");
    for attack in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "'-alert(1)-'",
        "{{7*7}}",
        "%3Cscript%3E",
        "\r\nSet-Cookie: a=b",
        "\u{202e}kcatta",
    ] {
        for name in ["error", "error_description", "code", "state"] {
            let mut url = reqwest::Url::parse(&app.at("/auth/callback")).unwrap();
            url.query_pairs_mut().append_pair(name, attack);
            if name != "state" {
                url.query_pairs_mut().append_pair("state", &state);
            }
            // A browser without this sign-in's cookie, so that the cookie of the one under test is not spent.
            let page = Browser::default().open(url.as_str()).await;
            assert!(page.status.is_client_error(), "{page:?}");
            assert!(
                !page.body.contains(attack) && !page.body.contains("alert("),
                "{page:?}"
            );
            assert!(
                page.headers["content-security-policy"]
                    .to_str()
                    .unwrap()
                    .starts_with("default-src 'none'")
            );
            assert_eq!(page.headers["x-content-type-options"], "nosniff");
            no_session(&page);
        }
    }
}

#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused() {
    let (cloud, app) = desk(Dialect::V1).await;
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "owner").await;
    for name in ["code", "state"] {
        let twice = format!("{callback}&{name}=x");
        let page = browser.open(&twice).await;
        assert_eq!(
            (page.code().as_str(), page.status.as_u16()),
            ("state_malformed", 400)
        );
        no_session(&page);
    }
    assert_eq!(
        browser.open(&callback).await.status,
        303,
        "nothing was spent"
    );
}

#[tokio::test]
async fn who_declines_is_told_so_and_may_begin_again() {
    for dialect in CODES {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let login = browser.begin(&app.url, "/").await;
        let callback = browser.pick(&cloud, &login, "").await;
        let page = browser.open(&callback).await;
        assert_eq!(page.code(), "access_denied");
        assert!(page.body.contains("You did not sign in"));
        no_session(&page);
        let mut back = browser.clone();
        browser.sign_in(&app, &cloud, "owner").await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
        // Back to the Cloud's page, and approved after all.
        let callback = back.pick(&cloud, &login, "owner").await;
        assert_eq!(back.open(&callback).await.status, 303);
        assert_eq!(back.me(&app).await, "usr_olivia");
    }
}

#[tokio::test]
async fn a_code_that_is_too_old_is_refused() {
    for dialect in CODES {
        let cloud = cloud_with(dialect, |options| {
            options.code_lifetime = std::time::Duration::ZERO;
        })
        .await;
        let app = App::start(&cloud, dialect).await;
        let mut browser = Browser::default();
        let callback = browser.almost(&app, &cloud, "owner").await;
        refused(&browser.open(&callback).await, "login_rejected", &callback);
    }
}

#[tokio::test]
async fn threat_072_a_code_is_never_sent_twice() {
    for dialect in CODES {
        for kind in [
            FaultKind::Status { status: 503 },
            FaultKind::Cut,
            FaultKind::Drop,
            FaultKind::Html,
        ] {
            let (cloud, app) = desk(dialect).await;
            let mut browser = Browser::default();
            let callback = browser.almost(&app, &cloud, "owner").await;
            cloud
                .control()
                .set_fault(Fault::new(kind.clone()).on(endpoint(dialect, "exchange")));
            let page = browser.open(&callback).await;
            assert!(page.status.is_server_error(), "{kind:?}: {page:?}");
            no_session(&page);
            assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 1, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn threat_050_a_token_in_an_address_is_no_credential() {
    let (cloud, app) = desk(Dialect::V1).await;
    let token = cloud
        .control()
        .sign_in("owner", std::time::Duration::from_hours(1))
        .unwrap();
    for name in ["token", "access_token", "session", "jwt", "mastra_session"] {
        let page = Browser::default()
            .fetch(&app.at(&format!("/auth/me?{name}={token}")))
            .await;
        assert_eq!(
            (page.status.as_u16(), page.code().as_str()),
            (401, "not_signed_in")
        );
    }
    assert_eq!(cloud.requests("any"), 0);
}

#[tokio::test]
async fn threat_057_no_redirect_carries_a_credential() {
    for dialect in DIALECTS {
        let (cloud, app) = desk(dialect).await;
        let mut browser = Browser::default();
        let mut locations = vec![browser.begin(&app.url, "/agents").await];
        let callback = browser.pick(&cloud, &locations[0], "owner").await;
        locations.push(browser.open(&callback).await.location().to_owned());
        let token = browser.session().unwrap().to_owned();
        locations.push(browser.begin(&app.url, "/agents").await);
        locations.push(browser.sign_out(&app).await.location().to_owned());
        locations.push(browser.open(&app.at("/agents")).await.location().to_owned());
        for location in locations {
            for segment in token.split('.') {
                assert!(
                    !location.contains(segment),
                    "a redirect carries a part of the token"
                );
            }
        }
    }
}
