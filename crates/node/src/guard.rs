//! Catches panics at the boundary.
//!
//! Every export's body runs in [`guard`]. A panic's message may hold a value, so only its place in the source is passed on.

use std::any::type_name;
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
pub(crate) fn guard<T, F: FnOnce() -> T>(body: F) -> Result<T> {
    quiet();
    catch_unwind(AssertUnwindSafe(|| {
        fault::maybe(name_of::<F>);
        body()
    }))
    .map_err(|_| {
        let place = PLACE
            .take()
            .unwrap_or_else(|| "an unknown place".to_owned());
        napi::Error::new(
            Internal,
            format!("{} failed at {place}. Please report this.", name_of::<F>()),
        )
    })
}

/// The function that makes this closure, behind its type or module: `Flow::woken`.
fn name_of<F>() -> String {
    // `crate::flow::Flow::woken::{{closure}}`, and in a module of its own `crate::sessions::<impl crate::engine::Engine>::renew`.
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let mut words = path.rsplit("::");
    let (function, of) = (words.next(), words.next());
    format!(
        "{}::{}",
        of.unwrap_or_default().trim_end_matches('>'),
        function.unwrap_or_default()
    )
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
    pub(super) fn maybe(_: fn() -> String) {}
}

#[cfg(feature = "fault-injection")]
mod fault {
    use std::sync::{Mutex, PoisonError};

    use napi_derive::napi;

    /// One for all threads: a check runs on another thread than the one that arms it.
    static ARMED: Mutex<Option<String>> = Mutex::new(None);

    /// Makes the next call of one function panic: `Flow::woken`, or without its module `open`. Only in builds for tests of it.
    #[napi(skip_typescript)]
    pub fn inject_panic(function: String) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(function);
    }

    #[allow(clippy::panic, reason = "it is what this is for")]
    pub(super) fn maybe(name: fn() -> String) {
        let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
        if armed
            .as_ref()
            .is_some_and(|wanted| format!("::{}", name()).ends_with(&format!("::{wanted}")))
        {
            *armed = None;
            drop(armed);
            panic!("told to, with a secret: hunter2");
        }
    }
}
