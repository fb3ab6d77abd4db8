//! What runs on Node: which Node that is, and the npm packages it needs.

mod packages;
mod runtime;

pub(crate) use packages::install;
pub(crate) use runtime::Node;
