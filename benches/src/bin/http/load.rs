//! A server in a process of its own, and wrk against it.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mastra_auth_benches::cloud::SignedIn;

/// Where the servers find the Cloud, and whose session it is about.
pub(crate) const CLOUD: &str = "BENCH_CLOUD";
pub(crate) const TOKEN: &str = "BENCH_TOKEN";
/// The user who is signed in at the servers.
pub(crate) const USER: &str = "usr_mei";
const COOKIE_BYTES: usize = 1024;

/// A server at work; it ends with this.
pub(crate) struct Server {
    process: Child,
    port: u16,
    cookie: String,
    /// For each turn, the processor time of one answer, where the system tells it.
    spent: RefCell<Vec<f64>>,
}

impl Server {
    /// Starts one, which prints `ready PORT`, and signs in at its `/login`.
    pub(crate) fn start(command: &[&str], someone: &SignedIn) -> Result<Self> {
        let (program, arguments) = command.split_first().context("nothing to start")?;
        let mut process = Command::new(program)
            .args(arguments)
            .env(CLOUD, &someone.url)
            .env(TOKEN, &someone.token)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} does not start"))?;
        let mut line = String::new();
        let output = process.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line
            .trim()
            .strip_prefix("ready ")
            .with_context(|| format!("{} does not get ready", command.join(" ")))?;
        let mut server = Self {
            process,
            port: port.parse()?,
            cookie: String::new(),
            spent: RefCell::default(),
        };
        let login = server.ask("/login")?;
        let pair = login
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .and_then(|(_, cookie)| cookie.split(';').next())
            .with_context(|| format!("{} sets no cookie", command.join(" ")))?;
        server.cookie = among_others(pair);
        let answer = server.ask("/")?;
        ensure!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("usr_mei"),
            "{} does not know who asks: {answer}",
            command.join(" ")
        );
        Ok(server)
    }

    /// The microseconds of processor time of one answer, in each round but the first.
    pub(crate) fn spent(&self) -> Vec<f64> {
        self.spent.borrow().iter().skip(1).copied().collect()
    }

    /// How long the process ran so far, in its own code and in the kernel's for it (proc(5)).
    fn processor_time(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).ok()?;
        // After the name, which may hold anything, in brackets.
        let (_, fields) = stat.rsplit_once(") ")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>().ok()?;
        Some(Duration::from_millis(ticks.saturating_mul(10)))
    }

    /// One request, and everything that comes back.
    fn ask(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n\r\n",
            self.cookie
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended by itself needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The cookie as a browser sends it, after others of the site: 1 kB whatever its own length.
fn among_others(own: &str) -> String {
    let mut header = String::new();
    let others = (0_u32..).map(|at| format!("visited_{at}={}; ", at.wrapping_mul(7919)));
    for other in others {
        if header.len() + other.len() + own.len() > COOKIE_BYTES {
            break;
        }
        header.push_str(&other);
    }
    header + own
}

/// A second of load; answers the microseconds from one answer to the next.
pub(crate) fn wrk(server: &Server) -> Result<f64> {
    let before = server.processor_time();
    let output = Command::new(std::env::var_os("WRK").unwrap_or_else(|| "wrk".into()))
        .args(["--threads", "1", "--connections", "16", "--duration", "1s"])
        .args(["--header", &format!("Cookie: {}", server.cookie)])
        .arg(format!("http://127.0.0.1:{}/", server.port))
        .output()
        .context("wrk does not start")?;
    let after = server.processor_time();
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "wrk meets errors:\n{said}"
    );
    if let (Some(before), Some(after)) = (before, after) {
        let answers = said
            .lines()
            .find_map(|line| line.split_once(" requests in "))
            .and_then(|(count, _)| count.trim().parse::<f64>().ok())
            .context("wrk tells no count")?;
        let spent = after.saturating_sub(before).as_secs_f64() * 1e6 / answers;
        server.spent.borrow_mut().push(spent);
    }
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .context("wrk tells no rate")?;
    Ok(1e6 / rate.trim().parse::<f64>()?)
}
