//! What the servers and the files of the other crates read: as `lib.rs`, for a second program and the tests of the client.

pub mod app;
pub mod files;
pub mod lines;
pub mod local_cloud;
pub mod replay;
pub mod script;

/// A function to call with any bytes.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The targets of the client and of the local Cloud.
pub const TARGETS: &[Target] = &[
    target("app", app::app),
    target("credentials", files::credentials),
    target("local_cloud", local_cloud::local_cloud),
    target("signing_key", files::signing_key),
];
