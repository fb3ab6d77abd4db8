//! What the servers and the files of the other crates read: as `lib.rs`, for a second program and the tests of the client.

pub mod app;
pub mod files;
pub mod lines;
pub mod local_cloud;
pub mod replay;
pub mod script;

/// A name, and a function to call with any bytes.
type Target = (&'static str, fn(&[u8]));

/// The targets of the client and of the local Cloud.
pub const TARGETS: &[Target] = &[
    ("app", app::app),
    ("credentials", files::credentials),
    ("local_cloud", local_cloud::local_cloud),
    ("signing_key", files::signing_key),
];
