//! The pages that the Cloud named when it ended sessions: each is where one browser goes next.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::session::TokenDigest;
use crate::url::RedirectUri;

const CAPACITY: usize = 1000;

/// Each page by the session that was ended, the oldest first.
#[derive(Default)]
pub(crate) struct LogoutPages(Mutex<VecDeque<(TokenDigest, RedirectUri)>>);

impl LogoutPages {
    pub(crate) fn keep(&self, session: TokenDigest, page: RedirectUri) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= CAPACITY {
            pages.pop_front();
        }
        pages.push_back((session, page));
    }

    /// Takes the page of a session that was ended a moment ago.
    pub(crate) fn take(&self, session: &TokenDigest) -> Option<RedirectUri> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pages.iter().position(|(of, _)| of == session)?;
        pages.remove(at).map(|(_, page)| page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_080_the_oldest_page_gives_way() {
        let pages = LogoutPages::default();
        let key = |n: usize| TokenDigest::of_sign_in("state", &n.to_string());
        let page = RedirectUri::parse("https://app.example.com/").unwrap();
        (0..=CAPACITY).for_each(|n| pages.keep(key(n), page.clone()));
        assert!(pages.take(&key(0)).is_none());
        assert!((1..=CAPACITY).all(|n| pages.take(&key(n)).is_some()));
        assert!(pages.take(&key(1)).is_none(), "once");
    }
}
