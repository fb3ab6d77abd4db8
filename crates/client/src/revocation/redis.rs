//! Revocations over Redis: a sorted set that stores them by expiry, and a channel of the same name that publishes them.
//!
//! Every operation has a time-out: a connection a second, a command a second. The subscriber pings Redis every second, so
//! that it notices a connection that died silently. Needs Redis 5 or later, or a server with the same protocol.

mod snapshot;
mod subscription;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use mastra_auth_cloud_core::error::CloudApiError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Mutex;

use self::snapshot::{Found, Snapshot};
use self::subscription::Subscription;
use super::channel::{
    ChannelError, ChannelFuture, ChannelMessage, ChannelUpdate, RevocationChannel,
};
use crate::system;

const PREFIX: &str = "mastra-auth:revocations";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// How long expired entries stay, so that an instance whose clock is ahead removes none that is still in force.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the subscriber checks that Redis still holds its entries.
const LOOK: Duration = Duration::from_secs(5);
/// How far in the past a mark expires, so that no instance reads it as a revocation, even if its clock is behind.
const BEHIND: Duration = Duration::from_secs(60 * 60);
/// The answer may have been on its way.
const LATE: ChannelError = ChannelError::new("redis does not answer in time");

/// Revocations over Redis, for [`AuthBuilder::revocations`](crate::AuthBuilder::revocations).
pub struct RedisRevocations {
    client: Client,
    commands: Mutex<Option<MultiplexedConnection>>,
    listening: Mutex<Option<Listening>>,
    /// This instance's own member of the set. It expires before any revocation, so eviction of revocations takes it too. If
    /// it is gone, more may be gone.
    mark: String,
}

/// An active subscription.
struct Listening {
    news: Subscription,
    /// When the mark was last checked, on the monotonic clock.
    looked: Duration,
    /// The snapshot, until it is read to its end.
    snapshot: Option<Snapshot>,
}

impl RedisRevocations {
    /// A channel for `redis://[user:password@]host[:port][/database]`. Connects to nothing here: the service starts whether
    /// or not Redis is up.
    ///
    /// `rediss://` needs the feature `redis-tls`. The server's certificate must be valid for the host of the URL. Its
    /// engine must be one that the system trusts, or one in the file that the variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` if this is not a Redis URL. The error does not repeat it.
    pub fn new(url: &str) -> Result<Self, CloudApiError> {
        let client = Client::open(url).map_err(|_| {
            CloudApiError::configuration(
                "revocations: not a URL of Redis; rediss:// needs the feature redis-tls",
            )
        })?;
        Ok(Self {
            client,
            commands: Mutex::default(),
            listening: Mutex::default(),
            mark: format!("mark {:016x}", system::jitter().0),
        })
    }

    /// The connection for commands: the open one, or a new one.
    async fn commands(&self) -> Result<MultiplexedConnection, ChannelError> {
        let mut held = self.commands.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = within(CONNECT_TIMEOUT, connecting, "redis not reached").await?;
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Runs a pipeline. After any error the next command takes a new connection.
    async fn command<T: redis::FromRedisValue>(
        &self,
        pipeline: &redis::Pipeline,
    ) -> Result<T, ChannelError> {
        let mut connection = self.commands().await?;
        let asking = pipeline.query_async(&mut connection);
        let error = match tokio::time::timeout(COMMAND_TIMEOUT, asking).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if !error.is_timeout() => ChannelError::new("redis does not answer"),
            Ok(Err(_)) | Err(_) => LATE,
        };
        *self.commands.lock().await = None;
        Err(error)
    }

    async fn store(
        &self,
        namespace: &str,
        messages: &[ChannelMessage],
    ) -> Result<(), ChannelError> {
        let name = name(namespace);
        let mut both = redis::pipe();
        both.atomic();
        both.cmd("ZREMRANGEBYSCORE")
            .arg(&name)
            .arg("-inf")
            .arg(system::now().wall.minus(MARGIN).unix_millis())
            .ignore();
        for message in messages {
            if message.is_kept() {
                both.cmd("ZADD")
                    .arg(&name)
                    .arg(message.until().unix_millis())
                    .arg(message.text())
                    .ignore();
            }
            both.cmd("PUBLISH").arg(&name).arg(message.text()).ignore();
        }
        self.command(&both).await
    }

    /// The next page of the snapshot. Entries of other publishers may be too long for a page to arrive in time.
    async fn page(
        &self,
        namespace: &str,
        snapshot: &mut Snapshot,
    ) -> Result<ChannelUpdate, ChannelError> {
        let name = name(namespace);
        loop {
            match self.command(&snapshot.next(&name)).await {
                Ok((found, all)) => {
                    let found: Found = found;
                    return Ok(snapshot.came(&found, all));
                }
                Err(LATE) => {
                    let (_,): (usize,) = self.command(&snapshot.count(&name)).await?;
                    snapshot.was_late();
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn next(&self, namespace: &str, most: usize) -> Result<ChannelUpdate, ChannelError> {
        let mut held = self.listening.lock().await;
        let listening = match held.as_mut() {
            Some(listening) => listening,
            None => held.insert(self.join(namespace, most).await?),
        };
        let received = match listening.snapshot.as_mut() {
            Some(snapshot) => self.page(namespace, snapshot).await,
            None => self.news(namespace, listening).await,
        };
        match received {
            Ok(ChannelUpdate::SnapshotEnd { .. }) => listening.snapshot = None,
            Ok(_) => {}
            Err(_) => {
                *held = None;
                *self.commands.lock().await = None;
            }
        }
        received
    }

    async fn news(
        &self,
        namespace: &str,
        listening: &mut Listening,
    ) -> Result<ChannelUpdate, ChannelError> {
        let now = system::now().monotonic;
        if now.saturating_sub(listening.looked) >= LOOK {
            let (name, mark) = (name(namespace), &self.mark);
            let mut look = redis::pipe();
            look.cmd("ZSCORE").arg(&name).arg(mark);
            // A missing mark is not restored: its absence is the signal.
            look.cmd("ZADD").arg(&name).arg("XX");
            look.arg(marked()).arg(mark).ignore();
            let (found,): (Option<f64>,) = self.command(&look).await?;
            if found.is_none() {
                return Err(ChannelError::new("redis lost what it kept"));
            }
            listening.looked = now;
        }
        listening.news.next().await.map(ChannelUpdate::Published)
    }

    async fn join(&self, namespace: &str, most: usize) -> Result<Listening, ChannelError> {
        let connecting = self.client.get_async_pubsub();
        let pubsub = within(CONNECT_TIMEOUT, connecting, "redis not reached").await?;
        let (mut sink, stream) = pubsub.split();
        let joining = sink.subscribe(name(namespace));
        within(COMMAND_TIMEOUT, joining, "redis does not answer").await?;
        let news = Subscription::listen(sink, stream);
        let mut marking = redis::pipe();
        marking.cmd("ZADD").arg(name(namespace));
        marking.arg(marked()).arg(&self.mark).ignore();
        let () = self.command(&marking).await?;
        Ok(Listening {
            news,
            looked: system::now().monotonic,
            snapshot: Some(Snapshot::new(most)),
        })
    }
}

impl RevocationChannel for RedisRevocations {
    fn publish<'a>(
        &'a self,
        namespace: &'a str,
        messages: &'a [ChannelMessage],
    ) -> ChannelFuture<'a, ()> {
        Box::pin(self.store(namespace, messages))
    }

    fn receive<'a>(&'a self, namespace: &'a str, most: usize) -> ChannelFuture<'a, ChannelUpdate> {
        Box::pin(self.next(namespace, most))
    }
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations").finish_non_exhaustive()
    }
}

/// A Redis error may hold an address, so report only which step failed.
async fn within<T>(
    time: Duration,
    work: impl Future<Output = RedisResult<T>>,
    what: &'static str,
) -> Result<T, ChannelError> {
    match tokio::time::timeout(time, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(ChannelError::new(what)),
    }
}

fn name(namespace: &str) -> String {
    format!("{PREFIX}:{namespace}")
}

/// The score of a mark.
fn marked() -> i64 {
    system::now().wall.minus(BEHIND).unix_millis()
}
