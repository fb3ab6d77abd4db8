//! Names and attributes of cookies on the way through a sign-in and its end, where the address decides.

use std::sync::Arc;

use mastra_auth_cloud_core::config::Config;
use mastra_auth_cloud_core::cookie::{SessionCookieOptions, SessionCookies, Stage};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::callback::{OpenedLogin, SignedIn};
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::sign_out::Logouts;
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::url::{RedirectUri, Site};

use crate::world::*;

const DESK: &str = "http://localhost:4111/cb";
const APP: &str = "https://app.example.com/cb";

fn deployment(project: &str, stage: Stage, entropy: u8) -> Arc<Engine> {
    let mut config: Config = Config::clone(v1().config());
    config.project_id = ProjectId::parse(project).unwrap();
    let options = SessionCookieOptions {
        stage,
        ..SessionCookieOptions::default()
    };
    config.cookie = SessionCookies::new(&options, &config.base_url, &config.project_id).unwrap();
    Engine::new(config, Entropy::new([entropy; 32]))
}

fn site(address: &str) -> Site {
    RedirectUri::parse(address).unwrap().site()
}

fn begin_at(engine: &Engine, address: &str, id: &str) -> String {
    let redirect_uri = RedirectUri::parse(address).unwrap();
    let cookie = login::cookie(engine, &redirect_uri, &state(id), at(0)).unwrap();
    pair(&cookie).to_owned()
}

fn come_back(engine: &Arc<Engine>, cookies: &str, id: &str) -> Result<SignedIn, CloudApiError> {
    let code = format!("code-{id}");
    let flow = callback(engine, id, &code, cookies, at(0))?;
    run(flow, at(0), [exchanged("usr_1", &format!("token-{id}"))]).output
}

fn names(signed_in: &SignedIn) -> Vec<String> {
    let cookies = signed_in.cookies.iter();
    cookies.map(|cookie| cookie.name().to_owned()).collect()
}

#[test]
fn cookies_follow_the_address_that_the_sign_in_comes_back_to() {
    for stage in [Stage::Production, Stage::Unknown, Stage::Desk] {
        let engine = deployment("demo", stage, 1);
        for (id, address, is_secure) in
            [("s1", DESK, false), ("s2", APP, true), ("s3", DESK, false)]
        {
            let login = begin_at(&engine, address, id);
            assert_eq!(login.starts_with("__Host-"), is_secure, "{login}");
            let done = come_back(&engine, &login, id).unwrap();
            let set = done.cookies.last().unwrap();
            assert_eq!(set.expose().contains("; Secure"), is_secure, "{stage:?}");
            assert!(
                names(&done)
                    .iter()
                    .all(|name| name.starts_with("__Host-") == is_secure)
            );
            // What is written next without a request is for the same browser.
            assert_eq!(engine.clear_session_cookie().name(), set.name());
            let cleared = done.cookies.first().unwrap().name();
            assert_eq!(cleared, login.split('=').next().unwrap());
        }
    }
}

#[test]
fn sign_ins_at_two_addresses_of_one_process_are_finished_in_any_order() {
    let engine = deployment("demo", Stage::Unknown, 1);
    let desk = begin_at(&engine, DESK, "s1");
    let app = begin_at(&engine, APP, "s2");
    let first = come_back(&engine, &desk, "s1").unwrap();
    let second = come_back(&engine, &app, "s2").unwrap();
    assert!(names(&first)[1].starts_with("mastra_session_"));
    assert_eq!(names(&second)[1], "__Host-mastra_session");
}

#[test]
fn threat_040_a_login_cookie_that_a_sibling_tossed_finishes_nothing_over_https() {
    for stage in [Stage::Production, Stage::Unknown, Stage::Desk] {
        let attackers = deployment("demo", Stage::Desk, 66);
        let tossed = begin_at(&attackers, DESK, "s1");
        assert!(tossed.starts_with("mastra_login_"));
        let engine = deployment("demo", stage, 1);
        begin_at(&engine, APP, "victims");
        let refused = come_back(&engine, &tossed, "s1").unwrap_err();
        assert_eq!(refused.code(), "state_mismatch", "{stage:?}");
        // Nor does one that says it comes back over https.
        let https = begin_at(&attackers, APP, "s1").replace("__Host-", "");
        assert_eq!(
            come_back(&engine, &https, "s1").unwrap_err().code(),
            "state_mismatch"
        );
    }
    // In production nothing is assumed either.
    let fresh = deployment("demo", Stage::Production, 1);
    let tossed = begin_at(&deployment("demo", Stage::Desk, 66), DESK, "s1");
    assert!(come_back(&fresh, &tossed, "s1").is_err());
    // On a desk another process may finish what one began.
    let desk = deployment("demo", Stage::Desk, 1);
    assert!(come_back(&desk, &tossed, "s1").is_ok());
}

#[test]
fn threat_040_a_login_cookie_that_a_sibling_tossed_is_not_the_newest_where_the_cloud_replaced_the_state()
 {
    let platform = |entropy| {
        let mut config = Config::clone(deployment("demo", Stage::Unknown, 1).config());
        config.dialect = Dialect::Platform;
        Engine::new(config, Entropy::new([entropy; 32]))
    };
    let (engine, attackers) = (platform(1), platform(66));
    let own = begin_at(&engine, DESK, "own");
    let tossed = begin_at(&attackers, DESK, "tossed");
    // The address last noted.
    begin_at(&engine, APP, "victims");
    for (cookies, is_bound) in [(&own, true), (&tossed, false)] {
        let login = OpenedLogin::of_host(&engine, state("deploy"), "s1", cookies, at(0));
        assert_eq!(login.key().is_some(), is_bound, "{cookies}");
    }
}

#[test]
fn two_deployments_on_one_host_leave_each_others_cookies_alone() {
    let (one, other) = (
        deployment("demo", Stage::Desk, 1),
        deployment("other", Stage::Desk, 2),
    );
    let signed_in = |engine: &Arc<Engine>, id: &str, besides: &str| {
        let login = begin_at(engine, DESK, id);
        let done = come_back(engine, &format!("{besides}; {login}"), id).unwrap();
        let token = done.identity.user().session_token().clone();
        let ended = Logouts::replaced(engine, besides, &token, at(0), Jitter(1)).take();
        (pair(done.cookies.last().unwrap()).to_owned(), ended.len())
    };
    let (mine, _) = signed_in(&one, "s1", "");
    let (yours, ended) = signed_in(&other, "s2", &mine);
    assert_ne!(mine.split('=').next(), yours.split('=').next());
    assert_eq!(ended, 0, "the other's session goes on");
    let jar = format!("{mine}; {yours}");
    for (engine, token) in [(&one, "token-s1"), (&other, "token-s2")] {
        assert_eq!(engine.session_token(&jar, Some(site(DESK))), Some(token));
        let ran = authenticate(engine, None, Some(&jar), at(1), []);
        assert_eq!(said(&ran.output), "user usr_1");
    }
    // Pending sign-ins of the other do not evict ours.
    let pending: Vec<String> = (0..8)
        .map(|n| begin_at(&other, DESK, &format!("p{n}")))
        .collect();
    let pending = pending.join("; ");
    assert_eq!(login::overdue(&one, &pending).unwrap().len(), 0);
    assert_eq!(login::overdue(&other, &pending).unwrap().len(), 1);
}

#[test]
fn threat_028_a_token_that_does_not_fit_is_told_with_its_size_and_the_room() {
    let engine = v1();
    // From 8,193 bytes on it is no token at all.
    for (length, fits) in [
        (4_075, true),
        (4_076, false),
        (8_192, false),
        (8_193, false),
        (9_000, false),
    ] {
        let id = format!("s{length}");
        let (_, login) = begin(&engine, &id);
        let flow = callback(&engine, &id, &format!("code-{id}"), &login, at(0)).unwrap();
        let ran = run(flow, at(0), [exchanged("usr_1", &"t".repeat(length))]);
        let error = match ran.output {
            Ok(done) => {
                assert!(fits, "{length}");
                let whole = pair(done.cookies.last().unwrap());
                assert_eq!(whole.len(), 4_096 + "=".len());
                continue;
            }
            Err(error) => error,
        };
        assert!(!fits, "{length}");
        assert_eq!((error.code(), error.status()), ("cookie_too_large", 502));
        let words = "bytes does not fit into the cookie, which has room for 4075.";
        assert_eq!(error.message(), format!("A token of {length} {words}"));
    }
}

#[test]
fn a_cookie_under_the_shared_name_is_read_kept_and_cleared_as_it_came() {
    let engine = deployment("demo", Stage::Desk, 1);
    let login = begin_at(&engine, DESK, "s1");
    let done = come_back(&engine, &login, "s1").unwrap();
    let own = done.cookies.last().unwrap().name().to_owned();
    // From before there was a suffix, or from a script.
    let old = "mastra_session=token-s1";
    assert_eq!(
        said(&authenticate(&engine, None, Some(old), at(1), []).output),
        "user usr_1"
    );
    assert_eq!(
        engine.session_token(old, Some(site(DESK))),
        Some("token-s1")
    );
    let renewed = engine
        .session_cookie(&token("newer"), at(60).wall, None, at(1).wall)
        .unwrap();
    assert_eq!(
        renewed.name(),
        own,
        "a renewal is written under the own name"
    );
    assert_eq!(engine.clear_session_cookie().name(), "mastra_session");
    let both = format!("mastra_session=foreign; {own}=token-s1");
    assert_eq!(
        engine.session_token(&both, Some(site(DESK))),
        Some("token-s1")
    );
    assert_eq!(engine.clear_session_cookie().name(), own);

    // What a sign-out ends, and which cookies of the shared name it clears.
    let ending = |header: &str| -> Vec<(String, Option<String>)> {
        let found = engine.ending_cookies(header, Some(site(DESK))).into_iter();
        let name = |clear: mastra_auth_cloud_core::cookie::SetCookie| clear.name().to_owned();
        found
            .map(|(token, clear)| (token.expose().to_owned(), clear.map(name)))
            .collect()
    };
    let shared = || Some("mastra_session".to_owned());
    assert_eq!(
        ending(&both),
        [("token-s1".to_owned(), None)],
        "the foreign one is left alone"
    );
    assert_eq!(ending(old), [("token-s1".to_owned(), shared())]);
    let unknown = ending("mastra_session=unknown");
    assert_eq!(unknown, [("unknown".to_owned(), shared())]);
    let two = format!("mastra_session=token-s1; {own}=another");
    assert_eq!(
        ending(&two),
        [
            ("token-s1".to_owned(), shared()),
            ("another".to_owned(), None)
        ]
    );
}

#[test]
fn a_domain_that_browsers_drop_is_told_before_the_sign_in() {
    let mut config: Config = Config::clone(v1().config());
    let options = SessionCookieOptions {
        domain: Some("Example.com".to_owned()),
        ..SessionCookieOptions::default()
    };
    config.cookie = SessionCookies::new(&options, &config.base_url, &config.project_id).unwrap();
    let engine = Engine::new(config, Entropy::new([7; 32]));
    for (address, good) in [
        (APP, true),
        (DESK, false),
        ("https://app.example/cb", false),
    ] {
        let redirect_uri = RedirectUri::parse(address).unwrap();
        let cookie = login::cookie(&engine, &redirect_uri, &state("s"), at(0));
        let code = cookie.as_ref().err().map(CloudApiError::code);
        assert_eq!(
            code,
            (!good).then_some("invalid_configuration"),
            "{address}"
        );
    }
}

#[test]
fn the_address_is_needed_where_neither_the_options_nor_the_name_decide() {
    let by_address = deployment("demo", Stage::Unknown, 1);
    for (engine, header, expect) in [
        (&by_address, "mastra_session=t", true),
        (&by_address, "__Host-mastra_session=t", false),
        (&by_address, "other=t", false),
        (&v1(), "mastra_session=t", false),
    ] {
        assert_eq!(engine.needs_site(header.as_bytes()), expect, "{header}");
    }
}

#[test]
fn a_token_fits_into_the_cookie_or_not() {
    let engine = deployment("demo", Stage::Production, 1);
    assert!(engine.fits_cookie(1000, None).is_ok());
    let error = engine.fits_cookie(5000, None).unwrap_err();
    assert_eq!(error.code(), "cookie_too_large");
}
