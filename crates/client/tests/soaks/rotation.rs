//! Keys that change, key servers that answer nonsense, and floods of unknown key ids: a token with a good signature is served.
//!
//! `cargo xtask soak rotation` has a flood of 6,000,000 tokens, 100,000 a second, with the default times; what runs in the
//! usual tests has fewer and shorter ones. The hour without a key server runs on a clock of its own in the core's tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mastra_auth_cloud::{Authentication, Code, Dialect, MastraCloudAuth, Policy, VerificationMode};
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use tokio::task::JoinHandle;

use crate::common::{PEOPLE, cloud, until};
use crate::load::{Calls, Dice, Recorder, spread, verifying};

const HOURS: Duration = Duration::from_hours(4);

fn sign_in(cloud: &LocalCloud, at: usize) -> (String, &'static str) {
    let (handle, id) = PEOPLE[at % PEOPLE.len()];
    (cloud.control().sign_in(handle, HOURS).unwrap(), id)
}

/// How long the answers took to those who were known and to those who never came before.
#[derive(Default)]
struct Times {
    known: Vec<Duration>,
    new: Vec<Duration>,
}

async fn served(auth: &MastraCloudAuth, (token, id): &(String, &'static str)) -> Duration {
    let begun = Instant::now();
    match auth.authenticate_token(token).await {
        Authentication::Authenticated(identity) => assert_eq!(identity.user().id().as_str(), *id),
        other => panic!("{other:?}"),
    }
    begun.elapsed()
}

/// Two people's sessions at least, asked for over and over, and each time one that never came before, until it is told to stop.
struct Traffic {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Times>,
}

impl Traffic {
    fn of(
        auth: &MastraCloudAuth,
        known: &[(String, &'static str)],
        new: Vec<(String, &'static str)>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (auth, known, stopped) = (auth.clone(), known.to_vec(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut times = Times::default();
            let mut new = new.into_iter();
            for session in known.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                times.known.push(served(&auth, session).await);
                if let Some(session) = new.next() {
                    times.new.push(served(&auth, &session).await);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            times
        });
        Self { stop, task }
    }

    async fn end(self) -> Times {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Tokens that look like the Cloud's.
struct Forger {
    dice: Dice,
    /// Claims and signature of a good one, and its header.
    rest: String,
    header: String,
}

impl Forger {
    fn new(good: &str) -> Self {
        let (header, rest) = good.split_once('.').unwrap();
        Self {
            dice: Dice::new(7),
            rest: rest.to_owned(),
            header: header.to_owned(),
        }
    }

    /// With an unknown key id.
    fn unknown_key(&mut self) -> String {
        let kid = self.dice.throw();
        let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid:016x}\",\"typ\":\"JWT\"}}");
        format!("{}.{}", base64url(header.as_bytes()), self.rest)
    }

    /// With a known key id, and a signature by no key.
    fn wrong_signature(&mut self) -> String {
        let (claims, _) = self.rest.split_once('.').unwrap();
        let mut signature = [0; 64];
        for part in signature.chunks_exact_mut(8) {
            part.copy_from_slice(&self.dice.throw().to_ne_bytes());
        }
        // A number below the group's order, or nothing would be computed (RFC 8032 section 5.1.7).
        signature[63] = 0;
        format!("{}.{claims}.{}", self.header, base64url(&signature))
    }

    /// Of no form at all.
    fn malformed(&mut self) -> String {
        format!("junk-{:016x}", self.dice.throw())
    }
}

async fn refusal(auth: &MastraCloudAuth, token: &str) -> String {
    match auth.authenticate_token(token).await {
        Authentication::Rejected(error) => error.code().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// In no two pauses in a row are there more than three fetches.
fn fetched_seldom(calls: &Calls, pause: Duration) -> usize {
    let fetches = &calls[""];
    for four in fetches.windows(4) {
        assert!(four[3].begun - four[0].begun > pause * 2, "{four:?}");
    }
    fetches.len()
}

/// The parts of a run, and how long they take.
struct Run {
    policy: Policy,
    calm: Duration,
    flood: usize,
    a_second: usize,
}

async fn flooded(run: Run) {
    let cloud = cloud(Dialect::V1).await;
    let pause = run.policy.keys_pause;
    let (auth, recorder) = verifying(&cloud, run.policy.clone(), VerificationMode::Keys);
    let known: Vec<_> = (0..8).map(|at| sign_in(&cloud, at)).collect();
    let many = |count: usize| (0..count).map(|at| sign_in(&cloud, at)).collect::<Vec<_>>();
    for session in &known {
        served(&auth, session).await;
    }

    // Rotations, each as soon as one may be noticed: a user who signs in after it is served at once.
    let traffic = Traffic::of(&auth, &known, many(300));
    for round in 0..2 {
        tokio::time::sleep(pause + pause / 10).await;
        cloud.control().rotate_keys();
        served(&auth, &sign_in(&cloud, round)).await;
        served(&auth, &sign_in(&cloud, round + 1)).await;
    }
    traffic.end().await;
    let rotations = fetched_seldom(&recorder.calls(), pause);
    assert_eq!(rotations, 3, "one at first, and one for each rotation");

    let traffic = Traffic::of(&auth, &known, many(2_000));
    tokio::time::sleep(run.calm).await;
    let mut before = traffic.end().await;

    let traffic = Traffic::of(&auth, &known, many(4_000));
    let begun = Instant::now();
    let mut forger = Forger::new(&known[0].0);
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let (mut sent, mut away) = (0, 0_usize);
    while sent < run.flood {
        ticks.tick().await;
        for _ in 0..(run.a_second / 1_000).min(run.flood - sent) {
            let code = refusal(&auth, &forger.unknown_key()).await;
            away += usize::from(code != Code::TokenKeyUnknown.as_str());
            sent += 1;
            if sent % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    let took = begun.elapsed();
    let mut during = traffic.end().await;
    assert_eq!(away, 0, "each is refused for its key");
    let fetches = fetched_seldom(&recorder.calls(), pause);

    // Whom a key signed for that came while the flood used up the fetch is served after the pause.
    let begun = Instant::now();
    cloud.control().rotate_keys();
    let session = sign_in(&cloud, 0);
    while !matches!(
        auth.authenticate_token(&session.0).await,
        Authentication::Authenticated(_)
    ) {
        refusal(&auth, &forger.unknown_key()).await;
        assert!(begun.elapsed() < pause + Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let late = begun.elapsed();
    println!(
        "{sent} random key ids in {took:?}: {} fetches, pause {pause:?}",
        fetches - rotations
    );
    for (what, times) in [("before", &mut before), ("during", &mut during)] {
        println!(
            "  good requests {what}: known {} ({}), new {} ({})",
            spread(&mut times.known),
            times.known.len(),
            spread(&mut times.new),
            times.new.len()
        );
    }
    println!("  a key that is first used in a flood counts after {late:?}");
    // In this order: a fetch that comes in between counts as none too many.
    let any = cloud.requests("any");
    assert!(any <= cloud.requests("jwks"), "nothing else is asked");
}

/// Whatever the key server says in place of a set.
async fn nonsense(each: Duration) {
    let cloud = cloud(Dialect::V1).await;
    let mut policy = Policy::default();
    policy.keys_fresh = each / 10;
    policy.keys_pause = each / 10;
    policy.call_timeout = Duration::from_millis(500);
    let (auth, recorder) = verifying(&cloud, policy, VerificationMode::Keys);
    let known: Vec<_> = (0..4).map(|at| sign_in(&cloud, at)).collect();
    served(&auth, &known[0]).await;
    for kind in [
        FaultKind::HtmlOk,
        FaultKind::Html,
        FaultKind::Truncated,
        FaultKind::Cut,
        FaultKind::Empty,
        FaultKind::OkFalse,
        FaultKind::WrongTypes,
        FaultKind::Huge,
        FaultKind::Drop,
        FaultKind::Status { status: 404 },
        FaultKind::Status { status: 503 },
    ] {
        let before = fetches(&recorder);
        let fault = Fault::new(kind.clone()).on("jwks");
        cloud.control().set_fault(fault);
        // Keys are looked at for those who are not remembered: one with every request.
        let count = usize::try_from(each.as_millis()).unwrap() / 5;
        let new = (0..count).map(|at| sign_in(&cloud, at)).collect();
        let traffic = Traffic::of(&auth, &known, new);
        let begun = Instant::now();
        tokio::time::sleep(each).await;
        until("the keys were asked for again", async || {
            fetches(&recorder) >= before + 2
        })
        .await;
        let times = traffic.end().await;
        let tried = fetches(&recorder) - before;
        let most = begun.elapsed().as_millis() / (each / 10).as_millis() + 2;
        println!(
            "{kind:?}: {tried} fetches, {} requests served",
            times.known.len() + times.new.len()
        );
        assert!(
            u128::try_from(tried).unwrap() <= most,
            "{kind:?}: {tried} of {most}"
        );
        cloud.control().clear_faults();
    }
}

fn fetches(recorder: &Recorder) -> usize {
    recorder.calls()[""].len()
}

type Forge = fn(&mut Forger) -> String;

/// What a stranger's token costs, by its kind.
async fn costs(count: usize) {
    let cloud = cloud(Dialect::V1).await;
    let (auth, recorder) = verifying(&cloud, Policy::default(), VerificationMode::Keys);
    let good = sign_in(&cloud, 0);
    served(&auth, &good).await;
    let mut forger = Forger::new(&good.0);
    let kinds: [(&str, Forge, Code); 3] = [
        (
            "a key id that nobody has",
            Forger::unknown_key,
            Code::TokenKeyUnknown,
        ),
        (
            "a wrong signature",
            Forger::wrong_signature,
            Code::TokenSignatureInvalid,
        ),
        ("no form", Forger::malformed, Code::TokenMalformed),
    ];
    for (kind, forge, code) in kinds {
        let tokens: Vec<_> = (0..count).map(|_| forge(&mut forger)).collect();
        let begun = Instant::now();
        for token in &tokens {
            assert_eq!(refusal(&auth, token).await, code.as_str());
        }
        let each = begun.elapsed() / u32::try_from(count).unwrap();
        println!("a stranger's token with {kind}: {each:?}");
        served(&auth, &good).await;
        served(&auth, &sign_in(&cloud, 1)).await;
    }
    assert_eq!(fetches(&recorder), 1, "the keys, once");
    assert_eq!(cloud.requests("any"), 1, "and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_082_a_flood_of_key_ids_keeps_nobody_out() {
    let mut policy = Policy::default();
    policy.keys_pause = Duration::from_millis(600);
    flooded(Run {
        policy,
        calm: Duration::from_millis(500),
        flood: 6_000,
        a_second: 4_000,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_084_a_key_server_that_talks_nonsense_keeps_nobody_out() {
    nonsense(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn threat_102_a_strangers_token_costs_no_call() {
    costs(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask soak rotation"]
async fn soak_rotation() {
    costs(50_000).await;
    nonsense(Duration::from_secs(3)).await;
    flooded(Run {
        policy: Policy::default(),
        calm: Duration::from_secs(20),
        flood: 6_000_000,
        a_second: 100_000,
    })
    .await;
}
