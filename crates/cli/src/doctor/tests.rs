//! Each mistake turns exactly its own code, and each code has a mistake that turns it.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;

use super::report::Report;
use super::rules::{Light, RULES};
use super::visit::{Came, Seen};
use crate::check::exchange::Answer;
use crate::check::verdict::Verdict;
use crate::table::Style;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;
const SECRET: &str = "b3c1f0e2-state-and-cookie";

fn came(status: u16, headers: &[(&str, &str)], body: &str) -> Came {
    let date = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let headers = std::iter::once(&date).chain(headers);
    Came {
        answer: Ok(Answer {
            status,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned(),
            is_whole_text: true,
        }),
        took: Duration::from_millis(20),
        at: NOW,
    }
}

fn login(callback: &str, cookie: &str) -> Came {
    let callback = callback.replace(':', "%3A").replace('/', "%2F");
    let url = format!(
        "https://cloud.example/auth/oss?project_id=demo&redirect_uri={callback}&state={SECRET}"
    );
    let cookie = format!("mastra_login={SECRET}; {cookie}");
    came(
        200,
        &[("set-cookie", &cookie)],
        &format!(r#"{{"url":"{url}"}}"#),
    )
}

/// The server in order, with other cookies at the login.
fn setting(lines: &[&str]) -> Seen {
    with(|seen| {
        let all = headers(&mut seen.login);
        all.retain(|(name, _)| name != "set-cookie");
        all.extend(
            lines
                .iter()
                .map(|line| ("set-cookie".to_owned(), (*line).to_owned())),
        );
    })
}

/// What a server in order shows.
fn good() -> Seen {
    Seen {
        server: Url::parse("https://app.example").unwrap(),
        api: "/api".to_owned(),
        capabilities: came(
            200,
            &[],
            r#"{"enabled":true,"login":{"type":"sso","sso":{"text":"Sign in"}}}"#,
        ),
        login: login(
            "https://app.example/api/auth/sso/callback",
            "HttpOnly; SameSite=Lax; Path=/; Secure",
        ),
        agents: came(401, &[], "{}"),
        me: came(200, &[], "null"),
        callback: Some(sent_on("The authorization code is not valid.")),
        page: Some(came(200, &[], "")),
        keys: Some(came(200, &[], r#"{"keys":[{}]}"#)),
    }
}

/// A callback that failed, as a Mastra server says so.
fn sent_on(error: &str) -> Came {
    let location = format!("https://app.example/?error={}", error.replace(' ', "%20"));
    came(302, &[("location", &location)], "")
}

/// The same server, opened at a desk.
fn desk(server: &str, callback: &str, cookie: &str) -> Seen {
    Seen {
        server: Url::parse(server).unwrap(),
        login: login(callback, cookie),
        ..good()
    }
}

/// The server in order, with a provider of another kind.
fn of_another(lines: &[&str]) -> Seen {
    let mut seen = setting(lines);
    let answer = seen.login.answer.as_mut().unwrap();
    answer.body = answer.body.replace("project_id", "client_id");
    (seen.callback, seen.keys) = (Some(came(400, &[], "{}")), None);
    seen
}

/// A server in order at this address, which signs people in at the hosted platform; with the status of its login page.
fn of_platform(server: &str, page: Option<u16>) -> Seen {
    let callback = format!("{server}/auth/callback");
    let mut seen = desk(server, &callback, "HttpOnly; SameSite=Lax; Path=/; Secure");
    let answer = seen.login.answer.as_mut().unwrap();
    let (own, there) = (
        "https://cloud.example/auth/oss?project_id=demo&",
        "https://platform.mastra.ai/v1/auth/login?product=deploy&",
    );
    answer.body = answer.body.replace(own, there);
    seen.callback = Some(came(400, &[], "{}"));
    (seen.page, seen.keys) = (page.map(|status| came(status, &[], "")), None);
    seen
}

/// The same server, where sign-ins come back to its own callback.
fn with_callback_of_the_server(mut seen: Seen) -> Seen {
    let answer = seen.login.answer.as_mut().unwrap();
    let (route, own) = ("%2Fauth%2Fcallback", "%2Fapi%2Fauth%2Fsso%2Fcallback");
    answer.body = answer.body.replace(route, own);
    seen
}

/// The same server, with its Cloud elsewhere.
fn at_cloud(mut seen: Seen, cloud: &str) -> Seen {
    let answer = seen.login.answer.as_mut().unwrap();
    answer.body = answer.body.replace("https://cloud.example", cloud);
    seen
}

const LOCAL_PAGE: &str = "<title>Sign in · Local Cloud</title>";
/// The plugin's cookie over https.
const OWN: &str = "mastra_login_1=x; Path=/; HttpOnly; Secure; SameSite=Lax";
const COOKIE: &str = "HttpOnly; SameSite=Lax; Path=/";
const DESK: &str = "http://localhost:4111";
const BACK: &str = "http://localhost:4111/api/auth/sso/callback";

fn with(change: impl FnOnce(&mut Seen)) -> Seen {
    let mut seen = good();
    change(&mut seen);
    seen
}

fn no_answer() -> Came {
    Came {
        answer: Err("no whole answer came: refused".to_owned()),
        ..came(0, &[], "")
    }
}

fn mistakes() -> Vec<(&'static str, Seen)> {
    let over_https = |cookie| {
        with(|seen| seen.login = login("https://app.example/api/auth/sso/callback", cookie))
    };
    vec![
        (
            "server",
            with(|seen| seen.capabilities = came(404, &[], "not found")),
        ),
        (
            "server",
            with(|seen| seen.capabilities = came(200, &[], "<html>")),
        ),
        (
            "auth",
            with(|seen| seen.capabilities = came(200, &[], r#"{"enabled":false}"#)),
        ),
        (
            "provider",
            with(|seen| {
                seen.capabilities = came(200, &[], r#"{"enabled":true,"login":null}"#);
                seen.login = came(404, &[], "{}");
            }),
        ),
        ("login", with(|seen| seen.login = came(500, &[], "{}"))),
        (
            "login",
            with(|seen| seen.login = came(200, &[], r#"{"url":{}}"#)),
        ),
        (
            "login-page",
            with(|seen| seen.page = Some(came(400, &[], "unknown project"))),
        ),
        ("platform-host", of_platform("https://app.example", None)),
        (
            "callback-id",
            with_callback_of_the_server(of_platform("https://app.mastra.cloud", Some(302))),
        ),
        (
            "platform-host",
            of_platform("https://app.example", Some(400)),
        ),
        (
            "platform-host",
            of_platform("https://evilmastra.ai", Some(400)),
        ),
        (
            "local-cloud",
            with(|seen| seen.page = Some(came(200, &[], LOCAL_PAGE))),
        ),
        (
            "local-cloud",
            with(|seen| {
                let back = ("location", "https://app.example/cb?code=made&state=s");
                seen.page = Some(came(303, &[back], ""));
            }),
        ),
        ("local-cloud", at_cloud(good(), "http://localhost:4300")),
        ("local-cloud", at_cloud(good(), "http://cloud.example")),
        ("local-cloud", at_cloud(good(), "https://10.0.0.5:4300")),
        ("local-cloud", at_cloud(good(), "https://[fd00::5]")),
        ("local-cloud", at_cloud(good(), "https://cloud.internal")),
        (
            "callback-scheme",
            with(|seen| {
                seen.login = login("http://app.example/api/auth/sso/callback", COOKIE);
                seen.callback = None;
            }),
        ),
        (
            "callback-scheme",
            desk(DESK, "https://localhost:4111/cb", "HttpOnly; Secure"),
        ),
        (
            "callback-host",
            with(|seen| {
                seen.login = login(
                    &format!("https://inside:8080/cb?{SECRET}"),
                    "HttpOnly; Secure",
                );
                seen.callback = None;
            }),
        ),
        (
            "callback-host",
            desk(DESK, "http://localhost:4112/cb", COOKIE),
        ),
        ("loopback-name", desk("http://127.0.0.1:4111", BACK, COOKIE)),
        (
            "callback-route",
            with(|seen| seen.callback = Some(came(404, &[], ""))),
        ),
        (
            "callback-route",
            with(|seen| seen.callback = Some(came(401, &[], ""))),
        ),
        (
            "callback-route",
            with(|seen| seen.callback = Some(no_answer())),
        ),
        (
            "login-cookie",
            with(|seen| {
                if let Ok(answer) = &mut seen.login.answer {
                    answer.headers.retain(|(name, _)| name != "set-cookie");
                }
            }),
        ),
        ("login-cookie", setting(&["AWSALB=x; Path=/"])),
        ("login-cookie", setting(&["session=x; Path=/"])),
        ("login-cookie", setting(&["mastra_login=; Path=/"])),
        ("login-cookie", setting(&["mastra_login=x; Max-Age=0"])),
        (
            "login-cookie",
            setting(&["mastra_login=x; Max-Age=-1; Expires=Fri, 01 Jan 2027 00:00:00 GMT"]),
        ),
        (
            "login-cookie",
            setting(&["mastra_login=x; Expires=Thu, 01-Jan-1970 00:00:00 GMT"]),
        ),
        (
            "login-cookie",
            setting(&[OWN, "mastra_login_1=; Path=/; Max-Age=0"]),
        ),
        (
            "login-cookie",
            of_another(&["AWSALB=x; Path=/", "__cf_bm=x; Path=/"]),
        ),
        ("cookie-http-only", of_another(&["own=x; Path=/; Secure"])),
        ("cookie-path", over_https("HttpOnly; Secure; Path=/login")),
        (
            "cookie-path",
            over_https("HttpOnly; Secure; Path=/api/auth/ss"),
        ),
        ("cookie-kept", desk(DESK, BACK, "HttpOnly; Secure")),
        ("cookie-kept", over_https("HttpOnly; SameSite=None")),
        ("cookie-secure", over_https(COOKIE)),
        (
            "cookie-domain",
            over_https("HttpOnly; Secure; Domain=.other.example"),
        ),
        (
            "cookie-domain",
            over_https("HttpOnly; Secure; Domain=pp.example"),
        ),
        (
            "cookie-same-site",
            over_https("HttpOnly; Secure; SameSite=Strict"),
        ),
        ("cookie-http-only", over_https("Secure")),
        (
            "routes-closed",
            with(|seen| seen.agents = came(200, &[], "{}")),
        ),
        (
            "routes-closed",
            with(|seen| seen.agents = came(403, &[], "{}")),
        ),
        (
            "server-to-cloud",
            with(|seen| seen.me = came(503, &[], "{}")),
        ),
        (
            "server-to-cloud",
            with(|seen| seen.callback = Some(sent_on("The Cloud could not be reached."))),
        ),
        (
            "server-to-cloud",
            with(|seen| seen.callback = Some(sent_on("The signing keys could not be fetched."))),
        ),
        (
            "server-to-cloud",
            with(|seen| {
                let location = "/?x=1&error=The%20Cloud%20could%20not%20be%20reached.#top";
                seen.callback = Some(came(302, &[("location", location)], ""));
            }),
        ),
        ("clock", with(|seen| seen.capabilities.at -= 31)),
        ("clock", with(|seen| seen.capabilities.at += 31)),
        (
            "cloud",
            with(|seen| {
                seen.page = Some(no_answer());
                seen.keys = Some(no_answer());
            }),
        ),
        (
            "cloud-speed",
            with(|seen| {
                seen.keys.as_mut().unwrap().took = Duration::from_millis(3_001);
            }),
        ),
        ("keys", with(|seen| seen.keys = Some(came(503, &[], "")))),
        ("keys", with(|seen| seen.keys = Some(no_answer()))),
        (
            "keys",
            with(|seen| seen.keys = Some(came(200, &[], r#"{"keys":[]}"#))),
        ),
    ]
}

fn wrong(seen: &Seen) -> Vec<&'static str> {
    let is_wrong = |verdict| matches!(verdict, Err(Verdict::Failed(_)));
    let wrong = RULES.iter().filter(|rule| is_wrong((rule.judge)(seen)));
    wrong.map(|rule| rule.code).collect()
}

#[test]
fn nothing_is_wrong_with_a_server_in_order() {
    for seen in [
        good(),
        desk(DESK, BACK, COOKIE),
        with(|seen| seen.server = Url::parse("https://app.example:443").unwrap()),
        with(|seen| {
            seen.login = login(
                "https://app.example/x",
                "HttpOnly; Secure; Path=/; Domain=app.example",
            );
        }),
        with(|seen| {
            seen.login = login(
                "https://app.example/x",
                "HttpOnly; Secure; Path=/; Domain=.example",
            );
        }),
        setting(&[
            "AWSALB=x; Path=/",
            OWN,
            "mastra_login_0=; Max-Age=0; Path=/",
        ]),
        setting(&[&format!("__Host-{OWN}; Max-Age=600")]),
        setting(&[&format!("{OWN}; Expires=Thu, 01-Jan-2026 00:10:00 GMT")]),
        setting(&["mastra_login_1=; Path=/; Max-Age=0", OWN]),
        setting(&["mastra_login_1=x; HttpOnly; Secure; Path=/api/auth/"]),
        setting(&["mastra_login_1=x; HttpOnly; Secure; Path=/api/auth/sso/callback"]),
        of_another(&["own=x; Path=/; HttpOnly; Secure", "AWSALBCORS=x; Path=/"]),
        of_platform("https://app.mastra.cloud", Some(302)),
        of_platform("https://app.mastra.cloud", None),
        of_platform("https://app.example", Some(302)),
        with(|seen| seen.capabilities.at += 30),
        with(|seen| seen.callback = Some(came(302, &[("location", "/")], ""))),
        with(|seen| seen.keys.as_mut().unwrap().took = Duration::from_secs(3)),
    ] {
        assert_eq!(wrong(&seen), [""; 0]);
    }
    for rule in &RULES {
        if rule.code != "cookie-secure" {
            assert!((rule.judge)(&good()).is_ok(), "{} was looked at", rule.code);
        }
    }
}

#[test]
fn each_mistake_turns_its_own_code_and_each_code_is_turned() {
    let mut turned = BTreeSet::new();
    for (at, (code, seen)) in mistakes().into_iter().enumerate() {
        assert_eq!(wrong(&seen), [code], "mistake {at}");
        turned.insert(code);
        let report = Report::new(&seen);
        let is_red = RULES
            .iter()
            .any(|rule| rule.code == code && rule.light == Light::Red);
        assert_eq!(report.red(), usize::from(is_red), "{code}");
    }
    let codes: BTreeSet<_> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(turned, codes);
    assert_eq!(codes.len(), RULES.len(), "a code is one thing's alone");
}

fn judged(code: &str, seen: &Seen) -> Result<String, Verdict> {
    let rule = RULES.iter().find(|rule| rule.code == code).unwrap();
    (rule.judge)(seen)
}

fn is_untested(code: &str, seen: &Seen) -> bool {
    matches!(judged(code, seen), Err(Verdict::NotTested(_)))
}

fn headers(came: &mut Came) -> &mut Vec<(String, String)> {
    &mut came.answer.as_mut().unwrap().headers
}

#[test]
fn a_clock_is_compared_with_this_machine_where_the_cloud_shows_none() {
    let seen = with(|seen| {
        headers(seen.page.as_mut().unwrap()).clear();
        headers(seen.keys.as_mut().unwrap()).clear();
        seen.capabilities.at -= 31;
    });
    assert_eq!(wrong(&seen), ["clock"]);
    assert!(format!("{:?}", judged("clock", &seen)).contains("this machine's"));
}

#[test]
fn the_date_of_an_answer_from_a_cache_is_no_clock() {
    let old = |came: &mut Came| {
        came.at += 600;
        headers(came).push(("age".to_owned(), "600".to_owned()));
    };
    let page = with(|seen| old(seen.page.as_mut().unwrap()));
    assert_eq!(wrong(&page), [""; 0]);
    assert!(judged("clock", &page).is_ok());
    assert!(is_untested(
        "clock",
        &with(|seen| old(&mut seen.capabilities))
    ));
}

#[test]
fn a_refusal_that_needs_no_call_shows_no_way_to_the_cloud() {
    for callback in [
        None,
        Some(came(400, &[], "{}")),
        Some(came(302, &[("location", "/")], "")),
        Some(no_answer()),
        Some(sent_on("sso_not_configured")),
        Some(sent_on("Unknown error")),
        Some(sent_on(
            "The browser did not bring the cookie of a sign-in begun here.",
        )),
        Some(sent_on("This authorization code was already used.")),
        Some(sent_on("The Cloud refused the request and gave no code.")),
    ] {
        for me in [200, 401] {
            let seen = with(|seen| {
                seen.me = came(me, &[], "null");
                seen.callback.clone_from(&callback);
            });
            assert!(is_untested("server-to-cloud", &seen), "{callback:?}");
        }
    }
}

#[test]
fn a_cloud_without_a_key_set_is_no_mistake() {
    for keys in [
        came(404, &[], ""),
        came(401, &[], "{}"),
        came(200, &[], "<html>"),
    ] {
        let seen = with(|seen| seen.keys = Some(keys));
        assert!(wrong(&seen).is_empty() && is_untested("keys", &seen));
    }
}

#[test]
fn the_local_cloud_is_in_order_where_only_its_developers_are() {
    for (server, back) in [
        (DESK, BACK),
        (
            "https://127.0.0.1:4111",
            "https://127.0.0.1:4111/api/auth/sso/callback",
        ),
        (
            "https://192.168.1.5",
            "https://192.168.1.5/api/auth/sso/callback",
        ),
    ] {
        let mut seen = at_cloud(desk(server, back, COOKIE), "http://localhost:4300");
        seen.page = Some(came(200, &[], LOCAL_PAGE));
        assert!(is_untested("local-cloud", &seen), "{server}");
    }
}

#[tokio::test]
async fn the_local_cloud_is_known_by_its_page() {
    let mut options = mastra_auth_local_cloud::Options::default();
    options.port = 0;
    let cloud = mastra_auth_local_cloud::LocalCloud::start(options)
        .await
        .unwrap();
    let client = crate::check::exchange::client(true).unwrap();
    for project in ["demo", "unknown"] {
        let page = format!(
            "{}/auth/oss?project_id={project}&redirect_uri=http%3A%2F%2Flocalhost%3A1%2Fcb&state={SECRET}",
            cloud.url()
        );
        let answer = client.get(page).send().await.unwrap();
        assert_eq!(answer.status() == 200, project == "demo");
        let body = answer.text().await.unwrap();
        let seen = with(|seen| seen.page = Some(came(200, &[], &body)));
        assert_eq!(wrong(&seen), ["local-cloud"], "{project}");
    }
    cloud.stop().await;
}

#[test]
fn what_was_seen_stands_below_its_title() {
    let seen = good();
    let table = Report::new(&seen).table(Style::Plain);
    let column = |text: &str| table.lines().find_map(|line| line.find(text)).unwrap();
    assert_eq!(
        column("https://app.example"),
        column("a Mastra server answers")
    );
}

#[test]
fn every_report_fits_and_shows_no_secret() {
    let all = mistakes().into_iter().map(|(_, seen)| seen);
    for seen in all.chain([good()]) {
        let report = Report::new(&seen);
        let table = report.table(Style::Plain);
        for line in table.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(!table.contains('\u{1b}'));
        let json = report.json();
        for text in [&table, &json] {
            assert!(!text.contains(SECRET), "{text}");
        }
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["findings"].as_array().unwrap().len(), RULES.len());
    }
}

#[test]
fn what_a_server_says_steers_no_terminal() {
    let seen = with(|seen| {
        seen.capabilities = came(
            200,
            &[],
            r#"{"enabled":true,"login":{"sso":{"text":"\u001b[2J\u202e"}}}"#,
        );
    });
    let report = Report::new(&seen);
    for text in [report.table(Style::Plain), report.json()] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}
