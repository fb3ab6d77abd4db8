//! `cargo xtask bench http`: what a check of every request leaves of a server's speed.
//!
//! Each server is a process of one worker thread, wrk loads it from one thread, and the servers take turns second by second. All
//! are sent a `Cookie` header of the same length, and all answer the same bytes; what they do in between differs.
//! `http serve NAME` is one of them, which this program starts itself.
//!
//! The servers run as `#[tokio::main]` runs them, beside the main thread. In a process of a single thread the C library and the
//! kernel do less work on every system call; a real service never has that advantage.

mod load;
mod node;
mod peers;
mod servers;

use anyhow::{Context as _, Result, bail};
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Report, Table};
use mastra_auth_benches::rounds::{Contender, Rounds};

use load::{Server, wrk};

const ROUNDS: usize = 31;
const OPEN: &str = "axum, open";
const OWN: &str = "ours, around the router";
const ON_IT: &str = "ours, Router::layer";
const SESSIONS: &str = "tower-sessions";
const LOGIN: &str = "axum-login";
const JSONWEBTOKEN: &str = "jsonwebtoken per request";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", name] => runtime.block_on(servers::serve(name)),
        [] | ["--json"] => {
            let someone = runtime.block_on(SignedIn::new())?;
            let mut report = Report::begin("http");
            for table in axum(&someone)?.into_iter().chain(node::tables(&someone)?) {
                report.add(table);
            }
            println!("{}", report.text());
            Ok(())
        }
        _ => bail!("usage: http [--json]"),
    }
}

fn axum(someone: &SignedIn) -> Result<[Table; 2]> {
    let itself = std::env::current_exe().context("this program is nowhere")?;
    let itself = itself
        .to_str()
        .context("this program's path is not UTF-8")?;
    let server = |name| Server::start(&[itself, "serve", name], someone);
    let servers = [
        (OPEN, server("open")?),
        (OWN, server("around")?),
        (ON_IT, server("required")?),
        (SESSIONS, server("tower-sessions")?),
        (LOGIN, server("axum-login")?),
        (JSONWEBTOKEN, server("jsonwebtoken")?),
    ];
    let (seen, spent) = measured(&servers)?;
    let table = Table::new("axum, one worker thread, wrk with one thread", OWN, seen)
        .goal(
            "of the open server's requests a second",
            Bound::AtLeast(0.93),
            |rounds| rounds.ratio(OPEN, OWN),
        )
        .goal(
            "times the requests of tower-sessions",
            Bound::AtLeast(1.0),
            |rounds| rounds.ratio(SESSIONS, OWN),
        )
        .goal(
            "times the requests of axum-login",
            Bound::AtLeast(1.0),
            |rounds| rounds.ratio(LOGIN, OWN),
        );
    Ok([
        table,
        Table::new("axum, processor time of the server", OWN, spent),
    ])
}

/// What wrk saw, and what the servers' processors did meanwhile.
fn measured(servers: &[(&'static str, Server)]) -> Result<(Rounds, Rounds)> {
    let contenders = servers
        .iter()
        .map(|(name, server)| Contender::measured(name, || wrk(server)))
        .collect();
    let seen = Rounds::run(ROUNDS, contenders)?;
    let spent = servers.iter().map(|(name, server)| (*name, server.spent()));
    Ok((seen, Rounds::given(spent.collect())))
}
