//! `mastra-auth demo`, as a person and a script meet it: the process, its one line, and every step of a sign-in over HTTP.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::browser::{Browser, Page};
use crate::process::{PATIENCE, Running, command, finish};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ANY_PORTS: [&str; 5] = ["demo", "--port", "0", "--cloud-port", "0"];
const DIALECTS: [&str; 3] = ["v1", "pkce", "platform"];
/// The name without the suffix of a demo's own.
const SESSION: &str = "mastra_session";

/// Handle, id, name, and the answers to read, execute and delete.
const PEOPLE: [(&str, &str, &str, [u16; 3]); 4] = [
    ("owner", "usr_olivia", "Olivia Okafor", [200, 200, 200]),
    ("admin", "usr_anders", "Anders Holm", [200, 200, 403]),
    ("member", "usr_mei", "Mei Tanaka", [200, 200, 403]),
    ("viewer", "usr_victor", "Victor Reyes", [200, 403, 403]),
];

const API: [(Method, &str); 3] = [
    (Method::GET, "/api/agents"),
    (Method::POST, "/api/agents/demo/generate"),
    (Method::DELETE, "/api/agents/demo"),
];

fn demo(dialect: &str) -> (Running, String) {
    let mut args = ANY_PORTS.to_vec();
    args.extend(["--dialect", dialect]);
    let demo = Running::start(&args);
    let app = demo.url("app");
    (demo, app)
}

async fn me(browser: &mut Browser, app: &str) -> Page {
    browser.get(&format!("{app}/auth/me")).await
}

async fn statuses(browser: &mut Browser, app: &str) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (status, (method, path)) in statuses.iter_mut().zip(API) {
        let page = browser
            .send(method, &format!("{app}{path}"), &[], None)
            .await;
        *status = page.status.as_u16();
    }
    statuses
}

async fn sign_out(browser: &mut Browser, app: &str) -> Page {
    browser.post(&format!("{app}/auth/logout"), app, "").await
}

fn error_code(page: &Page) -> Value {
    page.json()
        .pointer("/error/code")
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn the_ready_line_is_true_and_the_only_one() {
    let (demo, app) = demo("v1");
    let cloud = demo.url("cloud");
    assert_eq!(demo.ready(), format!("ready app={app} cloud={cloud}\n"));
    let mut browser = Browser::new();
    for url in [&app, &cloud] {
        assert!(url.starts_with("http://localhost:"), "{url}");
        assert_eq!(browser.get(url).await.status, StatusCode::OK);
        let numeric = url.replace("localhost", "127.0.0.1");
        assert_eq!(browser.get(&numeric).await.status, StatusCode::OK);
    }
    let finished = demo.end("INT");
    assert_eq!(finished.stdout, format!("ready app={app} cloud={cloud}\n"));
    assert_eq!(finished.stderr, "");
}

#[tokio::test]
async fn every_person_walks_the_whole_way_in_each_dialect() {
    for dialect in DIALECTS {
        let (demo, app) = demo(dialect);
        for (handle, id, name, expect) in PEOPLE {
            // The platform's admins may do anything, and the owner is one of them.
            let (session, role, expect) = match (dialect, handle) {
                ("platform", "owner" | "admin") => ("wos-session", "admin", [200; 3]),
                ("platform", _) => ("wos-session", handle, expect),
                _ => (SESSION, handle, expect),
            };
            let who = format!("{handle} in {dialect}");
            let mut browser = Browser::new();
            let before = me(&mut browser, &app).await;
            assert_eq!(before.status, StatusCode::UNAUTHORIZED, "{who}");
            assert_eq!(before.header("content-type"), "application/json", "{who}");
            assert_eq!(error_code(&before), "not_signed_in", "{who}");

            let done = browser.sign_in(&app, handle, "/%3Ftab=2").await;
            assert_eq!(done.location(), "/?tab=2", "{who}");
            let token = browser.session().unwrap().to_owned();
            assert_eq!(
                browser.cookies().len(),
                1,
                "{who}: the sign-in leaves one cookie"
            );

            let found = me(&mut browser, &app).await;
            assert_eq!(found.status, StatusCode::OK, "{who}");
            let body = found.json();
            assert_eq!(body["id"], id, "{who}");
            assert_eq!(body["name"], name, "{who}");
            assert_eq!(body["roles"], json!([role]), "{who}");
            let mut members: Vec<_> = body.as_object().unwrap().keys().collect();
            members.sort();
            let of_platform = ["memberOrgIds", "organizationId"];
            members.retain(|name| dialect != "platform" || !of_platform.contains(&name.as_str()));
            assert_eq!(
                members,
                ["avatarUrl", "email", "id", "name", "permissions", "roles"],
                "{who}"
            );
            assert_eq!(statuses(&mut browser, &app).await, expect, "{who}");

            let out = sign_out(&mut browser, &app).await;
            let there = format!("{}/auth/logout", demo.url("cloud"));
            let next = if dialect == "platform" { &*there } else { "/" };
            assert_eq!(out.location(), next, "{who}");
            assert!(browser.cookies().is_empty(), "{who}");
            browser.plant(session, &token);
            let after = me(&mut browser, &app).await;
            assert_eq!(after.status, StatusCode::UNAUTHORIZED, "{who}");
            assert_eq!(error_code(&after), "invalid_token", "{who}");
            assert_eq!(statuses(&mut browser, &app).await, [401; 3], "{who}");
        }
    }
}

#[tokio::test]
async fn the_page_greets_who_is_signed_in() {
    let (_demo, app) = demo("v1");
    let mut browser = Browser::new();
    let page = browser.get(&app).await;
    assert!(page.text.contains("Sign in with Mastra Cloud"));
    browser.sign_in(&app, "member", "/").await;
    let page = browser.get(&app).await;
    for part in ["Mei Tanaka", "mei@example.com", "*:execute", "Sign out"] {
        assert!(page.text.contains(part), "{part}");
    }
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
}

#[tokio::test]
async fn a_denied_sign_in_ends_on_a_page_that_says_so() {
    let (_demo, app) = demo("v1");
    let mut browser = Browser::new();
    let login_page = browser.begin(&app, "/").await;
    let page = browser.get(&login_page).await;
    let number = crate::browser::between(&page.text, "name=\"number\" value=\"", "\"");
    let cloud = login_page.split_once("/auth").unwrap().0;
    let denied = browser
        .post(
            &format!("{cloud}/auth/oss"),
            cloud,
            &format!("number={number}&person="),
        )
        .await;
    let callback = denied.location().to_owned();
    let page = browser
        .send(Method::GET, &callback, &[("accept", "text/html")], None)
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("You did not sign in"), "{}", page.text);
    assert_eq!(browser.session(), None);
}

#[tokio::test]
async fn a_session_of_the_platform_rotates_before_the_eyes_of_who_uses_it() {
    let (demo, app) = demo("platform");
    let mut browser = Browser::new();
    browser.sign_in(&app, "member", "/").await;
    let options = format!("{}/admin/api/platform", demo.url("cloud"));
    let own = [
        ("origin", &*demo.url("cloud")),
        ("content-type", "application/json"),
    ];
    let soon = r#"{"rotateAfter":1}"#;
    let changed = browser
        .send(Method::PATCH, &options, &own, Some(soon))
        .await;
    assert!(changed.status.is_success(), "{}", changed.text);
    let mark =
        |page: &Page| crate::browser::between(&page.text, "data-session=\"", "\"").to_owned();
    let first = browser.get(&app).await;
    assert!(first.text.contains("org_acme"), "{}", first.text);
    let (first, begun) = (mark(&first), Instant::now());
    let mut seen = vec![first];
    while seen.len() < 4 {
        assert!(begun.elapsed() < PATIENCE, "it does not rotate: {seen:?}");
        let page = browser.get(&app).await;
        assert_eq!(page.status, StatusCode::OK);
        let now = mark(&page);
        if !seen.contains(&now) {
            seen.push(now);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn who_denies_at_the_platform_lands_on_the_demos_login() {
    let (_demo, app) = demo("platform");
    let mut browser = Browser::new();
    let login_page = browser.begin(&app, "/").await;
    let denied = browser.pick(&login_page, "").await;
    let accept = [("accept", "text/html")];
    let page = browser.send(Method::GET, &denied, &accept, None).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{denied}");
    assert!(page.text.contains("You did not sign in"), "{}", page.text);
    assert_eq!(browser.session(), None);
}

#[tokio::test]
async fn threat_026_the_session_cookie_is_out_of_reach_of_scripts_and_sites() {
    for dialect in DIALECTS {
        let (_demo, app) = demo(dialect);
        let mut browser = Browser::new();
        let done = browser.sign_in(&app, "member", "/").await;
        let cookies = done.cookies();
        let session = cookies.last().unwrap();
        let name = if dialect == "platform" {
            "wos-session_"
        } else {
            "mastra_session_"
        };
        assert!(session.starts_with(name), "it comes last");
        let attributes: Vec<&str> = session.split("; ").skip(1).collect();
        for expect in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(&expect), "{expect}: {attributes:?}");
        }
        let has = |name: &str| attributes.iter().any(|own| own.starts_with(name));
        assert!(has("Max-Age=") && !has("Domain"), "{attributes:?}");
        assert!(
            !has("Secure"),
            "plain http on this machine keeps no Secure cookie everywhere"
        );
        let out = sign_out(&mut browser, &app).await;
        let cleared = out.cookies();
        assert!(
            cleared[0].starts_with(name) && cleared[0].contains("=; "),
            "{cleared:?}"
        );
        assert!(cleared[0].contains("HttpOnly") && cleared[0].contains("Path=/"));
    }
}

#[tokio::test]
async fn threat_036_a_page_of_another_origin_signs_nobody_out() {
    let (_demo, app) = demo("v1");
    let mut browser = Browser::new();
    browser.sign_in(&app, "member", "/").await;
    let url = format!("{app}/auth/logout");
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:1"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let refused = browser
            .send(Method::POST, &url, &[(name, value)], None)
            .await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert_eq!(error_code(&refused), "cross_origin");
        assert!(refused.cookies().is_empty());
    }
    assert_eq!(
        browser.get(&url).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(me(&mut browser, &app).await.status, StatusCode::OK);
}

#[tokio::test]
async fn threat_046_two_people_who_sign_in_at_once_stay_two() {
    for dialect in DIALECTS {
        let (_demo, app) = demo(dialect);
        let (mut first, mut second) = (Browser::new(), Browser::new());
        let first_page = first.begin(&app, "/a").await;
        let second_page = second.begin(&app, "/b").await;
        let second_callback = second.pick(&second_page, "viewer").await;
        let first_callback = first.pick(&first_page, "owner").await;
        assert_eq!(first.get(&first_callback).await.location(), "/a");
        assert_eq!(second.get(&second_callback).await.location(), "/b");
        for _ in 0..3 {
            let (one, two) = tokio::join!(me(&mut first, &app), me(&mut second, &app));
            assert_eq!(one.json()["id"], "usr_olivia", "{dialect}");
            assert_eq!(two.json()["id"], "usr_victor", "{dialect}");
        }
        assert_eq!(statuses(&mut first, &app).await, [200, 200, 200]);
        assert_eq!(statuses(&mut second, &app).await, [200, 403, 403]);
        sign_out(&mut first, &app).await;
        assert_eq!(me(&mut first, &app).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(me(&mut second, &app).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn threat_040_a_sign_in_is_finished_by_the_browser_that_began_it() {
    for dialect in DIALECTS {
        let (_demo, app) = demo(dialect);
        let (mut attacker, mut victim) = (Browser::new(), Browser::new());
        let page = attacker.begin(&app, "/").await;
        let callback = attacker.pick(&page, "member").await;
        let without = victim.get(&callback).await;
        assert_eq!(without.status, StatusCode::BAD_REQUEST, "{dialect}");
        // A sign-in of the victim's own does not help either.
        victim.begin(&app, "/").await;
        let with_another = victim.get(&callback).await;
        assert_eq!(with_another.status, StatusCode::BAD_REQUEST, "{dialect}");
        assert!(victim.session().is_none(), "{dialect}");
    }
}

#[tokio::test]
async fn threat_016_a_callback_is_good_once() {
    for dialect in DIALECTS {
        let (_demo, app) = demo(dialect);
        let mut browser = Browser::new();
        let page = browser.begin(&app, "/").await;
        let callback = browser.pick(&page, "member").await;
        browser.get(&callback).await.location();
        // Another browser, with a sign-in of its own under way.
        let mut again = Browser::new();
        again.begin(&app, "/").await;
        let replayed = again.get(&callback).await;
        assert!(replayed.status.is_client_error(), "{}", replayed.status);
        assert!(again.session().is_none(), "{dialect}");
    }
}

#[tokio::test]
async fn threat_030_a_session_planted_before_the_sign_in_is_not_kept() {
    let (_demo, app) = demo("v1");
    let mut attacker = Browser::new();
    attacker.sign_in(&app, "viewer", "/").await;
    let planted = attacker.session().unwrap().to_owned();
    let mut victim = Browser::new();
    victim.plant(SESSION, &planted);
    victim.sign_in(&app, "owner", "/").await;
    assert_ne!(victim.session(), Some(planted.as_str()));
    assert_eq!(me(&mut victim, &app).await.json()["id"], "usr_olivia");
    assert_ne!(me(&mut attacker, &app).await.json()["id"], "usr_olivia");
}

#[tokio::test]
async fn threat_037_no_answer_that_knows_a_session_may_be_kept() {
    let (_demo, app) = demo("v1");
    let mut browser = Browser::new();
    let mut pages = vec![me(&mut browser, &app).await];
    pages.push(browser.get(&format!("{app}/auth/login")).await);
    pages.push(browser.sign_in(&app, "owner", "/").await);
    for path in ["/", "/auth/me", "/api/agents"] {
        pages.push(browser.get(&format!("{app}{path}")).await);
    }
    pages.push(sign_out(&mut browser, &app).await);
    for (place, page) in pages.iter().enumerate() {
        assert!(
            page.header("cache-control").contains("no-store"),
            "{place}: {page:?}"
        );
        let varies = page.headers.get_all("vary").iter().any(|v| v == "Cookie");
        assert!(varies, "{place}: {page:?}");
    }
}

#[tokio::test]
async fn threat_050_no_address_holds_a_token() {
    for dialect in DIALECTS {
        let (_demo, app) = demo(dialect);
        let mut browser = Browser::new();
        browser.sign_in(&app, "owner", "/").await;
        let token = browser.session().unwrap().to_owned();
        sign_out(&mut browser, &app).await;
        let signature = token.rsplit('.').next().unwrap();
        for url in &browser.visited {
            assert!(!url.contains(signature), "{dialect}: a token in an address");
        }
        // Nor is one taken from there.
        browser.sign_in(&app, "owner", "/").await;
        let token = browser.session().unwrap().to_owned();
        for name in ["token", "access_token", "session", SESSION] {
            let url = format!("{app}/auth/me?{name}={token}");
            let page = Browser::new().get(&url).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{name}");
        }
    }
}

#[tokio::test]
async fn threat_052_what_is_closed_is_closed_to_every_bad_credential() {
    let (_demo, app) = demo("v1");
    for (name, value) in [
        ("x-none", ""),
        ("authorization", "Bearer "),
        ("authorization", "Bearer bad"),
        ("authorization", "Basic b3duZXI6b3duZXI="),
        ("cookie", "mastra_session="),
        ("cookie", "mastra_session=e30.e30.e30"),
        ("cookie", "xmastra_session=x; __Host-mastra_session=x"),
        ("x-mastra-dev-playground", "true"),
    ] {
        for (method, path) in API {
            let page = Browser::new()
                .send(method, &format!("{app}{path}"), &[(name, value)], None)
                .await;
            assert_eq!(
                page.status,
                StatusCode::UNAUTHORIZED,
                "{path} {name}: {value}"
            );
            assert_eq!(page.header("content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn threat_064_a_client_cannot_name_its_own_role() {
    let (_demo, app) = demo("v1");
    let mut browser = Browser::new();
    browser.sign_in(&app, "viewer", "/").await;
    for name in ["role", "roles", "permissions"] {
        browser.plant(name, "owner");
    }
    let headers = [
        ("x-role", "owner"),
        ("x-user-role", "owner"),
        ("x-user-id", "usr_olivia"),
        ("content-type", "application/json"),
    ];
    let url = format!("{app}/api/agents/demo?role=owner&userId=usr_olivia");
    let body = r#"{"role":"owner","userId":"usr_olivia"}"#;
    let page = browser
        .send(Method::DELETE, &url, &headers, Some(body))
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(error_code(&page), "permission_denied");
    assert_eq!(
        me(&mut browser, &app).await.json()["roles"],
        json!(["viewer"])
    );
}

#[tokio::test]
async fn threat_058_the_way_back_is_not_built_from_what_a_request_says() {
    let (_demo, app) = demo("v1");
    let headers = [
        ("x-forwarded-host", "evil.example"),
        ("x-mastra-public-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "//evil.example"),
        ("forwarded", "host=evil.example"),
        ("host", "evil.example"),
    ];
    let page = Browser::new()
        .send(Method::GET, &format!("{app}/auth/login"), &headers, None)
        .await;
    // To the public URL, once, and from there to the Cloud.
    let sent = format!("{app}/auth/login?at=public-url");
    assert_eq!(page.location(), sent);
    let page = Browser::new()
        .send(Method::GET, &sent, &headers, None)
        .await;
    let location = url::Url::parse(page.location()).unwrap();
    let redirect = location
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1
        .into_owned();
    assert_eq!(redirect, format!("{app}/auth/callback"));
    assert!(!page.location().contains("evil"));
}

#[tokio::test]
async fn threat_054_nobody_is_sent_elsewhere_after_signing_in() {
    let (_demo, app) = demo("v1");
    for bad in [
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https://evil.example/",
        "http:evil.example",
        "/%09/evil.example",
        "/%0A/evil.example",
        "javascript:alert(1)",
        "%2F%2Fevil.example",
    ] {
        let done = Browser::new().sign_in(&app, "viewer", bad).await;
        let landed = url::Url::parse(&app)
            .unwrap()
            .join(done.location())
            .unwrap();
        assert_eq!(landed.origin().ascii_serialization(), app, "{bad}");
    }
}

#[tokio::test]
async fn threat_104_neither_output_holds_a_credential_at_the_loudest() {
    for dialect in DIALECTS {
        let mut args = ANY_PORTS.to_vec();
        args.extend(["--dialect", dialect]);
        let mut loud = command(&args);
        loud.env("RUST_LOG", "trace");
        let demo = Running::start_command(loud);
        let app = demo.url("app");
        let mut browser = Browser::new();
        let mut secrets = Vec::new();
        let page = browser.begin(&app, "/").await;
        secrets.extend(browser.cookies());
        let callback = browser.pick(&page, "owner").await;
        for (name, value) in url::Url::parse(&callback).unwrap().query_pairs() {
            secrets.push((name.into_owned(), value.into_owned()));
        }
        browser.get(&callback).await;
        secrets.extend(browser.cookies());
        assert_eq!(statuses(&mut browser, &app).await, [200; 3]);
        // A replay, a bad credential and an end, for the paths that fail.
        browser.get(&callback).await;
        let bad = [("authorization", "Bearer planted-canary-0123456789")];
        browser
            .send(Method::GET, &format!("{app}/auth/me"), &bad, None)
            .await;
        secrets.push(("bearer".into(), "planted-canary-0123456789".into()));
        sign_out(&mut browser, &app).await;
        let finished = demo.end("TERM");
        assert!(
            finished.stderr.contains("TRACE"),
            "it was not loud: {}",
            finished.stderr
        );
        assert_eq!(finished.stdout.lines().count(), 1);
        for (name, value) in secrets {
            // The parts of a token too; what is too short to be a secret is none.
            for part in value.split(['.', '|', '~']).filter(|part| part.len() >= 12) {
                for output in [&finished.stdout, &finished.stderr] {
                    let line = output.lines().find(|line| line.contains(part));
                    assert!(line.is_none(), "{dialect}: {name} in {line:?}");
                }
            }
        }
    }
}

#[test]
fn a_port_in_use_is_one_line_and_status_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, option) in [
        (["demo", "--port", &port, "--cloud-port", "0"], "--port"),
        (
            ["demo", "--port", "0", "--cloud-port", &port],
            "--cloud-port",
        ),
    ] {
        let finished = finish(command(&args), b"");
        assert_eq!(finished.code, Some(2), "{finished:?}");
        assert_eq!(finished.stdout, "");
        assert_eq!(
            finished.stderr,
            format!(
                "error: port {port} is in use; choose another with {option}, or {option} 0 for any\n"
            )
        );
    }
}

#[tokio::test]
async fn both_words_to_end_are_heard_from_the_first_moment() {
    for signal in ["INT", "TERM"] {
        // Right after the ready line, and again with a connection that stays open.
        for use_it in [false, true] {
            let (demo, app) = demo("v1");
            let mut browser = Browser::new();
            if use_it {
                browser.sign_in(&app, "member", "/").await;
            }
            let finished = demo.end(signal);
            assert_eq!(finished.code, Some(0), "{signal}: {finished:?}");
        }
    }
}

#[tokio::test]
async fn an_address_with_nothing_at_it_leads_home_who_reads_pages() {
    let (demo, app) = demo("v1");
    let mut browser = Browser::new();
    for origin in [app, demo.url("cloud")] {
        let url = format!("{origin}/surely/unknown");
        let page = browser
            .send(Method::GET, &url, &[("accept", "text/html")], None)
            .await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{url}");
        assert!(page.text.contains("<a ") && page.text.contains("href=\"/\""));
        assert!(!page.text.contains("surely"), "{url}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{url}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let plain = browser.get(&url).await;
        assert_eq!(plain.status, StatusCode::NOT_FOUND, "{url}");
        assert_eq!(plain.text, "", "{url}");
        assert_eq!(plain.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn what_is_ended_on_the_admin_page_shows() {
    let (demo, app) = demo("v1");
    let mut browser = Browser::new();
    browser.sign_in(&app, "member", "/").await;
    assert_eq!(me(&mut browser, &app).await.status, StatusCode::OK);
    let cloud = demo.url("cloud");
    let ended = browser
        .send(
            Method::DELETE,
            &format!("{cloud}/admin/api/users/usr_mei/sessions"),
            &[("origin", &cloud)],
            None,
        )
        .await;
    assert!(ended.status.is_success(), "{}", ended.text);
    let begun = Instant::now();
    while me(&mut browser, &app).await.status != StatusCode::UNAUTHORIZED {
        assert!(begun.elapsed() < PATIENCE, "not ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The page says so and why, and leads to the way in; to who never was in it says nothing of that.
    let home = browser.get(&app).await;
    for text in [
        "You are signed out",
        "session_ended",
        "href=\"/auth/login\"",
    ] {
        assert!(home.text.contains(text), "{text}: {}", home.text);
    }
    let stranger = Browser::new().get(&app).await;
    assert!(!stranger.text.contains("You are signed out"));
}
