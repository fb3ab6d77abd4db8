//! The table: a deviation, what it changes, and the rules that it breaks, all of them.

mod forged;
mod names;
mod pages;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::exchange::client;
use super::super::plan::FOREIGN;
use super::super::rules;
use super::deviant::{After, Answering, Asking, Before, serve};
use super::{local_cloud, look, red};
use crate::args::DialectName::{self, Pkce, V1};

#[derive(Clone, Copy)]
struct Deviation {
    name: &'static str,
    dialect: DialectName,
    before: Before,
    after: After,
    red: &'static [&'static str],
}

const fn after(name: &'static str, red: &'static [&'static str], after: After) -> Deviation {
    Deviation {
        name,
        dialect: V1,
        before: |_| (),
        after,
        red,
    }
}

const fn before(name: &'static str, red: &'static [&'static str], before: Before) -> Deviation {
    Deviation {
        name,
        dialect: V1,
        before,
        after: |_, _, _| (),
        red,
    }
}

const fn pkce(deviation: Deviation) -> Deviation {
    Deviation {
        dialect: Pkce,
        ..deviation
    }
}

const LOGIN: &str = "/auth/oss";
const EXCHANGE: &str = "/auth/callback";
const VERIFY: &str = "/auth/verify";
const VALIDATE: &str = "/auth/session/validate";
const DESTROY: &str = "/auth/session/destroy";

/// The login page's answer to the local Cloud's own form.
fn is_back(asking: &Asking) -> bool {
    asking.is("POST", LOGIN)
}

fn is_fine(asking: &Asking, answering: &Answering, path: &str) -> bool {
    asking.path.ends_with(path) && answering.status == 200
}

fn is_user(asking: &Asking) -> bool {
    asking.is("GET", "")
        && asking.path.contains("/users/")
        && !asking.path.ends_with("/permissions")
}

fn add_to_location(answering: &mut Answering, text: &str) {
    let location = answering.location();
    answering.set_header("location", &format!("{location}{text}"));
}

/// Sends the browser to the address that it named.
fn obey(asking: &Asking, answering: &mut Answering, name: &str, is_it: fn(&str) -> bool) {
    if let Some(to) = asking.param(name).filter(|to| is_it(to)) {
        answering.lead(303, &to);
    }
}

fn obey_login(asking: &Asking, answering: &mut Answering, is_it: fn(&str) -> bool) {
    if asking.is("GET", LOGIN) {
        obey(asking, answering, "redirect_uri", is_it);
    }
}

fn default_param(asking: &mut Asking, name: &str, value: &str) {
    if asking.is("GET", LOGIN) && asking.param(name).is_none() {
        asking.set_param(name, value);
    }
}

fn default_header(asking: &mut Asking, path: &str, name: &'static str, value: &str) {
    if asking.path.ends_with(path) && asking.header(name).is_none() {
        asking.set_header(name, value);
    }
}

fn any_project(asking: &mut Asking, path: &str, unknown: &str) {
    if asking.path.ends_with(path) && asking.header("x-project-id") == Some(unknown) {
        asking.set_header("x-project-id", "demo");
    }
}

const UNKNOWN: &str = "check-knows-no-such-project";

fn user() -> Value {
    json!({ "user": { "id": "usr_owner", "email": "o@example.com", "created_at": "2026-01-01T00:00:00Z" } })
}

#[rustfmt::skip]
const DEVIATIONS: &[Deviation] = &[
    after("sessions that do not end", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) || is_fine(asking, answering, VALIDATE) {
            answering.set("/data/session/expires_at", &json!("9999-12-31T23:59:59Z"));
        }
    }),
    after("a person whose name is a word of the protocol", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) || is_fine(asking, answering, VERIFY) { answering.set("/data/user/name", &json!("user")); }
    }),
    after("two headers of one name", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) {
            answering.set_header("cache-control", "private");
            answering.headers.append("cache-control", http::HeaderValue::from_static("no-store"));
        }
    }),
    after("refusals without an error", &[], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error", &Value::Null); }
    }),
    pkce(after("nothing in the answer to an end", &[], |asking, answering, _| {
        if is_fine(asking, answering, DESTROY) {
            answering.body.clear();
            answering.headers.remove("content-type");
        }
    })),
    pkce(after("a fraction of a second", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/expires_in", &json!(3599.5)); }
    })),
    after("too many requests", &[], |asking, answering, _| {
        if asking.path.starts_with("/api/") { answering.refuse(429); }
    }),
    before("a Cloud below a path", &[], |asking| asking.path = asking.path.replace("/below", "")),
    after("no login page", &["login.1"], |asking, answering, _| {
        if is_fine(asking, answering, LOGIN) { answering.status = 404; }
    }),
    after("a login page of text", &["login.2"], |asking, answering, _| {
        if asking.is("GET", LOGIN) { answering.set_header("content-type", "text/plain"); }
    }),
    before("a login without a project", &["login.3"], |asking| default_param(asking, "project_id", "demo")),
    before("a login for any project", &["login.4"], |asking| {
        if asking.param("project_id").as_deref() == Some(UNKNOWN) { asking.set_param("project_id", "demo"); }
    }),
    before("a login without a way back", &["login.5"], |asking| default_param(asking, "redirect_uri", "http://localhost:1/")),
    before("a login without a state", &["login.6"], |asking| default_param(asking, "state", "made-up")),
    after("a state that is decoded twice", &["login.7"], |asking, answering, _| {
        if is_back(asking) {
            let location = answering.location().replace("%257C", "%7C").replace("%252F", "%2F");
            answering.set_header("location", &location);
        }
    }),
    after("a way back of its own", &["login.8"], |asking, answering, _| {
        if is_back(asking) {
            let location = answering.location().replace("/callback", "/elsewhere");
            answering.set_header("location", &location);
        }
    }),
    after("a way back without a code", &["login.10"], |asking, answering, _| {
        if is_back(asking) {
            let location = answering.location().replace("code=", "ticket=");
            answering.set_header("location", &location);
        }
    }),
    after("a redirect that sends the form on", &["login.9"], |asking, answering, _| {
        if is_back(asking) { answering.status = 307; }
    }),
    after("a foreign way back", &["security.1"], |asking, answering, _| obey_login(asking, answering, |to| to == FOREIGN)),
    after("a way back behind a name", &["security.2"], |asking, answering, _| obey_login(asking, answering, |to| to.contains('@'))),
    after("a way back to a longer name", &["security.3"], |asking, answering, _| {
        obey_login(asking, answering, |to| to.contains("localhost.elsewhere"));
    }),
    after("a way back that is a script", &["security.4"], |asking, answering, _| {
        obey_login(asking, answering, |to| to.starts_with("javascript:"));
    }),
    after("a way back with a fragment", &["security.5"], |asking, answering, _| obey_login(asking, answering, |to| to.contains('#'))),
    after("a token in the way back", &["security.6"], |asking, answering, _| {
        if is_back(asking) { add_to_location(answering, "&access_token=abcdef"); }
    }),
    after("a login page in a frame", &["security.7"], |asking, answering, _| {
        if asking.is("GET", LOGIN) {
            answering.headers.remove("x-frame-options");
            answering.headers.remove("content-security-policy");
        }
    }),
    after("a login page from a cache", &["security.8"], |asking, answering, _| {
        if asking.is("GET", LOGIN) { answering.set_header("cache-control", "max-age=60"); }
    }),
    pkce(before("a login without a challenge", &["security.9"], |asking| {
        if asking.is("GET", LOGIN) && asking.param("code_challenge").is_none() {
            asking.set_param("code_challenge", "x".repeat(43).as_str());
            asking.set_param("code_challenge_method", "S256");
        }
    })),
    pkce(before("a plain challenge", &["security.10"], |asking| {
        if asking.param("code_challenge_method").as_deref() == Some("plain") { asking.set_param("code_challenge_method", "S256"); }
    })),
    after("no logout page", &["logout.1"], |asking, answering, _| {
        if is_fine(asking, answering, "/auth/logout") { answering.status = 404; }
    }),
    after("a logout that stays there", &["logout.2"], |asking, answering, _| {
        if asking.path == "/auth/logout" && answering.status == 303 { answering.status = 200; }
    }),
    after("a logout to anywhere", &["logout.3"], |asking, answering, _| {
        if asking.path == "/auth/logout" { obey(asking, answering, "redirect_uri", |to| to == FOREIGN); }
    }),
    after("a logout with 308", &["logout.4"], |asking, answering, _| {
        if asking.path == "/auth/logout" && answering.status == 303 { answering.status = 308; }
    }),
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
    after("no session", &["session.1"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.refuse(404); }
    }),
    after("a session without an end", &["session.2"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set("/data/session/expires_at", &Value::Null); }
    }),
    pkce(after("a session without a user", &["session.3"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set("/userId", &Value::Null); }
    })),
    after("another session", &["session.4"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set("/data/session/id", &json!("ses_2")); }
    }),
    after("another one's session at the look-up", &["session.5"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set("/data/session/user_id", &json!("usr_2")); }
    }),
    after("a look-up with a forged token is a failure", &["session.6"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.refuse(503); }
    }),
    after("a look-up without a token is a failure", &["session.7"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.header("authorization").is_none() { answering.refuse(500); }
    }),
    before("a look-up without a project", &["session.8"], |asking| default_header(asking, VALIDATE, "x-project-id", "demo")),
    after("a forged token ends a session", &["session.9"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && asking.is_junk() { answering.succeed(&json!({})); }
    }),
    after("anyone ends a session", &["session.10"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && asking.header("authorization").is_none() { answering.succeed(&json!({})); }
    }),
    after("a token ends another session", &["session.11"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && answering.is_refused_with("forbidden") { answering.succeed(&json!({})); }
    }),
    after("a session does not end", &["session.12"], |asking, answering, _| {
        if is_fine(asking, answering, DESTROY) { answering.refuse(500); }
    }),
    after("an ended session is verified", &["security.12", "session.13"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && answering.is_refused_with("session_ended") { answering.succeed(&user()); }
    }),
    after("an ended session is found", &["session.14"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && answering.is_refused_with("session_ended") { answering.succeed(&json!({ "session": {} })); }
    }),
    after("all sessions end with one", &["session.15"], |asking, answering, memory| {
        if is_fine(asking, answering, DESTROY) { memory.seen.insert("ended".into()); }
        if is_fine(asking, answering, VERIFY) && memory.seen.contains("ended") { answering.refuse(401); }
    }),
    after("a session that begins at each look-up", &["session.16"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set("/data/session/created_at", &json!("2026-01-01T00:00:00Z")); }
    }),
    after("a look-up by GET", &["robustness.9"], |asking, answering, _| {
        if asking.is("GET", VALIDATE) { answering.status = 200; }
    }),
    after("no user of one's own", &["user.1"], |asking, answering, _| {
        if is_user(asking) && answering.status == 200 { answering.refuse(403); }
    }),
    after("a user without an address", &["user.2"], |asking, answering, _| {
        if is_user(asking) && answering.status == 200 { answering.set("/data/user/email", &json!("")); }
    }),
    after("a user who was not asked for", &["user.3"], |asking, answering, _| {
        if is_user(asking) && answering.status == 200 { answering.set("/data/user/id", &json!("usr_2")); }
    }),
    after("users for everybody", &["user.4"], |asking, answering, _| {
        if is_user(asking) && asking.header("authorization").is_none() { answering.succeed(&user()); }
    }),
    after("a forged token is a failure at users", &["user.5"], |asking, answering, _| {
        if is_user(asking) && asking.is_junk() { answering.refuse(500); }
    }),
    after("an unknown user is a failure", &["user.6"], |asking, answering, _| {
        if asking.path.ends_with("/users/check_made_up") && !asking.is_junk() { answering.refuse(500); }
    }),
    after("a path that is decoded too early", &["security.25"], |asking, answering, _| {
        if asking.path.contains("%2F..%2F") { answering.succeed(&user()); }
    }),
    after("no permissions of one's own", &["permissions.1"], |asking, answering, _| {
        if is_fine(asking, answering, "/permissions") { answering.refuse(500); }
    }),
    after("permissions as text", &["permissions.2"], |asking, answering, _| {
        if is_fine(asking, answering, "/permissions") { answering.set("/data/permissions", &json!("*")); }
    }),
    after("permissions without an action", &["permissions.3"], |asking, answering, _| {
        if is_fine(asking, answering, "/permissions") { answering.set("/data/permissions", &json!(["agents"])); }
    }),
    after("permissions for everybody", &["permissions.4"], |asking, answering, _| {
        if asking.is("GET", "/permissions") && asking.header("authorization").is_none() {
            answering.succeed(&json!({ "permissions": [] }));
        }
    }),
    after("an unknown user's permissions are a failure", &["permissions.5"], |asking, answering, _| {
        if asking.path.ends_with("check_made_up/permissions") { answering.refuse(500); }
    }),
    after("a page in place of a refusal", &["envelope.1", "headers.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() {
            answering.body = b"<h1>401</h1>".to_vec();
            answering.set_header("content-type", "text/html");
        }
    }),
    after("a member twice", &["envelope.1"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.body = br#"{"ok":false,"ok":false}"#.to_vec(); }
    }),
    after("ok as text", &["envelope.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/ok", &json!("false")); }
    }),
    after("ok with a refusal", &["envelope.3"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/ok", &json!(true)); }
    }),
    after("data beside the envelope", &["envelope.4", "verify.2"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/data", &Value::Null); }
    }),
    after("a refusal without a message", &["errors.1"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/message", &json!("")); }
    }),
    after("a refusal without a code", &["errors.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/code", &Value::Null); }
    }),
    after("a refusal without a status", &["errors.3"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/status", &Value::Null); }
    }),
    after("a refusal with the server's inside", &["errors.4"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/message", &json!("thread panicked at src/main.rs:7")); }
    }),
    after("a page for every path", &["errors.5"], |asking, answering, _| {
        if asking.path.ends_with("check-knows-no-such-path") { answering.status = 200; }
    }),
    after("a redirect of the API", &["envelope.3", "headers.1", "session.1"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.lead(307, "https://elsewhere.invalid/"); }
    }),
    after("an API of text", &["headers.2"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set_header("content-type", "text/plain"); }
    }),
    after("an API with cookies", &["headers.3"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set_header("set-cookie", "visit=1"); }
    }),
    after("a user from a cache", &["headers.4"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set_header("cache-control", "max-age=60"); }
    }),
    after("no key set", &["keys.1"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.status = 404; }
    }),
    after("a key set that is a list", &["keys.2"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.body = b"[]".to_vec(); }
    }),
    after("a private key", &["keys.3", "keys.5", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/d", &json!("AAAA")); }
    }),
    after("a key without an id", &["keys.4", "keys.6", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/kid", &Value::Null); }
    }),
    after("a key for encryption", &["keys.5", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/use", &json!("enc")); }
    }),
    after("another key's id", &["keys.6", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/kid", &json!("key_2")); }
    }),
    after("another key", &["keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/x", &json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")); }
    }),
];

/// Rules that other tests break: by a fault switch, by changed claims, or over https.
#[rustfmt::skip]
const ELSEWHERE: [&str; 11] =
    ["claims.1", "claims.2", "claims.3", "claims.4", "claims.5", "claims.6", "claims.8", "keys.8", "security.26", "security.44", "verify.1"];

fn all() -> impl Iterator<Item = &'static Deviation> {
    let more = [pages::DEVIATIONS, forged::DEVIATIONS, names::DEVIATIONS];
    DEVIATIONS.iter().chain(more.into_iter().flatten())
}

/// Runs a part of the table, so that both processors have something to do.
async fn run(part: usize) {
    let clouds = [local_cloud(V1).await, local_cloud(Pkce).await];
    let client = client(true).unwrap();
    let mut wrong = Vec::new();
    for deviation in all().skip(part).step_by(4) {
        let [v1, pkce] = &clouds;
        let cloud = if deviation.dialect == V1 { v1 } else { pkce };
        let url = serve(cloud.url(), &client, deviation.before, deviation.after).await;
        let url = match deviation.name {
            "a Cloud below a path" => url + "/below",
            _ => url,
        };
        let seen = look(&url, &client, deviation.dialect).await;
        let found = red(&seen);
        let is_limited = deviation.name == "too many requests";
        assert!(
            !deviation.red.is_empty() || is_limited || seen.exchanges.len() > 50,
            "{}",
            deviation.name
        );
        let wanted: BTreeSet<_> = deviation.red.iter().copied().collect();
        if found != wanted {
            wrong.push((deviation.name, found, wanted));
        }
    }
    assert!(wrong.is_empty(), "name, found, wanted: {wrong:#?}");
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_1() {
    run(0).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_2() {
    run(1).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_3() {
    run(2).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_4() {
    run(3).await;
}

#[test]
fn each_rule_is_broken_by_a_test() {
    assert!(all().count() >= 140, "{}", all().count());
    let broken: BTreeSet<_> = all()
        .flat_map(|deviation| deviation.red)
        .chain(&ELSEWHERE)
        .collect();
    let all = rules::all().into_iter();
    let never: Vec<_> = all
        .map(|rule| rule.id)
        .filter(|id| !broken.contains(id))
        .collect();
    assert_eq!(never, Vec::<&str>::new());
}
