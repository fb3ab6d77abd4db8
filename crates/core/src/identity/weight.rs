//! What an entry counts in the bound of its table: one for every 8 KiB begun.
//!
//! An account's metadata and a list of permissions may be as large as an answer may be, and several times that once read;
//! entries of usual size count one. Sizes are estimates of the heap, not exact.

use core::time::Duration;
use std::sync::Arc;

use serde_json::Value;

use super::Identity;
use super::key::TokenKey;
use crate::error::CloudApiError;
use crate::ids::UserId;
use crate::permission::Grants;
use crate::time::Timestamp;

const UNIT_BYTES: usize = 8 * 1024;
/// What a value costs beside its text: the enum, its place in a map or list, the allocation.
const NODE_BYTES: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Weighter;

impl quick_cache::Weighter<TokenKey, (Arc<Identity>, Duration)> for Weighter {
    fn weight(&self, _: &TokenKey, (identity, _): &(Arc<Identity>, Duration)) -> u64 {
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
        ];
        let roles = user.roles().iter().map(String::as_str);
        units(texts(own.into_iter().chain(roles)).saturating_add(metadata))
    }
}

impl quick_cache::Weighter<TokenKey, (UserId, Arc<Grants>, Duration)> for Weighter {
    fn weight(&self, _: &TokenKey, (_, grants, _): &(UserId, Arc<Grants>, Duration)) -> u64 {
        units(texts(grants.iter()))
    }
}

impl quick_cache::Weighter<TokenKey, (CloudApiError, Duration)> for Weighter {
    fn weight(&self, _: &TokenKey, _: &(CloudApiError, Duration)) -> u64 {
        1
    }
}

impl quick_cache::Weighter<TokenKey, Timestamp> for Weighter {
    fn weight(&self, _: &TokenKey, _: &Timestamp) -> u64 {
        1
    }
}

fn units(bytes: usize) -> u64 {
    u64::try_from(bytes / UNIT_BYTES).map_or(u64::MAX, |units| units.saturating_add(1))
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
    fn what_is_large_counts_more() {
        assert_eq!(units(0), 1);
        assert_eq!(units(UNIT_BYTES - 1), 1);
        assert_eq!(units(UNIT_BYTES), 2);
        assert!(size(&json!({"a": ["b", 1, null]})) > 4 * NODE_BYTES);
        let many = Value::Array(vec![Value::Null; 100_000]);
        assert!(units(size(&many)) > 700);
    }
}
