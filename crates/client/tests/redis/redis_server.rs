//! A real redis-server on loopback that keeps nothing on disk, and can be killed, stopped and started again.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::free_port;

/// The server of one test.
pub(crate) struct RedisServer {
    port: u16,
    process: Option<Child>,
    certificate: Option<PathBuf>,
}

impl RedisServer {
    /// Where one will listen; nothing does yet.
    pub(crate) fn reserve() -> Self {
        Self {
            port: free_port(),
            process: None,
            certificate: None,
        }
    }

    /// One that speaks TLS alone, with this certificate and the key beside it.
    pub(crate) fn with_tls(certificate: PathBuf) -> Self {
        let mut server = Self::reserve();
        server.certificate = Some(certificate);
        server.start_again();
        server
    }

    pub(crate) fn start() -> Self {
        let mut server = Self::reserve();
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let program = std::env::var_os("REDIS_SERVER").unwrap_or_else(|| "redis-server".into());
        let port = self.port.to_string();
        let mut command = Command::new(program);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(std::env::temp_dir());
        match &self.certificate {
            None => command.args(["--port", &port]),
            Some(certificate) => command
                .args(["--port", "0", "--tls-port", &port])
                .args(["--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(certificate)
                .arg("--tls-key-file")
                .arg(certificate.with_extension("key")),
        };
        let process = command
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("redis-server is missing ({error}): cargo xtask redis installs or names it")
            });
        self.process = Some(process);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no redis");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it at once, with all that it held.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// `STOP` leaves its connections open and answers nothing; `CONT` goes on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        let done = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(done.unwrap().success());
    }

    pub(crate) const fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    pub(crate) fn url(&self) -> String {
        self.url_at("127.0.0.1")
    }

    /// The same by another name of this machine.
    pub(crate) fn url_at(&self, host: &str) -> String {
        let scheme = self.certificate.as_ref().map_or("redis", |_| "rediss");
        format!("{scheme}://{host}:{}/0", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection of a test's own, which waits for Redis however slow the machine is.
pub(crate) async fn connection(url: &str) -> redis::aio::MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let client = redis::Client::open(url).unwrap();
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await.unwrap()
}
