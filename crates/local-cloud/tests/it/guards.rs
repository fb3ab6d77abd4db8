//! Who gets in, who may press a button, where a browser may be sent, and what every page says and carries.

use crate::desk::{APP, Answer, BOTH, Desk, form, number, query};
use mastra_auth_local_cloud::{Dialect, Seed};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is sent by hand, answered until the connection closes.
async fn raw(desk: &Desk, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", desk.cloud.port()))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn threat_112_it_listens_on_loopback_only() {
    let desk = Desk::new(Dialect::V1).await;
    let port = format!(":{:04X}", desk.cloud.port());
    let mut seen = 0;
    for (table, loopback) in [
        ("/proc/net/tcp", "0100007F"),
        ("/proc/net/tcp6", "00000000000000000000000001000000"),
    ] {
        // Local address in the second column, 0A in the fourth where a socket listens.
        for line in std::fs::read_to_string(table).unwrap_or_default().lines() {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let own = columns
                .get(1)
                .and_then(|own| own.strip_suffix(port.as_str()));
            if let (Some(address), Some(&"0A")) = (own, columns.get(3)) {
                assert_eq!(address, loopback, "{table}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 1);
}

#[tokio::test]
async fn threat_112_every_page_says_that_it_is_not_for_production() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let login = desk.login_path("demo", APP, "s");
        let shown = desk.page(&login).await;
        desk.decide(&shown, "").await;
        for (page, status) in [
            (desk.page("/").await, 200),
            (desk.page("/admin").await, 200),
            (desk.page("/auth/logout").await, 200),
            (desk.page("/auth/oss").await, 400),
            (desk.decide(&shown, "usr_mei").await, 400),
            (shown, 200),
        ] {
            assert_eq!(page.status, status);
            let visible =
                "<strong>Local Cloud</strong> · for development and tests, not for production";
            assert!(page.text.contains(visible), "{}", page.text);
        }
        let issuer = crate::desk::claims(&desk.sign_in().await.token)["iss"].clone();
        assert!(
            issuer.as_str().unwrap().starts_with("http://localhost:"),
            "no Cloud is called so"
        );
    }
}

#[tokio::test]
async fn a_foreign_name_pointed_at_this_machine_is_refused() {
    let desk = Desk::new(Dialect::V1).await;
    let port = desk.cloud.port();
    for path in [
        "/",
        "/admin",
        "/admin/api/state",
        "/.well-known/jwks.json",
        "/healthz",
        "/none",
    ] {
        for (host, expect) in [
            (format!("localhost:{port}"), true),
            (format!("127.0.0.1:{port}"), true),
            (format!("[::1]:{port}"), true),
            ("localhost".into(), true),
            (format!("evil.example:{port}"), false),
            (format!("localhost.evil.example:{port}"), false),
            (format!("127.0.0.1.evil.example:{port}"), false),
            (format!("localhost@evil.example:{port}"), false),
            ("0.0.0.0".into(), false),
            (String::new(), false),
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let answer = raw(&desk, &request).await;
            assert_eq!(status(&answer) != 403, expect, "{path} {host}");
            assert!(expect || answer.len() < 400, "nothing but the refusal");
        }
    }
    let nameless = raw(&desk, "GET /admin/api/state HTTP/1.0\r\n\r\n").await;
    assert!(matches!(status(&nameless), 400 | 403), "{nameless}");
    let other =
        "POST /api/v1/auth/verify HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&raw(&desk, other).await), 403);
}

#[tokio::test]
async fn threat_036_no_other_page_presses_a_button() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let own = desk.cloud.url().to_owned();
    let neighbour = "http://localhost:1".to_owned();
    let secure = own.replace("http:", "https:");
    let by_ip = format!("http://127.0.0.1:{}", desk.cloud.port());
    let session = format!("/admin/api/sessions/{}", mei.session);
    let buttons = [
        (Method::DELETE, session.as_str()),
        (Method::DELETE, "/admin/api/users/usr_mei/sessions"),
        (Method::PUT, "/admin/api/users/usr_mei/role"),
        (Method::POST, "/admin/api/keys/rotate"),
        (Method::POST, "/admin/api/faults"),
        (Method::DELETE, "/admin/api/faults"),
        (Method::DELETE, "/admin/api/faults/1"),
        (Method::POST, "/admin/api/tokens"),
        (Method::POST, "/admin/api/project-tokens"),
        (Method::POST, "/admin/api/clock"),
        (Method::POST, "/admin/api/reset"),
        (Method::PATCH, "/admin/api/platform"),
        (Method::PUT, "/admin/api/organizations/o/members/usr_mei"),
        (Method::DELETE, "/admin/api/organizations/o/members/usr_mei"),
        (Method::POST, "/auth/oss"),
    ];
    for (origin, site) in [
        (Some("https://evil.example"), None),
        (Some("https://evil.example"), Some("cross-site")),
        (Some(&*neighbour), None),
        (Some(&*neighbour), Some("same-site")),
        (Some(&*secure), None),
        (Some(&*by_ip), None),
        (Some("null"), None),
        (Some("null"), Some("cross-site")),
        (Some(""), None),
        (None, Some("cross-site")),
        (None, Some("same-site")),
        (Some(&*own), Some("cross-site")),
    ] {
        for (method, path) in &buttons {
            let mut request = desk.http.request(method.clone(), desk.url(path));
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let sent = request.json(&json!({ "role": "owner", "kind": "drop" }));
            let answer = Answer::read(sent.send().await.unwrap()).await;
            assert_eq!(answer.status, 403, "{method} {path} {origin:?} {site:?}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    let state = desk.admin(Method::GET, "state", None).await.body;
    assert_eq!(state["faults"], json!([]));
    assert_eq!(state["keys"].as_array().unwrap().len(), 1);
    assert!(
        state["people"]
            .as_array()
            .unwrap()
            .contains(&json!({ "id": "usr_mei", "role": "member" }))
    );
    assert!(state["sessions"][0]["alive"].as_bool().unwrap());
}

#[tokio::test]
async fn its_own_pages_and_programs_press_them() {
    let desk = Desk::new(Dialect::V1).await;
    let own = desk.cloud.url().to_owned();
    for (origin, site) in [
        (Some(&*own), Some("same-origin")),
        (Some(&*own), None),
        (Some("null"), Some("same-origin")),
        (None, None),
        (None, Some("none")),
    ] {
        let page = desk.page(&desk.login_path("demo", APP, "s")).await;
        let mut request = desk.http.post(desk.url("/auth/oss"));
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let fields = form(&[("number", &number(&page)), ("person", "usr_mei")]);
        let sent = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields);
        let back = Answer::read(sent.send().await.unwrap()).await.location();
        assert!(query(&back, "code").is_some(), "{origin:?} {site:?}");
    }
}

#[tokio::test]
async fn threat_057_a_code_goes_to_this_machine_or_to_what_the_project_lists() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.auto_approve = Some("member".into());
        })
        .await;
        for (uri, expect) in [
            ("http://localhost:5000/callback", true),
            ("https://localhost/callback", true),
            ("http://127.0.0.1:5000/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:5000/cb?x=1", true),
            ("HTTP://LOCALHOST:5000/cb", true),
            ("https://evil.example/", false),
            ("http://localhost.evil.example/", false),
            ("http://evil.example/localhost", false),
            ("http://localhost@evil.example/", false),
            ("http://localhost:5000@evil.example/", false),
            ("http://user@localhost:5000/", false),
            ("http://evil.example#@localhost/", false),
            ("http://localhost:5000/#x", false),
            ("http://localhost\\@evil.example/", false),
            ("http://localhost\t.evil.example/", false),
            (" http://localhost:5000/", false),
            ("http:localhost:5000/", false),
            ("http:/localhost:5000/", false),
            ("//evil.example/", false),
            ("//localhost:5000/", false),
            ("/callback", false),
            ("javascript:alert(1)", false),
            ("javascript://localhost/%0aalert(1)", false),
            ("data:text/html,x", false),
            ("file://localhost/etc/passwd", false),
            ("ftp://localhost/", false),
            ("http://0.0.0.0:5000/", false),
            ("http://192.168.0.1/", false),
            ("http://[::ffff:192.168.0.1]/", false),
            ("http://localhost.:5000/", false),
            ("", false),
        ] {
            let login = desk.page(&desk.login_path("demo", uri, "s")).await;
            assert_eq!(login.status == 303, expect, "login {uri:?}");
            let name = match dialect {
                Dialect::Pkce => "post_logout_redirect_uri",
                _ => "redirect_uri",
            };
            let logout = desk
                .page(&format!("/auth/logout?{}", form(&[(name, uri)])))
                .await;
            assert_eq!(logout.status == 303, expect, "logout {uri:?}");
            if !expect {
                assert_eq!(
                    (login.header("location"), logout.header("location")),
                    ("", "")
                );
            }
        }
        let long = format!("http://localhost/{}", "x".repeat(2048));
        assert_eq!(
            desk.page(&desk.login_path("demo", &long, "s")).await.status,
            400
        );
    }
}

const LISTS: &str = "
[[projects]]
id = \"demo\"
redirect_uris = [\"https://app.example/cb\", \"myapp://signed-in\"]
[[projects]]
id = \"shop\"
redirect_uris = [\"https://shop.example/cb\"]
";

#[tokio::test]
async fn threat_055_a_listed_way_back_is_meant_to_the_letter() {
    let desk = Desk::with(Dialect::V1, |options| {
        options.auto_approve = Some("member".into());
        options.seed = Seed::from_toml(LISTS).unwrap();
    })
    .await;
    for (project, uri, expect) in [
        ("demo", "https://app.example/cb", true),
        ("demo", "myapp://signed-in", true),
        ("shop", "https://shop.example/cb", true),
        ("demo", "https://shop.example/cb", false),
        ("shop", "https://app.example/cb", false),
        ("none", "https://app.example/cb", false),
        ("demo", "https://app.example/cb/", false),
        ("demo", "https://app.example/cb?x", false),
        ("demo", "https://app.example/cb/../x", false),
        ("demo", "https://app.example:443/cb", false),
        ("demo", "https://APP.example/cb", false),
        ("demo", "http://app.example/cb", false),
        ("demo", "https://app.example.evil.example/cb", false),
        ("demo", "https://evilapp.example/cb", false),
        ("demo", "https://x.app.example/cb", false),
        ("demo", "https://app.example/", false),
        ("demo", "myapp://signed-in/else", false),
    ] {
        let answer = desk.page(&desk.login_path(project, uri, "s")).await;
        assert_eq!(answer.status == 303, expect, "{project} {uri}");
    }
}

#[tokio::test]
async fn threat_048_what_an_address_says_is_shown_as_text_or_not_at_all() {
    let desk = Desk::with(Dialect::V1, |options| {
        options.seed = Seed::from_toml(
            "[[people]]\nhandle = \"x\"\nname = \"<img src=x onerror=alert(1)>\"\nemail = \"\\\"><script>@b\"\nrole = \"owner\"",
        )
        .unwrap();
    })
    .await;
    let evil = "\"><script>alert(1)</script>";
    let good = "http://localhost:5000/<script>alert(1)</script>";
    let foreign = format!("https://evil.example/{evil}");
    let name = "/auth/logout?".to_owned() + &form(&[("redirect_uri", &foreign)]);
    for path in [
        desk.login_path("demo", good, evil),
        desk.login_path(evil, APP, "s"),
        desk.login_path("demo", evil, "s"),
        desk.login_path("demo", &foreign, "s"),
        "/auth/oss?".to_owned() + &form(&[(evil, evil)]),
        name,
        "/".into(),
        "/admin".into(),
    ] {
        let page = desk.page(&path).await;
        let scripts = page.text.matches("<script").count();
        assert_eq!(scripts, usize::from(path == "/admin"), "{path}");
        assert!(!page.text.contains("<img src=x"), "{path}");
        assert!(!page.text.contains("evil.example"), "{path}");
    }
}

#[tokio::test]
async fn threat_059_nothing_from_an_address_becomes_a_header() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.auto_approve = Some("member".into());
        })
        .await;
        let state = "s\r\nset-cookie: a=b\r\n\r\n<p>\u{1f600}";
        let back = desk.page(&desk.login_path("demo", APP, state)).await;
        assert_eq!(back.header("set-cookie"), "");
        assert_eq!(query(&back.location(), "state").unwrap(), state);
        let uri = "http://localhost:5000/\r\nset-cookie: a=b";
        assert_eq!(
            desk.page(&desk.login_path("demo", uri, "s")).await.status,
            400
        );
    }
}

#[tokio::test]
async fn threat_058_a_forwarded_name_is_nobodys() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let mut request = desk.verify(&mei.token).request();
        for name in [
            "x-forwarded-host",
            "x-forwarded-prefix",
            "forwarded",
            "x-mastra-public-host",
        ] {
            request = request.header(name, "host=evil.example");
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains(desk.cloud.url()) && !answer.text.contains("evil"));
    }
}

#[tokio::test]
async fn every_page_carries_its_headers() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        for path in [
            "/",
            "/admin",
            "/admin/api/state",
            "/auth/oss",
            "/auth/logout",
            "/avatars/member.svg",
            "/assets/admin.js",
            &desk.login_path("demo", APP, "s"),
        ] {
            let page = desk.page(path).await;
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "same-origin"),
            ] {
                assert_eq!(page.header(name), value, "{path}");
            }
            let policy = page.header("content-security-policy");
            for part in [
                "default-src 'none'",
                "script-src 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert!(!page.text.contains(" style=") && !page.text.contains(" onclick="));
        }
        for answer in [
            desk.verify("junk").send().await,
            desk.exchange("junk").send().await,
            desk.exchange(&desk.code().await).send().await,
        ] {
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn the_login_pages_policy_names_its_own_way_back_and_no_other() {
    let desk = Desk::with(Dialect::V1, |options| {
        options.seed = Seed::from_toml(LISTS).unwrap();
    })
    .await;
    for (uri, expect) in [
        (APP, "form-action 'self' http://localhost:5000;"),
        (
            "https://app.example/cb",
            "form-action 'self' https://app.example;",
        ),
        ("http://[::1]:5000/", "form-action 'self' http:;"),
        ("myapp://signed-in", "form-action 'self' myapp:;"),
    ] {
        let page = desk.page(&desk.login_path("demo", uri, "s")).await;
        assert!(
            page.header("content-security-policy").contains(expect),
            "{uri}"
        );
        assert!(!page.text.contains("null"), "{uri}");
    }
    let front = desk.page("/").await;
    assert!(
        front
            .header("content-security-policy")
            .contains("form-action 'self';")
    );
}

#[tokio::test]
async fn threat_101_a_large_body_is_refused() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let large = json!({ "code": "x".repeat(64 * 1024) });
        desk.exchange("")
            .body(large)
            .send()
            .await
            .is(413, "body_too_large");
    }
}
