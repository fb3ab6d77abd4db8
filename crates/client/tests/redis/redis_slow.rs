//! A slow way to a Redis: what it answers comes at so many bytes a second.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::redis_server::RedisServer;

/// The URL of Redis by that way, on each connection.
pub(crate) async fn way(redis: &RedisServer, bytes_a_second: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let there = redis.address();
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            let there = TcpStream::connect(there).await.unwrap();
            tokio::spawn(pass(here, there, bytes_a_second));
        }
    });
    format!("redis://127.0.0.1:{port}/0")
}

async fn pass(here: TcpStream, there: TcpStream, bytes_a_second: usize) {
    let (mut asked, mut answers) = here.into_split();
    let (mut answered, mut asks) = there.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asks).await });
    let mut bytes = vec![0; bytes_a_second / 50];
    while let Ok(count @ 1..) = answered.read(&mut bytes).await {
        if answers.write_all(&bytes[..count]).await.is_err() {
            break;
        }
        // What is short goes through at once.
        if count > 1000 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    asking.abort();
}
