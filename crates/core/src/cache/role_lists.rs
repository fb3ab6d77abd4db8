//! The lists of roles that identities share: most users of a deployment have one of a few.

use std::sync::{Arc, PoisonError};

use crate::sync::Mutex;

/// Most lists that are kept, and most bytes of the roles of each: the Cloud may know very many or very long ones.
const MOST_LISTS: usize = 64;
const MOST_BYTES: usize = 256;

#[derive(Default)]
pub(super) struct RoleLists(Mutex<Vec<Arc<[String]>>>);

impl RoleLists {
    /// These roles, in one list for all who have them where that is kept.
    pub(super) fn shared(&self, roles: Arc<[String]>) -> Arc<[String]> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lists.iter().find(|kept| **kept == roles) {
            return Arc::clone(kept);
        }
        let bytes = roles.iter().map(String::len).fold(0, usize::saturating_add);
        if lists.len() < MOST_LISTS && bytes <= MOST_BYTES {
            lists.push(Arc::clone(&roles));
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(name: &str) -> Arc<[String]> {
        Arc::new([name.to_owned()])
    }

    #[test]
    fn few_short_lists_are_shared_and_no_others() {
        let lists = RoleLists::default();
        let is_shared =
            |name: &str| Arc::ptr_eq(&lists.shared(roles(name)), &lists.shared(roles(name)));
        assert!(!is_shared(&"r".repeat(MOST_BYTES + 1)));
        assert!(is_shared(&"r".repeat(MOST_BYTES)));
        for number in 1..MOST_LISTS {
            assert!(is_shared(&number.to_string()));
        }
        assert!(!is_shared("one more"));
        assert!(is_shared("1"));
    }
}
