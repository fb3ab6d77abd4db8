//! The weight of a table's entry: its bytes, and no less than one of usual size.
//!
//! So a table holds at most its number of entries, and at most its number of bytes. An account's metadata and a list of
//! permissions may be as large as a response, and several times that once parsed. Sizes are estimates of the heap, not exact.

use core::time::Duration;
use std::sync::Arc;

use serde_json::Value;

use crate::cache::by_digest::ByDigest;
use crate::ids::UserId;
use crate::rbac::pattern::Permissions;
use crate::session::deadline::Deadline;
use crate::session::lookup::Refusal;
use crate::session::{Identity, TokenDigest};

/// The bytes up to which an entry counts as one, by default.
const USUAL_BYTES: usize = 8 * 1024;
/// What a value costs beside its text: the enum, its place in a map or list, the allocation.
const NODE_BYTES: usize = 64;
/// What an identity costs beside what it holds.
const IDENTITY_BYTES: usize = 512;

/// Holds the usual size: the table's bytes divided by its entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighter {
    usual: usize,
}

impl Weighter {
    pub(crate) fn new(capacity: usize, bytes: Option<usize>) -> Self {
        let share = bytes.map_or(Some(USUAL_BYTES), |bytes| bytes.checked_div(capacity));
        Self {
            usual: share.unwrap_or_default().max(1),
        }
    }

    /// The weight of a full table of entries of usual size.
    pub(crate) fn most(self, capacity: usize) -> u64 {
        u64::try_from(self.usual.saturating_mul(capacity)).unwrap_or(u64::MAX)
    }

    fn weight_of(self, bytes: usize) -> u64 {
        u64::try_from(bytes.max(self.usual)).unwrap_or(u64::MAX)
    }
}

impl quick_cache::Weighter<ByDigest, Arc<Identity>> for Weighter {
    fn weight(&self, _: &ByDigest, identity: &Arc<Identity>) -> u64 {
        let user = identity.user();
        let metadata = user.metadata().map_or(0, |members| {
            members
                .iter()
                .map(|(name, value)| name.len().saturating_add(size(value)))
                .fold(0, usize::saturating_add)
        });
        let own = [
            user.id().as_str(),
            user.email(),
            user.name().unwrap_or_default(),
            user.avatar_url().unwrap_or_default(),
            user.session_token().expose(),
        ];
        let roles = user.roles().iter().map(String::as_str);
        let text = texts(own.into_iter().chain(roles));
        self.weight_of(text.saturating_add(metadata).saturating_add(IDENTITY_BYTES))
    }
}

impl quick_cache::Weighter<TokenDigest, (UserId, Arc<Permissions>, Duration)> for Weighter {
    fn weight(
        &self,
        _: &TokenDigest,
        (_, permissions, _): &(UserId, Arc<Permissions>, Duration),
    ) -> u64 {
        self.weight_of(texts(permissions.iter()))
    }
}

impl quick_cache::Weighter<TokenDigest, (Refusal, Duration)> for Weighter {
    fn weight(&self, _: &TokenDigest, _: &(Refusal, Duration)) -> u64 {
        self.weight_of(0)
    }
}

impl quick_cache::Weighter<TokenDigest, Deadline> for Weighter {
    fn weight(&self, _: &TokenDigest, _: &Deadline) -> u64 {
        self.weight_of(0)
    }
}

fn texts<'t>(all: impl Iterator<Item = &'t str>) -> usize {
    all.map(|text| text.len().saturating_add(NODE_BYTES))
        .fold(0, usize::saturating_add)
}

fn size(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(size).fold(0, usize::saturating_add),
        Value::Object(all) => all
            .iter()
            .map(|(name, value)| name.len().saturating_add(size(value)))
            .fold(0, usize::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    inner.saturating_add(NODE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_large_counts_its_bytes_and_the_rest_the_usual_size() {
        assert_eq!(Weighter::new(10, None).most(10), 80 * 1024);
        let weighter = Weighter::new(10, Some(80_000));
        assert_eq!(weighter.most(10), 80_000);
        assert_eq!(
            [0, 8000, 8001].map(|bytes| weighter.weight_of(bytes)),
            [8000, 8000, 8001]
        );
        assert!(size(&json!({"a": ["b", 1, null]})) > 4 * NODE_BYTES);
        let many = Value::Array(vec![Value::Null; 100_000]);
        assert!(weighter.weight_of(size(&many)) > 6_000_000);
    }

    #[test]
    fn no_bound_is_too_small_to_be_kept() {
        for (capacity, bytes, most) in [(0, 100, 0), (100, 0, 100), (100, 50, 100), (0, 0, 0)] {
            assert_eq!(Weighter::new(capacity, Some(bytes)).most(capacity), most);
        }
        assert_eq!(
            Weighter::new(1, Some(usize::MAX)).most(usize::MAX),
            u64::try_from(usize::MAX).unwrap()
        );
    }

    #[test]
    fn each_table_weighs_what_its_entries_hold() {
        use quick_cache::Weighter as _;
        let weighter = Weighter::new(10, Some(1000));
        let key = TokenDigest::from_bytes(&[7; 32]).unwrap();
        let now = crate::time::Now {
            wall: crate::time::Timestamp::from_unix_seconds(0),
            monotonic: Duration::ZERO,
        };
        assert_eq!(weighter.weight(&key, &Deadline::new(now.wall, now)), 100);
        let user = UserId::parse("ada").unwrap();
        for (count, expect) in [
            (1, 100),
            (2, 2 * (NODE_BYTES + 3)),
            (1000, 1000 * (NODE_BYTES + 3)),
        ] {
            let permissions = Permissions::new(vec!["a:b"; count]);
            let entry = (user.clone(), Arc::new(permissions), Duration::ZERO);
            assert_eq!(
                weighter.weight(&key, &entry),
                u64::try_from(expect).unwrap()
            );
        }
    }
}
