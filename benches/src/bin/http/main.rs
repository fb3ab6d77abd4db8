//! `cargo xtask bench http`: what checking every request leaves of a server's speed.
//!
//! Each server is a process of one worker thread, wrk loads it from one thread, and the servers take turns second by second. All
//! are sent a `Cookie` header of the same length, and all answer the same bytes; what they do in between differs.
//! `http serve NAME` is one of them, which this program starts itself. `http compare OLD` measures two checkouts.
//!
//! The servers run as `#[tokio::main]` runs them, beside the main thread. In a process of a single thread the C library and the
//! kernel do less work on every system call; a real service never has that advantage.

mod compare;
mod load;
mod servers;

use anyhow::{Result, bail};
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Table, print};
use mastra_auth_cloud::Dialect;

use load::{Server, measured};

const ROUNDS: usize = 31;
const OPEN: &str = "axum, open";
const OWN: &str = "ours, around the router";
const ON_IT: &str = "ours, Router::layer";
const SESSIONS: &str = "tower-sessions";
const NODE_OPEN: &str = "node:http, open";
const NODE_OWN: &str = "ours, authenticateToken";
/// From the repository's root, where xtask starts this.
const NODE_SERVER: &str = "npm/auth-cloud/bench/server.mjs";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", name] => runtime.block_on(servers::serve(name)),
        ["compare", old] => {
            let someone = runtime.block_on(SignedIn::new(Dialect::V1))?;
            print("compare", &[compare::table(old.as_ref(), &someone)?]);
            Ok(())
        }
        [] => {
            let someone = runtime.block_on(SignedIn::new(Dialect::V1))?;
            let tables = axum(&someone)?.into_iter().chain(node(&someone)?);
            print("http", &tables.collect::<Vec<_>>());
            Ok(())
        }
        _ => bail!("usage: http [compare OLD]"),
    }
}

fn axum(someone: &SignedIn) -> Result<Vec<Table>> {
    let itself = std::env::current_exe()?;
    let start = |(name, served)| Server::start(name, &itself, &["serve", served], someone);
    let servers = [
        (OPEN, "open"),
        (OWN, "around"),
        (ON_IT, "required"),
        (SESSIONS, "tower-sessions"),
    ];
    let servers = servers.map(start).into_iter().collect::<Result<Vec<_>>>()?;
    let [seen, spent] = measured(&servers, ROUNDS)?;
    let of_the_open = "of the open server's requests a second";
    let sessions = "times the requests of tower-sessions";
    Ok(vec![
        Table::new("axum, one worker thread, wrk with one thread", OWN, &seen)
            .goal(of_the_open, Bound::AtLeast(0.96), seen.ratio(OPEN, ON_IT))
            .goal(sessions, Bound::AtLeast(1.0), seen.ratio(SESSIONS, ON_IT)),
        Table::new("axum, processor time of the server", OWN, &spent),
    ])
}

fn node(someone: &SignedIn) -> Result<Vec<Table>> {
    let start = |(name, served)| Server::start(name, "node", &[NODE_SERVER, served], someone);
    let servers = [(NODE_OPEN, "open"), (NODE_OWN, "ours")];
    let servers = servers.map(start).into_iter().collect::<Result<Vec<_>>>()?;
    let [seen, spent] = measured(&servers, ROUNDS)?;
    let ratio = seen.ratio(NODE_OPEN, NODE_OWN);
    let title = "node:http, one process, wrk with one thread";
    let goal = "of the open server's requests a second";
    Ok(vec![
        Table::new(title, NODE_OWN, &seen).goal(goal, Bound::AtLeast(0.95), ratio),
        Table::new("node:http, processor time of the server", NODE_OWN, &spent),
    ])
}
