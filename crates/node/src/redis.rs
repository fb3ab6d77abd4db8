//! Revocations over Redis: the core writes the commands and reads the pages. The connections are in TypeScript.

use mastra_auth_cloud_core::revocation::redis::{
    RedisSet as CoreSet, RedisSnapshot as CoreSnapshot,
};
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::timestamp;
use crate::guard::{Result, guard};
use crate::revocations::Revocation;

/// The set of one deployment, as one instance uses it.
#[napi]
pub struct RedisSet(CoreSet);

/// The set of a namespace. `instance` is this instance's alone: 16 hexadecimal digits.
#[napi]
pub fn redis_set(realm: String, instance: String) -> Result<RedisSet> {
    guard(|| RedisSet(CoreSet::new(&realm, &instance)))
}

/// The time-out of a command, the times between two pings and between two checks of the mark, in milliseconds, and the
/// length of the longest text.
#[napi(
    ts_return_type = "[timeout: number, pingEvery: number, checkEvery: number, longest: number]"
)]
pub fn redis_limits() -> Result<Vec<u32>> {
    guard(|| {
        let times = [CoreSet::TIMEOUT, CoreSet::PING_EVERY, CoreSet::CHECK_EVERY];
        let times = times.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        let longest = u32::try_from(CoreSet::LONGEST).unwrap_or(u32::MAX);
        [times.as_slice(), &[longest]].concat()
    })
}

#[napi]
impl RedisSet {
    /// The name of the set and of the channel.
    #[napi]
    pub fn name(&self) -> Result<String> {
        guard(|| self.0.name().to_owned())
    }

    /// Commands that store and publish messages, to run in one transaction.
    #[napi]
    pub fn publish(&self, messages: Vec<Revocation>) -> Result<Vec<Vec<String>>> {
        guard(|| {
            let messages = messages
                .iter()
                .map(|one| (one.text.as_str(), timestamp(one.until), one.kept));
            self.0.publish(messages, now().wall)
        })
    }

    /// Adds the mark of this instance. Before the snapshot.
    #[napi]
    pub fn add_mark(&self) -> Result<Vec<String>> {
        guard(|| self.0.add_mark(now().wall))
    }

    /// Reads the mark, whose score is `null` where entries were lost, and renews it.
    #[napi]
    pub fn check_mark(&self) -> Result<Vec<Vec<String>>> {
        guard(|| self.0.check_mark(now().wall).into())
    }

    /// Begins to read the entries that have not expired, up to `most`.
    #[napi]
    pub fn snapshot(&self, most: u32) -> Result<RedisSnapshot> {
        guard(|| {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            RedisSnapshot(self.0.snapshot(most, now().wall))
        })
    }
}

/// The progress of reading the set in pages.
#[napi]
pub struct RedisSnapshot(CoreSnapshot);

/// A page of the set.
#[napi(object, object_from_js = false)]
pub struct RedisPage {
    /// The texts. One that cannot be an entry is empty.
    pub texts: Vec<String>,
    /// Of the last page alone: the number of entries beyond the limit.
    pub left_out: Option<u32>,
}

#[napi]
impl RedisSnapshot {
    /// Commands for the next page and for the number of entries.
    #[napi]
    pub fn commands(&self) -> Result<Vec<Vec<String>>> {
        guard(|| self.0.commands().into())
    }

    /// A command whose reply is always short: whether Redis answers after a page was late.
    #[napi]
    pub fn count(&self) -> Result<Vec<String>> {
        guard(|| self.0.count())
    }

    /// The page was late although Redis answers.
    #[napi]
    pub fn late(&mut self) -> Result<()> {
        guard(|| self.0.late())
    }

    /// Accepts a page, members and scores in turn, of a set of `all` entries.
    #[napi]
    pub fn page(&mut self, found: Vec<String>, all: u32) -> Result<RedisPage> {
        guard(|| {
            let mut words = found.into_iter();
            let pairs = std::iter::from_fn(|| Some((words.next()?.into_bytes(), words.next()?)));
            let all = usize::try_from(all).unwrap_or(usize::MAX);
            let page = self.0.page(&pairs.collect::<Vec<_>>(), all);
            let left_out = |number| u32::try_from(number).unwrap_or(u32::MAX);
            RedisPage {
                texts: page.texts,
                left_out: page.left_out.map(left_out),
            }
        })
    }
}
