//! Deviations of the login and the logout page.

use super::super::super::plan::FOREIGN;
use super::{
    Deviation, LOGIN, UNKNOWN, add_to_location, after, before, default_param, is_back, is_fine,
    obey, obey_login, pkce,
};

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
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
];
