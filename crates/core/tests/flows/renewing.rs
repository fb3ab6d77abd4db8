//! Who a request comes from, and the newer cookie that it leaves with.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher, Verdict};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::flow::{
    Authentication, Event, Finished, Jitter, Renewal, Shared, Step, Task, Work,
};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::SessionId;
use mastra_auth_cloud_core::time::Now;
use serde_json::json;

use crate::renew::{alive, handed_out, short};
use crate::source::{counted_since, counts};
use crate::world::signer::{Signer, published};
use crate::world::{
    SESSION, at, data, lost, refreshing, run, said, session, sign_in, sign_in_with, status, token,
    user, v1, verified, with_bearer,
};

/// What a request is answered, the token that it leaves with, and what was asked on the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    said: String,
    cookie: Option<String>,
    calls: usize,
}

impl Left {
    pub(crate) const fn calls(&self) -> usize {
        self.calls
    }
}

pub(crate) fn left(said: &str, cookie: Option<&str>, calls: usize) -> Left {
    Left {
        said: said.to_owned(),
        cookie: cookie.map(str::to_owned),
        calls,
    }
}

pub(crate) fn request(
    engine: &Arc<Engine>,
    authorization: Option<&str>,
    tokens: &[&str],
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Left {
    let pairs: Vec<_> = tokens
        .iter()
        .map(|token| format!("{SESSION}={token}"))
        .collect();
    let header = pairs.join("; ");
    let credentials = Credentials::read(engine, authorization, Some(&header)).unwrap();
    let request = Authenticate::new(engine, credentials.into_owned()).refreshed_by(Refresher::Here);
    let before = counts(engine);
    let ran = run(request.into_task(Jitter(1)), now, answers);
    let verdict = ran.output;
    let end = (verdict.answer.outcome(), verdict.source);
    assert_eq!(counted_since(engine, &before), [end]);
    let cookie = verdict.cookie.map(|cookie| {
        let pair = cookie.expose().split(';').next().unwrap();
        pair.split_once('=').unwrap().1.to_owned()
    });
    Left {
        said: said(&verdict.answer),
        cookie,
        calls: ran.sent.len(),
    }
}

/// A request with this cookie that waits for the refresh of its session.
fn waiting(
    engine: &Arc<Engine>,
    header: &str,
    now: Now,
) -> (Shared<Renewal>, Task<'static, Verdict>) {
    let credentials = Credentials::read(engine, None, Some(header)).unwrap();
    let request = Authenticate::new(engine, credentials.into_owned()).refreshed_by(Refresher::Here);
    match request.into_task(Jitter(1)).step(Event::Start, now) {
        Step::Share(Work::Refresh(refresh), rest) => (refresh, rest),
        other => panic!("{other:?}"),
    }
}

fn done(request: Task<'static, Verdict>, renewal: Renewal, now: Now) -> Verdict {
    match request.step(Event::Shared(Finished::Refreshed(renewal)), now) {
        Step::Done(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn with_cookie(
    engine: &Arc<Engine>,
    text: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> Left {
    request(engine, None, &[text], now, answers)
}

pub(crate) fn renewal(user: &str, newer: &str) -> [Delivery; 2] {
    [handed_out(user, newer), verified(user, &[])]
}

#[test]
fn one_request_renews_near_the_end_and_the_others_are_served() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 240, 540));
    sign_in(&engine, "usr_1", &old);
    let early = with_cookie(&engine, &old, at(29), []);
    assert_eq!(early, left("user usr_1", None, 0));
    let early = with_cookie(&engine, &old, at(239), [verified("usr_1", &[])]);
    assert_eq!(early, left("user usr_1", None, 1));
    // The one that renews is under way; another comes.
    let header = format!("{SESSION}={old}");
    let (refresh, first) = waiting(&engine, &header, at(240));
    let meanwhile = with_cookie(&engine, &old, at(240), []);
    assert_eq!(meanwhile, left("user usr_1", None, 0));
    let renewed = run(refresh, at(241), renewal("usr_1", &new)).output;
    let verdict = done(first, renewed, at(241));
    let Authentication::Authenticated(identity) = verdict.answer else {
        panic!("an answer")
    };
    assert_eq!(identity.user().session_token().expose(), new);
    assert!(verdict.cookie.is_some());
    // The answer may have been lost: a browser that still sends the old one gets the cookie again.
    for (now, calls) in [(242, 0), (299, 1), (300, 0), (329, 1)] {
        let answers = (0..calls).map(|_| verified("usr_1", &[]));
        assert_eq!(
            with_cookie(&engine, &old, at(now), answers),
            left("user usr_1", Some(&new), calls),
            "{now}"
        );
    }
    assert_eq!(
        with_cookie(&engine, &old, at(330), [status(401)]),
        left("rejected session_expired", None, 1)
    );
}

#[test]
fn a_token_in_a_cookie_is_renewed_although_a_header_brings_it_too() {
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 240, 540));
    let header = format!("Bearer {old}");
    for (cookie, newer, calls) in [(&*old, Some(&*new), 2), ("other", None, 0)] {
        let engine = v1();
        let known = with_bearer(&engine, &old, at(239), [verified("usr_1", &[])]);
        assert_eq!(known.0, "user usr_1");
        let answers = renewal("usr_1", &new).into_iter().take(calls);
        let answered = request(&engine, Some(&header), &[cookie], at(240), answers);
        assert_eq!(answered, left("user usr_1", newer, calls));
    }
}

#[test]
fn threat_033_two_hundred_requests_at_the_end_wait_for_one_renewal() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 300, 600));
    sign_in(&engine, "usr_1", &old);
    let header = format!("{SESSION}={old}");
    let all: Vec<_> = (0..200)
        .map(|_| waiting(&engine, &header, at(300)))
        .collect();
    let (mut refreshes, requests): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let refresh = refreshes.remove(0);
    assert!(refreshes.iter().all(|other| other.key() == refresh.key()));
    // One was driven, and those who wait for it share what came of it. A driver that shares nothing asks no more either.
    let renewal_of_all = run(refresh, at(300), renewal("usr_1", &new)).output;
    let unshared: Vec<_> = refreshes
        .into_iter()
        .map(|refresh| run(refresh, at(300), []).output)
        .collect();
    let outcomes = std::iter::once(renewal_of_all).chain(unshared);
    for (request, renewal) in requests.into_iter().zip(outcomes) {
        let verdict = done(request, renewal, at(300));
        assert_eq!(said(&verdict.answer), "user usr_1");
        assert!(verdict.cookie.unwrap().expose().contains(&new));
    }
}

#[test]
fn threat_035_ten_minutes_of_tokens_of_five_seconds_sign_nobody_out() {
    for every in [1, 2, 3, 5, 7] {
        let engine = v1();
        let mut held = short("usr_1", 0, 5);
        sign_in(&engine, "usr_1", &held);
        let (mut renewals, mut begun) = (0, 0);
        for second in (every..=600).step_by(every) {
            let from = i64::try_from(second).unwrap();
            let newer = short("usr_1", from, from + 5);
            // The Cloud hands a newer one out in the last third and for a minute after the end.
            let is_time = from >= begun + 4;
            let answers = if is_time {
                renewal("usr_1", &newer).into()
            } else {
                vec![]
            };
            let now = at(u64::try_from(second).unwrap());
            let left = with_cookie(&engine, &held, now, answers);
            assert_eq!(left.said, "user usr_1", "every {every} s, at {second}");
            if let Some(cookie) = left.cookie {
                (held, begun) = (cookie, from);
                renewals += 1;
            }
        }
        assert!(
            renewals >= 600 / (every + 5),
            "{renewals} of every {every} s"
        );
    }
}

/// A way to end the session of a token.
type End<'a> = &'a dyn Fn(&Arc<Engine>, &str);

#[test]
fn threat_031_what_ends_a_session_during_a_refresh_that_fails_ends_this_request_too() {
    let session =
        |engine: &Engine| engine.end_session(&SessionId::parse("ses_1").unwrap(), at(291));
    let refuse = |engine: &Arc<Engine>, text: &str| {
        let pace = validate_session(engine, token(text), Jitter(1));
        let ended = run(pace, at(291), [status(401)]).output;
        assert!(ended.is_ok_and(|session| session.is_none()));
    };
    let ways: [(End<'_>, &str); 3] = [
        (&|engine, _| session(engine), "rejected signed_out"),
        (&refuse, "rejected request_failed"),
        // It is no longer cached when the revocation comes.
        (
            &|engine, text| {
                engine.forget(&token(text));
                session(engine);
            },
            "rejected signed_out",
        ),
    ];
    for (end, told) in ways {
        let engine = v1();
        let old = short("usr_1", 0, 300);
        sign_in(&engine, "usr_1", &old);
        let known = with_bearer(&engine, &old, at(285), [verified("usr_1", &[])]);
        assert_eq!(known.0, "user usr_1");
        let (refresh, request) = waiting(&engine, &format!("{SESSION}={old}"), at(290));
        end(&engine, &old);
        let away = Renewal::Unavailable(CloudApiError::new(Code::Timeout));
        drop(refresh);
        assert_eq!(said(&done(request, away, at(292)).answer), told);
    }
}

#[test]
fn a_bearer_is_never_renewed() {
    let engine = v1();
    let (old, cookie) = (short("usr_1", 0, 300), short("usr_2", 0, 300));
    sign_in(&engine, "usr_1", &old);
    let bearer = format!("Bearer {old}");
    let asked = |tokens: &[&str], second, answers: Vec<Delivery>| {
        request(&engine, Some(&bearer), tokens, at(second), answers)
    };
    let near = asked(&[], 290, vec![verified("usr_1", &[])]);
    assert_eq!(near, left("user usr_1", None, 1));
    let with_another = asked(&[&cookie], 291, vec![]);
    assert_eq!(with_another, left("user usr_1", None, 0));
    let past = asked(&[], 300, vec![]);
    assert_eq!(past, left("rejected session_expired", None, 0));
    // The cookie beside it is, where the bearer is over.
    let newer = short("usr_2", 300, 600);
    let past = asked(&[&cookie], 300, renewal("usr_2", &newer).into());
    assert_eq!(past, left("user usr_2", Some(&newer), 2));
}

#[test]
fn an_outage_near_the_end_serves_what_is_known() {
    let engine = v1();
    let old = short("usr_1", 0, 300);
    sign_in(&engine, "usr_1", &old);
    let fresh = with_bearer(&engine, &old, at(285), [verified("usr_1", &[])]);
    assert_eq!(fresh.0, "user usr_1");
    let away = || lost(TransportError::Timeout);
    for (second, answers, expect) in [
        (286, vec![away()], left("user usr_1", None, 1)),
        (287, vec![], left("user usr_1", None, 0)),
        (300, vec![away()], left("unavailable timeout", None, 1)),
    ] {
        let seen = with_cookie(&engine, &old, at(second), answers);
        assert_eq!(seen, expect, "{second}");
    }
    let newer = short("usr_1", 310, 610);
    let back = with_cookie(&engine, &old, at(310), renewal("usr_1", &newer));
    assert_eq!(back, left("user usr_1", Some(&newer), 2));
}

#[test]
fn threat_060_a_session_that_cannot_be_renewed_is_refused_without_asking_again() {
    for (second, answer) in [
        (290, status(401)),
        (300, status(401)),
        (300, alive("usr_1", 9_999)),
    ] {
        let engine = v1();
        let old = short("usr_1", 0, 300);
        sign_in(&engine, "usr_1", &old);
        let fresh = with_bearer(&engine, &old, at(280), [verified("usr_1", &[])]);
        assert_eq!(fresh.1, 1);
        let first = with_cookie(&engine, &old, at(second), [answer]);
        assert_eq!((first.calls, first.cookie), (1, None));
        assert!(first.said.starts_with("rejected"), "{}", first.said);
        for later in 0..5 {
            let seen = with_cookie(&engine, &old, at(second + later), []);
            assert!(seen.said.starts_with("rejected") && seen.calls == 0);
        }
    }
}

#[test]
fn an_instance_that_never_saw_the_token_renews_it_too() {
    let engine = v1();
    let (old, new) = (short("usr_1", 0, 300), short("usr_1", 301, 601));
    let seen = with_cookie(&engine, &old, at(301), renewal("usr_1", &new));
    assert_eq!(seen, left("user usr_1", Some(&new), 2));
    // Also near the end: where the Cloud's clock is ahead, to verify the old one fails already.
    let other = v1();
    let seen = with_cookie(&other, &old, at(299), renewal("usr_1", &new));
    assert_eq!(seen, left("user usr_1", Some(&new), 2));
    // One that says nothing of its end is verified as ever; where that is refused, it may be for its end.
    let answers = [status(401)].into_iter().chain(renewal("usr_1", &new));
    let opaque = with_cookie(&other, "opaque", at(301), answers);
    assert_eq!(opaque, left("user usr_1", Some(&new), 3));
    let junk = with_cookie(&engine, "junk", at(301), [status(401), status(401)]);
    assert_eq!(junk, left("rejected request_failed", None, 2));
    let again = with_cookie(&engine, "junk", at(305), []);
    assert_eq!(again, left("rejected request_failed", None, 0));
    // Nor is it for its end where that is far, unless this clock is behind the Cloud's.
    for (issued, calls) in [(0, 1), (301, 1), (302, 2)] {
        let far = short("usr_2", issued, 9000);
        let answers = [(); 2].map(|()| status(401)).into_iter().take(calls);
        let seen = with_cookie(&engine, &far, at(301), answers);
        assert_eq!(seen, left("rejected request_failed", None, calls));
    }
}

#[test]
fn a_session_that_ends_later_than_was_thought_goes_on_with_its_token() {
    let engine = v1();
    sign_in(&engine, "usr_1", "opaque");
    let answers = [alive("usr_1", 7200), verified("usr_1", &[])];
    let seen = with_cookie(&engine, "opaque", at(3600), answers);
    assert_eq!(seen, left("user usr_1", Some("opaque"), 2));
    let seen = with_cookie(&engine, "opaque", at(3601), []);
    assert_eq!(seen, left("user usr_1", None, 0));
}

#[test]
fn threat_030_a_cookie_that_was_planted_renews_nobody_elses() {
    let engine = v1();
    let (own, planted) = (short("usr_1", 0, 300), short("mallory", 0, 300));
    let newer = short("usr_1", 300, 600);
    sign_in(&engine, "usr_1", &own);
    // The planted one comes first and is refused; what is set is what the Cloud handed out for the own one.
    let answers = [status(401)].into_iter().chain(renewal("usr_1", &newer));
    let seen = request(&engine, None, &[&planted, &own], at(300), answers);
    assert_eq!(seen, left("user usr_1", Some(&newer), 3));
}

#[test]
fn what_was_signed_out_is_not_renewed() {
    let engine = v1();
    let old = short("usr_1", 0, 300);
    sign_in(&engine, "usr_1", &old);
    let flow = Logout::new(
        Arc::clone(&engine),
        token(&old),
        Effort::Once,
        at(1),
        Jitter(1),
    );
    let _ended = run(flow, at(1), [data(&serde_json::json!({}))]).output;
    for second in [2, 250, 300, 301] {
        let seen = with_cookie(&engine, &old, at(second), []);
        assert_eq!(seen, left("rejected signed_out", None, 0));
    }
}

#[test]
fn what_cannot_be_renewed_near_its_end_is_still_verified() {
    let old = short("usr_1", 0, 300);
    for answer in [
        alive("usr_1", 3600),
        status(404),
        status(403),
        status(500),
        lost(TransportError::Timeout),
    ] {
        let engine = v1();
        let answers = [answer, verified("usr_1", &[])];
        let seen = with_cookie(&engine, &old, at(250), answers);
        assert_eq!(seen, left("user usr_1", None, 2));
        // It was tried a moment ago.
        let seen = with_cookie(&engine, &old, at(251), []);
        assert_eq!(seen, left("user usr_1", None, 0));
    }
    // Refused after all: one renewal is enough for one request.
    let answers = [status(500), status(401)];
    let seen = with_cookie(&v1(), &old, at(250), answers);
    assert_eq!(seen, left("rejected request_failed", None, 2));
    // While the Cloud is unreachable, a user who was verified a while ago stays signed in.
    let engine = v1();
    sign_in(&engine, "usr_1", &old);
    let known = with_bearer(&engine, &old, at(205), [verified("usr_1", &[])]);
    assert_eq!(known.0, "user usr_1");
    let away = || lost(TransportError::Timeout);
    let seen = with_cookie(&engine, &old, at(250), [away(), away()]);
    assert_eq!(seen, left("user usr_1", None, 2));
}

#[test]
fn where_signatures_are_checked_a_good_token_past_its_end_is_renewed_and_a_forged_one_is_not() {
    let engine = crate::keys::by_keys();
    let (key, other) = (Signer::new("k1"), Signer::new("k1"));
    let (old, newer) = (key.token("usr_1", 60), key.token("usr_1", 900));
    let first = with_cookie(&engine, &old, at(0), [published(&[&key])]);
    assert_eq!(first, left("user usr_1", None, 1));
    let forged = other.token("usr_1", 60);
    let kept_out = left("rejected token_signature_invalid", None, 0);
    assert_eq!(with_cookie(&engine, &forged, at(91), []), kept_out);
    let renewed = left("user usr_1", Some(&newer), 2);
    assert_eq!(
        with_cookie(&engine, &old, at(91), renewal("usr_1", &newer)),
        renewed
    );
    let found = engine.newer_token(&token(&old), at(91)).unwrap();
    assert!(found.same_as(&token(&newer)));
    // An instance that never saw the token checks it all the same.
    let elsewhere = crate::keys::by_keys();
    let answers = [published(&[&key])]
        .into_iter()
        .chain(renewal("usr_1", &newer));
    let renewed = left("user usr_1", Some(&newer), 3);
    assert_eq!(with_cookie(&elsewhere, &old, at(91), answers), renewed);
}

/// The Cloud extends a session whose newest token a browser never got.
#[test]
fn a_session_that_is_extended_goes_on_by_its_newest_token() {
    let away = || lost(TransportError::Timeout);
    for (is_asked, last) in [
        (true, verified("usr_1", &[])),
        (true, away()),
        (false, away()),
    ] {
        let engine = v1();
        sign_in_until(&engine, "old", 100);
        let newer = json!({ "session": session("ses_1", "usr_1", 72), "jwt": "new" });
        let answers = [data(&newer), verified("usr_1", &[])];
        run(refreshing(&engine, token("old")), at(68), answers);
        if !is_asked {
            // The breaker is open.
            for text in ["a", "b", "c", "d", "e"] {
                with_bearer(&engine, text, at(74), [away()]);
            }
        }
        let answers = [alive("usr_1", 3600)].into_iter();
        let answers = answers.chain(is_asked.then_some(last));
        let seen = with_cookie(&engine, "old", at(75), answers);
        assert_eq!(
            seen,
            left("user usr_1", Some("new"), 1 + usize::from(is_asked))
        );
        let seen = with_cookie(&engine, "new", at(76), []);
        assert_eq!(seen, left("user usr_1", None, 0));
    }
}

#[test]
fn an_old_token_is_given_the_cookie_of_a_session_that_was_extended_since() {
    let engine = v1();
    sign_in_until(&engine, "old", 100);
    let newer = json!({ "session": session("ses_1", "usr_1", 72), "jwt": "new" });
    let answers = [data(&newer), verified("usr_1", &[])];
    run(refreshing(&engine, token("old")), at(68), answers);
    run(
        refreshing(&engine, token("new")),
        at(71),
        [alive("usr_1", 3600)],
    );
    let Renewal::Renewed(renewed) = run(refreshing(&engine, token("old")), at(75), []).output
    else {
        panic!("it is known");
    };
    assert!(renewed.cookie.expose().ends_with("Max-Age=3525"));
}

/// Signs usr_1 in, whose session ends then.
fn sign_in_until(engine: &Arc<Engine>, text: &str, seconds: i64) {
    let session = session("ses_1", "usr_1", seconds);
    let both = json!({ "user": user("usr_1", &[]), "session": session, "jwt": text });
    let ran = sign_in_with(engine, "usr_1", at(0), [data(&both)]);
    assert!(ran.output.is_ok());
}
