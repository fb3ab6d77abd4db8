//! An identity as its own key in a table.

use core::borrow::Borrow;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::session::{Identity, TokenDigest};

/// The key of an identity, which holds it already. The table has two places for each identity, and a digest takes four times
/// as much as a pointer.
#[derive(Clone)]
pub(crate) struct ByDigest(pub(crate) Arc<Identity>);

impl Borrow<TokenDigest> for ByDigest {
    fn borrow(&self) -> &TokenDigest {
        self.0.digest()
    }
}

impl Hash for ByDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest().hash(state);
    }
}

impl PartialEq for ByDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }
}

impl Eq for ByDigest {}
