//! A Cloud that is too slow, and how many requests a run makes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::exchange::client;
use super::super::plan;
use super::super::probe::Probe;
use super::super::sign_in::SignIn;
use super::super::verdict::Verdict;
use super::super::{judge, now};
use super::deviant::serve;
use super::{asked_of, local_cloud, look};
use crate::args::DialectName::{Pkce, Platform, V1};

#[tokio::test]
async fn a_run_gives_up_on_a_cloud_that_never_answers() {
    // The system accepts connections, and no program reads from them.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_millis(20));
    let asked = asked_of(&base_url, V1);
    let client = client.build().unwrap();
    let seen = plan::run(&asked, &client, SignIn::ByForm, now(), &mut |_| ()).await;
    assert_eq!(seen.requests, 4);
    assert_eq!(seen.exchanges.len(), 4);
    for judged in judge(&seen) {
        match judged.verdict {
            Verdict::Failed(why) => assert!(why.contains("no whole answer"), "{why}"),
            Verdict::NotTested(why) => assert!(!why.is_empty()),
            Verdict::Passed => panic!("{} passed", judged.rule.id),
        }
    }
    let told = judge(&seen).into_iter().filter(
        |judged| matches!(&judged.verdict, Verdict::NotTested(why) if why.contains("gave up")),
    );
    assert!(told.count() > 80);
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn every_request_is_counted_also_those_of_sign_ins() {
    for dialect in [V1, Pkce, Platform] {
        ASKED.store(0, Ordering::Relaxed);
        let (cloud, client) = (local_cloud(dialect).await, client(true).unwrap());
        let count = |asking: &mut super::deviant::Asking| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            // The login page's form goes to the page's address, and says nothing again.
            assert!(!asking.is("POST", "/auth/oss") || asking.query.is_empty());
        };
        let url = serve(cloud.url(), &client, count, |_, _, _| ()).await;
        let seen = look(&url, &client, dialect).await;
        assert!(seen.answer(Probe::Callback).is_ok(), "a sign-in succeeded");
        assert_eq!(seen.requests, ASKED.load(Ordering::Relaxed));
        assert!(seen.requests > seen.exchanges.len());
        cloud.stop().await;
    }
}
