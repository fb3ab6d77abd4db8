//! Faults of a request: it is collected until it is whole, and read up to the byte.

use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;

use super::{OfRequests, Then, WireFault};

/// The requests of a connection. They are collected while a fault waits for one.
pub(super) struct Requests {
    faults: Arc<OfRequests>,
    /// What is still to be read; before `then` is known, all that came so far.
    request: Vec<u8>,
    then: Option<Then>,
    has_ended: bool,
}

impl Requests {
    pub(super) fn new(faults: Arc<OfRequests>) -> Self {
        Self {
            faults,
            request: Vec::new(),
            then: None,
            has_ended: false,
        }
    }

    /// An error once a request was cut: it is not answered.
    pub(super) fn go_on(&self) -> Result<()> {
        if self.has_ended {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    pub(super) fn poll_read(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.go_on()?;
        while self.then.is_none() {
            if self.request.is_empty() && !(self.faults.is_any)() {
                return Pin::new(stream).poll_read(cx, buffer);
            }
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.request.extend_from_slice(chunk.filled());
            if is_whole(&self.request) {
                self.then = Some(self.strike());
            }
        }
        loop {
            if !self.request.is_empty() {
                let size = self.request.len().min(buffer.remaining());
                buffer.put_slice(self.request.drain(..size).as_slice());
                return Poll::Ready(Ok(()));
            }
            match self.then.take() {
                None | Some(Then::GoOn) => return self.poll_read(stream, cx, buffer),
                Some(Then::Wait(mut cleared, rest)) => {
                    if cleared.as_mut().poll(cx).is_pending() {
                        self.then = Some(Then::Wait(cleared, rest));
                        return Poll::Pending;
                    }
                    self.request = rest;
                    self.then = Some(Then::GoOn);
                }
                Some(end) => {
                    self.has_ended = true;
                    if matches!(end, Then::Reset) {
                        stream.set_zero_linger()?;
                    }
                    return Poll::Ready(self.go_on());
                }
            }
        }
    }

    /// Ends the request where its fault wants it.
    fn strike(&mut self) -> Then {
        let line = self.request.split(|byte| *byte == b'\r').next();
        let line = line.and_then(|line| std::str::from_utf8(line).ok());
        let path = line.and_then(|line| line.split(' ').nth(1));
        let Some(waiting) = path.and_then(|path| (self.faults.take)(path)) else {
            return Then::GoOn;
        };
        let rest = self.request.split_off(waiting.at.byte(&self.request));
        let then = match waiting.fault {
            WireFault::Hold => Then::Wait(waiting.cleared, rest),
            WireFault::Cut => Then::Close,
            WireFault::Reset => Then::Reset,
            _ => {
                self.request.extend(rest);
                return Then::GoOn;
            }
        };
        (waiting.struck)();
        then
    }
}

/// Whether head and body are there. What begins in the middle of a request is passed on as it comes.
fn is_whole(request: &[u8]) -> bool {
    if !request.first().is_some_and(u8::is_ascii_uppercase) {
        return true;
    }
    let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let length = request.get(..head).and_then(|head| {
        let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
        let (_, after) = head.split_once("\r\ncontent-length:")?;
        after.lines().next()?.trim().parse().ok()
    });
    let body = request.len().saturating_sub(head).saturating_sub(4);
    body >= length.unwrap_or(0_usize)
}
