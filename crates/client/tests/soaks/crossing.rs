//! Very many requests of very many people at once, cancelled at any moment: each gets the answer for its own user.
//!
//! Memory is too small for all of them, what is known grows old at once, and the Cloud takes its time, so that calls are under
//! way, shared and cancelled all the while. `cargo xtask soak crossing` has 10,000 tasks over 500 people.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mastra_auth_cloud::{Authentication, Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud, Seed};

use crate::common::{cloud_with, router};
use crate::load::{Dice, get, recorded};

const HOUR: Duration = Duration::from_hours(1);
const LOOKS: usize = 6;

async fn populous(people: usize) -> LocalCloud {
    let mut seed = String::new();
    for at in 0..people {
        writeln!(
            seed,
            "[[people]]\nhandle = \"p{at}\"\nname = \"P {at}\"\nemail = \"p{at}@example.com\"\nrole = \"member\""
        )
        .unwrap();
    }
    let seed = Seed::from_toml(&seed).unwrap();
    cloud_with(Dialect::V1, |options| options.seed = seed).await
}

#[derive(Default)]
struct Ends {
    answered: AtomicUsize,
    given_up: AtomicUsize,
}

/// One person's requests; some are cancelled after a moment, the last one is not.
async fn comes_and_goes(
    seed: usize,
    auth: MastraCloudAuth,
    router: axum::Router,
    token: Arc<str>,
    id: String,
    ends: Arc<Ends>,
) {
    let mut dice = Dice::new(u64::try_from(seed).unwrap() + 1);
    for look in 0..=LOOKS {
        let patience = if look == LOOKS {
            Duration::from_mins(1)
        } else {
            Duration::from_micros(dice.throw() % 20_000)
        };
        let asked = async {
            if dice.throw().is_multiple_of(2) {
                let seen = get(&router, &token).await;
                assert_eq!((seen.status, &seen.body), (200, &id), "{seen:?}");
            } else {
                match auth.authenticate_token(&token).await {
                    Authentication::Authenticated(identity) => {
                        let user = identity.user();
                        assert_eq!(user.id().as_str(), id);
                        assert_eq!(user.session_token().expose(), token.as_ref());
                        assert_eq!(user.email(), format!("{}@example.com", &id[4..]));
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        let end = if tokio::time::timeout(patience, asked).await.is_ok() {
            &ends.answered
        } else {
            assert!(look < LOOKS, "never answered");
            &ends.given_up
        };
        end.fetch_add(1, Ordering::Relaxed);
    }
}

async fn at_once(tasks: usize, people: usize) {
    let cloud = populous(people).await;
    let mut policy = crate::common::brisk();
    policy.fresh = Duration::from_millis(100);
    policy.call_timeout = Duration::from_secs(30);
    policy.max_entries = people / 2;
    let (auth, _) = recorded(&cloud, policy);
    let router = router(&auth);
    // Two sessions each.
    let sessions: Vec<(Arc<str>, String)> = (0..people * 2)
        .map(|at| {
            let handle = format!("p{}", at % people);
            let token = cloud.control().sign_in(&handle, HOUR).unwrap();
            (token.into(), format!("usr_{handle}"))
        })
        .collect();
    let slow = Fault::new(FaultKind::Delay { ms: 3 }).on("verify");
    cloud.control().set_fault(slow);
    let (begun, ends) = (Instant::now(), Arc::<Ends>::default());
    let tasks: Vec<_> = (0..tasks)
        .map(|at| {
            let (token, id) = sessions[at % sessions.len()].clone();
            let work = comes_and_goes(
                at,
                auth.clone(),
                router.clone(),
                token,
                id,
                Arc::clone(&ends),
            );
            tokio::spawn(work)
        })
        .collect();
    let count = tasks.len();
    for task in tasks {
        task.await.unwrap();
    }
    let (answered, given_up) = (
        ends.answered.load(Ordering::Relaxed),
        ends.given_up.load(Ordering::Relaxed),
    );
    println!(
        "{count} tasks over {people} people in {:?}: {answered} answers, each to the one who asked; {given_up} given up; {} calls",
        begun.elapsed(),
        cloud.requests("verify")
    );
    assert!(
        given_up > count / 10 && answered >= count,
        "{answered}, {given_up}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_079_who_is_answered_is_who_asked() {
    at_once(600, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes a while: cargo xtask soak crossing"]
async fn soak_crossing() {
    at_once(10_000, 500).await;
}
