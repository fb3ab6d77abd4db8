//! A sign-in in progress: its state, its proof key (PKCE) and the login cookie that binds it to the browser that began it.

pub(crate) mod cookie;
pub mod parameters;
pub(crate) mod pkce;
pub mod state;
