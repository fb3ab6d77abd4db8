//! The locks of shared state: the standard library's, and under `--cfg shuttle` those of the model that runs every order of
//! events (`cargo xtask model`).

#[cfg(not(shuttle))]
pub(super) use core::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(not(shuttle))]
pub(super) use std::sync::{Mutex, MutexGuard, RwLock};

#[cfg(shuttle)]
pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(shuttle)]
pub(super) use shuttle::sync::{Mutex, MutexGuard, RwLock};
