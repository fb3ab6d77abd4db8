//! Revocations over Redis: a sorted set that keeps them by their end, and a channel of the same name that tells them.
//!
//! Everything has a time: a connection a second, a command a second. Whoever listens asks every second whether Redis is still
//! there, so that a connection that died without a word is noticed. Needs Redis 5 or later, or what speaks like it.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use mastra_auth_cloud_core::error::CloudApiError;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::Mutex;

use super::channel::{ChannelError, Message, Received, RevocationChannel, Working};
use crate::system;

const PREFIX: &str = "mastra-auth:revocations";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// How often whoever listens asks whether the other end is there.
const PING: Duration = Duration::from_secs(1);
/// How many are loaded at once, and how many news are taken together.
const PAGE: usize = 2000;
/// How long what is over is kept: an instance whose clock is ahead takes away nothing that still stands.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
const TOGETHER: usize = 256;
/// How often whoever listens looks whether Redis still keeps what it kept.
const LOOK: Duration = Duration::from_secs(5);
/// How long it is known since when Redis keeps the set, where nobody looks.
const MARKED: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Revocations over Redis, for [`Builder::revocations`](crate::Builder::revocations).
pub struct RedisRevocations {
    client: Client,
    commands: Mutex<Option<MultiplexedConnection>>,
    listening: Mutex<Option<Listening>>,
}

/// The channel is listened to.
struct Listening {
    sink: PubSubSink,
    stream: PubSubStream,
    /// What stood beside the set when it was joined: gone with all else where Redis was emptied, also where somebody told it
    /// something since.
    mark: String,
    /// When that was looked at, on the monotonic clock.
    looked: Duration,
    /// Where what is kept is not read to its end.
    reading: Option<Reading>,
}

/// How far what is kept was read.
struct Reading {
    most: usize,
    read: usize,
    /// The score that is read next, and how many of that score were read.
    from: String,
    skip: usize,
    /// What ends until then is over.
    since: String,
}

impl RedisRevocations {
    /// For `redis://[user:password@]host[:port][/database]`. Nothing is connected here, and whether Redis is there decides
    /// nothing at the start.
    ///
    /// `rediss://` needs the feature `redis-tls`. The server's certificate must be of an authority that the system trusts, or one in
    /// the file that the variable `SSL_CERT_FILE` names, and for the host of the URL.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the URL cannot be one of Redis. The error does not repeat it.
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
        })
    }

    /// The connection for commands: the one there is, or a new one.
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

    /// Whatever went wrong on it, the next command takes another connection.
    async fn command<T: redis::FromRedisValue>(
        &self,
        pipeline: &redis::Pipeline,
    ) -> Result<T, ChannelError> {
        let mut connection = self.commands().await?;
        let answer = pipeline.query_async(&mut connection);
        let answer = within(COMMAND_TIMEOUT, answer, "redis does not answer").await;
        if answer.is_err() {
            *self.commands.lock().await = None;
        }
        answer
    }

    async fn store(&self, realm: &str, messages: &[Message]) -> Result<(), ChannelError> {
        let name = name(realm);
        let mut both = redis::pipe();
        both.atomic();
        both.cmd("ZREMRANGEBYSCORE")
            .arg(&name)
            .arg("-inf")
            .arg(system::now().wall.minus(MARGIN).unix_millis())
            .ignore();
        for message in messages {
            both.cmd("ZADD")
                .arg(&name)
                .arg(message.until().unix_millis())
                .arg(message.text())
                .ignore();
            both.cmd("PUBLISH").arg(&name).arg(message.text()).ignore();
        }
        self.command(&both).await
    }

    /// The next page of what stands, the last end first: what ends soonest gives way where it is too much. A page begins at the
    /// score where the last one ended, for what came meanwhile would move a page that begins at a place.
    async fn page(&self, realm: &str, reading: &mut Reading) -> Result<Received, ChannelError> {
        let name = name(realm);
        let size = PAGE.min(reading.most.saturating_sub(reading.read));
        let mut page = redis::pipe();
        page.cmd("ZREVRANGEBYSCORE")
            .arg(&name)
            .arg(&reading.from)
            .arg(&reading.since);
        page.arg("WITHSCORES").arg("LIMIT");
        page.arg(reading.skip).arg(size);
        page.cmd("ZCOUNT")
            .arg(&name)
            .arg(&reading.since)
            .arg("+inf");
        let (found, all): (Vec<(String, String)>, usize) = self.command(&page).await?;
        reading.went_on(&found);
        let is_last = found.len() < size || reading.read >= reading.most;
        let texts = found.into_iter().map(|(text, _)| text).collect();
        if is_last {
            let left_out = all.saturating_sub(reading.read);
            return Ok(Received::Standing { texts, left_out });
        }
        Ok(Received::Part(texts))
    }

    async fn next(&self, realm: &str, most: usize) -> Result<Received, ChannelError> {
        let mut held = self.listening.lock().await;
        let listening = match held.as_mut() {
            Some(listening) => listening,
            None => held.insert(self.join(realm, most).await?),
        };
        let received = match listening.reading.as_mut() {
            Some(reading) => self.page(realm, reading).await,
            None => self.news(realm, listening).await,
        };
        match received {
            Ok(Received::Standing { .. }) => listening.reading = None,
            Ok(_) => {}
            Err(_) => {
                *held = None;
                *self.commands.lock().await = None;
            }
        }
        received
    }

    async fn news(&self, realm: &str, listening: &mut Listening) -> Result<Received, ChannelError> {
        let now = system::now().monotonic;
        if now.saturating_sub(listening.looked) >= LOOK {
            let mut look = redis::pipe();
            look.cmd("GET").arg(mark(realm));
            look.cmd("EXPIRE").arg(mark(realm));
            look.arg(MARKED.as_secs()).ignore();
            let (found,): (Option<String>,) = self.command(&look).await?;
            if found.as_ref() != Some(&listening.mark) {
                return Err(ChannelError::new("redis lost what it kept"));
            }
            listening.looked = now;
        }
        listening.news().await
    }

    async fn join(&self, realm: &str, most: usize) -> Result<Listening, ChannelError> {
        let connecting = self.client.get_async_pubsub();
        let pubsub = within(CONNECT_TIMEOUT, connecting, "redis not reached").await?;
        let (mut sink, stream) = pubsub.split();
        let joining = sink.subscribe(name(realm));
        within(COMMAND_TIMEOUT, joining, "redis does not answer").await?;
        let mut marking = redis::pipe();
        marking.cmd("SET").arg(mark(realm));
        marking.arg(system::now().wall.unix_millis());
        marking.arg("NX").arg("EX").arg(MARKED.as_secs()).ignore();
        marking.cmd("GET").arg(mark(realm));
        let (mark,) = self.command(&marking).await?;
        let reading = Some(Reading::new(most));
        Ok(Listening {
            sink,
            stream,
            mark,
            looked: system::now().monotonic,
            reading,
        })
    }
}

impl RevocationChannel for RedisRevocations {
    fn publish<'a>(&'a self, realm: &'a str, messages: &'a [Message]) -> Working<'a, ()> {
        Box::pin(self.store(realm, messages))
    }

    fn receive<'a>(&'a self, realm: &'a str, most: usize) -> Working<'a, Received> {
        Box::pin(self.next(realm, most))
    }
}

impl fmt::Debug for RedisRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRevocations").finish_non_exhaustive()
    }
}

impl Listening {
    async fn news(&mut self) -> Result<Received, ChannelError> {
        let Self { sink, stream, .. } = self;
        match tokio::time::timeout(PING, stream.next()).await {
            Ok(Some(first)) => {
                let more = std::iter::from_fn(|| stream.next().now_or_never().flatten());
                let texts = std::iter::once(first)
                    .chain(more.take(TOGETHER))
                    // What is no text is told as one that cannot be read.
                    .map(|message| message.get_payload().unwrap_or_default())
                    .collect();
                Ok(Received::News(texts))
            }
            Ok(None) => Err(ChannelError::new("redis closed the connection")),
            Err(_) => {
                let ping = sink.ping::<redis::Value>();
                within(COMMAND_TIMEOUT, ping, "redis does not answer").await?;
                Ok(Received::News(Vec::new()))
            }
        }
    }
}

impl Reading {
    fn new(most: usize) -> Self {
        Self {
            most,
            read: 0,
            from: "+inf".to_owned(),
            skip: 0,
            since: format!("({}", system::now().wall.unix_millis()),
        }
    }

    fn went_on(&mut self, found: &[(String, String)]) {
        self.read = self.read.saturating_add(found.len());
        let Some((_, last)) = found.last() else {
            return;
        };
        let same = found.iter().rev().take_while(|(_, score)| score == last);
        let same = same.count();
        self.skip = if self.from == *last {
            self.skip.saturating_add(same)
        } else {
            same
        };
        self.from.clone_from(last);
    }
}

/// An error of Redis may hold an address; which of the few things failed is enough.
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

fn name(realm: &str) -> String {
    format!("{PREFIX}:{realm}")
}

fn mark(realm: &str) -> String {
    format!("{PREFIX}:{realm}:since")
}
