//! A channel of one's own: two methods, and what the tasks do when it fails, loses entries, or delivers unreadable ones.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{almost_in, cloud, finish, patient, until};
use crate::ear::Ear;
use mastra_auth_cloud::revocation::{
    ChannelError, ChannelFuture, ChannelMessage, ChannelState, ChannelUpdate, RevocationChannel,
};
use mastra_auth_cloud::{
    Authentication, Code, Dialect, MastraCloudAuth, Policy, SessionToken, SignOut, UserId,
};
use mastra_auth_local_cloud::LocalCloud;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const HOUR: Duration = Duration::from_hours(1);

/// What all instances reach: it keeps texts, and tells those who listen.
#[derive(Default)]
struct Board {
    kept: Mutex<BTreeSet<String>>,
    listening: Mutex<Vec<UnboundedSender<String>>>,
    is_down: AtomicBool,
}

impl Board {
    fn keep(&self, text: &str) {
        self.kept.lock().unwrap().insert(text.to_owned());
    }

    fn tell(&self, text: &str) {
        let mut listening = self.listening.lock().unwrap();
        listening.retain(|one| one.send(text.to_owned()).is_ok());
    }

    /// Disconnects every instance, and loses all entries.
    fn fall(&self) {
        self.is_down.store(true, Ordering::SeqCst);
        self.kept.lock().unwrap().clear();
        self.listening.lock().unwrap().clear();
    }

    fn rise(&self) {
        self.is_down.store(false, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), ChannelError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(ChannelError::new("the board is down"));
        }
        Ok(())
    }
}

/// One instance's way to it.
struct Way {
    board: Arc<Board>,
    news: tokio::sync::Mutex<Option<UnboundedReceiver<String>>>,
}

impl RevocationChannel for Way {
    fn publish<'a>(&'a self, _: &'a str, messages: &'a [ChannelMessage]) -> ChannelFuture<'a, ()> {
        Box::pin(async move {
            self.board.check()?;
            for message in messages {
                if message.is_kept() {
                    self.board.keep(message.text());
                }
                self.board.tell(message.text());
            }
            Ok(())
        })
    }

    fn receive<'a>(&'a self, _: &'a str, _: usize) -> ChannelFuture<'a, ChannelUpdate> {
        Box::pin(async {
            let mut news = self.news.lock().await;
            if let Some(joined) = news.as_mut() {
                let Some(text) = joined.recv().await else {
                    *news = None;
                    return Err(ChannelError::new("the board hung up"));
                };
                return Ok(ChannelUpdate::Published(vec![text]));
            }
            self.board.check()?;
            let (tell, told) = unbounded_channel();
            self.board.listening.lock().unwrap().push(tell);
            *news = Some(told);
            let texts = self.board.kept.lock().unwrap().iter().cloned().collect();
            Ok(ChannelUpdate::SnapshotEnd { texts, left_out: 0 })
        })
    }
}

fn instance(cloud: &LocalCloud, board: &Arc<Board>) -> MastraCloudAuth {
    instance_of(cloud, board, patient())
}

fn instance_of(cloud: &LocalCloud, board: &Arc<Board>, policy: Policy) -> MastraCloudAuth {
    MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .policy(policy)
        .fresh_for(HOUR)
        .revocations(Way {
            board: Arc::clone(board),
            news: tokio::sync::Mutex::default(),
        })
        .build()
        .unwrap()
}

fn sign_in(cloud: &LocalCloud, person: &str) -> SessionToken {
    SessionToken::parse(&cloud.control().sign_in(person, HOUR).unwrap()).unwrap()
}

async fn is_in(auth: &MastraCloudAuth, token: &SessionToken) -> bool {
    match auth.authenticate_token(token.expose()).await {
        Authentication::Authenticated(_) => true,
        Authentication::Rejected(error) => {
            assert_eq!(error.code(), Code::SignedOut.as_str());
            false
        }
        other => panic!("{other:?}"),
    }
}

async fn connected(auth: &MastraCloudAuth, is_so: bool) {
    until("the link is as expected", || async {
        auth.revocation_status().unwrap().is_connected() == is_so
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_031_what_ends_on_one_instance_ends_on_the_other_and_nothing_else_does() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let (here, there) = (instance(&cloud, &board), instance(&cloud, &board));
    let (mine, other) = (sign_in(&cloud, "member"), sign_in(&cloud, "viewer"));
    for one in [&here, &there] {
        connected(one, true).await;
        assert!(is_in(one, &mine).await && is_in(one, &other).await);
    }
    assert_eq!(here.sign_out(&mine).await, SignOut::Ended);
    assert!(!is_in(&here, &mine).await);
    until("it is over there", || async { !is_in(&there, &mine).await }).await;
    until("both have counted it", || async {
        let [told, heard] = [&here, &there].map(|one| one.revocation_status().unwrap());
        (told.pending, told.sent, heard.received) == (0, 2, 2)
    })
    .await;
    assert!(is_in(&here, &other).await && is_in(&there, &other).await);
    let (told, heard) = (
        here.revocation_status().unwrap(),
        there.revocation_status().unwrap(),
    );
    assert_eq!((told.sent, told.received, told.pending), (2, 0, 0));
    assert_eq!((heard.sent, heard.received), (0, 2));
    assert!(heard.lag.unwrap() < Duration::from_mins(1), "{heard:?}");
    #[cfg(feature = "metrics")]
    for (one, pending) in [(&here, 0), (&there, 0)] {
        let text = one.metrics().render().unwrap();
        assert!(
            text.contains("mastra_auth_revocation_connected 1\n"),
            "{text}"
        );
        assert!(text.contains(&format!("mastra_auth_revocation_pending {pending}\n")));
    }
    #[cfg(feature = "metrics")]
    assert!(
        there
            .metrics()
            .render()
            .unwrap()
            .contains("mastra_auth_revocation_lag_seconds ")
    );
    let kept = board.kept.lock().unwrap();
    assert!(kept.iter().all(|text| !text.contains(mine.expose())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_031_a_channel_that_falls_and_forgets_loses_nothing() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let (here, there) = (instance(&cloud, &board), instance(&cloud, &board));
    let tokens = [(); 4].map(|()| sign_in(&cloud, "member"));
    for one in [&here, &there] {
        connected(one, true).await;
        for token in &tokens {
            assert!(is_in(one, token).await);
        }
    }
    assert_eq!(here.sign_out(&tokens[0]).await, SignOut::Ended);
    board.fall();
    connected(&here, false).await;
    assert_eq!(here.sign_out(&tokens[1]).await, SignOut::Ended);
    assert_eq!(there.sign_out(&tokens[2]).await, SignOut::Ended);
    let status = here.revocation_status().unwrap();
    assert!(
        matches!(status.state, ChannelState::Disconnected { .. }),
        "{status:?}"
    );
    assert!(status.pending >= 2 && status.lost >= 1, "{status:?}");
    board.rise();
    until("all of it is kept again", || async {
        board.kept.lock().unwrap().len() >= 6
    })
    .await;
    // One that comes later learns of it from the channel, and not by asking the Cloud.
    let late = instance(&cloud, &board);
    connected(&late, true).await;
    for token in &tokens[..3] {
        for one in [&here, &there, &late] {
            until("it is over", || async { !is_in(one, token).await }).await;
        }
    }
    for one in [&here, &there, &late] {
        connected(one, true).await;
        assert!(is_in(one, &tokens[3]).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_098_what_cannot_be_read_is_counted_and_ends_nothing() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board);
    let token = sign_in(&cloud, "member");
    connected(&here, true).await;
    assert!(is_in(&here, &token).await);
    let long = "x".repeat(100_000);
    for text in ["", "2 of the future", "1 realm user 0 9 usr_mei", &long] {
        board.tell(text);
    }
    until("all are counted", || async {
        here.revocation_status().unwrap().unreadable == 4
    })
    .await;
    assert!(is_in(&here, &token).await);
    here.end_user(&UserId::parse("usr_mei").unwrap());
    assert!(!is_in(&here, &token).await, "and it goes on");
}

#[tokio::test]
async fn threat_080_a_flood_of_what_cannot_be_read_does_not_fill_the_log() {
    let (ear, _listens) = Ear::listen();
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board);
    connected(&here, true).await;
    for n in 0..100 {
        board.tell(&format!("2 of the future {n}"));
    }
    until("all are counted", || async {
        here.revocation_status().unwrap().unreadable == 100
    })
    .await;
    let told = ear.take();
    let told = told
        .iter()
        .filter(|one| one.is("revocations_unreadable", &[]));
    assert_eq!(told.count(), 1);
}

/// Takes what is told, and is never joined: its first try ends when the test says so.
#[derive(Clone, Default)]
struct OneWay(Arc<Tries>);

#[derive(Default)]
struct Tries {
    first_try_ends: tokio::sync::Notify,
    count: AtomicUsize,
}

impl RevocationChannel for OneWay {
    fn publish<'a>(&'a self, _: &'a str, _: &'a [ChannelMessage]) -> ChannelFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn receive<'a>(&'a self, _: &'a str, _: usize) -> ChannelFuture<'a, ChannelUpdate> {
        Box::pin(async {
            if self.0.count.fetch_add(1, Ordering::SeqCst) == 0 {
                self.0.first_try_ends.notified().await;
            }
            Err(ChannelError::new("never joined"))
        })
    }
}

#[tokio::test]
async fn a_channel_that_is_not_joined_at_the_start_is_told_once_also_where_it_takes_news() {
    let (ear, _listens) = Ear::listen();
    let (cloud, way) = (cloud(Dialect::V1).await, OneWay::default());
    let here = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .revocations(way.clone())
        .build()
        .unwrap();
    here.end_user(&UserId::parse("usr_mei").unwrap());
    until("it was sent", || async {
        here.revocation_status().unwrap().sent == 1
    })
    .await;
    way.0.first_try_ends.notify_one();
    until("it was tried again", || async {
        way.0.count.load(Ordering::SeqCst) >= 4
    })
    .await;
    let told = ear.take();
    let lost = told
        .iter()
        .filter(|one| one.is("revocations_disconnected", &[]));
    assert_eq!(lost.count(), 1);
    let status = here.revocation_status().unwrap();
    assert!(!status.is_connected() && status.lost == 0, "{status:?}");
}

#[test]
fn a_channel_needs_a_runtime_and_says_so() {
    let error = MastraCloudAuth::builder()
        .project_id("demo")
        .revocations(Way {
            board: Arc::default(),
            news: tokio::sync::Mutex::default(),
        })
        .build()
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfiguration.as_str());
    assert!(error.message().starts_with("revocations: "));
}

#[tokio::test]
async fn the_tasks_end_with_the_deployment() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board);
    connected(&here, true).await;
    assert_eq!(Arc::strong_count(&board), 2);
    drop(here);
    until("nobody holds the channel", || async {
        Arc::strong_count(&board) == 1
    })
    .await;
}

/// What the board keeps and what is known here once nothing waits any more.
async fn told(board: &Board, here: &MastraCloudAuth) -> (usize, usize) {
    until("nothing waits", || async {
        here.revocation_status().unwrap().pending == 0
    })
    .await;
    (
        board.kept.lock().unwrap().len(),
        here.statistics().deny_list,
    )
}

fn end_many(here: &MastraCloudAuth, count: usize) {
    for n in 0..count {
        here.end_user(&UserId::parse(&format!("usr_{n}")).unwrap());
    }
}

#[tokio::test]
async fn threat_031_a_burst_of_more_than_can_wait_is_told_whole() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board);
    connected(&here, true).await;
    // Nothing is awaited meanwhile, so no task can receive any of it.
    end_many(&here, 10_500);
    let status = here.revocation_status().unwrap();
    assert_eq!((status.pending, status.lost), (10_500, 0));
    assert!(status.is_connected(), "and it never joins again");
    assert_eq!(told(&board, &here).await, (10_500, 10_500));
    assert_eq!(here.revocation_status().unwrap().sent, 20_500, "once more");
}

#[tokio::test]
async fn threat_031_more_than_can_wait_while_nothing_is_taken_is_told_whole() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board);
    connected(&here, true).await;
    // The connections stay open: messages arrive, and publishing fails.
    board.is_down.store(true, Ordering::SeqCst);
    here.end_user(&UserId::parse("usr_first").unwrap());
    connected(&here, false).await;
    end_many(&here, 10_500);
    assert!(here.revocation_status().unwrap().pending >= 10_500);
    board.rise();
    assert_eq!(told(&board, &here).await, (10_501, 10_501));
    connected(&here, true).await;
}

#[tokio::test]
async fn threat_031_what_is_over_holds_up_nothing_that_waits_behind_it() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let mut policy = patient();
    policy.session_max_age = Duration::from_secs(2);
    let here = instance_of(&cloud, &board, policy);
    connected(&here, true).await;
    board.is_down.store(true, Ordering::SeqCst);
    // Several batches, and all of them over when they could be told.
    end_many(&here, 1000);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    here.end_user(&UserId::parse("usr_last").unwrap());
    board.rise();
    assert_eq!(told(&board, &here).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_that_was_used_on_one_instance_is_used_on_the_others() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let (here, there) = (instance(&cloud, &board), instance(&cloud, &board));
    connected(&here, true).await;
    connected(&there, true).await;
    let [code, state, cookie] = almost_in(&here, &cloud).await;
    // A code that cannot be one is told later than a callback that was used, and spends nothing.
    assert_eq!(finish(&there, "", &state, &cookie).await, "code_malformed");
    assert_eq!(finish(&here, &code, &state, &cookie).await, "-");
    until("the other knows", || async {
        finish(&there, "", &state, &cookie).await == "callback_replayed"
    })
    .await;
    assert_eq!(
        finish(&there, &code, &state, &cookie).await,
        "callback_replayed"
    );
    assert_eq!(cloud.requests("exchange"), 1);
    for one in [&here, &there] {
        let status = one.revocation_status().unwrap();
        assert_eq!((status.sent, status.received, status.unreadable), (0, 0, 0));
        assert_eq!(status.pending, 0);
    }
    assert!(board.kept.lock().unwrap().is_empty(), "and it is not kept");
}
