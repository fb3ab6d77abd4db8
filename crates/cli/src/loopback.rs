//! A listener on this machine that a browser comes back to.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// How long a person may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);
/// Most bytes of a request's head: one query may hold two tokens.
const MAX_HEAD: usize = 32 * 1024;
const CALLBACK: &str = "/callback";

/// The listener, on a free port of 127.0.0.1.
pub(crate) struct Loopback {
    comers: Receiver<(TcpStream, String)>,
    port: u16,
}

impl Loopback {
    pub(crate) async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (sender, comers) = channel(8);
        tokio::spawn(listen(listener, sender));
        Ok(Self { comers, port })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Where the browser comes back to.
    pub(crate) fn callback(&self) -> String {
        self.at(CALLBACK)
    }

    /// The next browser that comes back: its connection, which waits for a page, and the whole address.
    pub(crate) async fn next(&mut self) -> Result<(TcpStream, String), String> {
        let comer = self.comers.recv().await;
        let (stream, path) = comer.ok_or("the listener on this machine has ended")?;
        Ok((stream, self.at(&path)))
    }

    fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Passes on requests for the callback. Any other is answered and forgotten; one that says nothing holds up no other.
async fn listen(listener: TcpListener, comers: Sender<(TcpStream, String)>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let comers = comers.clone();
        tokio::spawn(async move {
            let path = timeout(Duration::from_secs(10), path(&mut stream)).await;
            match path.ok().flatten() {
                Some(path) if path.split('?').next() == Some(CALLBACK) => {
                    // The run has ended, and needs no one any more.
                    let _ = comers.send((stream, path)).await;
                }
                _ => answer(stream, StatusCode::NOT_FOUND, "mastra-auth", "").await,
            }
        });
    }
}

/// The path of a GET request.
async fn path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 2048];
        let read = stream.read(&mut part).await.ok()?;
        head.extend_from_slice(part.get(..read).filter(|part| !part.is_empty())?);
        if head.len() > MAX_HEAD {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.strip_prefix("GET ")?.split(' ').next()?;
    Some(path.to_owned())
}

/// Answers with a page and closes. A browser that has gone away misses nothing.
pub(crate) async fn answer(mut stream: TcpStream, status: StatusCode, title: &str, body: &str) {
    let body = format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title>{body}");
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
