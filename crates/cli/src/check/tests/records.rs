//! What a run keeps: it is judged again without the Cloud, holds no secret, and names no person.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::exchange::client;
use super::super::probe::{Probe, Seen};
use super::super::rule::Severity;
use super::super::verdict::Verdict;
use super::super::{judge, report::Report};
use super::deviant::{After, serve};
use super::{local_cloud, look, look_with, red};
use crate::args::DialectName::{self, Pkce, Platform, V1};

/// Runs against the local Cloud, written with `--record`.
const RECORDED: [&str; 3] = [
    include_str!("../../../tests/records/local-v1.json"),
    include_str!("../../../tests/records/local-pkce.json"),
    include_str!("../../../tests/records/local-platform.json"),
];

async fn seen(dialect: DialectName) -> (Seen, Vec<String>) {
    let cloud = local_cloud(dialect).await;
    let seen = look(cloud.url(), &client(true).unwrap(), dialect).await;
    let sessions = cloud.control().sessions();
    cloud.stop().await;
    (seen, sessions.into_iter().map(|row| row.id).collect())
}

#[tokio::test]
async fn a_record_is_judged_as_the_run_was_and_holds_no_secret() {
    for dialect in [V1, Pkce, Platform] {
        let (seen, sessions) = seen(dialect).await;
        assert!(sessions.len() >= 2, "{sessions:?}");
        let text = serde_json::to_string(&seen.masked()).unwrap();
        for secret in [
            "eyJhbGciOiJFZERTQSIsI",
            "example.com",
            "Olivia",
            "Fe26.2*1*k",
            "rt_0",
        ] {
            let at = text
                .find(secret)
                .map(|at| text.get(at.saturating_sub(300)..at + 20));
            assert_eq!(at, None, "{dialect:?}: {secret}");
        }
        // Codes and verifiers are long, and nothing else that follows these words is.
        for before in ["code_", "code_verifier\\\":\\\""] {
            for after in text.split(before).skip(1) {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                let word: String = after.chars().take_while(|c| is_part(*c)).collect();
                let is_made_up = ["made_up", "A-verifier", "Another-verifier"]
                    .iter()
                    .any(|own| word.starts_with(own));
                assert!(word.len() < 20 || is_made_up, "{dialect:?}: {before}{word}");
            }
        }
        let again: Seen = serde_json::from_str(&text).unwrap();
        for (one, other) in judge(&seen).iter().zip(judge(&again)) {
            assert_eq!(one.verdict, other.verdict, "{}", one.rule.id);
        }
    }
}

/// What broken Clouds make of an answer that brings a token.
const SHAPES: [(&str, After); 5] = [
    ("bare", |asking, answer, _| {
        if asking.is("POST", "/auth/callback") {
            answer.edit(|body| *body = body["data"].take());
        }
    }),
    ("another name", |asking, answer, _| {
        if asking.is("POST", "/auth/callback") {
            answer.edit(|body| {
                let token = body["data"]["jwt"].take();
                body["data"]["note"] = json!([token, "to olivia@example.com"]);
            });
        }
    }),
    ("more after it", |asking, answer, _| {
        if asking.is("POST", "/auth/callback") {
            answer.body.extend_from_slice(b" // end");
        }
    }),
    ("a cookie and a header", |asking, answer, _| {
        if asking.is("POST", "/auth/callback") {
            let token = answer.json()["data"]["jwt"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            answer.set_header("set-cookie", &format!("sid={token}; Path=/"));
            answer.set_header("x-session", &token);
        }
    }),
    ("a redirect with a token", |asking, answer, _| {
        if asking.is("POST", "/auth/oss") {
            let location = format!(
                "{}&access_token=eyJhbGciOiJFZERTQSIsI.e30.AAAA",
                answer.location()
            );
            answer.set_header("location", &location);
        }
    }),
];

#[tokio::test]
async fn whatever_shape_an_answer_has_no_secret_is_shown_or_kept() {
    let cloud = local_cloud(V1).await;
    let client = client(true).unwrap();
    for (name, after) in SHAPES {
        let url = serve(cloud.url(), &client, |_| (), after).await;
        let seen = look(&url, &client, V1).await;
        let judged = judge(&seen);
        let masked = seen.masked();
        let kept = serde_json::to_string(&masked).unwrap();
        let shown = Report::new(&masked, judged.iter().collect()).json();
        for secret in ["eyJhbGciOiJFZERTQSIsI", "example.com", "Olivia"] {
            assert!(!kept.contains(secret), "{name}: {secret} is kept");
            assert!(!shown.contains(secret), "{name}: {secret} is shown");
        }
    }
    cloud.stop().await;
}

#[test]
fn recorded_runs_keep_every_rule() {
    for text in RECORDED {
        let seen: Seen = serde_json::from_str(text).unwrap();
        assert_eq!(red(&seen), BTreeSet::new());
        assert!(seen.exchanges.len() >= 45, "{}", seen.exchanges.len());
    }
}

/// Claims and headers that no signature of a test could carry.
#[tokio::test]
async fn each_claim_that_is_missing_or_wrong_breaks_its_rule() {
    let (whole, _) = seen(V1).await;
    let cases: [(&str, Value, &str); 10] = [
        ("sub", Value::Null, "claims.1"),
        ("aud", json!("shop"), "claims.2"),
        ("aud", json!(["shop", "store"]), "claims.2"),
        ("exp", json!(1_000_000), "claims.3"),
        ("exp", json!(4_102_444_800_000_i64), "claims.3"),
        ("iat", json!("today"), "claims.4"),
        ("sid", Value::Null, "claims.5"),
        ("iss", json!(""), "claims.6"),
        ("sub", json!("usr_2"), "claims.7"),
        ("role", Value::Null, "claims.8"),
    ];
    for (name, value, rule) in cases {
        let mut seen = whole.clone();
        let claims = seen.token.as_mut().unwrap().claims.as_mut().unwrap();
        let claims = claims.as_object_mut().unwrap();
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.to_owned(), value)),
        }
        let found = red(&seen);
        assert!(found.contains(rule), "{name}: {found:?}");
        // Without a subject nothing can be compared with it.
        assert!(
            found.iter().all(|id| *id == rule || *id == "claims.7"),
            "{name}: {found:?}"
        );
    }
    let mut seen = whole;
    let header = seen.token.as_mut().unwrap().header.as_mut().unwrap();
    header["alg"] = json!("HS256");
    assert_eq!(red(&seen), BTreeSet::from(["keys.8"]));
}

#[tokio::test]
async fn a_project_that_does_not_exist_proves_nothing() {
    let cloud = local_cloud(V1).await;
    let (mut seen, client) = (Vec::new(), client(true).unwrap());
    for other in ["shop", "typo"] {
        seen.push(look_with(cloud.url(), &client, V1, other).await);
    }
    let told = |seen: &Seen, id: &str| {
        let judged = judge(seen).into_iter().find(|judged| judged.rule.id == id);
        matches!(judged.unwrap().verdict, Verdict::Passed)
    };
    for id in ["security.13", "security.21"] {
        let told: Vec<_> = seen.iter().map(|seen| told(seen, id)).collect();
        assert_eq!(told, [true, false], "{id}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn over_https_browsers_are_told_to_stay_there() {
    let (mut seen, _) = seen(V1).await;
    seen.base_url = "https://cloud.example".to_owned();
    assert_eq!(red(&seen), BTreeSet::from(["security.26"]));
    let login = Probe::LoginPage;
    for (status, to, is_red) in [
        (308, "https://cloud.example/auth/oss", false),
        (308, "http://www.cloud.example/auth/oss", true),
        (200, "", true),
        (404, "", false),
        (421, "", false),
        (502, "", true),
    ] {
        let mut plain = seen.exchanges[&login].clone();
        let answer = plain.came.as_mut().unwrap();
        answer.status = status;
        answer.headers.push(("location".to_owned(), to.to_owned()));
        seen.exchanges.insert(Probe::PlainHttp, plain);
        assert_eq!(red(&seen).contains("security.44"), is_red, "{status} {to}");
    }
    // Nothing there is as good.
    let plain = seen.exchanges.get_mut(&Probe::PlainHttp).unwrap();
    plain.came = Err("no whole answer came: connection refused".to_owned());
    assert!(!red(&seen).contains("security.44"));
}

#[tokio::test]
async fn each_form_of_the_report_shows_what_is_broken() {
    let (mut seen, _) = seen(V1).await;
    let user = seen.exchanges.get_mut(&Probe::User);
    user.unwrap().came.as_mut().unwrap().body = "<b>\u{1b}[31mno & \"json\"".to_owned();
    let judged = judge(&seen);
    let report = Report::new(&seen, judged.iter().collect());
    assert!(report.broken(Severity::Must) > 0);
    let table = report.table(crate::table::Style::Plain);
    assert!(
        table.contains("FAIL   1  people may read themselves"),
        "{table}"
    );
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    let read: Value = serde_json::from_str(&report.json()).unwrap();
    let rules = read["rules"].as_array().unwrap();
    assert_eq!(rules.len(), judged.len());
    let broken = rules.iter().find(|rule| rule["id"] == "user.1").unwrap();
    assert_eq!(broken["outcome"], "failed");
    assert!(
        broken["exchange"]["sent"]["line"]
            .as_str()
            .unwrap()
            .starts_with("GET ")
    );
    let junit = report.junit();
    assert!(
        junit.contains("&lt;b&gt;\\u001b[31mno &amp; &quot;json&quot;"),
        "{junit}"
    );
    let tested = judged
        .iter()
        .filter(|judged| !matches!(judged.verdict, Verdict::NotTested(_)));
    assert_eq!(junit.matches("<testcase ").count(), judged.len());
    assert_eq!(
        junit.matches("<skipped ").count(),
        judged.len() - tested.count()
    );
    assert!(report.markdown().contains("| user.1 (must) | **failed** |"));
}
