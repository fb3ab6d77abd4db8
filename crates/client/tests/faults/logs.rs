//! The log of a thread, with everything that every crate says at trace level.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The bytes of all logs that were taken.
pub(crate) static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// `None` on a thread of the Cloud.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct OfThread;

impl io::Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().map(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for OfThread {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Keeps the logs of this thread from now on.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(OfThread)
            .init();
    });
    LOG.set(Some(Vec::new()));
}

/// What this thread logged since the last time.
pub(crate) fn take() -> String {
    let log = LOG.replace(Some(Vec::new())).unwrap();
    TAKEN.fetch_add(log.len(), Ordering::Relaxed);
    String::from_utf8(log).unwrap()
}
