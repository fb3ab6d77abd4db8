//! Sealed sessions that the platform replaces, on three instances over a real Redis and on two without one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use mastra_auth_cloud::revocation::RedisRevocations;
use mastra_auth_cloud::transport::{
    BaseUrl, Request, ReqwestTransport, Transport, TransportFuture,
};
use mastra_auth_cloud::{Authentication, Dialect, Identity, MastraCloudAuth, Policy};
use mastra_auth_local_cloud::LocalCloud;

use crate::common::{App, Browser, Page, cloud_with, headers, patient, router, until};
use crate::redis_server::{RedisServer, connection};

/// Longer than a sealed session is good for.
const LATER: Duration = Duration::from_mins(6);

async fn platform() -> LocalCloud {
    cloud_with(Dialect::V1, |options| {
        options.dialect = mastra_auth_local_cloud::Dialect::Platform;
    })
    .await
}

/// How many calls of all instances the platform refused.
type Refusals = Arc<AtomicUsize>;

struct Counted(ReqwestTransport, Refusals);

impl Transport for Counted {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        Box::pin(async move {
            let delivery = self.0.send(request).await;
            let is_refused = delivery.as_ref().is_ok_and(|it| it.status() == 401);
            self.1.fetch_add(usize::from(is_refused), Ordering::SeqCst);
            delivery
        })
    }
}

/// How many sessions the platform replaced, and how many calls it refused.
async fn counts(cloud: &LocalCloud, refusals: &Refusals) -> (u64, usize) {
    let requests = format!("{}/admin/api/requests", cloud.url());
    let page = Browser::default().fetch(&requests).await;
    let rotations = page.json()["counts"]["rotation"].as_u64();
    (rotations.unwrap_or(0), refusals.load(Ordering::SeqCst))
}

/// One of several instances behind one address. Nothing that it verified counts for longer than the answer.
async fn instance(cloud: &LocalCloud, redis: Option<&RedisServer>, refusals: &Refusals) -> App {
    let mut policy = Policy::of(Dialect::Platform);
    policy.call_timeout = patient().call_timeout;
    policy.fresh = Duration::ZERO;
    instance_with(policy, cloud, redis, refusals).await
}

async fn instance_with(
    policy: Policy,
    cloud: &LocalCloud,
    redis: Option<&RedisServer>,
    refusals: &Refusals,
) -> App {
    let app = App::built(
        |_| {
            let base = BaseUrl::parse(cloud.url()).unwrap();
            let options = MastraCloudAuth::builder()
                .dialect(Dialect::Platform)
                .base_url(cloud.url())
                .public_url("http://localhost:4111")
                .policy(policy)
                .transport(Counted(
                    ReqwestTransport::new(&base).unwrap(),
                    Arc::clone(refusals),
                ));
            match redis {
                None => options,
                Some(redis) => options.revocations(RedisRevocations::new(&redis.url()).unwrap()),
            }
        },
        router,
    )
    .await;
    if redis.is_some() {
        until("it is connected", || async {
            app.auth.revocation_status().unwrap().is_connected()
        })
        .await;
    }
    app
}

async fn three(cloud: &LocalCloud, redis: &RedisServer, refusals: &Refusals) -> [App; 3] {
    [
        instance(cloud, Some(redis), refusals).await,
        instance(cloud, Some(redis), refusals).await,
        instance(cloud, Some(redis), refusals).await,
    ]
}

fn sign_in(cloud: &LocalCloud) -> String {
    let signed_in = cloud.control().sign_in_as("member").unwrap();
    signed_in.sealed_session.unwrap()
}

/// A request with this session.
async fn request(app: &App, session: &str) -> Page {
    ask(Browser::default(), app, session).await
}

async fn ask(mut browser: Browser, app: &App, session: &str) -> Page {
    browser
        .jar
        .insert(app.auth.cookie_name().to_owned(), session.to_owned());
    browser.fetch(&app.at("/agents")).await
}

/// The session that an answer sets, where it is for the same user.
fn newer(page: &Page) -> Option<String> {
    assert_eq!(
        (page.status.as_u16(), page.body.as_str()),
        (200, "usr_mei"),
        "{page:?}"
    );
    let set = page
        .cookies()
        .into_iter()
        .find(|it| it.contains("wos-session"))?;
    let (_, value) = set.split_once('=').unwrap();
    Some(value.split(';').next().unwrap().to_owned())
}

/// Requests at once, in turn over the instances, and the sessions that their answers set.
async fn at_once(all: &[App], count: usize, session: &str) -> Vec<Option<String>> {
    let browser = Browser::default();
    let requests = (0..count).map(|turn| ask(browser.clone(), &all[turn % all.len()], session));
    join_all(requests).await.iter().map(newer).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_033_two_hundred_requests_on_three_instances_rotate_a_session_once() {
    for is_known in [false, true] {
        let (redis, cloud, refusals) =
            (RedisServer::start(), platform().await, Refusals::default());
        let all = three(&cloud, &redis, &refusals).await;
        let session = sign_in(&cloud);
        if is_known {
            assert_eq!(at_once(&all, 3, &session).await, [None, None, None]);
        }
        cloud.control().advance(LATER);
        let set = at_once(&all, 200, &session).await;
        assert_eq!(
            counts(&cloud, &refusals).await,
            (1, 0),
            "rotations and refusals"
        );
        let newest = set[0].clone().unwrap();
        assert_ne!(newest, session);
        assert!(set.iter().all(|one| one.as_deref() == Some(&*newest)));
        // The answer is lost on its way: the browser brings the old one to each instance, also after the next rotation.
        assert_eq!(
            at_once(&all, 6, &session).await,
            vec![Some(newest.clone()); 6]
        );
        assert_eq!(counts(&cloud, &refusals).await, (1, 0));
        cloud.control().advance(LATER);
        let next = at_once(&all[..1], 1, &newest).await[0].clone().unwrap();
        assert_eq!(
            at_once(&all, 6, &session).await,
            vec![Some(next.clone()); 6]
        );
        assert_eq!(at_once(&all, 6, &newest).await, vec![Some(next.clone()); 6]);
        assert_eq!(counts(&cloud, &refusals).await, (2, 0));
        assert_eq!(at_once(&all, 3, &next).await, [None, None, None]);
    }
}

/// Who brings this session, where no answer can set a cookie.
async fn identity(app: &App, session: &str) -> Identity {
    let cookie = format!("{}={session}", app.auth.cookie_name());
    let answer = app
        .auth
        .authenticate(&headers(&[("cookie", &cookie)]))
        .await;
    let Authentication::Authenticated(identity) = answer else {
        panic!("{answer:?}")
    };
    Arc::unwrap_or_clone(identity)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn a_session_that_no_answer_could_set_is_good_on_an_instance_that_never_saw_it() {
    let (redis, cloud, refusals) = (RedisServer::start(), platform().await, Refusals::default());
    let mut policy = Policy::of(Dialect::Platform);
    policy.call_timeout = patient().call_timeout;
    policy.fresh = Duration::ZERO;
    // What is kept for the grace alone is gone at once.
    policy.renewed_grace = Duration::ZERO;
    let instance = || instance_with(policy.clone(), &cloud, Some(&redis), &refusals);
    let (one, two) = (instance().await, instance().await);
    let session = sign_in(&cloud);
    for rotations in 1..=3 {
        cloud.control().advance(LATER);
        // A request may share the answer to the one before it.
        until("it rotates", || async {
            let user = identity(&one, &session).await.user().id().clone();
            assert_eq!(user.as_str(), "usr_mei");
            counts(&cloud, &refusals).await == (rotations, 0)
        })
        .await;
    }
    let newest = newer(&request(&two, &session).await).unwrap();
    assert_eq!(counts(&cloud, &refusals).await, (3, 0));
    assert_eq!(newer(&request(&one, &newest).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn a_session_that_is_ended_by_its_id_ends_where_it_was_brought_after_a_rotation() {
    let (redis, cloud, refusals) = (RedisServer::start(), platform().await, Refusals::default());
    let [one, two, _] = three(&cloud, &redis, &refusals).await;
    let session = sign_in(&cloud);
    assert_eq!(newer(&request(&one, &session).await), None);
    cloud.control().advance(LATER);
    let newest = newer(&request(&one, &session).await).unwrap();
    assert_eq!(newer(&request(&two, &newest).await), None);
    let id = identity(&one, &newest).await.session_id().unwrap().clone();
    assert_ne!(identity(&two, &newest).await.session_id(), Some(&id));
    one.auth.end_session(&id);
    until("the other instance refuses it", || async {
        request(&two, &newest).await.status == 401
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_114_redis_never_sees_a_session() {
    let (redis, cloud, refusals) = (RedisServer::start(), platform().await, Refusals::default());
    let mut watch = TcpStream::connect(redis.address()).unwrap();
    watch.write_all(b"MONITOR\r\n").unwrap();
    let mut lines = BufReader::new(watch.try_clone().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "+OK");
    let log = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&log);
    let watching = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            written.lock().unwrap().push_str(&line);
            if line.contains("the end") {
                return;
            }
        }
    });
    let all = three(&cloud, &redis, &refusals).await;
    let mut sessions = vec![sign_in(&cloud)];
    for _ in 0..3 {
        cloud.control().advance(LATER);
        let set = at_once(&all, 6, sessions.last().unwrap()).await;
        sessions.push(set[0].clone().unwrap());
    }
    let mut own = connection(&redis.url()).await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("mastra-auth:sessions:*")
        .query_async(&mut own)
        .await
        .unwrap();
    let newer = keys.iter().filter(|key| key.ends_with(":newer")).count();
    assert_eq!(newer, 3, "{keys:?}");
    let () = redis::cmd("ECHO")
        .arg("the end")
        .query_async(&mut own)
        .await
        .unwrap();
    watching.join().unwrap();
    let log = log.lock().unwrap();
    assert!(log.contains("\"NX\"") && log.contains(":newer"), "{log}");
    for session in &sessions {
        assert!(!log.contains(&**session), "a session stands in Redis");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn threat_034_a_redis_that_is_killed_in_the_middle_ends_no_session() {
    let (mut redis, cloud, refusals) =
        (RedisServer::start(), platform().await, Refusals::default());
    let all = three(&cloud, &redis, &refusals).await;
    let session = sign_in(&cloud);
    assert_eq!(at_once(&all, 3, &session).await, [None, None, None]);
    redis.kill();
    cloud.control().advance(LATER);
    let newest = newer(&request(&all[0], &session).await).unwrap();
    // The others verified the old one: the grace lets them answer, and they have nothing newer to set.
    assert_eq!(at_once(&all[1..], 2, &session).await, [None, None]);
    assert_eq!(
        at_once(&all[..1], 1, &session).await,
        [Some(newest.clone())]
    );
    assert_eq!(at_once(&all, 6, &newest).await, vec![None; 6]);
    assert_eq!(counts(&cloud, &refusals).await.0, 1);
    redis.start_again();
    for one in &all {
        until("it is connected again", || async {
            one.auth.revocation_status().unwrap().is_connected()
        })
        .await;
    }
    cloud.control().advance(LATER);
    let refused = refusals.load(Ordering::SeqCst);
    let set = at_once(&all, 30, &newest).await;
    assert!(
        set[0].is_some() && set.iter().all(|one| *one == set[0]),
        "{set:?}"
    );
    assert_eq!(counts(&cloud, &refusals).await, (2, refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn without_redis_a_session_that_another_instance_rotated_has_a_grace() {
    let (cloud, refusals) = (platform().await, Refusals::default());
    let [one, two] = [(); 2].map(|()| instance(&cloud, None, &refusals));
    let (one, two) = (one.await, two.await);
    let session = sign_in(&cloud);
    assert_eq!(newer(&request(&two, &session).await), None);
    cloud.control().advance(LATER);
    let newest = newer(&request(&one, &session).await).unwrap();
    for _ in 0..3 {
        assert_eq!(newer(&request(&two, &session).await), None);
        assert_eq!(
            newer(&request(&one, &session).await).as_ref(),
            Some(&newest)
        );
    }
    assert_eq!(newer(&request(&two, &newest).await), None);
    assert_eq!(counts(&cloud, &refusals).await.0, 1);
}
