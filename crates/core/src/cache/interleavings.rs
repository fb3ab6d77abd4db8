//! A model of the shared state: answers, revocations of all kinds and lookups, in very many orders of their steps.
//!
//! Run by `cargo xtask model`, on locks that let any thread take each next step. In every order: every lookup after a
//! revocation has returned sees it, nothing revoked stays cached, and no other user is affected.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

use core::time::Duration;
use std::sync::Arc;

use serde_json::json;
use shuttle::thread;

use crate::cache::{Cache, Trust};
use crate::cloud::model::CloudUser;
use crate::config::Policy;
use crate::encoding::sha256;
use crate::ids::{SessionId, UserId};
use crate::json::Object;
use crate::rbac::pattern::Permissions;
use crate::revocation::{Revocation, Subject};
use crate::secret::{Form, SessionToken};
use crate::session::lookup::{Lookup, PermissionsLookup};
use crate::session::{Identity, TokenDigest};
use crate::time::{Now, Timestamp};
use crate::verification::Verification;

const ORDERS: usize = 1000;

fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_769_594_400),
        monotonic: Duration::ZERO,
    }
}

fn later() -> Timestamp {
    now().wall.plus(Duration::from_secs(60))
}

fn key(token: &str) -> TokenDigest {
    TokenDigest::from_bytes(&sha256(token.as_bytes())).unwrap()
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn session(of: &str) -> SessionId {
    SessionId::parse(&format!("session of {of}")).unwrap()
}

fn identity(id: &str) -> Identity {
    let record = json!({ "id": id, "email": "", "created_at": 0 });
    let record = CloudUser::read(
        Object::new(&record, "user").unwrap(),
        SessionToken::parse(id).unwrap(),
    )
    .unwrap();
    Identity::new(key(id), record, Some(session(id)), None).begun(Some(now().wall))
}

/// An answer of the Cloud arrives, for both users.
fn answered(cache: &Cache) {
    for id in ["ada", "bob"] {
        let remembered = cache.insert(identity(id), now());
        assert!(remembered.is_none_or(|found| found.user().id() == &user(id)));
        let permissions = Arc::new(Permissions::new([id]));
        cache.insert_permissions(key(id), user(id), permissions, now());
    }
}

/// The identity that the fast path finds for ada's token.
fn fast_hit(cache: &Cache) -> Option<Arc<Identity>> {
    cache
        .fast_lookup((b"ada", Form::Bearer), || key("ada"), |_| true, now())
        .ok()
}

fn is_over(cache: &Cache) {
    assert!(fast_hit(cache).is_none());
    assert!(!matches!(
        cache.lookup(&key("ada"), now()),
        Lookup::Fresh(_) | Lookup::Stale(_)
    ));
    assert!(matches!(
        cache.permissions(&key("ada"), &user("ada"), now()),
        PermissionsLookup::Unknown
    ));
}

/// One revocation of ada's, against two answers and a lookup. `was_known`: whether she was cached before.
fn against_answers(end: fn(&Cache), was_known: bool) {
    let run = move || {
        let policy = Policy {
            max_entries: 64,
            ..Policy::default()
        };
        let cache = Arc::new(Cache::new(&policy, &Verification::Cloud, 1));
        if was_known {
            answered(&cache);
        }
        let mut threads: Vec<_> = (0..2)
            .map(|_| {
                let cache = Arc::clone(&cache);
                thread::spawn(move || {
                    answered(&cache);
                    Vec::new()
                })
            })
            .collect();
        let looking = Arc::clone(&cache);
        threads.push(thread::spawn(move || {
            if let Lookup::Fresh(found) = looking.lookup(&key("ada"), now()) {
                assert_eq!(found.user().id(), &user("ada"));
            }
            let found: Vec<_> = [fast_hit(&looking), fast_hit(&looking)]
                .into_iter()
                .flatten()
                .collect();
            assert!(found.iter().all(|one| one.user().id() == &user("ada")));
            // A request holds its identity for longer than all this takes.
            found
        }));
        let ending = Arc::clone(&cache);
        threads.push(thread::spawn(move || {
            end(&ending);
            is_over(&ending);
            Vec::new()
        }));
        let held: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        is_over(&cache);
        assert!(cache.insert(identity("ada"), now()).is_none());
        assert!(cache.peek(&key("ada")).is_none());
        assert!(matches!(
            cache.lookup(&key("bob"), now()),
            Lookup::Fresh(found) if found.user().id() == &user("bob")
        ));
        drop(held);
    };
    shuttle::check_random(run, ORDERS);
    shuttle::check_pct(run, ORDERS, 3);
}

fn ended(cache: &Cache, subject: Subject) {
    let end = Revocation::new(subject, now().wall, later());
    cache.revoke(vec![end], now());
}

#[test]
fn threat_031_a_sign_out_wins_in_every_order() {
    let end: fn(&Cache) = |cache| {
        cache.sign_out(key("ada"), None, later(), Trust::Unverified, now());
    };
    against_answers(end, false);
    against_answers(end, true);
}

#[test]
fn threat_031_the_end_of_a_session_wins_in_every_order() {
    let end: fn(&Cache) = |cache| ended(cache, Subject::Session(session("ada")));
    against_answers(end, false);
    against_answers(end, true);
}

#[test]
fn threat_020_the_end_of_a_user_wins_in_every_order() {
    let end: fn(&Cache) = |cache| ended(cache, Subject::User(user("ada")));
    against_answers(end, false);
    let by_hand: fn(&Cache) = |cache| {
        cache.end_user(&user("ada"), later(), now());
    };
    against_answers(by_hand, true);
}
