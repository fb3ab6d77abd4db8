//! `cargo xtask proxies`: starts the proxies of docs/guide/behind-a-proxy.md and tests them from outside.

use anyhow::Result;

use crate::process::run as run_program;
use crate::programs::Program;
use crate::workspace::Workspace;

/// The variables have a suffix: nginx reads `NGINX` itself, as a list of sockets.
const PROXIES: [Program; 2] = [
    Program {
        package: "nginx",
        names: &["nginx"],
        variable: "NGINX_PROGRAM",
    },
    Program {
        package: "haproxy",
        names: &["haproxy"],
        variable: "HAPROXY_PROGRAM",
    },
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut tests = workspace
        .cargo("test --quiet --workspace --all-features --test proxies -- --include-ignored");
    for program in PROXIES {
        tests.env(program.variable, program.find(workspace)?);
    }
    run_program(&mut tests)
}
