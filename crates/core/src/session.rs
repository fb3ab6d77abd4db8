//! What is cached of a session: its verified identity, the digest of its token, refusals, deadlines.

pub(crate) mod deadline;
pub(crate) mod identity;
pub(crate) mod lookup;
pub(crate) mod token_digest;

pub use identity::Identity;
pub use token_digest::TokenDigest;
