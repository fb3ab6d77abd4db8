//! A server in a process of its own, and wrk against it.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use mastra_auth_benches::cloud::{SignedIn, cookies};
use mastra_auth_benches::rounds::{Rounds, Turn};

/// Where the servers find the Cloud, and whose session it is about.
pub(crate) const CLOUD: &str = "BENCH_CLOUD";
pub(crate) const TOKEN: &str = "BENCH_TOKEN";
/// The user who is signed in at the servers.
pub(crate) const USER: &str = "usr_mei";

/// A server at work; it ends with this.
pub(crate) struct Server {
    name: &'static str,
    process: Child,
    port: u16,
    cookie: String,
    /// For each turn, the microseconds of processor time of one answer, where the system tells it.
    spent: RefCell<Vec<f64>>,
}

impl Server {
    /// Starts one, which prints `ready PORT`, and signs in at its `/login`.
    pub(crate) fn start(
        name: &'static str,
        program: impl AsRef<OsStr>,
        arguments: &[&str],
        someone: &SignedIn,
    ) -> Result<Self> {
        let mut process = Command::new(program)
            .args(arguments)
            .env(CLOUD, &someone.url)
            .env(TOKEN, &someone.token)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let mut line = String::new();
        let output = process.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().strip_prefix("ready ");
        let port = port.with_context(|| format!("{name} does not get ready"))?;
        let mut server = Self {
            name,
            process,
            port: port.parse()?,
            cookie: String::new(),
            spent: RefCell::default(),
        };
        let login = server.ask("/login")?;
        let mut headers = login.lines().filter_map(|line| line.split_once(": "));
        let cookie = headers.find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        let pair = cookie.and_then(|(_, cookie)| cookie.split(';').next());
        server.cookie = cookies(pair.with_context(|| format!("{name} sets no cookie"))?);
        let answer = server.ask("/")?;
        ensure!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with(USER),
            "{name} does not know who asks: {answer}"
        );
        Ok(server)
    }

    /// How long the process ran so far, in its own code and in the kernel's for it, in microseconds (proc(5)).
    fn processor_time(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // After the name, which may hold anything, in brackets.
        let (_, fields) = stat.rsplit_once(") ")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u32>);
        Some(f64::from(ticks.sum::<Result<u32, _>>().ok()?) * 1e4)
    }

    /// One request, and everything that comes back.
    fn ask(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let cookie = &self.cookie;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// A second of load; answers the microseconds from one answer to the next.
    fn wrk(&self) -> Result<f64> {
        let before = self.processor_time();
        let output = Command::new(std::env::var_os("WRK").unwrap_or_else(|| "wrk".into()))
            .args(["--threads", "1", "--connections", "16", "--duration", "1s"])
            .args(["--header", &format!("Cookie: {}", self.cookie)])
            .arg(format!("http://127.0.0.1:{}/", self.port))
            .output()
            .context("wrk does not start")?;
        let after = self.processor_time();
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"),
            "wrk meets errors:\n{said}"
        );
        let mut lines = said.lines();
        let answers = lines.find_map(|line| line.split_once(" requests in "));
        let (answers, _) = answers.context("wrk tells no count")?;
        if let (Some(before), Some(after)) = (before, after) {
            let spent = (after - before) / answers.trim().parse::<f64>()?;
            self.spent.borrow_mut().push(spent);
        }
        let rate = lines.find_map(|line| line.strip_prefix("Requests/sec:"));
        let rate = rate.context("wrk tells no rate")?.trim();
        Ok(1e6 / rate.parse::<f64>()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended by itself needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// From answer to answer as wrk sees it, and the processor time of the server for an answer.
pub(crate) fn measured(servers: &[Server], rounds: usize) -> Result<[Rounds; 2]> {
    let contenders = servers.iter().map(|server| {
        let turn: Turn<'_> = Box::new(|| server.wrk());
        (server.name, turn)
    });
    let seen = Rounds::run(rounds, contenders.collect())?;
    // As there, the first round only warms up.
    let spent = servers.iter().map(|server| {
        let turns = server.spent.borrow();
        (server.name, turns.iter().skip(1).copied().collect())
    });
    Ok([seen, Rounds(spent.collect())])
}
