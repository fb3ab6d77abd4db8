//! Node's own http server, open and with the npm package in front of its answer.

use anyhow::Result;
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Table};

use crate::load::Server;
use crate::measured;

/// The server of the npm package's benches, from the repository's root, where xtask starts this.
const SCRIPT: &str = "npm/auth-cloud/bench/server.mjs";
const OPEN: &str = "node:http, open";
const OWN: &str = "ours, authenticateToken";

pub(crate) fn tables(someone: &SignedIn) -> Result<[Table; 2]> {
    let server = |name| Server::start(&["node", SCRIPT, name], someone);
    let servers = [(OPEN, server("open")?), (OWN, server("ours")?)];
    let (seen, spent) = measured(&servers)?;
    let table = Table::new("node:http, one process, wrk with one thread", OWN, seen).goal(
        "of the open server's requests a second",
        Bound::AtLeast(0.9),
        |rounds| rounds.ratio(OPEN, OWN),
    );
    Ok([
        table,
        Table::new("node:http, processor time of the server", OWN, spent),
    ])
}
