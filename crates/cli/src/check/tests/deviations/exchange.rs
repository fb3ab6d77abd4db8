//! Deviations of the exchange and of the verification.

use serde_json::{Value, json};

use super::{
    Deviation, EXCHANGE, UNKNOWN, VERIFY, after, any_project, before, default_header, is_fine,
    pkce, user,
};

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    after("no exchange", &["exchange.1"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.refuse(400); }
    }),
    after("a token that is a number", &["exchange.2"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/data/jwt", &json!(7)); }
    }),
    pkce(after("no access token", &["exchange.3"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/access_token", &Value::Null); }
    })),
    pkce(after("another type of token", &["exchange.4"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/token_type", &json!("mac")); }
    })),
    pkce(after("an end as text", &["exchange.5"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/expires_in", &json!("3600")); }
    })),
    after("a user without a time", &["exchange.6"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/data/user/created_at", &Value::Null); }
    }),
    after("a session that ended", &["exchange.7"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/data/session/expires_at", &json!("2020-01-01T00:00:00Z")); }
    }),
    after("a session that ends today", &["exchange.7"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/data/session/expires_at", &json!("tomorrow")); }
    }),
    after("another one's session", &["exchange.8"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/data/session/user_id", &json!("usr_2")); }
    }),
    after("an unknown code is not found", &["exchange.9"], |asking, answering, _| {
        if asking.is("POST", EXCHANGE) && asking.json()["code"] == "code_made_up_by_the_check" && answering.is_refused_with("invalid_code") {
            answering.refuse(404);
        }
    }),
    after("no code is a failure", &["exchange.10"], |asking, answering, _| {
        if asking.is("POST", EXCHANGE) && answering.is_refused_with("invalid_body") && asking.json().is_object() { answering.refuse(500); }
    }),
    before("an exchange without a project", &["exchange.11"], |asking| default_header(asking, EXCHANGE, "x-project-id", "demo")),
    after("an unknown project is a failure", &["exchange.12"], |asking, answering, _| {
        if asking.is("POST", EXCHANGE) && answering.is_refused_with("unknown_project") { answering.refuse(500); }
    }),
    after("a code that is good twice", &["security.11"], |_, answering, _| {
        if answering.is_refused_with("code_reused") { answering.succeed(&user()); }
    }),
    after("a stolen session that lives on", &["security.12"], |asking, answering, memory| {
        if answering.is_refused_with("code_reused") { memory.seen.insert("reused".into()); }
        if asking.is("POST", VERIFY) && answering.is_refused_with("session_ended") && memory.seen.contains("reused") {
            answering.succeed(&user());
        }
    }),
    before("a code for any project", &["security.13"], |asking| any_project(asking, EXCHANGE, "shop")),
    pkce(after("any verifier", &["security.14"], |asking, answering, _| {
        let wrong = asking.json()["code_verifier"].as_str().is_some_and(|text| text.starts_with("Another"));
        if wrong { answering.succeed(&json!({})); }
    })),
    pkce(after("no verifier", &["security.15"], |asking, answering, _| {
        let body = asking.json();
        let is_code = body.get("code").and_then(Value::as_str).is_some_and(|code| code.len() < 1000);
        if asking.is("POST", EXCHANGE) && is_code && body.get("code_verifier").is_none() { answering.succeed(&json!({})); }
    })),
    pkce(after("a code for any way back", &["security.16"], |asking, answering, _| {
        let other = asking.json()["redirect_uri"].as_str().is_some_and(|to| to.ends_with("/other"));
        if other { answering.succeed(&json!({})); }
    })),
    after("a token in a cache", &["security.17"], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.headers.remove("cache-control"); }
    }),
    before("an exchange of any type", &["robustness.1"], |asking| {
        if asking.is("POST", EXCHANGE) { asking.set_header("content-type", "application/json"); }
    }),
    after("broken JSON is a failure", &["robustness.2"], |asking, answering, _| {
        if asking.is("POST", EXCHANGE) && asking.json().is_null() && answering.is_refused_with("invalid_body") { answering.refuse(500); }
    }),
    after("a huge exchange is a failure", &["robustness.3"], |asking, answering, _| {
        if asking.is("POST", EXCHANGE) && answering.is_refused_with("body_too_large") { answering.refuse(500); }
    }),
    after("an exchange by GET", &["robustness.4"], |asking, answering, _| {
        if asking.is("GET", EXCHANGE) { answering.status = 200; }
    }),
    after("no user", &["verify.2"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/data/user/id", &Value::Null); }
    }),
    after("roles as text", &["verify.2"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/data/user/roles", &json!("admin")); }
    }),
    pkce(after("no role", &["verify.3"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/role", &Value::Null); }
    })),
    after("another user", &["claims.7", "session.5", "user.3", "verify.4"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/data/user/id", &json!("usr_2")); }
    }),
    after("a token that is good once", &["verify.5"], |asking, answering, memory| {
        if is_fine(asking, answering, VERIFY) {
            let number = memory.seen.len();
            memory.seen.insert(number.to_string());
            if number == 1 { answering.refuse(401); }
        }
    }),
    after("a forged token is a failure", &["verify.6"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && asking.is_junk() && answering.is_refused_with("invalid_token") { answering.refuse(500); }
    }),
    after("no token is a failure", &["verify.7"], |asking, answering, _| {
        let is_bare = asking.is("POST", VERIFY) && asking.header("authorization").is_none() && asking.query.is_empty();
        if is_bare { answering.refuse(500); }
    }),
    before("a verification without a project", &["verify.8"], |asking| default_header(asking, VERIFY, "x-project-id", "demo")),
    before("a verification for any project", &["verify.9"], |asking| any_project(asking, VERIFY, UNKNOWN)),
    after("Bearer to the letter", &["verify.10"], |asking, answering, _| {
        if asking.header("authorization").is_some_and(|value| value.starts_with("bearer")) { answering.refuse(401); }
    }),
    after("a signature that is not looked at", &["security.18"], |asking, answering, _| {
        let is_whole = !asking.bearer().ends_with('.') && !asking.is_junk();
        if asking.is("POST", VERIFY) && is_whole && asking.header("x-project-id") == Some("demo") && answering.is_refused_with("invalid_token") {
            answering.succeed(&user());
        }
    }),
    after("a token without a signature", &["security.19"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && asking.bearer().ends_with('.') { answering.succeed(&user()); }
    }),
    after("the header's token alone", &["security.20"], |asking, answering, _| {
        let is_bare = asking.header("authorization").is_some_and(|value| value.starts_with("Bearer"));
        if asking.is("POST", VERIFY) && is_bare && answering.is_refused_with("token_mismatch") { answering.succeed(&user()); }
    }),
    before("a token for any project", &["security.21"], |asking| any_project(asking, VERIFY, "shop")),
    after("a token in the address", &["security.22"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && asking.param("access_token").is_some() { answering.succeed(&user()); }
    }),
    after("any origin", &["security.23"], |asking, answering, _| {
        if asking.method == http::Method::OPTIONS { answering.set_header("access-control-allow-origin", "*"); }
    }),
    after("a message with the token", &["security.24"], |asking, answering, _| {
        if asking.is_junk() && answering.is_refused_with("invalid_token") {
            answering.set("/error/message", &json!(format!("{} is not valid", asking.bearer())));
        }
    }),
    before("a verification of any type", &["robustness.5"], |asking| {
        if asking.is("POST", VERIFY) { asking.set_header("content-type", "application/json"); }
    }),
    after("a broken verification is a failure", &["robustness.6"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && answering.is_refused_with("invalid_body") { answering.refuse(500); }
    }),
    after("a huge verification is a failure", &["robustness.7"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && answering.is_refused_with("body_too_large") { answering.refuse(500); }
    }),
    after("a verification by GET", &["robustness.8"], |asking, answering, _| {
        if asking.is("GET", VERIFY) { answering.status = 200; }
    }),
];
