//! The Cloud's API: each dialect as a table, requests by endpoint, the envelope of responses, the records in it, and one
//! operation for each endpoint.

pub mod dialect;
pub(crate) mod endpoint;
pub(crate) mod envelope;
pub mod model;
pub mod ops;
