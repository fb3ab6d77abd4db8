//! When the breaker opens, for which tokens, and which call gets the trial.

use super::*;
use crate::encoding::sha256;
use crate::time::Timestamp;
use Admission::{No, Yes};
use CallKind::{Permissions, Validate, Verify};

const PAUSE: u64 = 5;

fn at(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(0),
        monotonic: Duration::from_secs(seconds),
    }
}

fn key(text: &str) -> TokenDigest {
    TokenDigest::from_bytes(&sha256(text.as_bytes())).unwrap()
}

fn breaker() -> Breaker {
    Breaker::new(5, Duration::from_secs(PAUSE))
}

fn fail(breaker: &Breaker, text: &str, times: usize, second: u64) {
    (0..times).for_each(|_| breaker.failed(Verify, &key(text), at(second)));
}

fn fail_each(breaker: &Breaker, texts: &[&str], second: u64) {
    for text in texts {
        fail(breaker, text, 1, second);
    }
}

fn asks(breaker: &Breaker, text: &str, second: u64) -> Admission {
    breaker.admits(Verify, &key(text), at(second))
}

fn trial(second: u64) -> Admission {
    Admission::Trial(Duration::from_secs(second))
}

/// A breaker that five tokens opened in the first second.
fn open() -> Breaker {
    let breaker = breaker();
    fail_each(&breaker, &["a", "b", "c", "d", "e"], 0);
    breaker
}

#[test]
fn a_look_from_outside_changes_nothing() {
    let breaker = open();
    let states = [0, 4, 5, 5].map(|second| breaker.state(at(second)).as_str());
    assert_eq!(states, ["open", "open", "half_open", "half_open"]);
    assert_eq!(asks(&breaker, "f", 5), trial(10));
    assert_eq!(breaker.state(at(5)), BreakerState::Open);
    breaker.succeeded(Verify, &key("f"));
    assert_eq!(breaker.state(at(5)), BreakerState::Closed);
}

#[test]
fn one_token_that_fails_costs_itself_only() {
    let breaker = breaker();
    for failure in 1..=5 {
        assert_eq!(asks(&breaker, "odd", 0), Yes, "{failure}");
        fail(&breaker, "odd", 1, 0);
        assert_eq!(asks(&breaker, "good", 0), Yes);
    }
    // As long as no other token was answered, the Cloud itself may be down.
    assert_eq!(breaker.state(at(4)), BreakerState::Open);
    assert_eq!([0, 4].map(|s| asks(&breaker, "odd", s)), [No, No]);
    assert_eq!([5, 5].map(|s| asks(&breaker, "odd", s)), [trial(10), No]);
    breaker.succeeded(Verify, &key("good"));
    assert_eq!(breaker.state(at(5)), BreakerState::Closed);
    fail(&breaker, "odd", 1, 5);
    assert_eq!([9, 10].map(|s| asks(&breaker, "odd", s)), [No, trial(15)]);
    breaker.succeeded(Verify, &key("odd"));
    assert_eq!(asks(&breaker, "odd", 10), Yes);
}

#[test]
fn accounts_that_fail_all_the_time_open_nothing_for_others() {
    let breaker = breaker();
    let odd = ["a", "b", "c", "d", "e", "f"];
    for second in 0..120 {
        for text in odd {
            if asks(&breaker, text, second) != No {
                fail(&breaker, text, 1, second);
            }
        }
        // First failures of many tokens at once may be the Cloud's.
        let is_late = second > 2 * PAUSE;
        assert!(
            !is_late || asks(&breaker, "good", second) == Yes,
            "{second}"
        );
        if asks(&breaker, "good", second) != No {
            breaker.succeeded(Verify, &key("good"));
        }
    }
}

#[test]
fn several_tokens_in_a_row_open_an_endpoint_and_no_other() {
    let breaker = open();
    assert_eq!(asks(&breaker, "f", 0), No);
    for asked in [Validate, Permissions] {
        assert_eq!(breaker.admits(asked, &key("f"), at(0)), Yes);
        breaker.succeeded(asked, &key("f"));
    }
    assert_eq!(
        asks(&breaker, "f", 0),
        No,
        "another endpoint's answers say nothing of it"
    );
    // An answer in between ends the row.
    let breaker = self::breaker();
    fail_each(&breaker, &["a", "b", "c", "d"], 0);
    breaker.succeeded(Verify, &key("f"));
    fail(&breaker, "e", 1, 0);
    assert_eq!(asks(&breaker, "f", 0), Yes);
}

#[test]
fn a_trial_is_for_a_token_that_did_not_fail() {
    let breaker = open();
    let ask = |texts: [&str; 3], second| texts.map(|text| asks(&breaker, text, second));
    assert_eq!(ask(["a", "f", "e"], 4), [No, No, No]);
    assert_eq!(ask(["a", "e", "f"], 5), [No, No, trial(10)]);
    assert_eq!(ask(["a", "f", "g"], 9), [No, No, No]);
    fail(&breaker, "f", 1, 9);
    assert_eq!(ask(["a", "f", "g"], 14), [No, No, trial(19)]);
    // Where no other token waits, a failed one gets the trial.
    fail(&breaker, "g", 1, 14);
    assert_eq!(ask(["e", "g", "a"], 19), [trial(24), No, No]);
    // Where another was rejected and does not return, a pause later.
    assert_eq!(asks(&breaker, "h", 20), No);
    fail(&breaker, "e", 1, 20);
    let later = [25, 29, 30].map(|second| asks(&breaker, "a", second));
    assert_eq!(later, [No, No, trial(35)]);
    breaker.succeeded(Verify, &key("a"));
    assert_eq!(ask(["a", "e", "h"], 30), [Yes, Yes, Yes]);
}

#[test]
fn a_trial_that_told_nothing_is_handed_on() {
    let breaker = open();
    let hand_back = |text: &str, second| {
        breaker.hand_back(Verify, &key(text), Duration::from_secs(second));
    };
    assert_eq!(asks(&breaker, "f", 5), trial(10));
    hand_back("f", 9);
    assert_eq!(
        asks(&breaker, "g", 5),
        No,
        "another trial hands nothing back"
    );
    hand_back("f", 10);
    assert_eq!(
        ["a", "g", "h"].map(|text| asks(&breaker, text, 5)),
        [No, trial(10), No]
    );
    // The trial of a single token.
    let breaker = self::breaker();
    fail(&breaker, "odd", 5, 0);
    assert_eq!([5, 5].map(|s| asks(&breaker, "odd", s)), [trial(10), No]);
    breaker.hand_back(Verify, &key("odd"), Duration::from_secs(10));
    assert_eq!(asks(&breaker, "odd", 5), trial(10));
}

#[test]
fn a_failure_of_long_ago_counts_anew_and_what_is_known_is_bounded() {
    let breaker = breaker();
    fail(&breaker, "odd", 5, 0);
    breaker.succeeded(Verify, &key("good"));
    fail_each(&breaker, &["a", "b", "c", "d"], 100);
    fail(&breaker, "odd", 1, 100);
    assert_eq!(asks(&breaker, "f", 100), No);

    let breaker = self::breaker();
    for n in 0..2 * MAX_FAILING {
        fail(&breaker, &n.to_string(), 1, 0);
    }
    assert_eq!(breaker.endpoint(Verify).failing.len(), MAX_FAILING);
    fail(&breaker, "late", 1, 200);
    assert_eq!(breaker.endpoint(Verify).failing.len(), 1);
}
