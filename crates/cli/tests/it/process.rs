//! The built `mastra-auth` as a process: what it prints, how it ends. Nothing of it outlives its test.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, without the environment in which the tests run.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mastra-auth"));
    command.args(args);
    for name in [
        "MASTRA_CLOUD_URL",
        "MASTRA_PROJECT_ID",
        "MASTRA_PUBLIC_URL",
        "MASTRA_CLOUD_DIALECT",
        "MASTRA_PLATFORM_API_URL",
        "MASTRA_API_TOKEN",
        "MASTRA_ORG_ID",
        "RUST_LOG",
        "NO_COLOR",
        "CLICOLOR_FORCE",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(name);
    }
    command
}

/// A call that came to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs to the end with this on standard input.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Finished {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // It need not read all of it.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let status = wait(&mut child);
    writer.join().unwrap();
    Finished {
        code: status.code(),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

/// A server that said that it is ready.
pub(crate) struct Running {
    child: Child,
    ready: String,
    stdout: Option<JoinHandle<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_command(command(args))
    }

    /// Starts and waits for the ready line.
    pub(crate) fn start_command(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (stderr, readers) = follow(child.stderr.take().unwrap());
        let mut ready = String::new();
        out.read_line(&mut ready).unwrap();
        assert!(
            ready.ends_with('\n'),
            "it ended before it was ready: {ready:?} {}",
            stderr.lock().unwrap()
        );
        Self {
            child,
            ready,
            stdout: Some(collect(out)),
            stderr,
            readers: Some(readers),
        }
    }

    /// The ready line as it came.
    pub(crate) fn ready(&self) -> &str {
        &self.ready
    }

    /// An address out of the ready line.
    pub(crate) fn url(&self, name: &str) -> String {
        self.ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .unwrap()
            .to_owned()
    }

    /// What stands on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, signal: &str) -> Finished {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let status = wait(&mut self.child);
        self.readers.take().unwrap().join().unwrap();
        let rest = self.stdout.take().unwrap().join().unwrap();
        Finished {
            code: status.code(),
            stdout: format!("{}{rest}", self.ready),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            drop(child.kill());
            drop(child.wait());
            assert!(Instant::now() < deadline, "it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Reads output as it comes, so that a full pipe does not block the program.
fn follow(from: ChildStderr) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            shared
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    (text, reader)
}
