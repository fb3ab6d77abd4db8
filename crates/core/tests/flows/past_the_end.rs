//! Tokens and sessions past their own end, and what was given with them.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher};
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::flow::{Event, Finished, Jitter, Step as CoreStep, Work};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::verification::VerificationMode;
use serde_json::json;

use crate::keys::{self, by_keys, course, deployment};
use crate::permissions::{ask, failed, grants, has, somebody};
use crate::renew::{self, handed_out};
use crate::world::signer::{Signer, published};
use crate::world::{
    SESSION, START, Step, at, checked, config, data, exchanged, jwt, looking_up, lost, open,
    refreshing, run, said, session, sign_in_with, status, token, user, v1, verified,
};

const DAY: i64 = 86_400;

#[test]
fn threat_020_a_session_that_is_over_by_the_clouds_word_has_no_leeway() {
    let key = Signer::new("k1");
    let text = key.token("usr_1", DAY);
    let ends = |seconds| data(&json!({ "session": session("ses_1", "usr_1", seconds) }));
    let engine = deployment(VerificationMode::KeysAndSession);
    let keys = || published(&[&key]);
    course(
        &engine,
        [
            (&*text, 0, vec![keys(), ends(10)], "user usr_1, 2 calls"),
            (&*text, 9, vec![], "user usr_1, 0 calls"),
            (&*text, 10, vec![], "rejected session_expired, 0 calls"),
            (&*text, 39, vec![], "rejected session_expired, 0 calls"),
        ],
    );
    // It is over when the Cloud says so.
    let late = vec![keys(), ends(10)];
    let refused = [(&*text, 10, late, "rejected session_expired, 2 calls")];
    course(&deployment(VerificationMode::KeysAndSession), refused);
    // The token's own end has it, also where its session goes on for long.
    let short = key.token("usr_1", 10);
    let long = vec![keys(), ends(9999)];
    course(
        &deployment(VerificationMode::KeysAndSession),
        [
            (&*short, 39, long, "user usr_1, 2 calls"),
            (&*short, 40, vec![], "rejected session_expired, 0 calls"),
        ],
    );
}

#[test]
fn threat_020_a_session_ends_when_the_sign_in_was_told_whatever_its_token_says() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let text = key.token("usr_1", DAY);
    // For an hour.
    let answers = [published(&[&key]), exchanged("usr_1", &text)];
    let signed_in = sign_in_with(&engine, "usr_1", at(0), answers);
    assert!(signed_in.output.is_ok());
    assert_eq!(keys::ask(&engine, &text, 20, vec![]), "user usr_1, 0 calls");
    let set = vec![published(&[&key])];
    assert_eq!(keys::ask(&engine, &text, 3599, set), "user usr_1, 1 calls");
    let told = keys::ask(&engine, &text, 3600, vec![]);
    assert_eq!(told, "rejected session_expired, 0 calls");
}

#[test]
fn threat_065_permissions_end_with_the_token() {
    for is_remembered in [true, false] {
        for roles in [false, true] {
            let mut config = config(Dialect::V1);
            config.role_mapping = roles.then(RoleMapping::default_roles);
            let engine = open(config, Entropy::new([7; 32]));
            let ends = jwt(&json!({ "sub": "u", "sid": "s", "iat": START, "exp": START + 20 }));
            let user = somebody(&engine, &ends, verified("u", &["owner"]));
            let other = somebody(&engine, "opaque", verified("v", &["owner"]));
            let calls = usize::from(!roles);
            let answers = || (0..calls).map(|_| grants(&["*"])).collect();
            assert_eq!(ask(&engine, &user, 1, answers()), has(&["*"], calls));
            assert_eq!(ask(&engine, &other, 1, answers()), has(&["*"], calls));
            // As after a restart, or where the memory is small.
            if !is_remembered {
                engine.forget(user.session_token());
            }
            let known = if is_remembered { 0 } else { calls };
            let answers = (0..known).map(|_| grants(&["*"])).collect();
            assert_eq!(ask(&engine, &user, 19, answers), has(&["*"], known));
            for seconds in [20, 29, 31, 95, 3600] {
                let fetch = FetchPermissions::new(Arc::clone(&engine), &user);
                assert!(fetch.known(at(seconds)).is_none(), "{seconds}");
                let told = ask(&engine, &user, seconds, vec![]);
                assert_eq!(told, failed("session_expired", 0));
            }
            assert_eq!(ask(&engine, &other, 29, vec![]), has(&["*"], 0));
        }
    }
}

#[test]
fn threat_065_permissions_that_arrive_after_the_end_of_the_token_are_not_given() {
    for answer in [grants(&["*"]), status(401), lost(TransportError::Timeout)] {
        let engine = v1();
        let ends = jwt(&json!({ "sub": "u", "iat": START, "exp": START + 32 }));
        let user = somebody(&engine, &ends, verified("u", &["owner"]));
        // Known well enough for an outage.
        let before = ask(&engine, &user, 0, vec![grants(&["*"])]);
        assert_eq!(before, has(&["*"], 1));
        let mut flow = looking_up(&engine, &user);
        assert!(matches!(flow.step(Event::Start, at(31)), Step::Send(_)));
        let Step::Done(result) = flow.step(Event::Delivered(answer), at(32)) else {
            panic!("one call is enough");
        };
        assert_eq!(result.unwrap_err().code(), "session_expired");
    }
}

#[test]
fn permissions_last_for_the_leeway_that_the_token_has() {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let user = somebody(&engine, &key.token("usr_1", 20), published(&[&key]));
    for is_remembered in [true, false] {
        if !is_remembered {
            engine.forget(user.session_token());
        }
        let look = |seconds| {
            let flow = looking_up(&engine, &user);
            let end = run(flow, at(seconds), (seconds < 50).then(|| grants(&["*"])));
            end.output.map_err(|error| error.code().to_owned())
        };
        assert!(look(49).is_ok());
        assert_eq!(look(50).unwrap_err(), "session_expired");
    }
    // The Cloud has no leeway. A bearer's client may have a newer token.
    for (seconds, refusal, told) in [
        (19, 401, has(&[], 1)),
        (20, 401, failed("session_expired", 1)),
        (20, 403, failed("session_expired", 1)),
        (19, 403, has(&[], 1)),
    ] {
        let (key, engine) = (Signer::new("k1"), by_keys());
        let user = somebody(&engine, &key.token("usr_1", 20), published(&[&key]));
        let answers = vec![status(refusal)];
        let first = ask(&engine, &user, seconds, answers);
        assert_eq!(first, told, "{seconds} {refusal}");
        // It is cached as any other, and tells the same.
        let again = ask(&engine, &user, 21, vec![]);
        assert_eq!(again, failed("session_expired", 0));
    }
}

/// What a cookie is told, and with how many calls.
fn by_cookie(
    engine: &Arc<Engine>,
    refresher: Refresher,
    text: &str,
    seconds: u64,
    answers: impl IntoIterator<Item = Delivery>,
) -> (String, usize) {
    let ran = run(
        requesting(engine, refresher, text).into_task(Jitter(1)),
        at(seconds),
        answers,
    );
    (said(&ran.output.answer), ran.sent.len())
}

fn requesting(engine: &Arc<Engine>, refresher: Refresher, text: &str) -> Authenticate<'static> {
    let header = format!("{SESSION}={text}");
    let credentials = Credentials::read(engine, None, Some(&header)).unwrap();
    Authenticate::new(engine, credentials.into_owned()).refreshed_by(refresher)
}

/// A deployment by keys that knows the first of two tokens of a session. They end 20 and 60 seconds from now.
fn in_its_leeway() -> (Arc<Engine>, String, String) {
    let (key, engine) = (Signer::new("k1"), by_keys());
    let [old, new] = [20, 60].map(|seconds| key.token("usr_1", seconds));
    let keys = [published(&[&key])];
    let known = by_cookie(&engine, Refresher::None, &old, 0, keys);
    assert_eq!(known, ("user usr_1".to_owned(), 1));
    (engine, old, new)
}

/// A Mastra server asks for permissions with each request that it lets in.
#[test]
fn a_host_refreshes_a_session_at_the_end_of_its_token_and_not_after_the_leeway() {
    let (engine, old, new) = in_its_leeway();
    let ask = |text: &str, seconds, answers: Vec<Delivery>| {
        by_cookie(&engine, Refresher::Host, text, seconds, answers)
    };
    assert_eq!(ask(&old, 19, vec![]), ("user usr_1".to_owned(), 0));
    let renewal = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    let refused = |calls| ("rejected session_expired".to_owned(), calls);
    assert_eq!(ask(&old, 20, renewal), refused(2));
    let refreshed = run(refreshing(&engine, token(&old)), at(20), []).output;
    assert_eq!(renew::said(&refreshed), format!("usr_1 has {new}"));
    assert_eq!(ask(&new, 20, vec![]), ("user usr_1".to_owned(), 0));
    // Of another tab.
    assert_eq!(ask(&old, 21, vec![]), refused(0));
    // The client of a bearer refreshes it, and a page that shows who is signed in refreshes nothing.
    let bearer = keys::ask(&engine, &old, 21, vec![]);
    assert_eq!(bearer, "user usr_1, 0 calls");
    let shown = by_cookie(&engine, Refresher::None, &old, 21, []);
    assert_eq!(shown, ("user usr_1".to_owned(), 0));
}

#[test]
fn threat_020_within_the_leeway_a_session_that_cannot_be_refreshed_goes_on() {
    for refresher in [Refresher::Host, Refresher::Here] {
        let (engine, old, _) = in_its_leeway();
        let away = [lost(TransportError::Timeout)];
        let served = by_cookie(&engine, refresher, &old, 25, away);
        assert_eq!(served, ("user usr_1".to_owned(), 1), "{refresher:?}");
        // Not tried again for 5 seconds.
        let served = by_cookie(&engine, refresher, &old, 29, []);
        assert_eq!(served, ("user usr_1".to_owned(), 0), "{refresher:?}");
        let ended = by_cookie(&engine, refresher, &old, 30, [status(401)]);
        assert_eq!(ended.0, "rejected request_failed", "{refresher:?}");
        // The Cloud says that the session is alive, or has no such endpoint. Or its newer token is past its end: the clock is ahead.
        let dead = Signer::new("k1").token("usr_1", 22);
        for answers in [
            vec![renew::alive("usr_1", 3600)],
            vec![status(404)],
            vec![handed_out("usr_1", &dead), verified("usr_1", &[])],
        ] {
            let (engine, old, _) = in_its_leeway();
            for (seconds, answers) in [(25, answers), (29, vec![])] {
                let served = by_cookie(&engine, refresher, &old, seconds, answers);
                assert_eq!(served.0, "user usr_1", "{refresher:?} {seconds}");
            }
        }
    }
}

#[test]
fn within_the_leeway_no_other_users_session_is_told() {
    let (engine, old, _) = in_its_leeway();
    let answers = [renew::alive("usr_2", 3600)];
    let refreshed = run(refreshing(&engine, token(&old)), at(25), answers).output;
    assert_eq!(renew::said(&refreshed), "unavailable invalid_response");
}

#[test]
fn a_refresh_that_failed_before_the_end_delays_none_at_the_end() {
    let (engine, old, _) = in_its_leeway();
    for seconds in [19, 20] {
        let away = [lost(TransportError::Timeout)];
        let served = by_cookie(&engine, Refresher::Here, &old, seconds, away);
        assert_eq!(served, ("user usr_1".to_owned(), 1), "{seconds}");
    }
}

#[test]
fn threat_020_a_refresh_that_fails_after_the_leeway_lets_no_user_in() {
    for refresher in [Refresher::Host, Refresher::Here] {
        let (engine, old, _) = in_its_leeway();
        let task = requesting(&engine, refresher, &old).into_task(Jitter(1));
        let mut step = task.step(Event::Start, at(49));
        // Where a host checks signatures, it is asked first.
        while let CoreStep::Check(check, rest) = step {
            step = rest.step(Event::Checked(checked(check)), at(49));
        }
        let CoreStep::Share(Work::Refresh(refresh), task) = step else {
            panic!("it waits for the refresh");
        };
        let away = [lost(TransportError::Timeout)];
        let renewal = run(refresh, at(49), away).output;
        let ended = task.step(Event::Shared(Finished::Refreshed(renewal)), at(50));
        let CoreStep::Done(verdict) = ended else {
            panic!("it is over");
        };
        assert_eq!(said(&verdict.answer), "rejected session_expired");
    }
}

/// A host refreshes the first cookie that has a token's form.
#[test]
fn a_host_is_not_asked_to_refresh_another_cookie_than_the_one_it_finds() {
    let (engine, old, new) = in_its_leeway();
    let ask = |cookies: &str, answers: Vec<Delivery>| {
        by_cookie(&engine, Refresher::Host, cookies, 21, answers)
    };
    let second = ask(&format!("e30.e30.e30; {SESSION}={old}"), vec![]);
    assert_eq!(second, ("user usr_1".to_owned(), 0));
    let renewal = vec![handed_out("usr_1", &new), verified("usr_1", &[])];
    let first = ask(&format!("no token; {SESSION}={old}"), renewal);
    // The first refusal is told.
    assert_eq!(first, ("rejected invalid_token".to_owned(), 2));
}

#[test]
fn threat_020_within_the_leeway_a_clock_that_is_ahead_by_more_than_a_tokens_life_ends_no_session() {
    let (engine, old, _) = in_its_leeway();
    let new = Signer::new("k1").token("usr_1", 22);
    let renewal = [handed_out("usr_1", &new), verified("usr_1", &[])];
    let served = by_cookie(&engine, Refresher::Host, &old, 25, renewal);
    assert_eq!(served, ("user usr_1".to_owned(), 2));
}

#[test]
fn within_the_leeway_every_request_waits_for_the_refresh() {
    let (engine, old, _) = in_its_leeway();
    for _ in 0..2 {
        let task = requesting(&engine, Refresher::Here, &old).into_task(Jitter(1));
        let step = task.step(Event::Start, at(25));
        assert!(
            matches!(step, CoreStep::Share(Work::Refresh(_), _)),
            "{step:?}"
        );
    }
}

/// The Cloud knows the token, and no longer its session.
#[test]
fn threat_020_after_a_failed_refresh_a_session_is_still_what_has_to_be_alive() {
    let (key, engine) = (
        Signer::new("k1"),
        deployment(VerificationMode::KeysAndSession),
    );
    let text = key.token("usr_1", 20);
    let ran = run(
        requesting(&engine, Refresher::Here, &text).into_task(Jitter(1)),
        at(15),
        [
            published(&[&key]),
            lost(TransportError::Timeout),
            status(401),
        ],
    );
    assert_eq!(said(&ran.output.answer), "rejected request_failed");
    assert!(ran.paths().iter().all(|path| !path.ends_with("/verify")));
}

/// The session went on for longer than was known, and its token is not over.
#[test]
fn threat_020_after_a_refresh_that_finds_a_later_end_the_token_is_verified_by_the_rules() {
    for (mode, asked) in [
        (VerificationMode::Keys, 1),
        (VerificationMode::KeysAndSession, 2),
    ] {
        let (key, engine) = (Signer::new("k1"), deployment(mode));
        let text = key.token("usr_1", 3600);
        let alive = |seconds| renew::alive("usr_1", seconds);
        let both = json!({ "user": user("usr_1", &[]), "session": session("ses_1", "usr_1", 80), "jwt": text });
        let is_asked = mode == VerificationMode::KeysAndSession;
        let first = [published(&[&key]), data(&both)];
        let answers = first.into_iter().chain(is_asked.then(|| alive(80)));
        sign_in_with(&engine, "usr_1", at(0), answers)
            .output
            .unwrap();
        let ran = run(
            requesting(&engine, Refresher::Here, &text).into_task(Jitter(1)),
            at(85),
            (0..asked).map(|_| alive(3600)),
        );
        assert_eq!(said(&ran.output.answer), "user usr_1");
        assert!(ran.paths().iter().all(|path| path.ends_with("/validate")));
    }
}
