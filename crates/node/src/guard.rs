//! Catches panics at the boundary.
//!
//! Every export's body runs in [`guard`]. A panic's message may hold a value, so only its place in the source is passed on.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use napi::{Env, Status};

/// The code of the error that a panic becomes.
#[derive(Debug)]
pub struct Internal;

impl AsRef<str> for Internal {
    fn as_ref(&self) -> &'static str {
        "internal"
    }
}

/// The result of an export.
pub type Result<T> = std::result::Result<T, napi::Error<Internal>>;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs an export's body.
pub(crate) fn guard<T>(export: &'static str, body: impl FnOnce() -> T) -> Result<T> {
    quiet();
    catch_unwind(AssertUnwindSafe(|| {
        fault::maybe(export);
        body()
    }))
    .map_err(|_| {
        let place = PLACE
            .take()
            .unwrap_or_else(|| "an unknown place".to_owned());
        napi::Error::new(
            Internal,
            format!("{export} failed at {place}. Please report this."),
        )
    })
}

/// Throws the error from a function made at run time. Generated glue throws it for other exports; here it is thrown by
/// hand.
pub(crate) fn thrown<T>(env: Env, error: &napi::Error<Internal>) -> napi::Result<T> {
    env.throw_error(&error.reason, Some(Internal.as_ref()))?;
    Err(napi::Error::from_status(Status::PendingException))
}

/// Keeps panic messages off standard error; records where the panic began.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            PLACE.set(info.location().map(ToString::to_string));
        }));
    });
}

#[cfg(not(feature = "fault-injection"))]
mod fault {
    pub(super) const fn maybe(_: &str) {}
}

#[cfg(feature = "fault-injection")]
mod fault {
    use std::sync::{Mutex, PoisonError};

    use napi_derive::napi;

    /// One for all threads: a check runs on another thread than the one that arms it.
    static ARMED: Mutex<Option<String>> = Mutex::new(None);

    /// Makes the next call of one export panic. Only in builds for tests of it.
    #[napi(skip_typescript)]
    pub fn inject_panic(export: String) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(export);
    }

    #[allow(clippy::panic, reason = "it is what this is for")]
    pub(super) fn maybe(export: &str) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if armed.as_deref() == Some(export) {
            *armed = None;
            drop(armed);
            panic!("told to, with a secret: hunter2");
        }
    }
}
