//! Revocations: which of a user's tokens and permissions they evict, also while calls are under way.

use serde_json::json;

use super::super::tests::{START, asked, at, cache, key, permissions, seen_grants, seen_token};
use super::*;
use crate::cloud::model::CloudUser;
use crate::json::Object;
use crate::secret::SessionToken;

fn session(id: &str) -> SessionId {
    SessionId::parse(id).unwrap()
}

/// An identity of a user: its session, and when that began.
fn of_user(token: &str, user: &str, session_id: &str, begun: Option<i64>) -> Identity {
    let record = json!({ "id": user, "email": "", "created_at": 0 });
    let record = CloudUser::read(
        Object::new(&record, "user").unwrap(),
        SessionToken::parse(token).unwrap(),
    )
    .unwrap();
    let begun = begun.map(|after| Timestamp::from_unix_seconds(START + after));
    Identity::new(key(token), record, Some(session(session_id)), None).begun(begun)
}

fn revoked(subject: Subject, at_seconds: f64, until: f64) -> Vec<Revocation> {
    vec![Revocation::new(
        subject,
        at(at_seconds).wall,
        at(until).wall,
    )]
}

/// Two users with two sessions each, one of them with two tokens, and their permissions.
pub(in crate::cache) fn two_people() -> Cache {
    let cache = cache();
    for (token, user, session) in PEOPLE {
        let identity = of_user(token, user, session, Some(0));
        assert!(cache.insert(identity, at(1.0)).is_some());
        cache.insert_permissions(key(token), asked(), permissions(), at(1.0));
    }
    cache
}

const PEOPLE: [(&str, &str, &str); 5] = [
    ("a1", "ada", "sa1"),
    ("a2", "ada", "sa2"),
    ("a3", "ada", "sa2"),
    ("b1", "bob", "sb1"),
    ("b2", "bob", "sb2"),
];

/// Which of their tokens are cached; the permissions must be cached with them or not at all.
fn left(cache: &Cache, now: Now) -> Vec<&'static str> {
    let held = |token: &str| cache.peek(&key(token)).is_some();
    for (token, ..) in PEOPLE {
        let permissions = seen_grants(cache, token, now) == "fresh";
        assert_eq!(permissions, held(token), "{token}");
    }
    PEOPLE
        .map(|(token, ..)| token)
        .into_iter()
        .filter(|token| held(token))
        .collect()
}

#[test]
fn threat_020_the_end_of_a_session_takes_all_of_it_at_once() {
    let cache = two_people();
    let new = cache.revoke(
        revoked(Subject::Session(session("sa2")), 2.0, 100.0),
        at(2.0),
    );
    assert_eq!(new.len(), 1);
    assert_eq!(left(&cache, at(2.0)), ["a1", "b1", "b2"]);
    for token in ["a2", "a3"] {
        let identity = of_user(token, "ada", "sa2", Some(0));
        assert!(cache.insert(identity, at(3.0)).is_none(), "under way");
        assert_eq!(seen_token(&cache, token, at(3.0)), "signed out");
    }
    let never_seen = of_user("a4", "ada", "sa2", Some(50));
    assert!(cache.insert(never_seen, at(60.0)).is_none());
    assert_eq!(seen_token(&cache, "a4", at(60.0)), "signed out");
    let after = of_user("a4", "ada", "sa2", Some(50));
    assert!(cache.insert(after, at(100.0)).is_some());
}

#[test]
fn threat_020_the_end_of_a_user_takes_what_began_before_it() {
    let cache = two_people();
    let later = of_user("a5", "ada", "sa5", Some(3));
    assert!(cache.insert(later, at(4.0)).is_some());
    let user = UserId::parse("ada").unwrap();
    cache.revoke(revoked(Subject::User(user), 2.0, 100.0), at(5.0));
    assert_eq!(left(&cache, at(5.0)), ["b1", "b2"]);
    assert_eq!(seen_token(&cache, "a5", at(5.0)), "fresh", "began later");
    for (begun, expect) in [
        (None, false),
        (Some(1), false),
        (Some(2), false),
        (Some(3), true),
    ] {
        let identity = of_user("a6", "ada", "sa6", begun);
        let cache = two_people();
        let user = UserId::parse("ada").unwrap();
        cache.revoke(revoked(Subject::User(user), 2.0, 100.0), at(5.0));
        assert_eq!(
            cache.insert(identity, at(6.0)).is_some(),
            expect,
            "{begun:?}"
        );
    }
}

#[test]
fn threat_065_permissions_go_with_the_session_the_user_and_the_sign_out() {
    let ada = UserId::parse("ada").unwrap();
    let ends: [&dyn Fn(&Cache); 4] = [
        &|cache| drop(cache.revoke(revoked(Subject::User(ada.clone()), 2.0, 9.0), at(2.0))),
        &|cache| drop(cache.end_user(&ada, at(9.0).wall, at(2.0))),
        &|cache| cache.evict_where(|identity| identity.user().id() == &ada),
        &|cache| {
            for id in ["sa1", "sa2"] {
                cache.revoke(revoked(Subject::Session(session(id)), 2.0, 9.0), at(2.0));
            }
        },
    ];
    for end in ends {
        let cache = two_people();
        end(&cache);
        for (token, user, _) in PEOPLE {
            let expect = if user == "ada" { "unknown" } else { "fresh" };
            assert_eq!(seen_grants(&cache, token, at(2.0)), expect, "{token}");
        }
    }
}

#[test]
fn an_operator_ends_what_claims_to_begin_later_by_another_clock() {
    let cache = two_people();
    for (token, session, begun) in [("a5", "sa5", 9), ("a6", "sa6", 5)] {
        let identity = of_user(token, "ada", session, Some(begun));
        assert!(cache.insert(identity, at(4.0)).is_some());
    }
    let user = UserId::parse("ada").unwrap();
    let told = cache.end_user(&user, at(100.0).wall, at(5.0));
    let subjects: Vec<_> = told.into_iter().map(|one| one.subject).collect();
    assert_eq!(
        subjects,
        [Subject::User(user), Subject::Token(key("a5"))],
        "others hear of the one that the user's end does not cover"
    );
    assert_eq!(left(&cache, at(5.0)), ["b1", "b2"]);
    assert_eq!(seen_token(&cache, "a5", at(5.0)), "signed out");
}

#[test]
fn threat_031_a_sign_out_takes_the_other_tokens_of_its_session() {
    let cache = two_people();
    let told = cache.sign_out(key("a2"), None, at(100.0).wall, Trust::Unverified, at(2.0));
    let subjects: Vec<_> = told.into_iter().map(|one| one.subject).collect();
    assert_eq!(
        subjects,
        [Subject::Token(key("a2")), Subject::Session(session("sa2"))]
    );
    assert_eq!(left(&cache, at(2.0)), ["a1", "b1", "b2"]);
    assert_eq!(seen_token(&cache, "a3", at(2.0)), "signed out");
}

#[test]
fn threat_031_a_token_that_nobody_proved_ends_no_session() {
    let cache = two_people();
    let named = Some(session("sb1"));
    let told = cache.sign_out(
        key("junk"),
        named,
        at(100.0).wall,
        Trust::Unverified,
        at(2.0),
    );
    assert_eq!(told, [], "nobody hears of it");
    assert_eq!(left(&cache, at(2.0)).len(), PEOPLE.len());
    assert_eq!(cache.deny_list.len(), 0);
    assert_eq!(seen_token(&cache, "junk", at(2.0)), "signed out");
    let named = Some(session("sb1"));
    let told = cache.sign_out(key("junk"), named, at(100.0).wall, Trust::Verified, at(2.0));
    assert_eq!(told.len(), 2, "proven after all");
    assert_eq!(left(&cache, at(2.0)), ["a1", "a2", "a3", "b2"]);
}

#[test]
fn threat_031_many_ends_at_once_are_those_of_each() {
    let cache = two_people();
    let ends = (0..100)
        .map(|n| session(&format!("s{n}")))
        .chain([session("sa1"), session("sb2")])
        .flat_map(|id| revoked(Subject::Session(id), 2.0, 100.0))
        .collect();
    assert_eq!(cache.revoke(ends, at(2.0)).len(), 102);
    assert_eq!(left(&cache, at(2.0)), ["a2", "a3", "b1"]);
}

#[test]
fn threat_031_no_answer_under_way_follows_the_end_of_a_session_in() {
    let cache = &cache();
    for round in 0..300 {
        let (token, id) = (&format!("t{round}"), &format!("s{round}"));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    cache.insert(of_user(token, "ada", id, Some(0)), at(0.0));
                    cache.insert_permissions(key(token), asked(), permissions(), at(0.0));
                });
            }
            scope.spawn(|| {
                let ended = revoked(Subject::Session(session(id)), 0.0, 100.0);
                cache.revoke(ended, at(0.0))
            });
        });
        assert!(cache.peek(&key(token)).is_none());
    }
    assert_eq!(cache.len().0, 0, "nothing of them is held");
}

#[test]
fn what_is_forgotten_by_session_or_user_is_asked_anew() {
    let cache = two_people();
    let sa2 = session("sa2");
    cache.evict_where(|identity| identity.session_id() == Some(&sa2));
    assert_eq!(left(&cache, at(2.0)), ["a1", "b1", "b2"]);
    cache.evict_where(|identity| identity.user().id().as_str() == "bob");
    assert_eq!(left(&cache, at(2.0)), ["a1"]);
    let again = of_user("a2", "ada", "sa2", Some(0));
    assert!(cache.insert(again, at(2.0)).is_some());
}

#[test]
fn a_token_that_was_issued_after_its_users_end_is_ended_by_its_digest() {
    for (issued, expect) in [(4, 0), (5, 0), (6, 1)] {
        let claims = json!({ "sub": "ada", "iat": START + issued }).to_string();
        let claims = crate::encoding::base64url(claims.as_bytes());
        let text = format!("e30.{claims}.c2ln");
        let cache = cache();
        let identity = of_user(&text, "ada", "sa", Some(0));
        assert!(cache.insert(identity, at(7.0)).is_some());
        let subject = Subject::User(UserId::parse("ada").unwrap());
        let (new, own) = cache.apply_remote(revoked(subject, 5.0, 100.0), at(8.0));
        assert_eq!((new.len(), own.len()), (1, expect), "{issued}");
    }
}
