//! The verdict against an independent rule, and the cleaning of the Cloud's texts. Single responses are in
//! `vectors/envelopes.json`.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::http::Response;

const SECRET: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl";

fn answer(
    wrapping: Wrapping,
    status: u16,
    body: impl Into<Vec<u8>>,
) -> Result<Value, CloudApiError> {
    let response = Response::new(status, body.into());
    open(
        wrapping,
        Refusals::ClientErrors,
        Data::Optional,
        Ok(response),
        &[SECRET],
    )
}

fn enveloped(status: u16, inside: Option<u16>) -> CloudApiError {
    let body = json!({ "ok": false, "error": { "status": inside } }).to_string();
    answer(Wrapping::Envelope, status, body).unwrap_err()
}

/// Both must be a plain 4xx, or one of them where the other is a 2xx or absent.
fn is_no(http: u16, inside: Option<u16>) -> bool {
    let success = |status: u16| status / 100 == 2;
    let no = |status: u16| status / 100 == 4 && ![408, 425, 429].contains(&status);
    match inside {
        None => no(http),
        Some(inside) if success(inside) => no(http),
        Some(inside) if success(http) => no(inside),
        Some(inside) => no(http) && no(inside),
    }
}

#[test]
fn threat_081_only_a_plain_no_is_a_refusal() {
    for http in 100..=599 {
        assert_eq!(
            enveloped(http, None).is_refusal(),
            is_no(http, None),
            "{http}"
        );
        for inside in 100..=599 {
            let refused = verdict(http, Some(inside)) == Verdict::Refused;
            assert_eq!(refused, is_no(http, Some(inside)), "{http} {inside}");
        }
    }
    // Whatever it holds beside the error.
    let data = json!({ "user": 1 });
    let body = json!({ "ok": false, "data": data }).to_string();
    let no = Response::new(401, body.into_bytes());
    let opened = open_unless(
        Wrapping::Envelope,
        Refusals::ClientErrors,
        Ok(no),
        &[],
        |_| true,
    );
    assert!(opened.unwrap_err().is_refusal());
    assert!(enveloped(200, Some(401)).is_refusal());
    assert!(!enveloped(503, Some(401)).is_refusal());
}

#[test]
fn threat_081_no_answer_is_never_a_refusal() {
    for error in [
        TransportError::Connect,
        TransportError::Closed,
        TransportError::Timeout,
        TransportError::TooLarge,
        TransportError::Other,
    ] {
        let error = open(
            Wrapping::Envelope,
            Refusals::ClientErrors,
            Data::Optional,
            Err(error),
            &[],
        )
        .unwrap_err();
        assert_eq!(
            (error.kind(), error.status(), error.is_refusal()),
            (Kind::Network, 503, false)
        );
    }
}

#[test]
fn what_kept_an_answer_away_is_the_source_in_fixed_words() {
    use core::error::Error as _;
    for (why, words) in [
        (TransportError::Connect, "No connection could be made."),
        (
            TransportError::Closed,
            "The connection ended before the whole answer came.",
        ),
        (TransportError::Timeout, "The time for the answer was up."),
        (
            TransportError::TooLarge,
            "The answer is larger than is read.",
        ),
        (
            TransportError::Cancelled,
            "The exchange was cancelled with the request that had begun it.",
        ),
        (TransportError::Other, "The exchange could not be made."),
    ] {
        let error = open(
            Wrapping::Envelope,
            Refusals::ClientErrors,
            Data::Optional,
            Err(why),
            &[],
        )
        .unwrap_err();
        let error = error.at("/api/v1/auth/verify");
        assert_eq!(error.source().unwrap().to_string(), words);
    }
    let answered = open(
        Wrapping::Envelope,
        Refusals::ClientErrors,
        Data::Optional,
        Ok(Response::new(503, vec![])),
        &[],
    );
    assert!(answered.unwrap_err().source().is_none());
}

#[test]
fn a_bare_answer_has_only_the_status_of_http() {
    for status in 100..=599 {
        for body in [r#"{"status":401}"#, r#"{"status":500}"#, r#"{"ok":true}"#] {
            match answer(Wrapping::Bare, status, body) {
                Ok(_) => assert!(is_success(status)),
                Err(error) => {
                    assert_eq!(error.status(), status);
                    assert_eq!(error.is_refusal(), is_no(status, None), "{status}");
                }
            }
        }
    }
}

#[test]
fn words_are_cleaned() {
    let long_word = "w".repeat(41);
    for (text, cleaned) in [
        ("Token expired", "Token expired"),
        ("  a\t\r\n b\u{0}c\u{85}d ", "a b c d"),
        ("\u{1b}[2Jgone", "[2Jgone"),
        ("mail ada@example.com.", "mail [redacted]"),
        ("mail ada%40example.com", "mail [redacted]"),
        (long_word.as_str(), "[redacted]"),
        (&long_word[1..], &long_word[1..]),
        ("a23456789012345678901", "[redacted]"),
        ("a2345678901234567890", "a2345678901234567890"),
        ("session=eyJhbGciOiJF!", "[redacted]"),
        ("session=eyJhbGciOiJ!", "session=eyJhbGciOiJ!"),
        ("zoë", "zoë"),
    ] {
        assert_eq!(clean(text, &[SECRET]), cleaned, "{text:?}");
    }
}

#[test]
fn a_short_secret_is_not_repeated_either() {
    assert_eq!(clean("code c0de bad", &["c0de"]), "code [redacted] bad");
    assert_eq!(clean("code 'xc0dex'", &["c0de"]), "code [redacted]");
    assert_eq!(clean("anything", &[""]), "anything");
}

proptest! {
    #[test]
    fn threat_098_any_bytes_are_an_answer_or_an_error(
        status in 0_u16..1000,
        body in prop::collection::vec(any::<u8>(), 0..200),
        enveloped in any::<bool>(),
    ) {
        let wrapping = if enveloped { Wrapping::Envelope } else { Wrapping::Bare };
        match answer(wrapping, status, body) {
            Ok(_) => prop_assert!((200..300).contains(&status)),
            Err(error) => prop_assert!(!error.is_refusal() || is_no(status, None)),
        }
    }

    #[test]
    fn threat_048_no_word_of_an_answer_repeats_a_secret(
        before in "[a-z' ]{0,8}",
        start in 0_usize..40,
        length in 12_usize..24,
        after in "[a-z' ]{0,8}",
        in_code in any::<bool>(),
    ) {
        let end = (start + length).min(SECRET.len());
        let text = format!("{before}{}{after}", &SECRET[start..end]);
        let name = if in_code { "code" } else { "message" };
        let body = json!({ "ok": false, "error": { name: text } }).to_string();
        let error = answer(Wrapping::Envelope, 401, body).unwrap_err();
        let shown = format!("{error} {error:?}");
        for part in SECRET.as_bytes().windows(12) {
            prop_assert!(!shown.contains(core::str::from_utf8(part).unwrap()), "{shown}");
        }
    }

    #[test]
    fn words_are_short_and_plain(text in "\\PC{0,300}|[\\x00-\\xff]{0,300}") {
        let cleaned = clean(&text, &[]);
        prop_assert!(!cleaned.chars().any(char::is_control));
        prop_assert!(!cleaned.contains('@'));
        prop_assert!(cleaned.chars().count() <= MAX_MESSAGE_CHARS);
    }
}

#[test]
fn a_text_is_read_as_an_error_up_to_its_longest() {
    for (bytes, is_read) in [(MAX_TEXT_BYTES, true), (MAX_TEXT_BYTES + 1, false)] {
        let error = answer(Wrapping::Problem, 401, "a".repeat(bytes));
        assert_eq!(error.unwrap_err().is_refusal(), is_read, "{bytes}");
    }
}
