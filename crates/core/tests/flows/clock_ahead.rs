//! A wall clock that is ahead by more than a token lives, or behind: where the Cloud says who is signed in, its clock counts.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::callback::SignedIn;
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::http::Delivery;
use mastra_auth_cloud_core::time::{Now, Timestamp};
use mastra_auth_cloud_core::verification::VerificationMode;
use serde_json::json;

use crate::keys::deployment;
use crate::renewing::{left, with_cookie};
use crate::world::signer::{Signer, published};
use crate::world::{
    START, answer, at, callback, data, exchanged, jwt, pair, pkce, redirect_uri, refreshing, run,
    session, state, status, token, v1, validating, verified, with_bearer,
};

const LIFE: i64 = 3600;

/// So many seconds after the start, on a wall clock that is two hours ahead.
fn ahead(seconds: u64) -> Now {
    let now = at(seconds);
    Now {
        wall: now.wall.plus(Duration::from_hours(2)),
        ..now
    }
}

/// The same on one that is two hours behind.
fn behind(seconds: u64) -> Now {
    let now = at(seconds);
    Now {
        wall: now.wall.minus(Duration::from_hours(2)),
        ..now
    }
}

/// A token of an hour by the Cloud's clock, issued so many seconds after the start.
fn issued(seconds: i64) -> String {
    let (from, to) = (START + seconds, START + seconds + LIFE);
    jwt(&json!({ "sub": "usr_1", "sid": "ses_1", "iat": from, "exp": to }))
}

fn sign_in(
    engine: &Arc<Engine>,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Result<SignedIn, String> {
    let cookie = login::cookie(engine, &redirect_uri(), &state("s"), now).unwrap();
    let flow = callback(engine, "s", "c0de", pair(&cookie), now);
    let ran = run(flow.unwrap(), now, answers);
    ran.output.map_err(|error| error.code().to_owned())
}

fn user(calls: usize) -> (String, usize) {
    ("user usr_1".to_owned(), calls)
}

fn refused(code: &str, calls: usize) -> (String, usize) {
    (format!("rejected {code}"), calls)
}

#[test]
fn a_clock_that_is_ahead_by_more_than_a_life_lets_people_sign_in_for_that_life() {
    for text in [issued(0), "opaque".to_owned()] {
        let here = v1();
        let signed_in = sign_in(&here, ahead(1), [exchanged("usr_1", &text)]).unwrap();
        assert!(signed_in.cookies[1].expose().ends_with("Max-Age=3600"));
        let life = |end: Timestamp| end.since(ahead(1).wall);
        assert_eq!(life(signed_in.session.expires_at()).as_secs(), 3600);
        assert_eq!(
            life(signed_in.identity.expires_at().unwrap()).as_secs(),
            3600
        );
        assert_eq!(with_bearer(&here, &text, ahead(2), []), user(0));
        // Asked about as any other, and refused by the Cloud as any other.
        let good = || verified("usr_1", &[]);
        assert_eq!(with_bearer(&here, &text, ahead(40), [good()]), user(1));
        let gone = with_bearer(&here, &text, ahead(80), [status(401)]);
        assert_eq!(gone, refused("request_failed", 1));
    }
}

#[test]
fn threat_085_what_was_let_in_by_a_clock_that_is_ahead_ends_with_its_life() {
    // The clock stays as it is, is set right, or is set back further: the life was measured on another.
    let clocks: [fn(u64) -> Now; 3] = [ahead, at, behind];
    for clock in clocks {
        let here = v1();
        let text = issued(0);
        sign_in(&here, ahead(0), [exchanged("usr_1", &text)]).unwrap();
        assert_eq!(with_bearer(&here, &text, clock(29), []), user(0));
        let good = || verified("usr_1", &[]);
        let before = with_bearer(&here, &text, clock(3599), [good()]);
        assert_eq!(before, user(1));
        let after = with_bearer(&here, &text, clock(3600), []);
        assert_eq!(after, refused("session_expired", 0));
    }
}

#[test]
fn a_token_that_the_cloud_vouches_for_is_not_refused_by_a_clock_that_is_ahead() {
    let good = || verified("usr_1", &[]);
    let other = v1();
    let text = issued(0);
    assert_eq!(with_bearer(&other, &text, ahead(1), [good()]), user(1));
    assert_eq!(with_bearer(&other, &text, ahead(2), []), user(0));
    let still = with_bearer(&other, &text, ahead(40), [good()]);
    assert_eq!(still, user(1));
    // No later than a whole life after it was first seen, whatever the Cloud says.
    let over = with_bearer(&other, &text, ahead(3601), []);
    assert_eq!(over, refused("session_expired", 0));
    // Where its life cannot be known the Cloud alone says when it ends.
    let endless = jwt(&json!({ "sub": "usr_1", "exp": START + LIFE }));
    assert_eq!(with_bearer(&other, &endless, ahead(1), [good()]), user(1));
    assert_eq!(with_bearer(&other, &endless, ahead(2), []), user(0));
    let gone = with_bearer(&other, &endless, ahead(40), [status(401)]);
    assert_eq!(gone, refused("request_failed", 1));
}

#[test]
fn a_clock_that_is_ahead_is_told_once_a_minute_where_the_cloud_counts() {
    let told = |here: &Engine| here.take_clock_ahead().map(|by| by.as_secs());
    let (hour, text) = (3600, issued(0));
    // At the sign-in, by the token's end or the session's.
    for text in [&text, "opaque"] {
        let here = v1();
        sign_in(&here, ahead(1), [exchanged("usr_1", text)]).unwrap();
        assert_eq!(told(&here), Some(hour + 1), "{text}");
        assert_eq!(told(&here), None);
    }
    // At a request, and not with each of them.
    let here = v1();
    for (second, expect) in [(1, Some(hour + 1)), (40, None), (80, Some(hour + 80))] {
        with_bearer(&here, &text, ahead(second), [verified("usr_1", &[])]);
        assert_eq!(told(&here), expect, "{second}");
    }
    // Within the leeway clocks differ as clocks do; a token that the Cloud refuses tells nothing of a clock.
    for (seconds, answer) in [(3629, verified("usr_1", &[])), (9000, status(401))] {
        let here = v1();
        with_bearer(&here, &text, at(seconds), [answer]);
        assert_eq!(told(&here), None, "{seconds}");
    }
    // Where signatures are checked here, the sign-in says it.
    let key = Signer::new("k1");
    let (here, text) = (deployment(VerificationMode::Keys), key.token("usr_1", LIFE));
    let answers = [published(&[&key]), exchanged("usr_1", &text)];
    sign_in(&here, ahead(1), answers).unwrap_err();
    assert_eq!(told(&here), None);
}

#[test]
fn a_session_that_the_cloud_vouches_for_stands_by_a_clock_that_is_ahead() {
    let lives = || data(&json!({ "session": session("ses_1", "usr_1", LIFE) }));
    let text = issued(0);
    let flow = validating(&v1(), token(&text));
    let found = run(flow, ahead(1), [lives()]).output.unwrap().unwrap();
    assert!(found.expires_at() > ahead(1).wall);
    // One that never had a life is over.
    let none = data(&json!({ "session": session("ses_1", "usr_1", 0) }));
    let flow = validating(&v1(), token(&text));
    assert!(run(flow, ahead(1), [none]).output.unwrap().is_none());
    // An instance that never saw the session, as a browser and as a Mastra server comes by.
    let cookie = [lives(), verified("usr_1", &[])];
    assert_eq!(
        with_cookie(&v1(), &text, ahead(1), cookie),
        left("user usr_1", None, 2)
    );
    let renewal = run(refreshing(&v1(), token(&text)), ahead(1), [lives()]).output;
    assert!(matches!(renewal, Renewal::Unchanged { .. }));
}

#[test]
fn a_session_is_renewed_by_a_clock_that_is_ahead() {
    let here = v1();
    let (old, newer) = (issued(0), issued(3000));
    let lasting = session("ses_1", "usr_1", LIFE);
    let both = json!({ "session": lasting, "jwt": newer });
    sign_in(&here, ahead(0), [exchanged("usr_1", &old)]).unwrap();
    let cookie = |held: &str, now, answers: Vec<Delivery>| with_cookie(&here, held, now, answers);
    assert_eq!(cookie(&old, ahead(20), vec![]), left("user usr_1", None, 0));
    let answers = vec![data(&both), verified("usr_1", &[])];
    let renewed = cookie(&old, ahead(3550), answers);
    assert_eq!(renewed, left("user usr_1", Some(&newer), 2));
    // Not with every request from then on.
    for second in [3551, 3560, 3579] {
        let served = cookie(&newer, ahead(second), vec![]);
        assert_eq!(served, left("user usr_1", None, 0), "{second}");
    }
}

#[test]
fn threat_085_a_short_life_by_a_clock_that_is_ahead_is_renewed_near_its_end_alone() {
    let here = v1();
    let text = jwt(&json!({ "sub": "usr_1", "sid": "ses_1", "iat": START, "exp": START + 60 }));
    sign_in(&here, ahead(0), [exchanged("usr_1", &text)]).unwrap();
    for second in [1, 20, 29] {
        let served = with_cookie(&here, &text, ahead(second), []);
        assert_eq!(served, left("user usr_1", None, 0), "{second}");
    }
}

#[test]
fn the_pkce_dialect_goes_by_how_long_the_token_lasts() {
    let here = pkce();
    let text = issued(0);
    let got = json!({ "access_token": text, "token_type": "Bearer", "expires_in": LIFE });
    let claims = json!({ "sub": "usr_1", "email": "", "role": "member" });
    let answers = [answer(200, &got), answer(200, &claims)];
    let signed_in = sign_in(&here, ahead(1), answers).unwrap();
    assert!(signed_in.cookies[1].expose().ends_with("Max-Age=3660"));
    assert_eq!(with_bearer(&here, &text, ahead(2), []), user(0));
}

#[test]
fn where_signatures_are_checked_the_sign_in_names_the_clock() {
    let key = Signer::new("k1");
    let text = key.token("usr_1", LIFE);
    for mode in [VerificationMode::Keys, VerificationMode::KeysAndSession] {
        for (now, expect) in [(ahead(1), "clock_ahead"), (behind(1), "clock_behind")] {
            let answers = [published(&[&key]), exchanged("usr_1", &text)];
            let refused = sign_in(&deployment(mode), now, answers).unwrap_err();
            assert_eq!(refused, expect);
        }
    }
    // Who comes by later is told of the token alone.
    let asked = with_bearer(
        &deployment(VerificationMode::Keys),
        &text,
        ahead(1),
        [published(&[&key])],
    );
    assert_eq!(asked, refused("session_expired", 1));
}

#[test]
fn a_clock_that_is_behind_lets_people_sign_in() {
    let text = issued(0);
    let here = v1();
    sign_in(&here, behind(1), [exchanged("usr_1", &text)]).unwrap();
    assert_eq!(with_bearer(&here, &text, behind(2), []), user(0));
    let good = || verified("usr_1", &[]);
    assert_eq!(with_bearer(&v1(), &text, behind(2), [good()]), user(1));
}
