//! Who judges: four verifiers, each set up as its documentation says, with the same keys and the same wishes.

mod child;
mod jsonwebtoken;
mod ours;

pub(crate) use child::Child;
pub(crate) use jsonwebtoken::Jsonwebtoken;
pub(crate) use ours::Ours;

/// What a judge says of a token; a refusal with its own word for it.
pub(crate) type Verdict = Result<(), String>;
