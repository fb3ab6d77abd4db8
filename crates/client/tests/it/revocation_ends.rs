//! The end of a channel: left with the deployment, left on purpose, or its tasks gone with their runtime or in a panic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{cloud, until};
use futures_util::FutureExt as _;
use mastra_auth_cloud::revocation::{
    ChannelFuture, ChannelMessage, ChannelUpdate, RevocationChannel,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, UserId};
use mastra_auth_local_cloud::LocalCloud;

/// A channel without other instances that keeps what is published, a while later.
#[derive(Default)]
struct Board {
    kept: Mutex<Vec<String>>,
    was_joined: AtomicBool,
    is_broken: AtomicBool,
}

/// One instance's way to it.
struct Way(Arc<Board>);

impl RevocationChannel for Way {
    fn publish<'a>(&'a self, _: &'a str, messages: &'a [ChannelMessage]) -> ChannelFuture<'a, ()> {
        Box::pin(async move {
            assert!(!self.0.is_broken.load(Ordering::SeqCst), "hunter2");
            tokio::time::sleep(Duration::from_millis(50)).await;
            let texts = messages.iter().map(|message| message.text().to_owned());
            self.0.kept.lock().unwrap().extend(texts);
            Ok(())
        })
    }

    fn receive<'a>(&'a self, _: &'a str, _: usize) -> ChannelFuture<'a, ChannelUpdate> {
        Box::pin(async {
            if self.0.was_joined.swap(true, Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            Ok(ChannelUpdate::SnapshotEnd {
                texts: Vec::new(),
                left_out: 0,
            })
        })
    }
}

async fn instance(cloud: &LocalCloud, board: &Arc<Board>) -> MastraCloudAuth {
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .revocations(Way(Arc::clone(board)))
        .build()
        .unwrap();
    is_connected(&auth, true).await;
    auth
}

async fn is_connected(auth: &MastraCloudAuth, is_so: bool) {
    until("the link is as expected", || async {
        auth.revocation_status().unwrap().is_connected() == is_so
    })
    .await;
}

fn mei() -> UserId {
    UserId::parse("usr_mei").unwrap()
}

#[tokio::test]
async fn what_ended_in_the_last_moment_is_told_before_the_channel_is_left() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board).await;
    here.end_user(&mei());
    here.close().await;
    assert_eq!(board.kept.lock().unwrap().len(), 1);
    let status = here.revocation_status().unwrap();
    assert!(!status.is_connected(), "{status:?}");
    assert_eq!(
        (status.pending, status.lost),
        (0, 0),
        "to leave it is not to lose it"
    );
    // A revocation after the end does not wait, and neither does closing a second time.
    here.end_user(&UserId::parse("usr_omar").unwrap());
    assert!(here.close().now_or_never().is_some());
    assert_eq!(here.revocation_status().unwrap().pending, 1);
}

#[tokio::test]
async fn the_tasks_end_with_the_deployment_whoever_shows_its_figures() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board).await;
    #[cfg(feature = "metrics")]
    let metrics = here.metrics();
    drop(here);
    until("nobody holds the channel", || async {
        Arc::strong_count(&board) == 1
    })
    .await;
    #[cfg(feature = "metrics")]
    assert!(!metrics.render().unwrap().contains("revocation_connected 1"));
}

#[test]
fn a_channel_whose_runtime_ended_is_not_there() {
    let [first, second] = [(); 2].map(|()| tokio::runtime::Runtime::new().unwrap());
    let board = Arc::new(Board::default());
    let cloud = second.block_on(cloud(Dialect::V1));
    let here = first.block_on(instance(&cloud, &board));
    first.shutdown_timeout(Duration::from_secs(1));
    second.block_on(is_connected(&here, false));
    here.end_user(&mei());
    assert_eq!(here.revocation_status().unwrap().pending, 1);
}

#[tokio::test]
async fn a_channel_that_panics_is_away_and_asked_again() {
    let (cloud, board) = (cloud(Dialect::V1).await, Arc::new(Board::default()));
    let here = instance(&cloud, &board).await;
    board.is_broken.store(true, Ordering::SeqCst);
    here.end_user(&mei());
    is_connected(&here, false).await;
    board.is_broken.store(false, Ordering::SeqCst);
    is_connected(&here, true).await;
    assert_eq!(board.kept.lock().unwrap().len(), 1);
}
