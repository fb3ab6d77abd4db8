//! Revocations over Redis: a sorted set that stores them by expiry, and a channel of the same name that publishes them.
//!
//! Every operation has a time-out: a connection a second, a command a second. The subscriber pings Redis every second, so
//! that it notices a connection that died silently. Needs Redis 5 or later, or a server with the same protocol.

mod subscription;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::revocation::ChannelMessage;
use mastra_auth_cloud_core::revocation::redis::{Command, RedisSet, RedisSnapshot};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value};
use tokio::sync::Mutex;

use self::subscription::Subscription;
use super::channel::{ChannelError, ChannelFuture, ChannelUpdate, RevocationChannel};
use crate::system;

/// The answer may have been on its way.
const LATE: ChannelError = ChannelError::new("redis does not answer in time");

/// Revocations over Redis, for [`AuthBuilder::revocations`](crate::AuthBuilder::revocations). Feature `redis`.
///
/// Redis holds no credential: SHA-256 of tokens, ids of sessions and users, and sealed sessions encrypted. Write access to it can end
/// sessions, but not make one.
///
/// # Examples
///
/// ```no_run
/// use mastra_auth_cloud::AuthBuilder;
/// use mastra_auth_cloud::revocation::RedisRevocations;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), mastra_auth_cloud::CloudApiError> {
/// // In a tokio runtime: `build` starts the channel's tasks.
/// let auth = AuthBuilder::from_env()?
///     .revocations(RedisRevocations::new("redis://127.0.0.1:6379")?)
///     .build()?;
/// // Before the process ends: publishes what is pending, for two seconds at most.
/// auth.close().await;
/// # Ok(())
/// # }
/// ```
pub struct RedisRevocations {
    client: Client,
    commands: Mutex<Option<MultiplexedConnection>>,
    listening: Mutex<Option<Listening>>,
    /// 16 hexadecimal digits of this instance.
    instance: String,
}

/// An active subscription.
struct Listening {
    subscription: Subscription,
    /// When the mark was last checked, on the monotonic clock.
    looked: Duration,
    /// The snapshot, until it is read to its end.
    snapshot: Option<RedisSnapshot>,
}

impl RedisRevocations {
    /// A channel for `redis://[user:password@]host[:port][/database]`. Connects to nothing here: the service starts whether
    /// or not Redis is up.
    ///
    /// `rediss://` needs the feature `redis-tls`. The server's certificate must be valid for the host of the URL. Its
    /// authority must be one that the system trusts, or one in the file that the variable `SSL_CERT_FILE` names.
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
            instance: format!("{:016x}", system::jitter().0),
        })
    }

    /// The connection for commands: the open one, or a new one.
    async fn commands(&self) -> Result<MultiplexedConnection, ChannelError> {
        let mut held = self.commands.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RedisSet::TIMEOUT))
            .set_response_timeout(Some(RedisSet::TIMEOUT));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = within(connecting, "redis not reached").await?;
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Runs a pipeline. After any error the next command takes a new connection.
    async fn command<T: redis::FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, ChannelError> {
        let mut connection = self.commands().await?;
        let asking = pipeline.query_async(&mut connection);
        let error = match tokio::time::timeout(RedisSet::TIMEOUT, asking).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if !error.is_timeout() => ChannelError::new("redis does not answer"),
            Ok(Err(_)) | Err(_) => LATE,
        };
        *self.commands.lock().await = None;
        Err(error)
    }

    fn set(&self, namespace: &str) -> RedisSet {
        RedisSet::new(namespace, &self.instance)
    }

    async fn store(
        &self,
        namespace: &str,
        messages: &[ChannelMessage],
    ) -> Result<(), ChannelError> {
        let messages = messages
            .iter()
            .map(|message| (message.text(), message.until(), message.is_kept()));
        let commands = self.set(namespace).publish(messages, system::now().wall);
        self.command(pipeline(commands).atomic()).await
    }

    /// The next page of the snapshot. Entries of other publishers may be too long for a page to arrive in time.
    async fn page(&self, snapshot: &mut RedisSnapshot) -> Result<ChannelUpdate, ChannelError> {
        loop {
            match self.command(&pipeline(snapshot.commands())).await {
                Ok((found, all)) => {
                    let found: Vec<(Vec<u8>, String)> = found;
                    let page = snapshot.page(&found, all);
                    return Ok(match page.left_out {
                        Some(left_out) => ChannelUpdate::SnapshotEnd {
                            texts: page.texts,
                            left_out,
                        },
                        None => ChannelUpdate::SnapshotPart(page.texts),
                    });
                }
                Err(LATE) => {
                    let () = self.command(&pipeline([snapshot.count()])).await?;
                    snapshot.late();
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
            Some(snapshot) => self.page(snapshot).await,
            None => self.published(namespace, listening).await,
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

    async fn published(
        &self,
        namespace: &str,
        listening: &mut Listening,
    ) -> Result<ChannelUpdate, ChannelError> {
        let now = system::now();
        if now.monotonic.saturating_sub(listening.looked) >= RedisSet::CHECK_EVERY {
            let check = pipeline(self.set(namespace).check_mark(now.wall));
            let (found, _): (Option<f64>, Value) = self.command(&check).await?;
            if found.is_none() {
                return Err(ChannelError::new("redis lost what it kept"));
            }
            listening.looked = now.monotonic;
        }
        listening
            .subscription
            .next()
            .await
            .map(ChannelUpdate::Published)
    }

    async fn join(&self, namespace: &str, most: usize) -> Result<Listening, ChannelError> {
        let set = self.set(namespace);
        let connecting = self.client.get_async_pubsub();
        let pubsub = within(connecting, "redis not reached").await?;
        let (mut sink, stream) = pubsub.split();
        let joining = sink.subscribe(set.name());
        within(joining, "redis does not answer").await?;
        let subscription = Subscription::listen(sink, stream);
        let now = system::now();
        let () = self.command(&pipeline([set.add_mark(now.wall)])).await?;
        Ok(Listening {
            subscription,
            looked: now.monotonic,
            snapshot: Some(set.snapshot(most, now.wall)),
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

    fn redis<'a>(
        &'a self,
        commands: &'a [Command],
    ) -> Option<ChannelFuture<'a, Vec<Option<String>>>> {
        Some(Box::pin(async {
            let commands = pipeline(commands.iter().cloned());
            let replies: Vec<Value> = self.command(&commands).await?;
            Ok(replies.into_iter().map(text).collect())
        }))
    }
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations").finish_non_exhaustive()
    }
}

/// A Redis error may hold an address, so report only which step failed.
async fn within<T>(
    work: impl Future<Output = RedisResult<T>>,
    what: &'static str,
) -> Result<T, ChannelError> {
    match tokio::time::timeout(RedisSet::TIMEOUT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(ChannelError::new(what)),
    }
}

/// A reply as text; none for nil, and for bytes that are none.
fn text(reply: Value) -> Option<String> {
    redis::from_redis_value(reply).ok()
}

fn pipeline(commands: impl IntoIterator<Item = Command>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for words in commands {
        let mut command = Cmd::new();
        command.arg(words);
        pipeline.add_command(command);
    }
    pipeline
}
