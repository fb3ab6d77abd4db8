//! Faults of a connection: at a chosen byte of a right answer it halts, ends, or carries another byte; at a chosen byte of a
//! request it halts or ends.
//!
//! An endpoint arms the connection of its request. The next answer is collected until it is flushed, so that its parts are
//! known, and is then sent up to the byte. What happens there is counted as `wire`.

mod request;

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use request::Requests;

/// A place in an answer or a request: a byte that exists, whatever its length.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Place {
    /// The byte of this number of the status line, from 0; past its end, its last byte.
    Status(u16),
    /// In the headers, in thousandths of them, with the empty line that ends them.
    Headers(u16),
    /// The first byte of the header of this number, from 0; past the last header, of the body.
    Header(u16),
    /// In the body, in thousandths of it; 1000 is its last byte.
    Body(u16),
    /// In the request, in thousandths of it; 1000 is its last byte. The Cloud reads what comes before.
    Request(u16),
}

/// What happens at a byte. To a request only the first three do: with another byte it would be another request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WireFault {
    /// Nothing more comes until the faults are cleared; then the rest.
    Hold,
    /// The connection is closed (FIN) in place of the byte.
    Cut,
    /// The connection is reset (RST) in place of the byte.
    Reset,
    /// The byte comes twice, and the connection is closed after the answer.
    Duplicate,
    /// The bits of this mask are flipped in the byte, and the connection is closed after the answer.
    Corrupt(u8),
    /// The whole answer comes twice, wherever the place is, and the connection stays open.
    Repeat,
}

impl Place {
    /// Whether there is such a place, and this can happen there.
    pub(crate) const fn can(self, fault: WireFault) -> bool {
        match self {
            Self::Headers(at) | Self::Body(at) => at <= 1000,
            Self::Request(at) => {
                at <= 1000 && matches!(fault, WireFault::Hold | WireFault::Cut | WireFault::Reset)
            }
            Self::Status(_) | Self::Header(_) => true,
        }
    }

    /// The number of the byte in this answer or request.
    fn byte(self, answer: &[u8]) -> usize {
        let lines = |part: &[u8]| part.windows(2).position(|two| two == b"\r\n");
        let status = lines(answer).map_or(answer.len(), |at| at.saturating_add(2));
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.map_or(answer.len(), |at| at.saturating_add(4));
        let within = |from: usize, to: usize, at: u16| {
            let last = to.saturating_sub(from).saturating_sub(1);
            from.saturating_add(last.saturating_mul(at.into()) / 1000)
        };
        let at = match self {
            Self::Status(at) => usize::from(at).min(status.saturating_sub(1)),
            Self::Headers(at) => within(status, head, at),
            Self::Body(at) => within(head, answer.len(), at),
            Self::Request(at) => within(0, answer.len(), at),
            Self::Header(number) => {
                let mut at = status;
                for _ in 0..number {
                    let rest = answer.get(at..head).unwrap_or_default();
                    at = lines(rest).map_or(head, |end| at.saturating_add(end).saturating_add(2));
                }
                at
            }
        };
        at.min(answer.len().saturating_sub(1))
    }
}

/// The fault that waits for the next answer of a connection.
#[derive(Clone, Default)]
pub(crate) struct Armed(Arc<Mutex<Option<Waiting>>>);

/// A fault, and who hears of it.
pub(crate) struct Waiting {
    pub(crate) at: Place,
    pub(crate) fault: WireFault,
    /// Called once the byte is reached.
    pub(crate) struck: Box<dyn FnOnce() + Send>,
    /// Waits until the faults are cleared.
    pub(crate) cleared: BoxFuture<'static, ()>,
}

/// The faults of requests.
pub(crate) struct OfRequests {
    /// Whether there is one.
    pub(crate) is_any: Box<dyn Fn() -> bool + Send + Sync>,
    pub(crate) take: Box<Take>,
}

/// The fault for a request to this path.
type Take = dyn Fn(&str) -> Option<Waiting> + Send + Sync;

impl Armed {
    pub(crate) fn arm(&self, waiting: Waiting) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
    }

    fn take(&self) -> Option<Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_armed(&self) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_some()
    }
}

impl Connected<IncomingStream<'_, Wires>> for Armed {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().armed.clone()
    }
}

/// A listener whose connections can be armed.
pub(crate) struct Wires(pub(crate) TcpListener, pub(crate) Arc<OfRequests>);

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        let wire = Wire {
            stream,
            armed: Armed::default(),
            answer: Vec::new(),
            then: None,
            requests: Requests::new(Arc::clone(&self.1)),
        };
        (wire, address)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Listener::local_addr(&self.0)
    }
}

/// A connection that can be armed.
pub(crate) struct Wire {
    stream: TcpStream,
    armed: Armed,
    /// What is still to be sent of an answer with a fault; before `then` is known, all of it so far.
    answer: Vec<u8>,
    then: Option<Then>,
    requests: Requests,
}

/// What follows once the first part of an answer was sent, or of a request was read.
enum Then {
    GoOn,
    Close,
    Reset,
    /// The rest, as soon as the faults are cleared.
    Wait(BoxFuture<'static, ()>, Vec<u8>),
}

impl Wire {
    /// Changes the answer as its fault wants it.
    fn strike(&mut self, waiting: Waiting) {
        let at = waiting.at.byte(&self.answer);
        self.then = Some(match waiting.fault {
            WireFault::Hold => Then::Wait(waiting.cleared, self.answer.split_off(at)),
            WireFault::Cut | WireFault::Reset => {
                self.answer.truncate(at);
                match waiting.fault {
                    WireFault::Reset => Then::Reset,
                    _ => Then::Close,
                }
            }
            WireFault::Duplicate => {
                let byte = self.answer.get(at).copied();
                self.answer.splice(at..at, byte);
                Then::Close
            }
            WireFault::Corrupt(mask) => {
                if let Some(byte) = self.answer.get_mut(at) {
                    *byte ^= mask;
                }
                Then::Close
            }
            WireFault::Repeat => {
                self.answer.extend_from_within(..);
                Then::GoOn
            }
        });
        (waiting.struck)();
    }

    /// Sends what there is to be sent, and what follows.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.then.is_none() && !self.answer.is_empty() {
            match self.armed.take() {
                Some(waiting) => self.strike(waiting),
                None => self.then = Some(Then::GoOn),
            }
        }
        loop {
            while !self.answer.is_empty() {
                let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.answer))?;
                self.answer.drain(..sent);
            }
            match self.then.take() {
                None | Some(Then::GoOn) => return Pin::new(&mut self.stream).poll_flush(cx),
                Some(Then::Close) => return Poll::Ready(Err(ErrorKind::ConnectionAborted.into())),
                Some(Then::Reset) => {
                    self.stream.set_zero_linger()?;
                    return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
                }
                Some(Then::Wait(mut cleared, rest)) => {
                    if cleared.as_mut().poll(cx).is_pending() {
                        self.then = Some(Then::Wait(cleared, rest));
                        return Poll::Pending;
                    }
                    self.answer = rest;
                }
            }
        }
    }

    fn is_struck(&self) -> bool {
        !self.answer.is_empty() || self.then.is_some() || self.armed.is_armed()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        let Self {
            stream, requests, ..
        } = &mut *self;
        requests.poll_read(stream, cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.requests.go_on()?;
        if !self.is_struck() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if self.then.is_some() {
            ready!(self.send(cx))?;
        }
        self.answer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_byte_of_the_answer() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\na: 1\r\nlonger: 2\r\n\r\n{\"a\":1}";
        let at = |place: Place| place.byte(ANSWER);
        assert_eq!([Place::Status(0), Place::Status(1000)].map(at), [0, 16]);
        assert_eq!([Place::Headers(0), Place::Headers(1000)].map(at), [17, 35]);
        let headers = [0, 1, 2, 3, 9].map(|number| at(Place::Header(number)));
        assert_eq!(headers, [17, 23, 34, 36, 36]);
        let body = [0, 500, 1000].map(|at| Place::Body(at).byte(ANSWER));
        assert_eq!(body, [36, 39, 42]);
        assert_eq!(
            Place::Body(1000).byte(b"HTTP/1.1 204 No Content\r\n\r\n"),
            26
        );
        assert_eq!(Place::Body(500).byte(b""), 0);
    }
}
