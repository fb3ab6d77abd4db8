//! A server of one answer, which need not be one that a Cloud gives.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server that gives every request one answer; with the request lines that it read.
///
/// Another test's client may ask too: one whose own server had this port before.
pub(crate) fn server(answer: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 16 * 1024];
            let read = stream.read(&mut request).unwrap_or_default();
            if let Some(line) = String::from_utf8_lossy(&request[..read]).lines().next() {
                lines.lock().unwrap().push(line.to_owned());
                drop(stream.write_all(answer.as_bytes()));
            }
        }
    });
    (url, asked)
}

/// A whole answer of HTTP.
pub(crate) fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
