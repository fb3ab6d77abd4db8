//! Deviations of the platform.

use serde_json::{Value, json};

use super::{
    Answering, Asking, Deviation, VERIFY, after, before, is_fine, obey, of_platform as own,
};

const LOGIN: &str = "/auth/login";
const ME: &str = "/auth/me";
const REFRESH: &str = "/auth/refresh";
const REFRESH_TOKEN: &str = "/auth/refresh-token";
const ORGS: &str = "/auth/orgs";
const SIGN_OUT: &str = "/auth/logout";

fn problem(answering: &mut Answering, status: u16) {
    answering.status = status;
    answering.set_header("content-type", "application/problem+json");
    answering.body = json!({ "type": "no", "title": "No", "status": status })
        .to_string()
        .into_bytes();
}

fn good(answering: &mut Answering, body: &Value) {
    answering.status = 200;
    answering.set_header("content-type", "application/json");
    answering.body = body.to_string().into_bytes();
}

fn me() -> Value {
    json!({ "user": { "id": "u", "email": "u@example.com" }, "permissions": [], "memberOrgIds": [] })
}

fn cookie(asking: &Asking) -> &str {
    asking.header("cookie").unwrap_or_default()
}

fn is_made_up(asking: &Asking) -> bool {
    cookie(asking).contains("made*up")
}

fn edit_header(answering: &mut Answering, name: &'static str, from: &str, to: &str) {
    let Some(value) = answering.headers.get(name) else {
        return;
    };
    let value = value.to_str().unwrap().replacen(from, to, 1);
    answering.set_header(name, &value);
}

/// The way back of a program's sign-in, and of an app's.
fn edit_back(answering: &mut Answering, from: &str, to: &str) {
    if answering
        .headers
        .get("location")
        .is_some_and(|at| at.to_str().unwrap().contains(":4111/callback?"))
    {
        edit_header(answering, "location", from, to);
    }
}

fn obey_app(asking: &Asking, answering: &mut Answering, is_it: fn(&str) -> bool) {
    if asking.is("GET", LOGIN) {
        obey(asking, answering, "redirect_uri", is_it);
    }
}

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    own(after("no redirect for a program", &["login.50"], |asking, answering, _| {
        if asking.is("GET", LOGIN) && asking.param("product").is_some() && asking.param("state").as_deref() == Some("check-page") { good(answering, &json!({})); answering.headers.remove("location"); }
    })),
    own(after("no redirect for an app", &["login.51"], |asking, answering, memory| {
        let is_own = asking.param("redirect_uri").as_deref() == Some("http://localhost:4111/callback");
        if asking.is("GET", LOGIN) && is_own && memory.seen.insert("app".into()) { problem(answering, 400); }
    })),
    own(before("a product by default", &["login.52"], |asking| {
        if asking.is("GET", LOGIN) && asking.param("product").is_none() { asking.set_param("product", "cli"); }
    })),
    own(after("a program without its user", &["login.53"], |_, answering, _| edit_back(answering, "&user=", "&person="))),
    own(after("a program with another state", &["login.54"], |_, answering, _| edit_back(answering, "?state=", "?state=x"))),
    own(after("an app without a code", &["login.55"], |_, answering, _| edit_back(answering, "?code=", "?kode="))),
    own(after("an app with another path", &["login.56"], |_, answering, _| edit_back(answering, "state=deploy", "state=studio"))),
    own(after("an app elsewhere", &["security.50"], |asking, answering, _| obey_app(asking, answering, |to| to == "https://elsewhere.invalid/callback"))),
    own(after("an app at a longer host", &["security.51"], |asking, answering, _| obey_app(asking, answering, |to| to.contains("localhost.elsewhere")))),
    own(after("an app behind user information", &["security.52"], |asking, answering, _| obey_app(asking, answering, |to| to.contains('@')))),
    own(after("a script for an app", &["security.53"], |asking, answering, _| obey_app(asking, answering, |to| to.starts_with("javascript:")))),
    own(after("an app with a fragment", &["security.54"], |asking, answering, _| obey_app(asking, answering, |to| to.contains('#')))),
    own(after("a verification without an organization", &["verify.50"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/organizationId", &Value::Null); }
    })),
    own(after("a third kind of caller", &["verify.51"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/authType", &json!("robot")); }
    })),
    own(after("memberships that are no list", &["verify.51"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/memberOrgIds", &json!("org_acme")); }
    })),
    own(before("any organization", &["verify.52"], |asking| {
        if asking.header("x-organization-id") == Some("org_check_made_up") { asking.headers.remove("x-organization-id"); }
    })),
    own(after("a sealed session as a bearer", &["security.55"], |asking, answering, _| {
        if asking.is("GET", VERIFY) && asking.bearer().starts_with("Fe26") { good(answering, &me()); }
    })),
    own(before("a verification by POST", &["robustness.50"], |asking| {
        if asking.is("POST", VERIFY) { asking.method = http::Method::GET; }
    })),
    own(after("permissions that are no list", &["session.50"], |asking, answering, _| {
        if is_fine(asking, answering, ME) { answering.set("/permissions", &json!("all")); }
    })),
    own(after("a session without an e-mail address", &["session.50"], |asking, answering, _| {
        if is_fine(asking, answering, ME) { answering.set("/user/email", &Value::Null); }
    })),
    own(after("another id for a session's person", &["session.51"], |asking, answering, _| {
        if is_fine(asking, answering, ME) { answering.set("/user/id", &json!("usr_other")); }
    })),
    own(after("403 without a session", &["session.52"], |asking, answering, _| {
        if asking.is("GET", ME) && cookie(asking).is_empty() { problem(answering, 403); }
    })),
    own(after("404 for a made-up session", &["session.53"], |asking, answering, _| {
        if asking.is("GET", ME) && is_made_up(asking) { problem(answering, 404); }
    })),
    own(after("a session that was changed", &["security.56"], |asking, answering, memory| {
        let is_sealed = cookie(asking).contains("Fe26") && !is_made_up(asking);
        if asking.is("GET", ME) && is_sealed && answering.status == 401 && memory.seen.insert("changed".into()) { good(answering, &me()); }
    })),
    own(after("a token as a session", &["security.57"], |asking, answering, _| {
        if asking.is("GET", ME) && cookie(asking).contains("=eyJ") { good(answering, &me()); }
    })),
    own(after("a renewal without a session", &["session.54"], |asking, answering, _| {
        if is_fine(asking, answering, REFRESH) { answering.headers.remove("set-cookie"); }
    })),
    own(after("a renewal without ok", &["session.54"], |asking, answering, _| {
        if is_fine(asking, answering, REFRESH) { answering.set("/ok", &json!("true")); }
    })),
    own(after("a renewed session of another person", &["session.55"], |asking, answering, memory| {
        if is_fine(asking, answering, ME) && !memory.seen.insert("me".into()) { answering.set("/user/id", &json!("usr_other")); }
    })),
    own(after("400 for a renewal of nothing", &["session.56"], |asking, answering, _| {
        if asking.is("GET", REFRESH) && cookie(asking).is_empty() { problem(answering, 400); }
    })),
    own(after("500 for a renewal of a made-up session", &["session.57"], |asking, answering, _| {
        if asking.is("GET", REFRESH) && is_made_up(asking) { problem(answering, 500); }
    })),
    own(after("a cookie for scripts", &["security.58"], |asking, answering, _| {
        if is_fine(asking, answering, REFRESH) { edit_header(answering, "set-cookie", "; HttpOnly", ""); }
    })),
    own(after("a cookie for other sites", &["security.59"], |asking, answering, _| {
        if is_fine(asking, answering, REFRESH) { edit_header(answering, "set-cookie", "SameSite=Lax", "SameSite=None"); }
    })),
    own(after("a renewal without a refresh token", &["exchange.50"], |asking, answering, _| {
        if is_fine(asking, answering, REFRESH_TOKEN) { answering.set("/refreshToken", &Value::Null); }
    })),
    own(after("a renewed token that is refused", &["exchange.51"], |asking, answering, memory| {
        if is_fine(asking, answering, REFRESH_TOKEN) { memory.kept = answering.json()["accessToken"].as_str().map(|token| token.as_bytes().to_vec()); }
        if asking.is("GET", VERIFY) && memory.kept.as_deref() == Some(asking.bearer().as_bytes()) { problem(answering, 401); }
    })),
    own(after("a refresh token for two uses", &["security.60"], |asking, answering, _| {
        let is_own = asking.json()["refreshToken"].as_str().is_some_and(|token| token.len() < 500 && token != "rt_made_up");
        if asking.is("POST", REFRESH_TOKEN) && is_own && answering.status == 401 { good(answering, &json!({ "accessToken": "a", "refreshToken": "r" })); }
    })),
    own(after("403 for a made-up refresh token", &["exchange.52"], |asking, answering, _| {
        let is_json = asking.header("content-type") == Some("application/json");
        if is_json && asking.json()["refreshToken"] == "rt_made_up" { problem(answering, 403); }
    })),
    own(after("401 without a refresh token", &["exchange.53"], |asking, answering, _| {
        if asking.is("POST", REFRESH_TOKEN) && asking.body == b"{}" { problem(answering, 401); }
    })),
    own(after("500 for broken JSON", &["robustness.51"], |asking, answering, _| {
        if asking.body.ends_with(b"\"refreshToken\":") { problem(answering, 500); }
    })),
    own(before("a form that renews", &["robustness.52"], |asking| {
        if asking.is("POST", REFRESH_TOKEN) && asking.header("content-type") == Some("text/plain") { asking.set_header("content-type", "application/json"); }
    })),
    own(after("500 for 96 KiB", &["robustness.53"], |asking, answering, _| {
        if asking.body.len() > 90_000 { problem(answering, 500); }
    })),
    own(after("organizations that are no list", &["user.50"], |asking, answering, _| {
        if is_fine(asking, answering, ORGS) && !cookie(asking).is_empty() { answering.set("/organizations", &json!({})); }
    })),
    own(after("organizations of which none is current", &["user.51"], |asking, answering, _| {
        if is_fine(asking, answering, ORGS) && !asking.bearer().is_empty() { answering.set("/organizations/0/isCurrent", &Value::Null); }
    })),
    own(after("organizations without a credential", &["user.52"], |asking, answering, _| {
        if asking.is("GET", ORGS) && answering.status == 401 { good(answering, &json!({ "organizations": [] })); }
    })),
    own(after("a sign-out that leaves the cookie", &["logout.50"], |asking, answering, _| {
        if asking.is("POST", SIGN_OUT) && !cookie(asking).is_empty() { answering.headers.remove("set-cookie"); }
    })),
    own(before("a sign-out that leaves the session", &["logout.51"], |asking| {
        if asking.is("POST", SIGN_OUT) { asking.headers.remove("cookie"); }
    })),
    own(after("a page after a sign-out without a session", &["logout.52"], |asking, answering, _| {
        if asking.is("POST", SIGN_OUT) && cookie(asking).is_empty() { answering.set("/logoutUrl", &json!("http://localhost:1/")); }
    })),
    own(after("a refusal without a title", &["errors.50"], |asking, answering, _| {
        if asking.is("GET", VERIFY) && asking.is_junk() { answering.set("/title", &Value::Null); }
    })),
    own(after("a refusal with another status inside", &["errors.50"], |asking, answering, _| {
        if asking.is("GET", ME) && is_made_up(asking) { answering.set("/status", &json!(403)); }
    })),
    own(after("a page in place of a platform's refusal", &["envelope.1", "headers.2"], |asking, answering, _| {
        if asking.is("GET", ME) && is_made_up(asking) { answering.body = b"<h1>401</h1>".to_vec(); answering.set_header("content-type", "text/html"); }
    })),
    own(after("a success that says it is a problem", &["headers.2"], |asking, answering, _| {
        if is_fine(asking, answering, ORGS) { answering.set_header("content-type", "application/problem+json"); }
    })),
    own(after("a refusal that repeats the session", &["security.24"], |asking, answering, _| {
        if asking.is("GET", ME) && is_made_up(asking) { answering.set("/detail", &json!(format!("no {}", cookie(asking)))); }
    })),
    own(after("403 for a made-up token at the platform", &["verify.6"], |asking, answering, _| {
        if asking.is("GET", VERIFY) && asking.is_junk() { problem(answering, 403); }
    })),
    own(after("members that the contract does not have", &[], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) || is_fine(asking, answering, ME) { answering.set("/more", &json!([1])); }
    })),
];
