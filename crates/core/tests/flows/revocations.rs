//! How an end reaches other instances: two authorities of one deployment, and a channel that is a list of texts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::revocation::{Revocation, Subject};
use mastra_auth_cloud_core::time::Now;
use serde_json::{Value, json};

use crate::world::{
    START, Step, at, begin, callback, config, data, jwt, lost, refreshing, run, said, session,
    status, token, user, v1, validating, verified, verifying, with_bearer,
};

const DAY: u64 = 24 * 60 * 60;

/// An instance of the deployment that publishes what ends there.
pub(crate) fn instance() -> Arc<Engine> {
    let engine = v1();
    assert!(engine.publish_revocations(|| {}));
    engine
}

pub(crate) fn sign_out(engine: &Arc<Engine>, text: &str, answers: Vec<Delivery>) -> SignOut {
    let flow = Logout::new(
        Arc::clone(engine),
        token(text),
        Effort::Once,
        at(10),
        Jitter(1),
    );
    run(flow, at(10), answers).output
}

/// What an instance publishes, as it travels.
pub(crate) fn published(engine: &Engine) -> Vec<String> {
    let namespace = engine.namespace();
    engine
        .take_revocations(usize::MAX)
        .iter()
        .map(|one| namespace.encode(one))
        .collect()
}

/// Takes texts over; all of them must be this deployment's.
pub(crate) fn deliver(engine: &Engine, texts: &[String], now: Now) -> usize {
    let read = |text: &String| engine.namespace().parse(text).unwrap();
    engine.apply(texts.iter().map(read), now)
}

fn kinds(revocations: &[Revocation]) -> Vec<&'static str> {
    let kind = |one: &Revocation| match one.subject {
        Subject::Token(_) => "token",
        Subject::Session(_) => "session",
        Subject::User(_) => "user",
    };
    revocations.iter().map(kind).collect()
}

/// The token of a session that was issued so many seconds after the start.
pub(crate) fn issued(user: &str, session: &str, after: i64) -> String {
    jwt(&json!({ "sub": user, "sid": session, "iat": START + after, "exp": START + 7200 }))
}

/// Verifies a token at an instance; it must be good.
pub(crate) fn verify(engine: &Arc<Engine>, user: &str, token: &str, seconds: u64) {
    let told = with_bearer(engine, token, at(seconds), [verified(user, &[])]);
    assert_eq!(told, (format!("user {user}"), 1));
}

pub(crate) fn is_refused(engine: &Arc<Engine>, token: &str, seconds: u64) {
    let told = with_bearer(engine, token, at(seconds), []);
    assert_eq!(told, ("rejected signed_out".to_owned(), 0));
}

pub(crate) fn is_known(engine: &Arc<Engine>, user: &str, token: &str, seconds: u64) {
    let told = with_bearer(engine, token, at(seconds), []);
    assert_eq!(told, (format!("user {user}"), 0));
}

#[test]
fn threat_031_a_sign_out_ends_the_session_on_other_instances_and_nobody_elses() {
    let (here, there) = (instance(), instance());
    let (ada, bob) = (issued("ada", "sa", 0), issued("bob", "sb", 0));
    let renewed = issued("ada", "sa", 5);
    for engine in [&here, &there] {
        verify(engine, "ada", &ada, 1);
        verify(engine, "bob", &bob, 1);
    }
    verify(&there, "ada", &renewed, 6);
    assert_eq!(
        sign_out(&here, &ada, vec![data(&json!({}))]),
        SignOut::Ended
    );
    let texts = published(&here);
    assert_eq!(texts.len(), 2, "the token and the session, once: {texts:?}");
    assert!(texts.iter().all(|text| !text.contains(&ada)));
    assert_eq!(deliver(&there, &texts, at(11)), 2);
    for text in [&ada, &renewed] {
        is_refused(&there, text, 11);
    }
    is_known(&there, "bob", &bob, 11);
    is_known(&here, "bob", &bob, 11);
    // An unseen token of that session: the Cloud still takes it, and here it is over.
    let newest = issued("ada", "sa", 12);
    let told = with_bearer(&there, &newest, at(12), [verified("ada", &[])]);
    assert_eq!(told, ("rejected signed_out".to_owned(), 1));
    is_refused(&there, &newest, 13);
    assert_eq!(published(&there), [""; 0], "nothing goes round in circles");
    assert_eq!(deliver(&there, &texts, at(13)), 0, "and nothing twice");
}

#[test]
fn threat_031_an_answer_under_way_does_not_survive_what_another_instance_said() {
    let (here, there) = (instance(), instance());
    let text = issued("ada", "sa", 0);
    verify(&here, "ada", &text, 1);
    let end = SessionId::parse("sa").unwrap();
    here.end_session(&end, at(2));
    let mut flow = verifying(&there, &token(&text));
    assert!(matches!(flow.step(Event::Start, at(2)), Step::Send(_)));
    deliver(&there, &published(&here), at(3));
    let Step::Done(answer) = flow.step(Event::Delivered(verified("ada", &[])), at(3)) else {
        panic!("one call is enough");
    };
    assert_eq!(said(&answer), "rejected signed_out");
}

#[test]
fn threat_031_strangers_tell_other_instances_nothing() {
    let (here, there) = (instance(), instance());
    let ada = issued("ada", "sa", 0);
    for engine in [&here, &there] {
        verify(engine, "ada", &ada, 1);
    }
    // It names another user's session, and the Cloud has not confirmed it.
    let forged = jwt(&json!({ "sid": "sa", "exp": START + 7200 }));
    for answers in [
        vec![status(401)],
        vec![status(500)],
        vec![lost(TransportError::Timeout)],
    ] {
        let _ended = sign_out(&here, &forged, answers);
        assert_eq!(published(&here), [""; 0]);
    }
    assert_eq!(here.revocations(at(10)), []);
    is_refused(&here, &forged, 11);
    is_known(&here, "ada", &ada, 11);
}

#[test]
fn a_token_that_only_others_saw_is_told_once_the_cloud_takes_it() {
    let here = instance();
    let text = issued("ada", "sa", 0);
    assert_eq!(
        sign_out(&here, &text, vec![data(&json!({}))]),
        SignOut::Ended
    );
    assert_eq!(
        kinds(&here.take_revocations(usize::MAX)),
        ["token", "session"]
    );
    let here = instance();
    let found = data(&json!({ "session": session("ses_7", "ada", 60) }));
    let _ended = sign_out(&here, "opaque", vec![found, status(500)]);
    assert_eq!(
        kinds(&here.take_revocations(usize::MAX)),
        ["token", "session"],
        "its session was found, though the Cloud did not end it"
    );
}

#[test]
fn threat_020_a_user_is_signed_out_everywhere_and_may_sign_in_again() {
    let (here, there) = (instance(), instance());
    let (phone, desk) = (issued("ada", "sa1", 0), issued("ada", "sa2", 3));
    let bob = issued("bob", "sb", 0);
    verify(&here, "ada", &phone, 4);
    verify(&there, "ada", &desk, 4);
    verify(&there, "bob", &bob, 4);
    here.end_user(&UserId::parse("ada").unwrap(), at(5));
    is_refused(&here, &phone, 5);
    deliver(&there, &published(&here), at(6));
    is_refused(&there, &desk, 6);
    is_known(&there, "bob", &bob, 6);
    // One that was issued before, and was seen on neither.
    let old = issued("ada", "sa3", 4);
    for engine in [&here, &there] {
        let told = with_bearer(engine, &old, at(7), [verified("ada", &[])]);
        assert_eq!(told, ("rejected signed_out".to_owned(), 1));
        let new = issued("ada", "sa4", 6);
        verify(engine, "ada", &new, 7);
    }
    // A fresh sign-in, here with a token that says nothing of itself.
    sign_in_at(&there, "ada", "opaque", 20);
    is_known(&there, "ada", "opaque", 21);
}

fn sign_in_at(engine: &Arc<Engine>, id: &str, text: &str, seconds: i64) {
    let state = format!("again-{id}");
    let (_, cookie) = begin(engine, &state);
    let flow = callback(engine, &state, "code", &cookie, at(20)).unwrap();
    let mut session: Value = session("ses_again", id, 3600);
    session["created_at"] = json!((START + seconds) * 1000);
    let answer = data(&json!({
        "user": user(id, &[]), "session": session, "jwt": text,
    }));
    run(flow, at(20), [answer]).output.unwrap();
}

#[test]
fn a_session_that_ended_is_not_renewed() {
    let engine = instance();
    engine.end_session(&SessionId::parse("ses_7").unwrap(), at(1));
    let look = |id: &str| {
        let flow = validating(&engine, token(id));
        let found = data(&json!({ "session": session(id, "ada", 3600) }));
        run(flow, at(2), [found]).output.unwrap()
    };
    assert!(look("ses_7").is_none());
    assert!(look("ses_8").is_some());
}

#[test]
fn threat_031_a_session_that_ended_elsewhere_gets_no_newer_token() {
    let engine = instance();
    engine.end_session(&SessionId::parse("ses_7").unwrap(), at(1));
    engine.end_user(&UserId::parse("eve").unwrap(), at(1));
    let renew = |id: &str, user: &str, newer: Option<&str>| {
        // Each time another token of it: one is not asked about again.
        let text = format!("{id}-{}", newer.unwrap_or_default());
        let flow = refreshing(&engine, token(&text));
        let mut found = json!({ "session": session(id, user, 3600) });
        if let Some(newer) = newer {
            found["jwt"] = json!(newer);
        }
        run(flow, at(2), [data(&found)]).output
    };
    for newer in [None, Some("newer")] {
        for (id, user) in [("ses_7", "ada"), ("ses_9", "eve")] {
            let Renewal::Ended(error) = renew(id, user, newer) else {
                panic!("{id} is over");
            };
            assert_eq!(error.code(), "signed_out");
        }
    }
    let other = renew("ses_8", "ada", None);
    assert!(matches!(other, Renewal::Unchanged { .. }), "{other:?}");
}

#[test]
fn threat_031_what_stands_is_told_again_and_an_instance_that_was_away_learns_it() {
    let (here, away) = (instance(), instance());
    let ada = issued("ada", "sa", 0);
    for engine in [&here, &away] {
        verify(engine, "ada", &ada, 1);
    }
    let _ended = sign_out(&here, &ada, vec![status(500)]);
    here.end_user(&UserId::parse("bob").unwrap(), at(11));
    drop(published(&here));
    let texts: Vec<_> = here
        .revocations(at(12))
        .iter()
        .map(|one| here.namespace().encode(one))
        .collect();
    assert_eq!(texts.len(), 3);
    let mut backwards = texts.clone();
    backwards.reverse();
    deliver(&away, &backwards, at(12));
    is_refused(&away, &ada, 12);
    assert_eq!(away.revocations(at(12)), here.revocations(at(12)));
    assert_eq!(away.revocations(at(2 * DAY)), []);
}

#[test]
fn a_denial_lasts_as_long_as_what_it_denies() {
    let here = instance();
    let week = 7 * i64::try_from(DAY).unwrap();
    let long = jwt(&json!({ "sub": "ada", "sid": "sa", "iat": START, "exp": START + week }));
    verify(&here, "ada", &long, 1);
    here.end_session(&SessionId::parse("sa").unwrap(), at(2));
    let until = here.revocations(at(2)).pop().unwrap().until;
    assert_eq!(until.unix_seconds(), START + week);
    is_refused(&here, &long, 6 * DAY);
    here.end_session(&SessionId::parse("unknown").unwrap(), at(2));
    let until = here.revocations(at(2)).remove(0).until;
    assert_eq!(until, at(DAY + 2).wall, "as long as any session can live");
}

#[test]
fn threat_078_two_deployments_on_one_channel_do_not_meet() {
    let here = instance();
    let mut other = config(Dialect::V1);
    other.project_id = ProjectId::parse("other").unwrap();
    let other = Engine::new(other, Entropy::new([7; 32]));
    verify(&here, "ada", &issued("ada", "sa", 0), 1);
    here.end_user(&UserId::parse("ada").unwrap(), at(2));
    assert_ne!(here.namespace(), other.namespace());
    for text in published(&here) {
        assert!(other.namespace().parse(&text).is_err());
    }
}

#[test]
fn nothing_is_put_out_where_nobody_asked_and_whoever_asked_is_woken() {
    let engine = v1();
    engine.end_user(&UserId::parse("ada").unwrap(), at(1));
    assert_eq!(engine.statistics().waiting, 0);
    assert_eq!(engine.statistics().deny_list, 1, "but it is denied here");
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let wake = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    assert!(engine.publish_revocations(wake));
    assert!(!engine.publish_revocations(|| {}), "one takes them");
    engine.end_session(&SessionId::parse("s").unwrap(), at(1));
    let _ended = sign_out(&engine, "junk", vec![status(401)]);
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert_eq!(engine.statistics().waiting, 1);
    assert_eq!(engine.take_revocations(10).len(), 1);
    assert_eq!(engine.take_revocations(10), []);
}

#[test]
fn what_is_heard_is_read_counted_and_timed() {
    let (here, there) = (instance(), instance());
    assert_eq!(there.revocation_lag(at(1)), None);
    here.end_session(&SessionId::parse("s").unwrap(), at(2));
    here.end_user(&UserId::parse("ada").unwrap(), at(4));
    let mut texts = published(&here);
    texts.push("junk".to_owned());
    let hear = |seconds| there.apply_texts(texts.iter().map(String::as_str), at(seconds));
    let heard = hear(5);
    assert_eq!((heard.new, heard.unreadable), (2, 1));
    assert_eq!(heard.lag, Some(Duration::from_secs(1)));
    let heard = hear(60);
    assert_eq!((heard.new, heard.lag), (0, None), "no news, however late");
    assert_eq!(there.revocation_lag(at(63)), Some(Duration::from_secs(3)));
    there.apply_texts([], at(70));
    assert_eq!(there.revocation_lag(at(70)), Some(Duration::ZERO));
}

#[test]
fn what_is_forgotten_is_asked_anew_and_stays_good() {
    let text = issued("usr_1", "ses_1", 0);
    let session = SessionId::parse("ses_1").unwrap();
    let user = UserId::parse("usr_1").unwrap();
    let forget: [&dyn Fn(&Engine); 3] = [
        &|engine| engine.forget(&token(&text)),
        &|engine| engine.forget_session(&session),
        &|engine| engine.forget_user(&user),
    ];
    for forget in forget {
        let engine = instance();
        verify(&engine, "usr_1", &text, 1);
        verify(&engine, "bob", "other", 1);
        forget(&engine);
        verify(&engine, "usr_1", &text, 2);
        is_known(&engine, "bob", "other", 2);
        assert_eq!(published(&engine), [""; 0], "it ends nothing");
    }
}

#[test]
fn threat_031_whoever_writes_to_the_channel_locks_nobody_out_for_good() {
    let there = instance();
    let (namespace, start) = (there.namespace().clone(), START * 1000);
    let say = |kind: &str, at: i64, until: i64, what: &str, now: Now| {
        let text = format!("1 {namespace} {kind} {at} {until} {what}");
        let heard = there.apply_texts([text.as_str()], now);
        (heard.new, heard.unreadable)
    };
    let (begun, old) = (issued("ada", "sa", 60), issued("ada", "sb", 0));
    // What has not begun yet does not end, in whichever year it is said to.
    for ahead in [i64::MAX, 253_402_300_799_000, start + 5 * 60_001] {
        assert_eq!(say("user", ahead, i64::MAX, "ada", at(0)), (0, 1));
    }
    verify(&there, "ada", &begun, 61);
    // A revoked token stays refused; a session without a known start is accepted again after a day.
    assert_eq!(say("user", start, i64::MAX, "ada", at(62)), (1, 0));
    is_known(&there, "ada", &begun, 62);
    let told = with_bearer(&there, &old, at(62), [verified("ada", &[])]);
    assert_eq!(told, ("rejected signed_out".to_owned(), 1));
    let told = with_bearer(&there, "opaque", at(DAY - 1), [verified("ada", &[])]);
    assert_eq!(told, ("rejected signed_out".to_owned(), 1));
    // Also where it is told again.
    assert_eq!(say("user", start, i64::MAX, "ada", at(DAY)), (0, 0));
    verify(&there, "ada", "opaque", DAY + 1);
    // Nothing stays for good, and the channel is not told again what it holds.
    assert_eq!(say("session", start, i64::MAX, "s", at(63)), (1, 0));
    let held = format!("1 {namespace} session {start} {} s", i64::MAX);
    let mut joining = there.catch_up(at(DAY * 2));
    joining.apply_texts(&there, [held.as_str()], at(DAY * 2));
    assert_eq!(joining.finish(&there, at(DAY * 2)).missing, []);
    assert_eq!(there.revocations(at(DAY * 400 - 1)).len(), 1);
    assert_eq!(there.revocations(at(DAY * 400)), []);
}

#[test]
fn what_a_channel_lacks_is_known_whatever_parts_it_gives() {
    let (here, there) = (instance(), instance());
    for id in ["s1", "s2", "s3"] {
        here.end_session(&SessionId::parse(id).unwrap(), at(2));
    }
    let ada = UserId::parse("ada").unwrap();
    here.end_user(&ada, at(3));
    let mut texts = published(&here);
    assert_eq!(deliver(&there, &texts[..2], at(4)), 2);
    there.end_session(&SessionId::parse("own").unwrap(), at(5));
    // The channel knows of an earlier end of hers alone.
    there.end_user(&ada, at(6));
    texts.push("junk".to_owned());
    for size in [1, 2, 5] {
        let mut joining = there.catch_up(at(7));
        for part in texts.chunks(size) {
            joining.apply_texts(&there, part.iter().map(String::as_str), at(7));
        }
        let joined = joining.finish(&there, at(7));
        assert_eq!(kinds(&joined.missing), ["session", "user"]);
        assert_eq!(joined.stored, 5);
    }
    assert_eq!(there.catch_up(at(8)).finish(&there, at(8)).missing.len(), 5);
    assert_eq!(
        there.catch_up(at(8)).finish(&there, at(DAY * 2)).missing,
        []
    );
    assert_eq!(there.max_stored(), 200_000);
}

/// Ends so many users whose ids begin with that.
fn end_many(engine: &Engine, name: &str, count: usize, seconds: u64) {
    for n in 0..count {
        let id = UserId::parse(&format!("{name}_{n}")).unwrap();
        engine.end_user(&id, at(seconds));
    }
}

/// Takes batches until nothing is left: how many were told in all, and of how many different ones.
fn told(engine: &Engine) -> (usize, usize) {
    let (mut all, mut different) = (0, BTreeSet::new());
    loop {
        let is_due = engine.waiting() > 0;
        let batch = engine.take_revocations(256);
        assert_eq!(batch.is_empty(), !is_due, "what waits is said to wait");
        assert!(batch.len() <= 256);
        all += batch.len();
        assert!(all < 100_000, "told for ever");
        if batch.is_empty() {
            return (all, different.len());
        }
        different.extend(batch);
    }
}

#[test]
fn threat_031_a_burst_of_more_than_can_wait_is_told_whole() {
    let here = instance();
    here.apply_texts([heard_of(&here, "elsewhere").as_str()], at(1));
    end_many(&here, "usr", 10_500, 2);
    assert_eq!(here.statistics().waiting, 10_500);
    // What stands of here once more, and nothing of what others said.
    assert_eq!(told(&here), (20_500, 10_500));
    assert_eq!(here.waiting(), 0);
    assert_eq!(told(&here), (0, 0), "and not for ever");
    end_many(&here, "more", 3, 3);
    assert_eq!(told(&here), (3, 3));
}

#[test]
fn threat_031_a_burst_while_another_is_told_again_is_told_whole() {
    let here = instance();
    end_many(&here, "usr", 10_001, 2);
    assert_eq!(here.take_revocations(10_000).len(), 10_000);
    assert_eq!(here.take_revocations(5000).len(), 5000, "half of it again");
    // They end before what was told again already.
    end_many(&here, "soon", 10_001, 1);
    assert_eq!(told(&here), (10_000 + 5001 + 20_002, 20_002));
}

#[test]
fn threat_031_what_gave_way_is_told_again_once_by_a_join_or_without_one() {
    let here = instance();
    end_many(&here, "usr", 10_500, 2);
    let joining = here.catch_up(at(3));
    end_many(&here, "during", 10_500, 4);
    assert_eq!(joining.finish(&here, at(5)).missing.len(), 10_500);
    // It does not know what was evicted since the join began.
    assert_eq!(told(&here), (10_000 + 21_000, 21_000));
    end_many(&here, "again", 10_500, 6);
    assert_eq!(here.take_revocations(10_000).len(), 10_000);
    assert_eq!(here.take_revocations(256).len(), 256, "under way");
    let joined = here.catch_up(at(7)).finish(&here, at(8));
    assert_eq!(joined.missing.len(), 31_500);
    assert_eq!(told(&here), (0, 0));
}

#[test]
fn who_asks_is_told_of_each_end_once() {
    let (engine, told) = (instance(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&told);
    let tell = move || {
        count.fetch_add(1, Ordering::SeqCst);
    };
    assert!(engine.on_end(tell));
    assert!(!engine.on_end(|| {}), "one at a time");
    let text = heard_of(&engine, "sa");
    for expect in [1, 0] {
        assert_eq!(deliver(&engine, std::slice::from_ref(&text), at(5)), expect);
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}

/// What another instance says of the end of a session.
fn heard_of(engine: &Engine, session: &str) -> String {
    let (namespace, start) = (engine.namespace(), START * 1000);
    format!(
        "1 {namespace} session {start} {} {session}",
        start + 3_600_000
    )
}
