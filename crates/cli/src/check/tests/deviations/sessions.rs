//! Deviations of sessions, users and permissions.

use serde_json::{Value, json};

use super::{
    DESTROY, Deviation, VALIDATE, VERIFY, after, before, default_header, is_fine, is_user, pkce,
    user,
};

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
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
];
