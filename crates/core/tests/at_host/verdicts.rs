//! What each verdict of the host makes of a request, and what the host is asked.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::{Engine, HostCheck};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Verdict as Answer};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts};
use mastra_auth_cloud_core::flow::{Event, Jitter, Step, Task};
use mastra_auth_cloud_core::jwt::Algorithm;
use mastra_auth_cloud_core::jwt::host::HostVerdict;
use serde_json::json;

use crate::keys::by_keys;
use crate::world::host::verdict;
use crate::world::signer::{Signer, published};
use crate::world::{at, data, fetching, refreshing, run, said, session, token, verified};

const DAY: i64 = 86_400;

fn knowing(signer: &Signer) -> Arc<Engine> {
    let engine = by_keys();
    run(fetching(&engine), at(0), [published(&[signer])]);
    engine
}

/// A request that waits for the host.
fn asked(engine: &Arc<Engine>, text: &str) -> (HostCheck, Task<'static, Answer>) {
    let request = Authenticate::new(engine, Credentials::token(text).into_owned());
    match request.into_task(Jitter(1)).step(Event::Start, at(1)) {
        Step::Check(check, rest) => (check.for_host().unwrap(), rest),
        other => panic!("{other:?}"),
    }
}

fn answer(step: Step<'_, Answer>) -> String {
    match step {
        Step::Done(answer) => said(&answer.answer),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_verdict_has_its_answer() {
    let signer = Signer::new("k");
    for (verdict, expect) in [
        (HostVerdict::Valid, "user usr_1"),
        (HostVerdict::Invalid, "rejected token_signature_invalid"),
        (HostVerdict::BadKey, "rejected token_key_unknown"),
        (HostVerdict::Unchecked, "unavailable keys_unavailable"),
    ] {
        let engine = knowing(&signer);
        let (check, rest) = asked(&engine, &signer.token("usr_1", DAY));
        let event = Event::Checked(check.finish(verdict));
        assert_eq!(answer(rest.step(event, at(1))), expect);
    }
}

#[test]
fn a_lost_check_is_handed_out_once_more_and_is_no_refusal() {
    let signer = Signer::new("k");
    let engine = knowing(&signer);
    let (_, rest) = asked(&engine, &signer.token("usr_1", DAY));
    let Step::Check(_, rest) = rest.step(Event::Lost, at(1)) else {
        panic!("it is handed out once more");
    };
    let lost = answer(rest.step(Event::Lost, at(1)));
    assert_eq!(lost, "unavailable keys_unavailable");
}

#[test]
fn the_host_gets_the_text_that_is_signed_and_no_claims() {
    let signer = Signer::p256("k");
    let engine = knowing(&signer);
    let text = signer.token("usr_1", DAY);
    let (check, _) = asked(&engine, &text);
    let asked = check.signature();
    assert_eq!(asked.algorithm, Algorithm::Es256);
    assert_eq!(
        Some(asked.input),
        text.rsplit_once('.').map(|(it, _)| it.as_bytes())
    );
    assert_eq!(asked.signature.len(), 64);
    assert_eq!(verdict(asked), HostVerdict::Valid);
    assert_eq!(
        format!("{check:?} {asked:?}"),
        "HostCheck([redacted]) Signature([redacted])"
    );
}

#[test]
fn a_wrong_signature_hides_the_faults_of_the_claims() {
    let signer = Signer::new("k");
    let engine = knowing(&signer);
    let expired = signer.token("usr_1", -DAY);
    for (verdict, expect) in [
        (HostVerdict::Invalid, "rejected token_signature_invalid"),
        (HostVerdict::Valid, "rejected session_expired"),
    ] {
        let engine = knowing(&signer);
        let (check, rest) = asked(&engine, &expired);
        let event = Event::Checked(check.finish(verdict));
        assert_eq!(answer(rest.step(event, at(1))), expect);
    }
    // What fails before the signature takes no host.
    for text in ["e30.e30.c2ln", &Signer::new("other").token("usr_1", DAY)] {
        let request = Authenticate::new(&engine, Credentials::token(text).into_owned());
        let Step::Check(check, _) = request.into_task(Jitter(1)).step(Event::Start, at(1)) else {
            panic!("{text}");
        };
        assert!(check.for_host().is_err(), "{text}");
    }
}

/// The token is denied before the host has checked it; its session is revoked once it has.
#[test]
fn a_sign_out_waits_for_no_host_and_is_published_when_it_is_proven() {
    for forged in [false, true] {
        let signer = Signer::new("k");
        let engine = knowing(&signer);
        assert!(engine.publish_revocations(|| {}));
        let text = if forged {
            Signer::new("k").token("usr_1", DAY)
        } else {
            signer.token("usr_1", DAY)
        };
        let logout = Logout::new(
            Arc::clone(&engine),
            token(&text),
            Effort::Once,
            at(1),
            Jitter(1),
        );
        let (check, rest) = {
            let request = Authenticate::new(&engine, Credentials::token(&text).into_owned());
            let denied = request.into_task(Jitter(1)).step(Event::Start, at(1));
            assert_eq!(answer(denied), "rejected signed_out");
            assert_eq!(engine.waiting(), 0);
            match logout.into_task().step(Event::Start, at(1)) {
                Step::Check(check, rest) => (check.for_host().unwrap(), rest),
                other => panic!("{other:?}"),
            }
        };
        let verdict = verdict(check.signature());
        let next = rest.step(Event::Checked(check.finish(verdict)), at(1));
        assert!(matches!(next, Step::Send(..)), "{next:?}");
        assert_eq!(engine.waiting() > 0, !forged, "{}", engine.waiting());
    }
}

/// A renewal has verified the newer token alone: the old one is proven all the same.
#[test]
fn a_sign_out_of_a_renewed_token_proves_the_token_itself() {
    let signer = Signer::new("k");
    let engine = knowing(&signer);
    let (old, newer) = (signer.token("usr_1", DAY), signer.token("usr_1", DAY + 1));
    let renewed = json!({ "session": session("ses-usr_1", "usr_1", DAY), "jwt": newer });
    let answers = [data(&renewed), verified("usr_1", &[])];
    run(refreshing(&engine, token(&old)), at(1), answers);
    let logout = Logout::new(
        Arc::clone(&engine),
        token(&old),
        Effort::Once,
        at(2),
        Jitter(1),
    );
    assert!(logout.is_known());
    let Step::Check(check, _) = logout.into_task().step(Event::Start, at(2)) else {
        panic!("it is not proven");
    };
    let input = check.for_host().unwrap().signature().input.to_vec();
    assert!(old.as_bytes().starts_with(&input));
}

/// Only five sessions of a request are ended at the Cloud. The others are proven all the same, as natively.
#[test]
fn a_sign_out_of_many_sessions_proves_each() {
    let signer = Signer::new("k");
    let engine = knowing(&signer);
    assert!(engine.publish_revocations(|| {}));
    let texts: Vec<_> = (0..7)
        .map(|of| signer.token(&format!("usr_{of}"), DAY))
        .collect();
    let tokens = texts.iter().map(|text| token(text));
    let mut all = Logouts::new(&engine, tokens, Effort::Once, at(1), Jitter(1));
    let each = all.take();
    assert_eq!(each.len(), 5);
    let mut proven = Vec::new();
    for logout in each {
        let mut step = logout.into_task().step(Event::Start, at(1));
        while let Step::Check(check, rest) = step {
            let check = check.for_host().unwrap();
            proven.push(check.signature().input.to_vec());
            step = rest.step(Event::Checked(check.finish(HostVerdict::Valid)), at(1));
        }
        assert!(matches!(step, Step::Send(..)), "{step:?}");
    }
    let mut inputs: Vec<_> = texts
        .iter()
        .filter_map(|text| Some(text.rsplit_once('.')?.0.as_bytes().to_vec()))
        .collect();
    proven.sort();
    inputs.sort();
    assert_eq!(proven, inputs);
}
