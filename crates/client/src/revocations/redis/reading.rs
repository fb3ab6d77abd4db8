//! How the set is read when it is joined: in pages, the last end first, each as large as comes in time.
//!
//! What ends soonest gives way where it is too much. A page begins at the score where the last one ended, for what came
//! meanwhile would move a page that begins at a place. Nothing is taken for granted of what stands there: it may be of any
//! length, and no text.

use std::mem;

use super::news::text;
use crate::revocations::channel::Received;
use crate::system;

/// How many are loaded at once.
const PAGE: usize = 2000;

/// What a page holds, with the score of each.
pub(super) type Found = Vec<(Vec<u8>, String)>;

/// How far what is kept was read.
pub(super) struct Reading {
    most: usize,
    read: usize,
    /// The score that is read next, and how many from there on were read.
    from: String,
    skip: usize,
    /// What ends until then is over.
    since: String,
    /// How many are asked for at once.
    size: usize,
    /// How many were passed over since the last page.
    passed: usize,
}

impl Reading {
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

    /// Asks for the next page, and for how many there are.
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

    /// Asks for how many there are, which is never long.
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

    /// The page did not come in time though Redis is there: the next one is half of it. One that stands alone is passed over, as
    /// one that cannot be read, for no entry takes that long.
    pub(super) fn was_late(&mut self) {
        if self.asked() > 1 {
            self.size = self.asked() / 2;
        } else {
            self.skip = self.skip.saturating_add(1);
            self.read = self.read.saturating_add(1);
            self.passed = self.passed.saturating_add(1);
        }
    }

    /// A page came, of a set of so many.
    pub(super) fn came(&mut self, found: &Found, all: usize) -> Received {
        let asked = self.asked();
        self.went_on(found);
        self.size = self.size.saturating_mul(2).min(PAGE);
        let passed = std::iter::repeat_n(String::new(), mem::take(&mut self.passed));
        let texts = passed
            .chain(found.iter().map(|(bytes, _)| text(bytes)))
            .collect();
        if found.len() < asked || self.read >= self.most {
            let left_out = all.saturating_sub(self.read);
            return Received::Standing { texts, left_out };
        }
        Received::Part(texts)
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
        let mut reading = Reading::new(200_000);
        let mut sizes = Vec::new();
        while reading.passed == 0 {
            sizes.push(reading.asked());
            reading.was_late();
        }
        assert_eq!(sizes, [2000, 1000, 500, 250, 125, 62, 31, 15, 7, 3, 1]);
        assert_eq!((reading.skip, reading.read), (1, 1));
        let came = reading.came(&found(1, "9"), 5);
        let expect = vec![String::new(), "text".to_owned()];
        assert_eq!(came, Received::Part(expect));
        // It grows again, and goes on behind what it found.
        assert_eq!((reading.asked(), reading.from.as_str()), (2, "9"));
        assert_eq!((reading.skip, reading.read), (1, 2));
    }

    #[test]
    fn what_is_passed_over_counts_as_read() {
        let mut reading = Reading::new(2);
        for _ in 0..3 {
            reading.was_late();
        }
        assert_eq!(reading.asked(), 0);
        let standing = Received::Standing {
            texts: vec![String::new(); 2],
            left_out: 5,
        };
        assert_eq!(reading.came(&Vec::new(), 7), standing);
    }
}
