//! Reads the set when joining: in pages, latest expiry first, each as large as arrives in time.
//!
//! If there are too many entries, those that expire soonest are left out. A page starts at the score where the last one
//! ended, not at a rank: entries that arrive meanwhile would shift the ranks. The entries are untrusted: they may be of any
//! length, and not text.

use std::mem;

use super::subscription::text;
use crate::revocation::channel::ChannelUpdate;
use crate::system;

/// Entries per page.
const PAGE: usize = 2000;

/// The entries of a page, each with its score.
pub(super) type Found = Vec<(Vec<u8>, String)>;

/// The progress of snapshot the set.
pub(super) struct Snapshot {
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
}

impl Snapshot {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            read: 0,
            from: "+inf".to_owned(),
            skip: 0,
            since: format!("({}", system::now().wall.unix_millis()),
            size: PAGE,
            passed: 0,
        }
    }

    /// Commands for the next page, and for the number of entries.
    pub(super) fn next(&self, name: &str) -> redis::Pipeline {
        let mut page = redis::pipe();
        page.cmd("ZREVRANGEBYSCORE")
            .arg(name)
            .arg(&self.from)
            .arg(&self.since);
        page.arg("WITHSCORES").arg("LIMIT");
        page.arg(self.skip).arg(self.asked());
        self.count_with(&mut page, name);
        page
    }

    /// A command for the number of entries, which is always short.
    pub(super) fn count(&self, name: &str) -> redis::Pipeline {
        let mut count = redis::pipe();
        self.count_with(&mut count, name);
        count
    }

    fn count_with(&self, pipeline: &mut redis::Pipeline, name: &str) {
        pipeline
            .cmd("ZCOUNT")
            .arg(name)
            .arg(&self.since)
            .arg("+inf");
    }

    /// The page was late although Redis answers: halve the next one. If it held a single entry, skip it as unreadable, for
    /// no valid entry takes that long.
    pub(super) fn was_late(&mut self) {
        if self.asked() > 1 {
            self.size = self.asked() / 2;
        } else {
            self.skip = self.skip.saturating_add(1);
            self.read = self.read.saturating_add(1);
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// Accepts a page of a set of `all` entries.
    pub(super) fn came(&mut self, found: &Found, all: usize) -> ChannelUpdate {
        let asked = self.asked();
        self.went_on(found);
        self.size = self.size.saturating_mul(2).min(PAGE);
        let passed = std::iter::repeat_n(String::new(), mem::take(&mut self.passed));
        let texts = passed
            .chain(found.iter().map(|(bytes, _)| text(bytes)))
            .collect();
        if found.len() < asked || self.read >= self.most {
            let left_out = all.saturating_sub(self.read);
            return ChannelUpdate::SnapshotEnd { texts, left_out };
        }
        ChannelUpdate::SnapshotPart(texts)
    }

    fn asked(&self) -> usize {
        self.size.min(self.most.saturating_sub(self.read))
    }

    fn went_on(&mut self, found: &Found) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: usize, score: &str) -> Found {
        vec![(b"text".to_vec(), score.to_owned()); count]
    }

    #[test]
    fn a_page_that_is_late_is_asked_for_by_halves_and_at_last_passed_over() {
        let mut snapshot = Snapshot::new(200_000);
        let mut sizes = Vec::new();
        while snapshot.passed == 0 {
            sizes.push(snapshot.asked());
            snapshot.was_late();
        }
        assert_eq!(sizes, [2000, 1000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        assert_eq!((snapshot.skip, snapshot.read), (1, 1));
        let came = snapshot.came(&found(1, "9"), 5);
        let expect = vec![String::new(), "text".to_owned()];
        assert_eq!(came, ChannelUpdate::SnapshotPart(expect));
        // The page grows again, and continues after what was found.
        assert_eq!((snapshot.asked(), snapshot.from.as_str()), (2, "9"));
        assert_eq!((snapshot.skip, snapshot.read), (1, 2));
    }

    #[test]
    fn what_is_passed_over_counts_as_read() {
        let mut snapshot = Snapshot::new(2);
        for _ in 0..3 {
            snapshot.was_late();
        }
        assert_eq!(snapshot.asked(), 0);
        let standing = ChannelUpdate::SnapshotEnd {
            texts: vec![String::new(); 2],
            left_out: 5,
        };
        assert_eq!(snapshot.came(&Vec::new(), 7), standing);
    }
}
