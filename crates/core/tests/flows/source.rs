//! Where an answer came from, and that it was counted once.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::BreakerState;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Counting, Event, Jitter, Outcome, Source, Step};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::time::Now;

use crate::renew::short;
use crate::renewing::{renewal, with_cookie};
use crate::world::signer::{Signer, published};
use crate::world::{at, lost, run, sign_in, status, token, v1, verified};

/// How often a request ended so, by where its answer came from.
type Count = (Outcome, Source, u64);

pub(crate) fn counts(engine: &Arc<Engine>) -> Vec<Count> {
    engine.counters().requests().collect()
}

/// How the requests since then ended, each of them another way.
pub(crate) fn counted_since(engine: &Arc<Engine>, before: &[Count]) -> Vec<(Outcome, Source)> {
    let now = counts(engine);
    let all = |rows: &[Count]| rows.iter().map(|row| row.2).sum::<u64>();
    let ended = now.iter().filter(|row| !before.contains(row));
    let ended: Vec<_> = ended.map(|row| (row.0, row.1)).collect();
    let number = u64::try_from(ended.len()).unwrap();
    assert_eq!(all(&now) - all(before), number, "{now:?}");
    ended
}

/// Asks with this token, and says what was counted for it.
fn asked(
    engine: &Arc<Engine>,
    token: &str,
    now: Now,
    answers: impl IntoIterator<Item = Delivery>,
) -> (Outcome, Source) {
    let before = counts(engine);
    let request = Authenticate::new(engine, Credentials::token(token).into_owned());
    let verdict = run(request.into_task(Jitter(1)), now, answers).output;
    let counted = counted_since(engine, &before);
    assert_eq!(counted, [(verdict.answer.outcome(), verdict.source)]);
    counted[0]
}

#[test]
fn an_answer_says_where_it_came_from() {
    use Outcome::{Anonymous, Authenticated, Rejected, Unavailable};
    let engine = v1();
    let gone = || [lost(TransportError::Timeout)];
    for (what, token, second, answers, expect) in [
        ("nobody", "", 0, vec![], (Anonymous, Source::None)),
        ("no token", "a,b", 0, vec![], (Rejected, Source::None)),
        (
            "asked",
            "a",
            0,
            vec![verified("a", &[])],
            (Authenticated, Source::Cloud),
        ),
        ("remembered", "a", 1, vec![], (Authenticated, Source::Cache)),
        (
            "refused",
            "b",
            1,
            vec![status(401)],
            (Rejected, Source::Cloud),
        ),
        ("still refused", "b", 2, vec![], (Rejected, Source::Cache)),
        (
            "old, no answer",
            "a",
            40,
            gone().into(),
            (Authenticated, Source::Cache),
        ),
        (
            "old, answered",
            "a",
            41,
            vec![verified("a", &[])],
            (Authenticated, Source::Cloud),
        ),
        (
            "no answer",
            "c",
            42,
            gone().into(),
            (Unavailable, Source::Cloud),
        ),
    ] {
        let got = asked(&engine, token, at(second), answers);
        assert_eq!(got, expect, "{what}");
    }
    // From here on the breaker is open, and the Cloud is not asked.
    for n in 0..4 {
        assert_eq!(engine.breaker_state(at(100)), BreakerState::Closed);
        let _ = asked(&engine, &format!("d{n}"), at(100), gone());
    }
    assert_eq!(engine.breaker_state(at(100)), BreakerState::Open);
    assert_eq!(
        asked(&engine, "e", at(100), []),
        (Unavailable, Source::None)
    );
    assert_eq!(
        asked(&engine, "a", at(101), []),
        (Authenticated, Source::Cache)
    );
    assert_eq!(engine.breaker_state(at(105)), BreakerState::HalfOpen);
}

#[test]
fn the_refusal_that_is_told_is_the_one_that_is_counted() {
    let engine = v1();
    let asked_twice = |header: &str, answers: Vec<Delivery>| {
        let credentials = Credentials::read(&engine, Some("Bearer a,b"), Some(header)).unwrap();
        let request = Authenticate::new(&engine, credentials.into_owned());
        let verdict = run(request.into_task(Jitter(1)), at(0), answers).output;
        (verdict.answer.outcome(), verdict.source)
    };
    let cookie = "__Host-mastra_session=c1";
    assert_eq!(
        asked_twice(cookie, vec![status(403)]),
        (Outcome::Rejected, Source::None),
        "the bearer counts most, and nobody was asked about it"
    );
    assert_eq!(
        asked_twice(cookie, vec![verified("u", &[])]),
        (Outcome::Authenticated, Source::Cloud)
    );
}

#[test]
fn a_look_that_is_repeated_is_counted_once() {
    let engine = v1();
    let look = |counting, token: &str| {
        let request = Authenticate::new(&engine, Credentials::token(token));
        let task = request.counting(counting).into_task(Jitter(1));
        assert!(matches!(task.step(Event::Start, at(1)), Step::Done(_)));
        engine.counters().requests().map(|row| row.2).sum::<u64>()
    };
    let _ = asked(&engine, "a", at(0), [verified("a", &[])]);
    assert_eq!(look(Counting::Never, "a"), 1);
    assert_eq!(look(Counting::Always, "a"), 2);
    assert_eq!(look(Counting::Always, ""), 3);
}

#[test]
fn a_sign_out_knows_whose_session_it_ends() {
    let engine = v1();
    let _ = asked(&engine, "a", at(0), [verified("usr_a", &[])]);
    let logout = |text: &str| {
        let token = token(text);
        Logout::new(Arc::clone(&engine), token, Effort::Full, at(0), Jitter(1))
    };
    let known = logout("a");
    assert_eq!(known.identity().unwrap().user().id().as_str(), "usr_a");
    assert!(logout("b").identity().is_none());
}

#[test]
fn where_signatures_are_checked_the_keys_are_the_source() {
    use Outcome::{Authenticated, Rejected, Unavailable};
    let engine = crate::keys::by_keys();
    let (key, other) = (Signer::new("k1"), Signer::new("k1"));
    let (good, forged) = (key.token("usr_1", 600), other.token("usr_1", 600));
    let away = || [lost(TransportError::Connect), lost(TransportError::Connect)];
    let first = asked(&engine, &good, at(0), away());
    assert_eq!(first, (Unavailable, Source::Keys), "there are none");
    let checked = asked(&engine, &good, at(30), [published(&[&key])]);
    assert_eq!(checked, (Authenticated, Source::Keys));
    let known = asked(&engine, &good, at(31), []);
    assert_eq!(known, (Authenticated, Source::Cache));
    let refused = asked(&engine, &forged, at(31), []);
    assert_eq!(refused, (Rejected, Source::Keys));
    let known = asked(&engine, &forged, at(31), []);
    assert_eq!(known, (Rejected, Source::Cache));
}

#[test]
fn a_request_that_may_renew_is_counted_once_as_what_it_ends_with() {
    let old = short("usr_1", 0, 300);
    let newer = short("usr_1", 300, 600);
    let both = || Vec::from(renewal("usr_1", &newer));
    let gone = || lost(TransportError::Timeout);
    // What the search finds on the way is another answer, or none.
    for (second, answers, expect) in [
        (1, vec![], (Outcome::Authenticated, Source::Cache)),
        (299, both(), (Outcome::Authenticated, Source::Cloud)),
        (300, both(), (Outcome::Authenticated, Source::Cloud)),
        (300, vec![status(401)], (Outcome::Rejected, Source::Cache)),
        (300, vec![gone()], (Outcome::Unavailable, Source::Cloud)),
    ] {
        let engine = v1();
        sign_in(&engine, "usr_1", &old);
        let before = counts(&engine);
        let _ = with_cookie(&engine, &old, at(second), answers);
        assert_eq!(counted_since(&engine, &before), [expect], "{second}");
    }
}
