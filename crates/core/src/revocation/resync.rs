//! Resync after an overflow of the outbox, from the deny list. What follows a lost connection is in `engine/catch_up`.
//!
//! Only the number of dropped revocations is kept. For them all local revocations are published once more, page by page, so
//! that no more than one page is held at once. One pass makes up for all that was dropped before it began, so nothing is
//! published again without end.

use crate::revocation::Revocation;

/// How many revocations were dropped until a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(u64);

#[derive(Debug, Default)]
pub(crate) struct Resync {
    dropped: Mark,
    published: Mark,
    pass: Option<Pass>,
}

/// A pass in progress.
#[derive(Debug)]
struct Pass {
    /// The mark that the pass makes up for. A revocation dropped later may sort before the pass's position.
    serves: Mark,
    last: Option<Revocation>,
}

impl Resync {
    /// Counts a dropped revocation.
    pub(crate) const fn count_dropped(&mut self) {
        self.dropped = Mark(self.dropped.0.saturating_add(1));
    }

    /// How many revocations were dropped and not published since.
    pub(crate) fn due(&self) -> usize {
        let due = self.dropped.0.saturating_sub(self.published.0);
        usize::try_from(due).unwrap_or(usize::MAX)
    }

    pub(crate) const fn mark(&self) -> Mark {
        self.dropped
    }

    /// Records that everything in force at that mark was published.
    pub(crate) fn mark_published(&mut self, mark: Mark) {
        self.published = self.published.max(mark);
        self.pass.take_if(|pass| pass.serves <= mark);
    }

    /// The next page, up to `most`; empty where nothing is due. `own` returns the revocations that follow the given one in a
    /// fixed order.
    pub(crate) fn next(
        &mut self,
        most: usize,
        own: impl Fn(Option<&Revocation>, usize) -> Vec<Revocation>,
    ) -> Vec<Revocation> {
        while most > 0 && self.due() > 0 {
            let serves = self.dropped;
            let pass = self.pass.get_or_insert(Pass { serves, last: None });
            let page = own(pass.last.as_ref(), most);
            if page.len() < most {
                let serves = pass.serves;
                self.mark_published(serves);
            } else {
                pass.last = page.last().cloned();
            }
            if !page.is_empty() {
                return page;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use crate::revocation::Subject;
    use crate::time::Timestamp;

    fn revocation(n: usize) -> Revocation {
        let at = Timestamp::from_unix_millis(0);
        let id = UserId::parse(&format!("usr_{n}")).unwrap();
        Revocation::new(Subject::User(id), at, at)
    }

    /// All pages until nothing is due, with so many revocations in force.
    fn pages(resync: &mut Resync, standing: usize, most: usize) -> Vec<usize> {
        let standing: Vec<_> = (0..standing).map(revocation).collect();
        let own = |last: Option<&Revocation>, most: usize| {
            let begin = last.map_or(0, |last| {
                standing.iter().position(|one| one == last).unwrap() + 1
            });
            standing.iter().skip(begin).take(most).cloned().collect()
        };
        let mut sizes = Vec::new();
        loop {
            let page: Vec<_> = resync.next(most, own);
            if page.is_empty() {
                assert_eq!(resync.due(), 0);
                return sizes;
            }
            sizes.push(page.len());
        }
    }

    #[test]
    fn one_pass_serves_all_that_gave_way_before_it() {
        for (standing, expect) in [(0, vec![]), (3, vec![3]), (4, vec![4]), (9, vec![4, 4, 1])] {
            let mut resync = Resync::default();
            assert_eq!(pages(&mut resync, standing, 4), [0; 0], "nothing is due");
            resync.count_dropped();
            resync.count_dropped();
            assert_eq!(resync.due(), 2);
            assert_eq!(pages(&mut resync, standing, 4), expect);
            assert_eq!(pages(&mut resync, standing, 4), [0; 0]);
        }
    }

    #[test]
    fn what_gives_way_during_a_pass_gets_one_of_its_own() {
        let mut resync = Resync::default();
        resync.count_dropped();
        let own = |_: Option<&Revocation>, most: usize| (0..most).map(revocation).collect();
        assert_eq!(resync.next(2, own).len(), 2);
        resync.count_dropped();
        assert_eq!(pages(&mut resync, 3, 2), [1, 2, 1]);
    }

    #[test]
    fn what_is_told_by_another_way_is_not_told_again() {
        let own = |_: Option<&Revocation>, most: usize| (0..most).map(revocation).collect();
        let mut resync = Resync::default();
        resync.count_dropped();
        let before = resync.mark();
        assert_eq!(resync.next(2, own).len(), 2);
        resync.count_dropped();
        resync.mark_published(before);
        assert_eq!(resync.due(), 1);
        // The pass that published these is over: the next begins from the first.
        assert_eq!(pages(&mut resync, 3, 2), [2, 1]);
        resync.mark_published(Mark::default());
        assert_eq!(resync.due(), 0, "an older mark takes nothing back");
    }

    #[test]
    fn a_page_of_none_is_none_and_ends_nothing() {
        let mut resync = Resync::default();
        resync.count_dropped();
        let none = resync.next(0, |_, _| panic!("not asked for"));
        assert_eq!((none, resync.due()), (Vec::new(), 1));
    }
}
