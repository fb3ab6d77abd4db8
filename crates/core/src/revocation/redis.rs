//! Revocations over Redis, without a connection: the commands to send, and what their replies say.
//!
//! A sorted set stores the texts by expiry, and a channel of the same name publishes them. Instances of both languages and
//! of several versions share both, so the commands are written here alone. The entries are untrusted: they may be of any
//! length, and not text.

use core::time::Duration;

use crate::revocation::wire::MAX_TEXT_BYTES;
use crate::time::Timestamp;

const PREFIX: &str = "mastra-auth:revocations";
/// How long expired entries stay, so that an instance whose clock is ahead removes none that is still in force.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How far in the past a mark expires, so that no instance reads it as a revocation, even if its clock is behind.
const BEHIND: Duration = Duration::from_secs(60 * 60);
/// Entries per page.
const PAGE: usize = 2000;

/// A command, word by word.
pub type Command = Vec<String>;

/// The set of one deployment, as one instance uses it.
#[derive(Clone, Debug)]
pub struct RedisSet {
    name: String,
    /// This instance's own member. It expires before any revocation, so eviction of revocations takes it too. If it is
    /// gone, more may be gone.
    mark: String,
}

impl RedisSet {
    /// The time-out of connecting, and of each command.
    pub const TIMEOUT: Duration = Duration::from_secs(1);
    /// How often a subscriber pings Redis.
    pub const PING_EVERY: Duration = Duration::from_secs(1);
    /// How often a subscriber [checks](Self::check_mark) that Redis still holds its entries.
    pub const CHECK_EVERY: Duration = Duration::from_secs(5);
    /// The longest text of an entry, in bytes.
    pub const LONGEST: usize = MAX_TEXT_BYTES;

    /// `instance` is this instance's alone: 16 hexadecimal digits.
    pub fn new(namespace: &str, instance: &str) -> Self {
        Self {
            name: format!("{PREFIX}:{namespace}"),
            mark: format!("mark {instance}"),
        }
    }

    /// The name of the set and of the channel.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Commands that store and publish messages, each given as its text, its expiry, and whether it is kept. To run in one
    /// transaction.
    pub fn publish<'m>(
        &self,
        messages: impl IntoIterator<Item = (&'m str, Timestamp, bool)>,
        now: Timestamp,
    ) -> Vec<Command> {
        let name = self.name.as_str();
        let over = millis(now.minus(MARGIN));
        let mut commands = vec![command(["ZREMRANGEBYSCORE", name, "-inf", &over])];
        for (text, until, is_kept) in messages {
            if is_kept {
                commands.push(command(["ZADD", name, &millis(until), text]));
            }
            commands.push(command(["PUBLISH", name, text]));
        }
        commands
    }

    /// Adds the mark. Before the snapshot.
    pub fn add_mark(&self, now: Timestamp) -> Command {
        command(["ZADD", &self.name, &millis(now.minus(BEHIND)), &self.mark])
    }

    /// Reads the mark, whose score is nil where entries were lost, and renews it. A missing mark is not restored: its
    /// absence is the signal.
    pub fn check_mark(&self, now: Timestamp) -> [Command; 2] {
        let (name, score) = (self.name.as_str(), millis(now.minus(BEHIND)));
        [
            command(["ZSCORE", name, &self.mark]),
            command(["ZADD", name, "XX", &score, &self.mark]),
        ]
    }

    /// Begins to read the entries that have not expired, up to `most`.
    pub fn snapshot(&self, most: usize, now: Timestamp) -> RedisSnapshot {
        RedisSnapshot {
            name: self.name.clone(),
            most,
            read: 0,
            from: "+inf".to_owned(),
            skip: 0,
            since: format!("({}", now.unix_millis()),
            size: PAGE,
            passed: 0,
            is_unsure: false,
        }
    }
}

/// The progress of reading the set: in pages, latest expiry first, each as large as arrives in time.
///
/// If there are too many entries, those that expire soonest are left out. A page starts at the score where the last one
/// ended, not at a rank: entries that arrive meanwhile would shift the ranks.
#[derive(Debug)]
pub struct RedisSnapshot {
    name: String,
    most: usize,
    read: usize,
    /// The score to read next, and the number of entries read from there on.
    from: String,
    skip: usize,
    /// Entries with an expiry up to this score are over.
    since: String,
    /// Entries to ask for at once.
    size: usize,
    /// Entries skipped since the last page.
    passed: usize,
    /// Whether an entry was skipped since `from`. Its score is unknown: it may be that of the entries after it.
    is_unsure: bool,
}

/// A page of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisPage {
    /// The texts. One that cannot be an entry is empty.
    pub texts: Vec<String>,
    /// Of the last page alone: the number of entries beyond the limit.
    pub left_out: Option<usize>,
}

impl RedisSnapshot {
    /// Commands for the next page, with scores, and for the number of entries.
    pub fn commands(&self) -> [Command; 2] {
        let (skip, asked) = (self.skip.to_string(), self.asked().to_string());
        let (name, from, since) = (&self.name, &self.from, &self.since);
        let page = ["ZREVRANGEBYSCORE", name, from, since, "WITHSCORES"];
        let page = command(page).into_iter();
        let limit = command(["LIMIT", &skip, &asked]);
        [page.chain(limit).collect(), self.count()]
    }

    /// A command for the number of entries, whose reply is always short: whether Redis answers after a page was late.
    pub fn count(&self) -> Command {
        command(["ZCOUNT", &self.name, &self.since, "+inf"])
    }

    /// The page was late although Redis answers: halve the next one. If it held a single entry, skip it as unreadable, for
    /// no valid entry takes that long.
    pub fn late(&mut self) {
        if self.asked() > 1 {
            self.size = self.asked() / 2;
        } else {
            self.skip = self.skip.saturating_add(1);
            self.read = self.read.saturating_add(1);
            self.passed = self.passed.saturating_add(1);
            self.is_unsure = true;
        }
    }

    /// Accepts a page, each entry with its score, of a set of `all` entries.
    pub fn page(&mut self, found: &[(Vec<u8>, String)], all: usize) -> RedisPage {
        let asked = self.asked();
        self.went_on(found);
        self.size = self.size.saturating_mul(2).min(PAGE);
        let passed = core::iter::repeat_n(String::new(), core::mem::take(&mut self.passed));
        // What another instance adds meanwhile is published too, and not left out.
        let is_whole = found.len() < asked;
        let left_out = if is_whole {
            0
        } else {
            all.saturating_sub(self.read)
        };
        let is_last = is_whole || self.read >= self.most;
        RedisPage {
            texts: passed
                .chain(found.iter().map(|(bytes, _)| text_of(bytes)))
                .collect(),
            left_out: is_last.then_some(left_out),
        }
    }

    fn asked(&self) -> usize {
        self.size.min(self.most.saturating_sub(self.read))
    }

    fn went_on(&mut self, found: &[(Vec<u8>, String)]) {
        self.read = self.read.saturating_add(found.len());
        let Some((_, last)) = found.last() else {
            return;
        };
        let same = found.iter().rev().take_while(|(_, score)| score == last);
        let same = same.count();
        if self.from == *last || self.is_unsure && same == found.len() {
            self.skip = self.skip.saturating_add(same);
        } else {
            self.skip = same;
            self.from.clone_from(last);
            self.is_unsure = false;
        }
    }
}

/// The text of an entry or a message. One that is not UTF-8, or too long for an entry, counts as unreadable and is not held.
pub fn text_of(bytes: &[u8]) -> String {
    if bytes.len() > MAX_TEXT_BYTES {
        return String::new();
    }
    core::str::from_utf8(bytes).unwrap_or_default().to_owned()
}

fn command<const N: usize>(words: [&str; N]) -> Command {
    words.map(str::to_owned).into()
}

fn millis(time: Timestamp) -> String {
    time.unix_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(most: usize) -> RedisSnapshot {
        RedisSet::new("realm", "0").snapshot(most, Timestamp::from_unix_millis(7))
    }

    fn found(count: usize, score: &str) -> Vec<(Vec<u8>, String)> {
        vec![(b"text".to_vec(), score.to_owned()); count]
    }

    #[test]
    fn the_commands_are_those_of_every_version() {
        let (set, hour) = (
            RedisSet::new("realm", "0f"),
            Timestamp::from_unix_seconds(3600),
        );
        let tomorrow = hour.plus(MARGIN);
        let messages = [("kept", tomorrow, true), ("sent", tomorrow, false)];
        let mut commands = set.publish(messages, tomorrow);
        let later = Timestamp::from_unix_seconds(2 * 3600);
        commands.push(set.add_mark(later));
        commands.extend(set.check_mark(later));
        commands.extend(set.snapshot(10, hour).commands());
        let lines: Vec<_> = commands.iter().map(|words| words.join(" ")).collect();
        let expect = "ZREMRANGEBYSCORE NAME -inf 3600000, ZADD NAME 90000000 kept, PUBLISH NAME kept, \
            PUBLISH NAME sent, ZADD NAME 3600000 mark 0f, ZSCORE NAME mark 0f, \
            ZADD NAME XX 3600000 mark 0f, \
            ZREVRANGEBYSCORE NAME +inf (3600000 WITHSCORES LIMIT 0 10, ZCOUNT NAME (3600000 +inf";
        assert_eq!(set.name(), "mastra-auth:revocations:realm");
        let expect = expect.replace("NAME", set.name());
        assert_eq!(lines.join(", "), expect);
    }

    #[test]
    fn a_page_that_is_late_is_asked_for_by_halves_and_at_last_passed_over() {
        let mut snapshot = snapshot(200_000);
        let mut sizes = Vec::new();
        while snapshot.passed == 0 {
            sizes.push(snapshot.asked());
            snapshot.late();
        }
        assert_eq!(sizes, [2000, 1000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        assert_eq!((snapshot.skip, snapshot.read), (1, 1));
        let page = snapshot.page(&found(1, "9"), 5);
        assert_eq!(
            (page.texts, page.left_out),
            (vec![String::new(), "text".to_owned()], None)
        );
        // The page grows again, and continues after what was found: what was passed over may have the same score.
        assert_eq!((snapshot.asked(), snapshot.from.as_str()), (2, "+inf"));
        assert_eq!((snapshot.skip, snapshot.read), (2, 2));
        snapshot.page(&[found(1, "9"), found(1, "8")].concat(), 5);
        assert_eq!((snapshot.skip, snapshot.from.as_str()), (1, "8"));
    }

    #[test]
    fn an_entry_that_is_added_while_the_last_page_is_read_is_not_left_out() {
        let mut snapshot = snapshot(200_000);
        assert_eq!(snapshot.page(&found(2000, "9"), 2010).left_out, None);
        assert_eq!(snapshot.page(&found(10, "8"), 2013).left_out, Some(0));
    }

    #[test]
    fn what_is_passed_over_counts_as_read() {
        let mut snapshot = snapshot(2);
        for _ in 0..3 {
            snapshot.late();
        }
        assert_eq!(snapshot.asked(), 0);
        let page = RedisPage {
            texts: vec![String::new(); 2],
            left_out: Some(5),
        };
        assert_eq!(snapshot.page(&Vec::new(), 7), page);
    }

    #[test]
    fn what_cannot_be_an_entry_is_not_held() {
        let long = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(text_of(long.as_bytes()), long);
        assert_eq!(text_of(format!("{long}x").as_bytes()), "");
        assert_eq!(text_of(b"\xff\xfe"), "");
    }
}
