//! The Cloud's API: requests by endpoint, the envelope of responses, the records in it, and one operation for each endpoint.

pub mod answer;
pub(crate) mod endpoint;
pub(crate) mod envelope;
pub mod model;
pub mod ops;
