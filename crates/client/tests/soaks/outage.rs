//! An outage drill: the Cloud stops, comes back slow and failing, stops again, and is back.
//!
//! Two instances serve four people all the while, one with the default times and one that trusts for as long as the outage
//! lasts; requests of unseen sessions come too. `cargo xtask soak outage` takes a quarter of an hour, or less where `AWAY` gives
//! the seconds of the outage; the usual tests cut the times. Requests reach the service without a socket, calls the Cloud over sockets.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::{self, PEOPLE, cloud_with, router, until};
use crate::load::{Recorder, Seen, get, quantile, recorded, spread};
use axum::Router;
use mastra_auth_cloud::{Dialect, MastraCloudAuth, Policy};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use tokio::task::JoinHandle;

/// How long each part lasts, and what is expected of it.
struct Drill {
    policy: Policy,
    away: Duration,
    slow: Duration,
    delay: Duration,
    /// Of each instance.
    sessions: usize,
    strangers: usize,
    /// Between two requests of one session, and of two sessions that were never seen.
    pause: Duration,
    stranger_pause: Duration,
    /// Where the breaker is open, this share of new sessions is answered within this time; `None` where no time is judged.
    answered: Option<(f64, Duration)>,
    back_within: Duration,
}

/// One request, and whose it was.
struct Entry {
    token: Arc<str>,
    seen: Seen,
    /// Whether the breaker was open before it, and whether the session had been verified ever.
    open: bool,
    stranger: bool,
}

/// One service, and all that it was asked.
struct Instance {
    auth: MastraCloudAuth,
    router: Router,
    recorder: Recorder,
    trusts_for: Duration,
    entries: Mutex<Vec<Entry>>,
    /// Sessions that were never seen here.
    strangers: Mutex<VecDeque<(Arc<str>, &'static str)>>,
}

impl Instance {
    fn new(cloud: &LocalCloud, policy: Policy, strangers: usize) -> Arc<Self> {
        let trusts_for = policy.fresh + policy.stale_if_error;
        let (auth, recorder) = recorded(cloud, policy);
        let strangers = (0..strangers).map(|at| sign_in(cloud, at)).collect();
        Arc::new(Self {
            router: router(&auth),
            auth,
            recorder,
            trusts_for,
            entries: Mutex::default(),
            strangers: Mutex::new(strangers),
        })
    }

    fn is_open(&self) -> bool {
        let text = self.auth.metrics().render().unwrap();
        text.lines().any(|line| {
            line.starts_with("mastra_auth_breaker_state")
                && line.ends_with(" 1")
                && line.contains("\"open\"")
        })
    }

    async fn ask(&self, token: Arc<str>, id: &str, stranger: bool) -> u16 {
        let open = stranger && self.is_open();
        let seen = get(&self.router, &token).await;
        let status = seen.status;
        assert!(status == 200 || status == 503, "{seen:?}");
        assert_eq!(seen.cookies, 0, "no cookie is cleared: {seen:?}");
        if status == 200 {
            assert_eq!(seen.body, id);
        }
        let entry = Entry {
            token,
            seen,
            open,
            stranger,
        };
        self.entries.lock().unwrap().push(entry);
        status
    }

    /// A session's requests, one after another.
    fn known(
        self: &Arc<Self>,
        (token, id): (Arc<str>, &'static str),
        pause: Duration,
    ) -> JoinHandle<()> {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                this.ask(Arc::clone(&token), id, false).await;
                tokio::time::sleep(pause).await;
            }
        })
    }

    /// Requests of sessions that were never seen, none waiting for another.
    fn unknown(self: &Arc<Self>, pause: Duration) -> JoinHandle<()> {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(pause);
            loop {
                ticks.tick().await;
                let Some((token, id)) = this.strangers.lock().unwrap().pop_front() else {
                    continue;
                };
                let this = Arc::clone(&this);
                tokio::spawn(async move {
                    if this.ask(Arc::clone(&token), id, true).await != 200 {
                        this.strangers.lock().unwrap().push_back((token, id));
                    }
                });
            }
        })
    }

    fn count(&self, is: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|entry| is(entry)).count()
    }

    fn times(&self, is: impl Fn(&Entry) -> bool) -> Vec<Duration> {
        let entries = self.entries.lock().unwrap();
        let of = entries.iter().filter(|entry| is(entry));
        of.map(|entry| entry.seen.took).collect()
    }

    /// How many requests came from sessions that were verified within the stale time, and how many of those were served.
    fn trusted(&self) -> (usize, usize) {
        let calls = self.recorder.calls();
        let is_trusted = |entry: &Entry| {
            let calls = calls.get(entry.token.as_ref());
            calls.into_iter().flatten().any(|call| {
                call.status == Some(200)
                    && call.ended < entry.seen.begun
                    && entry.seen.ended() < call.ended + self.trusts_for
            })
        };
        // Both numbers come from one look: a request may still be under way, and its entry come between two.
        let entries = self.entries.lock().unwrap();
        let trusted = entries.iter().filter(|entry| is_trusted(entry));
        trusted.fold((0, 0), |(trusted, served), entry| {
            (trusted + 1, served + usize::from(entry.seen.status == 200))
        })
    }

    /// How long after this moment the last request ended that was not served, and the last that was slow.
    fn normal_after(&self, back: Instant, until: Instant) -> Normal {
        let entries = self.entries.lock().unwrap();
        let last = |is_odd: fn(&Seen) -> bool| {
            let seen = entries.iter().map(|entry| &entry.seen);
            let odd = seen.filter(|seen| seen.ended() > back && seen.begun < until && is_odd(seen));
            odd.map(|seen| seen.ended() - back)
                .max()
                .unwrap_or_default()
        };
        Normal {
            served: last(|seen| seen.status != 200),
            quick: last(|seen| seen.took > Duration::from_secs(1)),
        }
    }
}

/// How long it took until every user was served again, without waiting.
#[derive(Debug)]
struct Normal {
    served: Duration,
    quick: Duration,
}

const HOURS: Duration = Duration::from_hours(4);

fn sign_in(cloud: &LocalCloud, at: usize) -> (Arc<str>, &'static str) {
    let (handle, id) = PEOPLE[at % PEOPLE.len()];
    (cloud.control().sign_in(handle, HOURS).unwrap().into(), id)
}

/// Waits until the last request of each known session was served.
async fn everybody_is_served(instances: &[Arc<Instance>]) {
    until("everybody is served again", async || {
        instances.iter().all(|one| {
            let entries = one.entries.lock().unwrap();
            let known = entries.iter().filter(|entry| !entry.stranger);
            let last: HashMap<_, _> = known
                .map(|entry| (&entry.token, entry.seen.status))
                .collect();
            last.values().all(|status| *status == 200)
        })
    })
    .await;
}

/// A Cloud that finds its sessions and keys again when it is started anew.
async fn started(port: u16, folder: &Path) -> LocalCloud {
    cloud_with(Dialect::V1, |options| {
        options.port = port;
        options.db = Some(folder.join("cloud.db"));
    })
    .await
}

/// Each answer is late, and each fifth is HTTP 500 or 503: the newest fault is used up first.
fn brown_out(cloud: &LocalCloud, delay: Duration) {
    let ms = u64::try_from(delay.as_millis()).unwrap();
    let control = cloud.control();
    control.set_fault(Fault::new(FaultKind::Delay { ms }));
    for round in 0..10_000 {
        let status = if round % 2 == 0 { 500 } else { 503 };
        control.set_fault(Fault::new(FaultKind::Status { status }).times(1));
        control.set_fault(Fault::new(FaultKind::Delay { ms }).times(4));
    }
}

async fn run(drill: Drill) {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("drill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cloud = started(0, &folder).await;
    let port = cloud.port();
    let mut patient = drill.policy.clone();
    patient.stale_if_error = drill.away + Duration::from_secs(60);
    let instances = [drill.policy.clone(), patient]
        .map(|policy| Instance::new(&cloud, policy, drill.strangers));
    let mut traffic = Vec::new();
    for instance in &instances {
        let sessions = (0..drill.sessions).map(|at| sign_in(&cloud, at));
        traffic.extend(sessions.map(|session| instance.known(session, drill.pause)));
    }
    until("everybody is known", async || {
        let known = |one: &Arc<Instance>| one.auth.statistics().identities == drill.sessions;
        instances.iter().all(known)
    })
    .await;
    traffic.extend(
        instances
            .iter()
            .map(|one| one.unknown(drill.stranger_pause)),
    );
    tokio::time::sleep(drill.policy.breaker_pause).await;

    let stopped = Instant::now();
    cloud.stop().await;
    tokio::time::sleep(drill.away).await;
    let slow = Instant::now();
    let cloud = started(port, &folder).await;
    brown_out(&cloud, drill.delay);
    tokio::time::sleep(drill.slow).await;
    let cleared = Instant::now();
    cloud.control().clear_faults();
    let settle = drill.back_within + drill.policy.breaker_pause;
    tokio::time::sleep(settle).await;
    everybody_is_served(&instances).await;
    let stopped_again = Instant::now();
    cloud.stop().await;
    tokio::time::sleep(drill.policy.breaker_pause * 3).await;
    let cloud = started(port, &folder).await;
    let back = Instant::now();
    tokio::time::sleep(settle).await;
    everybody_is_served(&instances).await;
    for task in &traffic {
        task.abort();
    }
    let end = Instant::now();

    for (name, instance) in ["default times", "trusts for the whole outage"]
        .into_iter()
        .zip(&instances)
    {
        let during = |from: Instant, to: Instant| {
            move |entry: &Entry| entry.seen.begun >= from && entry.seen.begun < to
        };
        let (trusted, served) = instance.trusted();
        let unknown = |entry: &Entry| entry.stranger;
        let mut calm = instance
            .times(|entry| unknown(entry) && during(back, end)(entry) && entry.seen.status == 200);
        let mut open =
            instance.times(|entry| unknown(entry) && entry.open && entry.seen.status == 503);
        let slow_calls = instance.recorder.calls();
        let slow_calls = slow_calls
            .values()
            .flatten()
            .filter(|call| call.begun >= slow && call.ended < cleared);
        let (mut failed, mut all) = (0, 0);
        for call in slow_calls {
            all += 1;
            failed += usize::from(call.status.is_none_or(|status| status >= 500));
        }
        let after_slow = instance.normal_after(cleared, stopped_again);
        let after_stop = instance.normal_after(back, end);
        println!("{name}:");
        println!(
            "  {} requests, {served} of {trusted} served within the stale time",
            instance.count(|_| true)
        );
        for (part, from, to) in [("away", stopped, slow), ("slow", slow, cleared)] {
            let known = |entry: &Entry| !entry.stranger && during(from, to)(entry);
            println!(
                "  {part} for {:?}: {} of {} requests of known sessions served",
                to - from,
                instance.count(|entry| known(entry) && entry.seen.status == 200),
                instance.count(known),
            );
        }
        println!("  slow: {all} calls, {failed} failed");
        println!(
            "  new sessions while the breaker is open: {} answers 503, {}",
            open.len(),
            spread(&mut open)
        );
        println!("  new sessions when all is well: {}", spread(&mut calm));
        println!(
            "  back after the slow time: {after_slow:?}; after the second stop: {after_stop:?}"
        );
        assert!(trusted > 0 && served == trusted, "{served} of {trusted}");
        assert!(!open.is_empty());
        if let Some((share, most)) = drill.answered {
            assert!(quantile(&mut open, share) <= most, "{}", spread(&mut open));
            for normal in [after_slow, after_stop] {
                assert!(
                    normal.served.max(normal.quick) <= drill.back_within,
                    "{normal:?}"
                );
            }
        }
    }
    let patient = &instances[1];
    assert_eq!(
        patient.count(|entry| !entry.stranger && entry.seen.status != 200),
        0,
        "whoever trusts long enough serves everybody"
    );
    drop(cloud);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_076_an_outage_drill_signs_nobody_out() {
    run(brisk()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: cargo xtask soak outage"]
async fn soak_outage() {
    run(whole()).await;
}

fn whole() -> Drill {
    let away = std::env::var("AWAY").ok();
    Drill {
        policy: Policy::default(),
        away: Duration::from_secs(away.map_or(600, |seconds| seconds.parse().unwrap())),
        slow: Duration::from_mins(1),
        delay: Duration::from_secs(2),
        sessions: 40,
        strangers: 4_500,
        pause: Duration::from_millis(250),
        stranger_pause: Duration::from_millis(20),
        answered: Some((0.99, Duration::from_millis(5))),
        back_within: Duration::from_secs(6),
    }
}

fn brisk() -> Drill {
    let mut policy = common::brisk();
    policy.breaker_pause = Duration::from_millis(500);
    Drill {
        policy,
        away: Duration::from_millis(2_500),
        slow: Duration::from_millis(1_500),
        delay: Duration::from_millis(300),
        sessions: 8,
        strangers: 250,
        pause: Duration::from_millis(50),
        stranger_pause: Duration::from_millis(20),
        // Other tests run beside this one, and other programs too: how fast it goes is judged by the long form.
        answered: None,
        back_within: Duration::from_secs(3),
    }
}
