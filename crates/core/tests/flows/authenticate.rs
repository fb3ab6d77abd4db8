//! Who a request comes from.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, bearer};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter, Step as CoreStep};
use mastra_auth_cloud_core::http::TransportError;
use mastra_auth_cloud_core::ids::UserId;
use serde_json::{Value, json};

use crate::world::{
    SESSION, START, Step, Stepped, answer, at, authenticate, jwt, lost, run, said, script, sign_in,
    status, token, v1, verified, verifying, with_bearer,
};

fn user(id: &str, calls: usize) -> (String, usize) {
    (format!("user {id}"), calls)
}

fn rejected(code: &str, calls: usize) -> (String, usize) {
    (format!("rejected {code}"), calls)
}

fn unavailable(code: &str, calls: usize) -> (String, usize) {
    (format!("unavailable {code}"), calls)
}

#[test]
fn nobody_is_signed_in_without_a_credential() {
    for (authorization, cookie) in [
        (None, None),
        (Some(""), Some("")),
        (Some("Basic YTpi"), Some("other=x")),
        (Some("Bearer"), None),
        (Some("Bearer "), Some("__Host-mastra_session=")),
        (None, Some("mastra_session=without-prefix")),
    ] {
        let ran = authenticate(&v1(), authorization, cookie, at(0), []);
        assert_eq!(
            said(&ran.output),
            "anonymous",
            "{authorization:?} {cookie:?}"
        );
    }
}

#[test]
fn the_scheme_is_read_in_any_letter_case() {
    for (header, expect) in [
        ("Bearer t", Some("t")),
        ("bearer t", Some("t")),
        ("BEARER  t ", Some("t")),
        ("Bearer", None),
        ("Bearert", None),
        ("Bearer\tt", None),
        ("Digest t", None),
    ] {
        assert_eq!(bearer(header), expect, "{header:?}");
    }
}

#[test]
fn the_bearer_comes_first_then_the_cookies_in_order() {
    let cookies = format!("{SESSION}=c1; {SESSION}=c2");
    let ask = |answers: Vec<_>| {
        let ran = authenticate(&v1(), Some("Bearer b"), Some(&cookies), at(0), answers);
        let bearers: Vec<String> = ran
            .sent
            .iter()
            .filter_map(|sent| sent.bearer.clone())
            .collect();
        (said(&ran.output), bearers.join(" "))
    };
    let expect = |said: &str, asked: &str| (said.to_owned(), asked.to_owned());
    assert_eq!(ask(vec![verified("usr_b", &[])]), expect("user usr_b", "b"));
    assert_eq!(
        ask(vec![status(401), verified("usr_1", &[])]),
        expect("user usr_1", "b c1")
    );
    assert_eq!(
        ask(vec![status(403), status(404), verified("usr_2", &[])]),
        expect("user usr_2", "b c1 c2")
    );
    let refusal = |code: &str| answer(401, &json!({ "ok": false, "error": { "code": code } }));
    assert_eq!(
        ask(vec![refusal("first"), refusal("second"), refusal("third")]),
        expect("rejected first", "b c1 c2")
    );
    // Trying the next credential after an outage would let the outage choose the user.
    assert_eq!(
        ask(vec![status(500)]),
        expect("unavailable request_failed", "b")
    );
    assert_eq!(
        ask(vec![status(401), lost(TransportError::Timeout)]),
        expect("unavailable timeout", "b c1")
    );
}

#[test]
fn a_token_of_another_form_is_refused_without_a_call() {
    let engine = v1();
    for text in ["two words", "a,b", "a;b", "\"a\"", "tök", "a\u{0}b"] {
        assert_eq!(
            with_bearer(&engine, text, at(0), []),
            rejected("invalid_token", 0)
        );
    }
    let cookies = format!("{SESSION}=c1");
    let ran = authenticate(
        &engine,
        Some("Bearer a,b"),
        Some(&cookies),
        at(0),
        [verified("u", &[])],
    );
    assert_eq!(said(&ran.output), "user u", "the cookie still counts");
}

#[test]
fn threat_096_what_is_too_long_is_refused_unread() {
    let engine = v1();
    for text in [".".repeat(1_000_000), "a".repeat(1 << 20), ".".repeat(8193)] {
        assert_eq!(
            with_bearer(&engine, &text, at(0), []),
            rejected("invalid_token", 0)
        );
    }
    // As many dots as may be: looked at without being taken apart.
    let dots = ".".repeat(8192);
    assert_eq!(
        with_bearer(&engine, &dots, at(0), [verified("u", &[])]),
        user("u", 1)
    );
    let header = format!("{SESSION}={}", ".".repeat(1_000_000));
    let error = Credentials::read(&engine, None, Some(&header)).unwrap_err();
    assert_eq!(error.code(), "cookie_header_too_large");
    let header = format!("{SESSION}=t; ").repeat(5);
    let error = Credentials::read(&engine, None, Some(&header)).unwrap_err();
    assert_eq!(error.code(), "too_many_cookies");
}

#[test]
fn credentials_show_their_number_and_nothing_else() {
    let (engine, cookie) = (v1(), format!("{SESSION}=b"));
    for (authorization, cookie, count) in [
        (None, None, 0),
        (Some("Basic a"), None, 0),
        (Some("Bearer a"), None, 1),
        (Some("Bearer a"), Some(&*cookie), 2),
    ] {
        let read = Credentials::read(&engine, authorization, cookie).unwrap();
        assert_eq!(read.is_empty(), count == 0);
        assert_eq!(format!("{read:?}"), format!("Credentials({count})"));
    }
    let request = Authenticate::new(&engine, Credentials::token("a").into_owned());
    assert!(format!("{request:?}").starts_with("Authenticate"));
    assert_eq!(format!("{:?}", request.into_task(Jitter(1))), "Task { .. }");
    assert!(format!("{engine:?}").starts_with("Engine { project_id: "));
    with_bearer(&engine, "a", at(0), [verified("u", &[])]);
    let cached = engine.cached_identities(&UserId::parse("u").unwrap(), at(1));
    assert_eq!(cached.len(), 1);
}

#[test]
fn threat_001_what_a_token_says_of_itself_makes_nobody() {
    let forged = jwt(&json!({
        "sub": "usr_admin", "email": "root@example.com", "role": "owner", "roles": ["owner"],
        "permissions": ["*"], "exp": START + 999_999,
    }));
    let engine = v1();
    let (answer, calls) = with_bearer(&engine, &forged, at(0), [lost(TransportError::Timeout)]);
    assert_eq!((answer.as_str(), calls), ("unavailable timeout", 1));
    assert_eq!(
        with_bearer(&engine, &forged, at(0), [status(401)]),
        rejected("request_failed", 1)
    );
    let ran = authenticate(
        &v1(),
        Some(&format!("Bearer {forged}")),
        None,
        at(0),
        [verified("usr_1", &["viewer"])],
    );
    let Authentication::Authenticated(identity) = ran.output else {
        panic!("the Cloud said yes");
    };
    assert_eq!(identity.user().id().as_str(), "usr_1");
    assert_eq!(identity.user().roles(), ["viewer"]);
    // Every other spelling of the token is another token, and asked about again.
    for at_byte in 0..forged.len() {
        let mut bytes = forged.clone().into_bytes();
        bytes[at_byte] = if bytes[at_byte] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(
            with_bearer(&engine, &changed, at(0), [status(401)]),
            rejected("request_failed", 1)
        );
    }
}

#[test]
fn threat_063_bearer_and_cookie_carry_the_same_roles() {
    let roles = |authorization: Option<&str>, cookie: Option<&str>, roles: &[&str]| {
        let ran = authenticate(&v1(), authorization, cookie, at(0), [verified("u", roles)]);
        match ran.output {
            Authentication::Authenticated(identity) => identity.user().roles().to_vec(),
            other => panic!("{other:?}"),
        }
    };
    let cookie = format!("{SESSION}=t");
    for given in [&[][..], &["member"], &["admin", "owner"]] {
        assert_eq!(roles(Some("Bearer t"), None, given), given);
        assert_eq!(roles(None, Some(&cookie), given), given);
    }
}

#[test]
fn threat_020_roles_are_those_of_the_last_answer() {
    let engine = v1();
    let roles = |seconds, answers: Vec<_>| match authenticate(
        &engine,
        Some("Bearer t"),
        None,
        at(seconds),
        answers,
    )
    .output
    {
        Authentication::Authenticated(identity) => identity.user().roles().join(","),
        other => said(&other),
    };
    assert_eq!(roles(0, vec![verified("u", &["owner"])]), "owner");
    assert_eq!(roles(29, vec![]), "owner");
    assert_eq!(roles(30, vec![verified("u", &["viewer"])]), "viewer");
    assert_eq!(roles(60, vec![status(401)]), "rejected request_failed");
    assert_eq!(roles(61, vec![]), "rejected request_failed");
}

#[test]
fn threat_081_only_a_plain_401_is_remembered() {
    for failure in [408, 425, 429, 500, 501] {
        let engine = v1();
        let expect = unavailable("request_failed", 1);
        assert_eq!(with_bearer(&engine, "t", at(0), [status(failure)]), expect);
        assert_eq!(
            with_bearer(&engine, "t", at(0), [verified("u", &[])]),
            user("u", 1)
        );
    }
    for failure in [
        TransportError::Timeout,
        TransportError::TooLarge,
        TransportError::Other,
    ] {
        let engine = v1();
        assert!(
            with_bearer(&engine, "t", at(0), [lost(failure)])
                .0
                .starts_with("unavailable")
        );
        assert_eq!(
            with_bearer(&engine, "t", at(0), [verified("u", &[])]),
            user("u", 1)
        );
    }
    for refusal in [400, 403, 404, 422] {
        let engine = v1();
        assert_eq!(
            with_bearer(&engine, "t", at(0), [status(refusal)]),
            rejected("request_failed", 1)
        );
        assert_eq!(
            with_bearer(&engine, "t", at(0), [verified("u", &[])]),
            user("u", 1)
        );
    }
    let engine = v1();
    assert_eq!(
        with_bearer(&engine, "t", at(0), [status(401)]),
        rejected("request_failed", 1)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(4), []),
        rejected("request_failed", 0)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(5), [verified("u", &[])]),
        user("u", 1)
    );
}

#[test]
fn an_outage_signs_nobody_out_for_a_while() {
    let engine = v1();
    with_bearer(&engine, "t", at(0), [verified("u", &[])]);
    let gone = || lost(TransportError::Timeout);
    assert_eq!(with_bearer(&engine, "t", at(31), [gone()]), user("u", 1));
    assert_eq!(
        with_bearer(&engine, "t", at(89), [status(500)]),
        user("u", 1)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(90), [gone()]),
        unavailable("timeout", 1)
    );
    assert_eq!(
        with_bearer(&engine, "never-seen", at(31), [gone()]),
        unavailable("timeout", 1)
    );
    // Not past its own expiry, and not against a plain no.
    let short = jwt(&json!({ "exp": START + 40 }));
    let engine = v1();
    with_bearer(&engine, &short, at(0), [verified("u", &[])]);
    assert_eq!(with_bearer(&engine, &short, at(39), [gone()]), user("u", 1));
    assert_eq!(
        with_bearer(&engine, &short, at(40), []),
        rejected("session_expired", 0)
    );
    let engine = v1();
    with_bearer(&engine, "t", at(0), [verified("u", &[])]);
    assert_eq!(
        with_bearer(&engine, "t", at(31), [status(403)]),
        rejected("request_failed", 1)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(32), [gone()]),
        unavailable("timeout", 1)
    );
}

#[test]
fn threat_085_an_expiry_that_comes_while_the_cloud_is_asked_counts() {
    let engine = v1();
    let short = jwt(&json!({ "exp": START + 40 }));
    with_bearer(&engine, &short, at(0), [verified("u", &[])]);
    let mut flow = verifying(&engine, &token(&short));
    assert!(matches!(flow.step(Event::Start, at(38)), Step::Send(_)));
    let Step::Done(answer) = flow.step(Event::Delivered(lost(TransportError::Timeout)), at(41))
    else {
        panic!("a time-out is not tried again");
    };
    assert_eq!(said(&answer), "unavailable timeout");
}

#[test]
fn threat_031_a_sign_out_while_the_cloud_is_asked_wins() {
    for answer in [
        verified("u", &[]),
        status(503),
        lost(TransportError::Timeout),
    ] {
        let engine = v1();
        let text = jwt(&json!({ "sid": "ses_1" }));
        sign_in(&engine, "u", &text);
        let mut flow = verifying(&engine, &token(&text));
        assert!(matches!(flow.step(Event::Start, at(31)), Step::Send(_)));
        let logout = Logout::new(
            Arc::clone(&engine),
            token(&text),
            Effort::Once,
            at(1),
            Jitter(1),
        );
        let _confirmed = run(logout, at(31), [status(500)]).output;
        let mut step = flow.step(Event::Delivered(answer), at(32));
        if matches!(step, Step::Wait(_)) {
            assert!(matches!(flow.step(Event::Woken, at(32)), Step::Send(_)));
            step = flow.step(Event::Delivered(status(503)), at(33));
        }
        let Step::Done(answer) = step else {
            panic!("the end");
        };
        assert_eq!(said(&answer), "rejected signed_out");
    }
}

#[test]
fn threat_072_a_call_is_made_again_once_where_that_may_help() {
    let again = [
        || lost(TransportError::Connect),
        || lost(TransportError::Closed),
        || status(502),
        || status(503),
        || status(504),
    ];
    for failure in again {
        let ran = authenticate(
            &v1(),
            Some("Bearer t"),
            None,
            at(0),
            [failure(), verified("u", &[])],
        );
        assert_eq!(said(&ran.output), "user u");
        let [wait] = ran.waits.as_slice() else {
            panic!("one wait");
        };
        let range = Duration::from_millis(50)..Duration::from_millis(150);
        assert!(range.contains(wait), "{wait:?}");
        let ran = authenticate(&v1(), Some("Bearer t"), None, at(0), [failure(), failure()]);
        assert!(said(&ran.output).starts_with("unavailable"));
        assert_eq!(ran.sent[0].timeout, Duration::from_secs(3));
    }
    for failure in [
        lost(TransportError::Timeout),
        lost(TransportError::TooLarge),
        lost(TransportError::Other),
        status(401),
        status(408),
        status(429),
        status(500),
        answer(200, &Value::Null),
    ] {
        assert_eq!(with_bearer(&v1(), "t", at(0), [failure]).1, 1);
    }
}

#[test]
fn threat_072_a_cloud_that_fails_is_left_alone_for_a_while() {
    let engine = v1();
    for n in 0..5 {
        let token = format!("t{n}");
        assert_eq!(
            with_bearer(&engine, &token, at(0), [status(500)]),
            unavailable("request_failed", 1)
        );
    }
    assert_eq!(
        with_bearer(&engine, "t", at(4), []),
        unavailable("circuit_open", 0)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(5), [status(500)]),
        unavailable("request_failed", 1)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(9), []),
        unavailable("circuit_open", 0)
    );
    assert_eq!(
        with_bearer(&engine, "t", at(10), [verified("u", &[])]),
        user("u", 1)
    );
    // Junk is answered with a no, and a no says that the Cloud is well.
    let engine = v1();
    for n in 0..100 {
        let token = format!("junk{n}");
        assert_eq!(
            with_bearer(&engine, &token, at(0), [status(401)]),
            rejected("request_failed", 1)
        );
    }
    assert_eq!(
        with_bearer(&engine, "t", at(0), [verified("u", &[])]),
        user("u", 1)
    );
}

#[test]
fn threat_080_no_number_of_tokens_outgrows_the_memory() {
    let mut config = crate::world::config(mastra_auth_cloud_core::dialect::Dialect::V1);
    config.policy.max_entries = 50;
    let entropy = mastra_auth_cloud_core::entropy::Entropy::new([7; 32]);
    let engine = mastra_auth_cloud_core::engine::Engine::new(config, entropy);
    for n in 0..1000 {
        with_bearer(&engine, &format!("good{n}"), at(0), [verified("u", &[])]);
        with_bearer(&engine, &format!("junk{n}"), at(0), [status(401)]);
    }
    let (identities, refusals) = engine.cached();
    assert!(
        identities <= 50 && refusals <= 50,
        "{identities} {refusals}"
    );
}

#[test]
fn what_the_sign_in_said_of_the_sessions_end_is_not_forgotten() {
    for own in ["opaque".to_owned(), jwt(&json!({ "exp": START + 7200 }))] {
        let engine = v1();
        sign_in(&engine, "usr_1", &own);
        // Verified anew shortly before the end, by an answer that says nothing of it.
        let again = with_bearer(&engine, &own, at(3590), [verified("usr_1", &[])]);
        assert_eq!(again, ("user usr_1".to_owned(), 1));
        for seconds in [3600, 3619, 3679] {
            assert_eq!(
                with_bearer(&engine, &own, at(seconds), []),
                ("rejected session_expired".to_owned(), 0),
                "{own} {seconds}"
            );
        }
    }
}

#[test]
fn a_token_past_its_own_end_is_let_in_by_the_clouds_word_alone() {
    let engine = v1();
    let old = jwt(&json!({ "exp": START - 60 }));
    for (seconds, answers, expect) in [
        (0, vec![verified("usr_1", &[])], "user usr_1"),
        (29, vec![], "user usr_1"),
        (30, vec![status(401)], "rejected request_failed"),
    ] {
        let (said, _) = with_bearer(&engine, &old, at(seconds), answers);
        assert_eq!(said, expect);
    }
}

/// Asks with a token that the host has read, and these headers; all that is asked about is refused. Gives the calls.
fn asked(token: Option<&str>, authorization: Option<&str>, cookie: Option<&str>) -> Vec<String> {
    let engine = v1();
    let credentials = Credentials::with_token(&engine, token, authorization, cookie, None).unwrap();
    let request = Authenticate::new(&engine, credentials.into_owned());
    // A 401 would be remembered, and hide that a token is asked about twice.
    let mut search = Stepped::from(request.into_task(Jitter(1)));
    let mut bearers = Vec::new();
    let mut event = Event::Start;
    while let Step::Send(request) = search.step(event, at(0)) {
        let bearer = request.headers().find(|(name, _)| *name == "authorization");
        bearers.extend(bearer.map(|(_, value)| value.replace("Bearer ", "")));
        event = Event::Delivered(status(403));
    }
    bearers
}

#[test]
fn a_token_that_the_host_has_read_counts_first_and_once() {
    let cookie = Some("__Host-mastra_session=c");
    for (token, authorization, expect) in [
        (Some("t"), None, vec!["t", "c"]),
        (Some("t"), Some("Bearer t"), vec!["t", "c"]),
        (Some("t"), Some("Bearer u"), vec!["t", "u", "c"]),
        (Some(""), Some("Bearer u"), vec!["u", "c"]),
        (None, None, vec!["c"]),
        // A host that knows `Bearer` by one spelling only hands on the whole value.
        (Some("bearer t"), None, vec!["t", "c"]),
        (Some("Basic YTpi"), Some("Basic YTpi"), vec!["c"]),
        (Some("not a token"), None, vec!["c"]),
    ] {
        assert_eq!(asked(token, authorization, cookie), expect, "{token:?}");
    }
}

#[test]
fn an_event_that_was_not_asked_for_counts_as_a_failure() {
    for event in [Event::Start, Event::Woken, Event::Lost] {
        let mut flow = verifying(&v1(), &token("t"));
        assert!(matches!(flow.step(Event::Start, at(0)), Step::Send(_)));
        let Step::Done(answer) = flow.step(event, at(1)) else {
            panic!("an end");
        };
        assert_eq!(said(&answer), "unavailable network_error");
    }
    let task = Authenticate::new(&v1(), Credentials::token("t")).into_task(Jitter(1));
    let CoreStep::Share(_, rest) = task.step(Event::Start, at(0)) else {
        panic!("shared work");
    };
    let CoreStep::Done(verdict) = rest.step(Event::Lost, at(1)) else {
        panic!("an end");
    };
    assert_eq!(said(&verdict.answer), "unavailable network_error");
}

#[test]
fn two_instances_wait_for_two_times_before_a_call_is_made_again() {
    let waits = |jitter| {
        let request = Authenticate::new(&v1(), Credentials::token("t"));
        let answers = [status(503), verified("u", &[])];
        script(request.into_task(Jitter(jitter)), at(0), answers).waits
    };
    assert_ne!(waits(1), waits(2));
}
