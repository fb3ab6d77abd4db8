//! The deny list: how long an entry counts, which entry outlasts which, and which is evicted.

use core::time::Duration;

use super::*;
use crate::encoding::sha256;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn now(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(0),
        monotonic: Duration::ZERO,
    }
    .plus(Duration::from_secs(seconds))
}

fn token(text: &str) -> Subject {
    Subject::Token(TokenDigest::from_bytes(&sha256(text.as_bytes())).unwrap())
}

fn session(id: &str) -> Subject {
    Subject::Session(session_id(id))
}

fn session_id(id: &str) -> SessionId {
    SessionId::parse(id).unwrap()
}

fn user(id: &str) -> Subject {
    Subject::User(user_id(id))
}

fn user_id(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn over(subject: Subject, at: i64, until: i64) -> Revocation {
    Revocation::new(subject, time(at), time(until))
}

fn denied(deny_list: &DenyList, session: &str, user: &str, begun: Option<i64>, at: u64) -> bool {
    let (session, user) = (session_id(session), user_id(user));
    deny_list
        .of(Some(&session), &user, begun.map(time), now(at))
        .is_some()
}

#[test]
fn each_is_denied_until_its_end() {
    let deny_list = DenyList::new(10);
    let Subject::Token(key) = token("t") else {
        panic!("a token")
    };
    for subject in [token("t"), session("s"), user("u")] {
        assert!(
            deny_list
                .add(&over(subject, 5, 100), Origin::Local, now(5))
                .is_new
        );
    }
    for (at, expect) in [(5, true), (99, true), (100, false)] {
        assert_eq!(deny_list.holds_token(&key, now(at)), expect, "{at}");
        assert_eq!(denied(&deny_list, "s", "v", Some(9), at), expect, "{at}");
        assert_eq!(denied(&deny_list, "r", "u", Some(5), at), expect, "{at}");
    }
    assert!(!denied(&deny_list, "r", "v", None, 6), "no other user");
    assert_eq!(deny_list.all(now(6)).len(), 3);
    assert_eq!(deny_list.all(now(100)), []);
    let late = deny_list.add(&over(session("late"), 5, 100), Origin::Local, now(100));
    assert!(!late.is_new);
    assert_eq!(deny_list.len(), 0, "what is over is let go");
}

#[test]
fn a_session_of_a_user_that_began_later_counts() {
    let deny_list = DenyList::new(10);
    deny_list.add(&over(user("u"), 50, 100), Origin::Local, now(50));
    for (begun, expect) in [
        (None, true),
        (Some(49), true),
        (Some(50), true),
        (Some(51), false),
    ] {
        assert_eq!(denied(&deny_list, "s", "u", begun, 60), expect, "{begun:?}");
    }
}

#[test]
fn in_whatever_order_they_come_the_later_end_stands() {
    let ends = [
        over(user("u"), 10, 100),
        over(user("u"), 20, 90),
        over(session("s"), 10, 100),
        over(session("s"), 20, 90),
        over(session("s"), 11, 100),
        over(token("t"), 10, 80),
    ];
    let mut seen = Vec::new();
    for turn in 0..ends.len() {
        for backwards in [false, true] {
            let mut ends = ends.clone();
            ends.rotate_left(turn);
            if backwards {
                ends.reverse();
            }
            let deny_list = DenyList::new(10);
            for end in ends.iter().chain(&ends) {
                deny_list.add(end, Origin::Local, now(20));
            }
            assert!(
                ends.iter()
                    .all(|end| !deny_list.add(end, Origin::Local, now(20)).is_new),
                "nothing new"
            );
            seen.push(deny_list.all(now(20)));
        }
    }
    let stand = [
        over(token("t"), 10, 80),
        over(session("s"), 11, 100),
        over(user("u"), 20, 100),
    ];
    assert!(seen.iter().all(|all| *all == stand), "{seen:?}");
}

#[test]
fn threat_031_an_end_made_here_is_new_where_it_was_only_heard() {
    let deny_list = DenyList::new(10);
    let (heard, own) = (over(session("s"), 5, 200), over(session("s"), 5, 100));
    let turns = [
        (&heard, Origin::Remote, true),
        (&own, Origin::Remote, false),
        (&own, Origin::Local, true),
        (&own, Origin::Local, false),
        (&heard, Origin::Remote, false),
    ];
    for (n, (end, origin, is_new)) in turns.into_iter().enumerate() {
        assert_eq!(deny_list.add(end, origin, now(5)).is_new, is_new, "{n}");
    }
    assert_eq!(deny_list.all(now(5)), [heard], "the later end stands");
}

#[test]
fn threat_080_where_it_is_full_what_ends_soonest_gives_way() {
    let deny_list = DenyList::new(3);
    for n in 0..10 {
        let subject = [token, session, user][usize::try_from(n % 3).unwrap()];
        deny_list.add(
            &over(subject(&format!("n{n}")), 0, 100 + n),
            Origin::Local,
            now(0),
        );
    }
    let all = deny_list.all(now(0));
    let until: Vec<_> = all.iter().map(|end| end.until.unix_seconds()).collect();
    assert_eq!(until, [107, 108, 109]);
    assert_eq!((deny_list.len(), deny_list.evicted()), (3, 7));
    let standing = deny_list.standing.read().unwrap();
    let maps = [
        standing.tokens.len(),
        standing.sessions.len(),
        standing.users.len(),
    ];
    assert_eq!(maps.iter().sum::<usize>(), 3, "{maps:?}");
}

#[test]
fn what_ended_here_is_given_page_by_page_and_nothing_that_was_heard() {
    let deny_list = DenyList::new(10);
    let own = [
        over(session("s"), 5, 90),
        over(token("t"), 5, 100),
        over(session("r"), 5, 100),
        over(user("u"), 5, 100),
    ];
    for end in own.iter().rev() {
        deny_list.add(end, Origin::Local, now(5));
    }
    deny_list.add(&over(session("heard"), 5, 95), Origin::Remote, now(5));
    for most in 1..=5 {
        let (mut told, mut last) = (Vec::new(), None);
        loop {
            let page = deny_list.own_after(last.as_ref(), most);
            assert!(page.len() <= most);
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            told.extend(page);
        }
        assert_eq!(told, own, "{most}");
    }
    // An entry that was published and now ends later is published again, and none is left out for it.
    deny_list.add(&over(session("s"), 6, 120), Origin::Local, now(6));
    let rest = deny_list.own_after(own.first(), 9);
    assert_eq!(rest.len(), 4, "{rest:?}");
}
