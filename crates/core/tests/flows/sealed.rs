//! Dialect `platform`: sealed sessions that rotate, two credentials, organizations.

mod around;
mod chains;
mod ended_by_id;
mod failed_sign_in;
mod newcomer;
mod no_cookie;
mod refreshed;
mod shared;
mod taken_back;

use std::sync::Arc;

use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher, fast_path};
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::{Authentication, Event, Jitter, Renewal, Step as CoreStep};
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::url::RedirectUri;
use serde_json::{Value, json};

use crate::renew::said as renewal_said;
use crate::world::{
    Ran, SESSION, START, answer, at, begin, callback, config, jwt, lost, open, refreshing, run,
    said, script, state, v1, validating,
};

pub(crate) const ME: &str = "/v1/auth/me";
pub(crate) const REFRESH: &str = "/v1/auth/refresh";
pub(crate) const VERIFY: &str = "/v1/auth/verify";

/// How a driver carries a newer cookie to the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Sets,
    LeavesToHost,
    Follows,
}

pub(crate) fn platform() -> Arc<Engine> {
    open(platform_config(), Entropy::new([7; 32]))
}

pub(crate) fn platform_config() -> mastra_auth_cloud_core::config::Config {
    let mut config = config(Dialect::Platform);
    config.policy.session_max_age = Dialect::Platform.session_max_age();
    config.policy.renewed_grace = std::time::Duration::from_secs(600);
    config
}

pub(crate) fn of(id: &str, organization: Option<&str>, members_of: &[&str]) -> Value {
    json!({
        "user": { "id": id, "email": "ada@example.com", "firstName": "Ada", "lastName": null, "profilePictureUrl": null },
        "organizationId": organization, "role": "admin", "permissions": ["projects:read"], "memberOrgIds": members_of,
    })
}

pub(crate) fn me(id: &str) -> Delivery {
    answer(200, &of(id, Some("org_1"), &["org_1", "org_2"]))
}

/// An answer that sets a newer session.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
pub(crate) fn setting(newer: &str, body: &Value) -> Delivery {
    let response = Response::new(200, body.to_string().into_bytes());
    let cookies = [
        "theme=dark; Path=/".to_owned(),
        format!("wos-session={newer}; Path=/; HttpOnly; SameSite=Lax; Domain=.mastra.ai"),
    ];
    Ok(response.with_cookies(cookies))
}

pub(crate) fn rotated(id: &str, newer: &str) -> Delivery {
    setting(newer, &of(id, Some("org_1"), &["org_1", "org_2"]))
}

pub(crate) fn ended() -> Delivery {
    answer(
        401,
        &json!({ "type": "unauthorized", "title": "Unauthorized", "status": 401, "detail": "invalid_grant" }),
    )
}

/// What a request with this cookie is answered, and the cookie that its answer sets.
pub(crate) fn with_cookie(
    engine: &Arc<Engine>,
    driver: Driver,
    session: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> (Ran<Authentication>, Option<SetCookie>) {
    let header = format!("__Host-mastra_session={session}");
    let credentials = Credentials::read(engine, None, Some(&header)).unwrap();
    let request = Authenticate::new(engine, credentials);
    let request = match driver {
        Driver::Sets => request.refreshed_by(Refresher::Here),
        Driver::LeavesToHost => request.refreshed_by(Refresher::Host),
        Driver::Follows => request,
    };
    let ran = script(request.into_task(Jitter(1)), now, answers);
    let cookie = ran.output.cookie.clone();
    (ran.map(|verdict| verdict.answer), cookie)
}

pub(crate) fn brief(
    engine: &Arc<Engine>,
    driver: Driver,
    session: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> (String, usize, Option<String>) {
    let (ran, cookie) = with_cookie(engine, driver, session, now, answers);
    let value = cookie.map(|it| it.expose().split([';', '=']).nth(1).unwrap().to_owned());
    (said(&ran.output), ran.sent.len(), value)
}

pub(crate) fn sealed(text: &str) -> SessionToken {
    SessionToken::sealed(text).unwrap()
}

pub(crate) fn good(calls: usize, cookie: Option<&str>) -> (String, usize, Option<String>) {
    ("user usr_1".to_owned(), calls, cookie.map(str::to_owned))
}

pub(crate) fn rejected(code: &str, calls: usize) -> (String, usize, Option<String>) {
    (format!("rejected {code}"), calls, None)
}

#[test]
fn a_cookie_is_asked_about_at_one_endpoint_and_a_bearer_at_another() {
    let engine = platform();
    let (ran, _) = with_cookie(&engine, Driver::Sets, "s*1", at(0), [me("usr_1")]);
    assert_eq!(ran.paths(), [ME]);
    assert_eq!(ran.sent[0].cookie.as_deref(), Some("wos-session=s*1"));
    assert_eq!(ran.sent[0].bearer, None);
    let Authentication::Authenticated(identity) = &ran.output else {
        panic!("{:?}", ran.output)
    };
    let user = identity.user();
    assert_eq!(
        (user.name(), user.roles()),
        (Some("Ada"), &["admin".to_owned()][..])
    );
    assert_eq!(user.organization().unwrap().as_str(), "org_1");
    assert!(user.is_member_of(&OrganizationId::parse("org_2").unwrap()));

    let bearer = |answers: Vec<Delivery>| {
        crate::world::authenticate(&engine, Some("Bearer t-1"), None, at(0), answers)
    };
    let ran = bearer(vec![me("usr_1")]);
    assert_eq!(ran.paths(), [VERIFY]);
    assert_eq!(ran.sent[0].bearer.as_deref(), Some("t-1"));
    assert_eq!(ran.sent[0].cookie, None);
    assert_eq!(bearer(vec![]).sent.len(), 0, "it is cached");
}

#[test]
fn neither_credential_counts_in_the_place_of_the_other() {
    let engine = platform();
    // A text that both may have.
    assert_eq!(
        brief(&engine, Driver::Sets, "both", at(0), [me("usr_1")]),
        good(1, None)
    );
    let bearer = |second, answers| crate::world::with_bearer(&engine, "both", at(second), answers);
    let cookie = |second, answers| brief(&engine, Driver::Follows, "both", at(second), answers);
    let refused = |calls| ("rejected unauthorized".to_owned(), calls);
    assert_eq!(bearer(1, vec![ended()]), refused(1));
    assert_eq!(cookie(1, vec![]), good(0, None));
    assert_eq!(bearer(2, vec![]), refused(0), "the refusal is its own");
    let raw = fast_path::RawCredentials {
        authorization: Some("Bearer both"),
        ..fast_path::RawCredentials::default()
    };
    assert!(fast_path::known(&engine, &raw, at(1)).is_err());
    let raw = fast_path::RawCredentials {
        cookie: Some(b"__Host-mastra_session=both"),
        ..fast_path::RawCredentials::default()
    };
    assert!(fast_path::known(&engine, &raw, at(1)).is_ok());
    // Nor once it is stale, whatever the platform answers.
    assert_eq!(bearer(31, vec![ended()]), refused(1));
    let down = || answer(503, &json!({}));
    let unavailable = ("unavailable request_failed".to_owned(), 2);
    assert_eq!(bearer(40, vec![down(), down()]), unavailable);
    assert_eq!(cookie(41, vec![down(), down()]), good(2, None));
    assert_eq!(bearer(80, vec![me("usr_2")]), ("user usr_2".to_owned(), 1));
    assert_eq!(cookie(80, vec![me("usr_1")]), good(1, None));
    assert_eq!(bearer(81, vec![]).0, "user usr_2");
    assert_eq!(
        crate::world::with_bearer(&engine, "s*1", at(0), []).1,
        0,
        "no bearer has a star"
    );
}

#[test]
fn neither_credential_joins_the_call_of_the_other() {
    let engine = platform();
    let cookie = Some("__Host-mastra_session=both");
    let works = [(None, cookie), (Some("Bearer both"), None)].map(|(authorization, cookie)| {
        let credentials = Credentials::read(&engine, authorization, cookie).unwrap();
        let task = Authenticate::new(&engine, credentials).into_task(Jitter(1));
        match task.step(Event::Start, at(0)) {
            CoreStep::Share(work, _) => work.key(),
            other => panic!("{other:?}"),
        }
    });
    assert_ne!(works[0], works[1]);
    // A bearer beside the same text in a cookie renews nothing.
    let near = jwt(&json!({ "iat": START, "exp": START + 30 }));
    let (bearer, cookie) = (format!("Bearer {near}"), format!("{SESSION}={near}"));
    let both = Credentials::read(&engine, Some(&bearer), Some(&cookie)).unwrap();
    let request = Authenticate::new(&engine, both).refreshed_by(Refresher::Here);
    let answers = [ended(), ended(), ended()];
    let ran = script(request.into_task(Jitter(1)), at(31), answers);
    assert_eq!(ran.paths(), [VERIFY, ME, REFRESH]);
    assert_eq!(said(&ran.output.answer), "rejected unauthorized");
}

#[test]
fn a_session_that_rotates_beside_an_answer_is_set_and_the_old_one_stands_for_it() {
    let engine = platform();
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]),
        good(1, None)
    );
    let newer = brief(
        &engine,
        Driver::Sets,
        "s1",
        at(31),
        [rotated("usr_1", "s2")],
    );
    assert_eq!(newer, good(1, Some("s2")));
    // Requests under way, and a browser that lost the answer.
    for second in [31, 50, 60] {
        assert_eq!(
            brief(&engine, Driver::Sets, "s1", at(second), []),
            good(0, Some("s2"))
        );
    }
    assert_eq!(
        brief(&engine, Driver::Sets, "s2", at(60), []),
        good(0, None)
    );
    // Later it is asked about under its newest session, which may rotate again.
    let next = brief(
        &engine,
        Driver::Sets,
        "s1",
        at(62),
        [rotated("usr_1", "s3")],
    );
    assert_eq!(next, good(1, Some("s3")));
    assert_eq!(
        brief(&engine, Driver::Sets, "s2", at(63), []),
        good(0, Some("s3"))
    );
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(63), []),
        good(0, Some("s3"))
    );
}

#[test]
fn a_host_that_sets_no_cookie_on_a_good_answer_is_made_to_refresh() {
    let engine = platform();
    let driver = Driver::LeavesToHost;
    assert_eq!(
        brief(&engine, driver, "s1", at(0), [me("usr_1")]),
        good(1, None)
    );
    let turned = brief(&engine, driver, "s1", at(31), [rotated("usr_1", "s2")]);
    assert_eq!(turned, rejected("session_expired", 1));
    let refreshed = run(refreshing(&engine, sealed("s1")), at(31), []);
    assert_eq!(renewal_said(&refreshed.output), "usr_1 has s2");
    assert_eq!(brief(&engine, driver, "s2", at(31), []), good(0, None));
    assert_eq!(
        brief(&engine, driver, "s1", at(40), []),
        rejected("session_expired", 0)
    );
    // A page that only shows who is signed in asks for no refresh.
    assert_eq!(
        brief(&engine, Driver::Follows, "s1", at(40), []).0,
        "user usr_1"
    );
}

#[test]
fn a_refresh_keeps_the_newer_session_before_its_user_is_known() {
    let engine = platform();
    let answers = [
        setting("s2", &json!({ "ok": true })),
        lost(TransportError::Timeout),
    ];
    let ran = run(refreshing(&engine, sealed("s1")), at(0), answers);
    assert_eq!(
        (renewal_said(&ran.output).as_str(), ran.paths()),
        ("unavailable timeout", vec![REFRESH, ME])
    );
    // The platform refuses the old one from now on: it is not asked about again.
    let (ran, cookie) = with_cookie(&engine, Driver::Sets, "s1", at(1), [me("usr_1")]);
    assert_eq!(ran.sent[0].cookie.as_deref(), Some("wos-session=s2"));
    assert_eq!(said(&ran.output), "user usr_1");
    assert!(cookie.unwrap().expose().contains("=s2;"));
}

#[test]
fn a_refresh_may_find_nothing_newer_or_the_end() {
    let engine = platform();
    let answers = [answer(200, &json!({ "ok": true })), me("usr_1")];
    let ran = run(refreshing(&engine, sealed("s1")), at(0), answers);
    let Renewal::Unchanged {
        session,
        cookie: None,
    } = &ran.output
    else {
        panic!("{:?}", ran.output)
    };
    assert_eq!(session.user_id().as_str(), "usr_1");
    let ran = run(refreshing(&engine, sealed("gone")), at(0), [ended()]);
    assert_eq!(renewal_said(&ran.output), "ended unauthorized");
    assert_eq!(
        run(refreshing(&engine, sealed("gone")), at(1), [])
            .sent
            .len(),
        0,
        "it is cached"
    );
}

#[test]
fn another_instance_may_have_the_newer_session_so_a_good_one_outlives_its_refusal_for_a_moment() {
    let engine = platform();
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]),
        good(1, None)
    );
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(31), [ended()]),
        good(1, None)
    );
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(60), []),
        good(0, None)
    );
    let over = brief(&engine, Driver::LeavesToHost, "s1", at(61), []);
    assert_eq!(over, rejected("session_expired", 0));
    // One that was never seen here is refused at once, and one that was seen too long ago.
    assert_eq!(
        brief(&engine, Driver::LeavesToHost, "s9", at(0), [ended()]),
        rejected("unauthorized", 1)
    );
    assert_eq!(
        brief(&engine, Driver::Sets, "s8", at(0), [me("usr_1")]),
        good(1, None)
    );
    assert_eq!(
        brief(&engine, Driver::LeavesToHost, "s8", at(91), [ended()]),
        rejected("unauthorized", 1)
    );
}

#[test]
fn another_refusal_does_not_prolong_the_grace() {
    let mut config = platform_config();
    config.policy.fresh = std::time::Duration::from_secs(1);
    let engine = open(config, Entropy::new([7; 32]));
    brief(&engine, Driver::Follows, "s1", at(0), [me("usr_1")]);
    for second in [2, 12, 22, 31] {
        let tolerated = brief(&engine, Driver::Follows, "s1", at(second), [ended()]);
        assert_eq!(tolerated, good(1, None), "{second}");
    }
    let over = brief(&engine, Driver::Follows, "s1", at(33), []);
    assert_eq!(over, rejected("session_expired", 0));
}

#[test]
fn an_outage_refuses_no_session() {
    let engine = platform();
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]),
        good(1, None)
    );
    let page = || Ok(Response::new(401, b"<html>a proxy's page</html>".to_vec()));
    for answers in [
        vec![
            answer(503, &json!({ "error": "down" })),
            answer(503, &json!({})),
        ],
        vec![page()],
        vec![lost(TransportError::Connect), lost(TransportError::Connect)],
    ] {
        let header = "__Host-mastra_session=s1";
        let credentials = Credentials::read(&engine, None, Some(header)).unwrap();
        let request = Authenticate::new(&engine, credentials).refreshed_by(Refresher::Here);
        let ran = script(request.into_task(Jitter(1)), at(31), answers);
        assert_eq!(said(&ran.output.answer), "user usr_1");
    }
}

#[test]
fn members_alone_come_in_where_the_instance_is_an_organizations() {
    let mut config = platform_config();
    config.organization = Some(OrganizationId::parse("org_2").unwrap());
    let engine = open(config, Entropy::new([7; 32]));
    let (ran, _) = with_cookie(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]);
    let Authentication::Authenticated(identity) = &ran.output else {
        panic!("{:?}", ran.output)
    };
    // An admin of `org_1`, which the session has chosen: not here.
    let user = identity.user();
    assert_eq!(user.organization(), engine.config().organization.as_ref());
    assert!(user.roles().is_empty());
    assert_eq!(user.member_of(), user.organization().cloned().as_slice());
    let stranger = || answer(200, &of("usr_2", Some("org_3"), &["org_3"]));
    let refused = brief(&engine, Driver::Sets, "s2", at(0), [stranger()]);
    assert_eq!(refused, rejected("organization_forbidden", 1));
    assert_eq!(
        brief(&engine, Driver::Sets, "s2", at(1), []),
        rejected("organization_forbidden", 0)
    );
    // The list may be absent: the token's own organization stands for it.
    let mut alone = of("usr_1", Some("org_2"), &[]);
    alone.as_object_mut().unwrap().remove("memberOrgIds");
    assert_eq!(
        crate::world::with_bearer(&engine, "t-1", at(0), [answer(200, &alone)]).0,
        "user usr_1"
    );
    let other = of("usr_1", Some("org_1"), &["org_1", "org_2"]);
    let own = of("usr_1", Some("org_2"), &["org_1", "org_2"]);
    for (bearer, body, roles) in [("t-2", other, &[][..]), ("t-3", own, &["admin".to_owned()])] {
        let header = format!("Bearer {bearer}");
        let answers = [answer(200, &body)];
        let ran = crate::world::authenticate(&engine, Some(&header), None, at(0), answers);
        let Authentication::Authenticated(identity) = &ran.output else {
            panic!("{:?}", ran.output)
        };
        assert_eq!(identity.user().roles(), roles, "{bearer}");
        assert_eq!(identity.user().organization().unwrap().as_str(), "org_2");
    }
    // The platform refuses the organization that is named beside a bearer: cached like any other who is no member.
    let forbidden = answer(403, &json!({ "title": "Forbidden", "status": 403 }));
    let refused = ("rejected organization_forbidden".to_owned(), 1);
    assert_eq!(
        crate::world::with_bearer(&engine, "t-4", at(0), [forbidden]),
        refused
    );
    assert_eq!(crate::world::with_bearer(&engine, "t-4", at(1), []).1, 0);
    for odd in [
        json!("org_2"),
        json!([1, "org_2"]),
        json!({ "org_2": true }),
    ] {
        let mut body = of("usr_3", Some("org_2"), &[]);
        body["memberOrgIds"] = odd;
        let (said, _) = crate::world::with_bearer(
            &engine,
            &format!("t-{body}").replace(['"', '{', '}', ':', ',', '[', ']', ' ', '@'], ""),
            at(0),
            [answer(200, &body)],
        );
        assert_eq!(said, "rejected organization_forbidden");
    }
}

#[test]
fn another_organization_of_the_user_has_no_roles() {
    let engine = platform();
    let (ran, _) = with_cookie(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]);
    let Authentication::Authenticated(identity) = ran.output else {
        panic!("{:?}", ran.output)
    };
    let organization = |text| OrganizationId::parse(text).unwrap();
    let same = identity
        .user()
        .in_organization(organization("org_1"))
        .unwrap();
    assert_eq!(same.roles(), ["admin"]);
    let other = identity
        .user()
        .in_organization(organization("org_2"))
        .unwrap();
    assert_eq!(
        (other.organization().unwrap().as_str(), other.roles().len()),
        ("org_2", 0)
    );
    let error = identity
        .user()
        .in_organization(organization("org_3"))
        .unwrap_err();
    assert_eq!(
        (error.code(), error.status()),
        ("organization_forbidden", 403)
    );
}

#[test]
fn the_code_of_a_sign_in_is_the_session_and_the_state_may_be_replaced() {
    for (back, expect) in [
        ("7d0e|%2Fagents", "/agents"),
        (
            "deploy|/agents?tab=1&mastra_state=7d0e#x",
            "/agents?tab=1#x",
        ),
        ("deploy|/agents?mastra_state=7d0e&tab=1", "/agents?tab=1"),
        ("deploy|/?mastra_state=7d0e", "/"),
        ("deploy|/s?q=a%26b&mastra_state=7d0e", "/s?q=a%26b"),
        ("deploy|/s?q=%E9&mastra_state=7d0e", "/s?q=%E9"),
        ("deploy|/s?q=%250a&mastra_state=7d0e", "/s?q=%250a"),
        ("deploy|%2Fs%3Fq%3D1%26mastra_state%3D7d0e", "/s?q=1"),
        // The path that the sign-in was begun with had an id of a stranger.
        ("deploy|/?mastra_state=other&mastra_state=7d0e", "/"),
        ("7d0e|/agents?mastra_state=7d0e", "/agents"),
    ] {
        let engine = platform();
        let (url, cookie) = begin(&engine, "7d0e|%2Fagents");
        assert_eq!(url.matches("mastra_state%3D7d0e").count(), 2, "{url}");
        let flow = callback(&engine, back, "s*1", &cookie, at(5)).unwrap();
        let ran = run(flow, at(5), [rotated("usr_1", "s*2")]);
        assert_eq!(ran.sent[0].cookie.as_deref(), Some("wos-session=s*1"));
        let signed_in = ran.output.unwrap();
        assert_eq!(signed_in.return_path.as_str(), expect);
        let set = signed_in.cookies[1].expose();
        assert!(
            set.contains("=s*2;") && set.contains("Max-Age=1209600"),
            "{set}"
        );
        assert_eq!(
            brief(&engine, Driver::Sets, "s*2", at(6), []),
            good(0, None)
        );
        // Once, in one browser, in time.
        let again = callback(&engine, back, "s*9", &cookie, at(20)).unwrap_err();
        assert_eq!(again.code(), "callback_replayed");
    }
    let engine = platform();
    for (cookies, code) in [
        ("", "login_cookie_missing"),
        ("__Host-mastra_login_0123456789abcdef=2.x", "state_mismatch"),
    ] {
        let error = callback(&engine, "deploy|/", "s*1", cookies, at(5)).unwrap_err();
        assert_eq!(error.code(), code);
    }
    let (_, cookie) = begin(&engine, "one");
    let late = callback(&engine, "one|%2F", "s*1", &cookie, at(301)).unwrap_err();
    assert_eq!(late.code(), "login_expired");
    assert!(State::parse("deploy|/?mastra_state=%7C", None).is_err());
    // A sign-in that another browser began, also where its id is left out or is none.
    for back in ["other|%2F", "deploy|/", "deploy|/?mastra_state=other"] {
        let foreign = callback(&engine, back, "s*1", &cookie, at(5)).unwrap_err();
        assert_eq!(foreign.code(), "state_mismatch", "{back}");
    }
}

#[test]
fn a_host_that_passes_on_the_id_alone_finishes_the_sign_in_that_was_begun_last() {
    let engine = platform();
    let (_, first) = begin(&engine, "first");
    let (_, second) = begin(&engine, "second");
    let cookies = format!("{first}; {second}");
    let of_host = |code: &str, cookies: &str| {
        let login = OpenedLogin::of_host(&engine, state("deploy"), code, cookies, at(5));
        let key = login.key();
        let flow = Callback::new(Arc::clone(&engine), login, code, cookies, at(5), Jitter(1));
        (key, flow)
    };
    // No answer clears the cookie of a sign-in that is over: an Express server keeps the last line of an answer alone.
    let mut cleared = vec![];
    let mut keys = vec![];
    for (code, user) in [("s1", "usr_1"), ("s2", "usr_2")] {
        let (key, flow) = of_host(code, &cookies);
        let signed_in = run(flow.unwrap(), at(5), [me(user)]).output.unwrap();
        assert_eq!(signed_in.identity.user().id().as_str(), user);
        let name = signed_in.cookies[0].expose().split('=').next().unwrap();
        cleared.push([&first, &second].map(|cookie| cookie.starts_with(name)));
        keys.push(key);
    }
    cleared.sort_unstable();
    assert_eq!(cleared, [[false, true], [true, false]], "each its own");
    for (index, (code, user)) in [("s1", "usr_1"), ("s2", "usr_2")].into_iter().enumerate() {
        let (key, flow) = of_host(code, &cookies);
        assert_eq!(
            key, keys[index],
            "a callback that comes again is the same one"
        );
        let again = run(flow.unwrap(), at(5), []).output.unwrap();
        assert_eq!(again.identity.user().id().as_str(), user);
    }
    let (key, flow) = of_host("s3", &cookies);
    assert_eq!((key, flow.unwrap_err().code()), (None, "callback_replayed"));
    assert!(of_host("s3", "").0.is_none());
}

#[test]
fn a_host_that_passes_on_another_id_finishes_no_sign_in_of_another_browser() {
    for (engine, id) in [(platform(), "other"), (v1(), "deploy")] {
        let (_, cookie) = begin(&engine, "own");
        let login = OpenedLogin::of_host(&engine, state(id), "s1", &cookie, at(5));
        assert!(login.key().is_none(), "{id}");
        let refused = Callback::new(engine, login, "s1", &cookie, at(5), Jitter(1));
        assert_eq!(refused.unwrap_err().code(), "state_mismatch", "{id}");
    }
}

#[test]
fn a_sign_out_is_one_call_and_its_page_is_kept_for_that_browser() {
    let engine = platform();
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(0), [me("usr_1")]),
        good(1, None)
    );
    let logout = Logout::new(
        Arc::clone(&engine),
        sealed("s1"),
        Effort::Full,
        at(1),
        Jitter(1),
    );
    let page = "https://identity.example/logout?session=1";
    let ran = run(
        logout,
        at(1),
        [answer(200, &json!({ "ok": true, "logoutUrl": page }))],
    );
    assert_eq!(ran.output, SignOut::Ended);
    assert_eq!(
        (ran.paths(), ran.sent[0].cookie.as_deref()),
        (vec!["/v1/auth/logout"], Some("wos-session=s1"))
    );
    let back = RedirectUri::parse("https://app.example.com/").unwrap();
    assert_eq!(engine.logout_page(&back, None), None);
    assert_eq!(
        engine.logout_page(&back, Some(&sealed("s1"))).as_deref(),
        Some(page)
    );
    assert_eq!(engine.logout_page(&back, Some(&sealed("s1"))), None, "once");
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(2), []).0,
        "rejected signed_out"
    );
}

#[test]
fn a_sign_out_of_either_session_ends_both() {
    for out in ["s1", "s2"] {
        let engine = platform();
        assert_eq!(
            brief(&engine, Driver::Sets, "s1", at(0), [rotated("usr_1", "s2")]),
            good(1, Some("s2"))
        );
        let logout = Logout::new(
            Arc::clone(&engine),
            sealed(out),
            Effort::Full,
            at(1),
            Jitter(1),
        );
        let ran = run(logout, at(1), [answer(200, &json!({ "ok": true }))]);
        assert_eq!(
            ran.sent[0].cookie.as_deref(),
            Some("wos-session=s2"),
            "the newest"
        );
        for session in ["s1", "s2"] {
            assert_eq!(
                brief(&engine, Driver::Sets, session, at(2), []).0,
                "rejected signed_out"
            );
        }
    }
}

#[test]
fn whether_a_session_is_alive_may_rotate_it_too() {
    let engine = platform();
    let ran = run(
        validating(&engine, sealed("s1")),
        at(0),
        [rotated("usr_1", "s2")],
    );
    assert_eq!(ran.output.unwrap().unwrap().user_id().as_str(), "usr_1");
    assert_eq!(
        brief(&engine, Driver::Sets, "s1", at(1), []),
        good(0, Some("s2"))
    );
    let ran = run(validating(&engine, sealed("gone")), at(0), [ended()]);
    assert!(ran.output.unwrap().is_none());
}

#[test]
fn a_session_keeps_its_id_however_often_it_rotates() {
    let engine = platform();
    let id = |session, second, newer| {
        let answers = [rotated("usr_1", newer)];
        let (ran, _) = with_cookie(&engine, Driver::Sets, session, at(second), answers);
        let Authentication::Authenticated(identity) = ran.output else {
            panic!("{:?}", ran.output)
        };
        identity.session_id().unwrap().clone()
    };
    assert_eq!(id("s1", 0, "s2"), id("s2", 31, "s3"));
}
