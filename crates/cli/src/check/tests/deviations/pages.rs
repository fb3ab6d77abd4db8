//! Deviations of the pages: listed addresses, id_token_hint, and methods.

use serde_json::json;

use super::{Deviation, EXCHANGE, after, is_fine, obey_login, pkce, user};

const LOGOUT: &str = "/auth/logout";

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    after("a listed address that is refused", &["login.11"], |asking, answering, _| {
        if asking.param("redirect_uri").as_deref() == Some("https://app.example/callback") { answering.status = 400; }
    }),
    after("a listed address by its beginning", &["security.39"], |asking, answering, _| {
        obey_login(asking, answering, |to| to == "https://app.example/callback/more");
    }),
    after("a listed host by its beginning", &["security.40"], |asking, answering, _| {
        obey_login(asking, answering, |to| to.starts_with("https://app.example.elsewhere.invalid/"));
    }),
    after("a listed host on any port", &["security.41"], |asking, answering, _| {
        obey_login(asking, answering, |to| to.starts_with("https://app.example:8443/"));
    }),
    after("a listed host by any scheme", &["security.42"], |asking, answering, _| {
        obey_login(asking, answering, |to| to == "http://app.example/callback");
    }),
    after("a listed address with any query", &["security.43"], |asking, answering, _| {
        obey_login(asking, answering, |to| to == "https://app.example/callback?more=1");
    }),
    pkce(after("a hint that ends nothing", &["logout.5"], |asking, answering, memory| {
        if asking.path == LOGOUT && asking.query.contains("id_token_hint") && !asking.query.contains("bm8tc2lnbmF0dXJl") {
            memory.seen.insert("hinted".into());
        }
        if asking.is("POST", super::VERIFY) && answering.is_refused_with("session_ended") && memory.seen.remove("hinted") {
            answering.succeed(&json!({}));
        }
    })),
    pkce(after("a made-up hint is a failure", &["logout.6"], |asking, answering, _| {
        if asking.path == LOGOUT && asking.query.contains("bm8tc2lnbmF0dXJl") { answering.status = 500; }
    })),
    after("a login by PUT", &["robustness.10"], |asking, answering, _| {
        if asking.is("PUT", super::LOGIN) { answering.status = 200; }
    }),
    after("a login by PUT that is refused in another way", &[], |asking, answering, _| {
        if asking.is("PUT", super::LOGIN) { answering.status = 403; }
    }),
    after("a logout by PUT that is not implemented", &[], |asking, answering, _| {
        if asking.is("PUT", LOGOUT) { answering.status = 501; }
    }),
    after("a key set by PUT that is led elsewhere", &["robustness.15"], |asking, answering, _| {
        if asking.is("PUT", "jwks.json") { answering.lead(303, "/"); }
    }),
    after("a logout by PUT", &["robustness.11"], |asking, answering, _| {
        if asking.is("PUT", LOGOUT) { answering.status = 200; }
    }),
    after("an end by GET", &["robustness.12"], |asking, answering, _| {
        if asking.is("GET", super::DESTROY) { answering.succeed(&json!({})); }
    }),
    after("a user by PUT", &["robustness.13"], |asking, answering, _| {
        if asking.is("PUT", "/users/check_wrong_method") { answering.succeed(&user()); }
    }),
    after("permissions by PUT", &["robustness.14"], |asking, answering, _| {
        if asking.is("PUT", "/permissions") { answering.refuse(500); }
    }),
    after("a key set by PUT", &["robustness.15"], |asking, answering, _| {
        if asking.is("PUT", "jwks.json") { answering.status = 200; }
    }),
    after("no method that is allowed", &["robustness.16"], |asking, answering, _| {
        if asking.is("GET", EXCHANGE) { answering.headers.remove("allow"); }
    }),
    after("one session for each browser", &["session.17"], one_session),
    pkce(after("one session for each browser, in pkce", &["session.17"], one_session)),
];

/// Later exchanges are answered as the first was.
fn one_session(
    asking: &super::Asking,
    answering: &mut super::Answering,
    memory: &mut super::super::deviant::Memory,
) {
    if is_fine(asking, answering, EXCHANGE) {
        let first = memory.kept.get_or_insert_with(|| answering.body.clone());
        answering.body.clone_from(first);
    }
}
