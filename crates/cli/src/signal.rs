//! Waits for the signal to stop: Ctrl-C or a termination signal. Listens before the ready line, so that a script may stop
//! the process right after it.

use crate::failure::Failure;

#[cfg(unix)]
pub(crate) struct End {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl End {
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("signals cannot be handled: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn come(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
pub(crate) struct End(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl End {
    pub(crate) fn listen() -> Result<Self, Failure> {
        tokio::signal::windows::ctrl_c()
            .map(Self)
            .map_err(|error| Failure::failed(format!("Ctrl-C cannot be handled: {error}")))
    }

    pub(crate) async fn come(mut self) {
        self.0.recv().await;
    }
}
