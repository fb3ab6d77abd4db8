//! What needs a browser: `e2e/`, against the binary of a release and at real Mastra servers, and the runtimes' script.
//!
//! The package that the servers install is packed first, and comes from a test registry: the tests run what a user installs.
//! `CHROMIUM` names a browser, `MASTRA_AUTH` a binary; neither is required.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::Result;

use crate::builds::{development, shipped};
use crate::node::{self, E2E, Node};
use crate::process::run as run_program;
use crate::programs::Program;
use crate::proxies::NGINX;
use crate::python;
use crate::redis::{self, certificates};
use crate::wasm;
use crate::workspace::Workspace;

const CHROMIUM: Program = Program {
    package: "chromium",
    names: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    variable: "CHROMIUM",
};

/// Variables of a script, and the paths that they name.
type Environment = Vec<(&'static str, PathBuf)>;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    script(workspace, "test", |workspace, _| {
        let mut environment = readers(workspace)?;
        environment.push(("MASTRA_AUTH", shipped(workspace)?));
        Ok(environment)
    })
}

/// `cargo xtask soak differential-web`: return paths, cookies and answers before Chromium and other readers.
pub(crate) fn differential(workspace: &Workspace) -> Result<()> {
    script(workspace, "differential", |workspace, _| readers(workspace))
}

/// The core as Node loads it, and a Python that reads what the core reads.
fn readers(workspace: &Workspace) -> Result<Environment> {
    Ok(vec![
        ("ADDON", development(workspace)?),
        ("PYTHON", python::installed()?),
    ])
}

pub(crate) fn hosts(workspace: &Workspace) -> Result<()> {
    script(workspace, "test:hosts", |workspace, node| {
        let mut environment = packed(workspace, node)?;
        // For a proxy that ends TLS.
        environment.push(("CERTIFICATES", certificates(workspace, "hosts")?));
        Ok(environment)
    })
}

/// `cargo xtask soak studio`: the platform replaces every session once a second, for two minutes.
pub(crate) fn rotation(workspace: &Workspace) -> Result<()> {
    script(workspace, "test:rotation", |workspace, node| {
        let mut environment = packed(workspace, node)?;
        environment.push(("ROTATE_SECONDS", "120".into()));
        Ok(environment)
    })
}

/// `cargo xtask soak load`: both examples as they ship, for ten minutes each.
pub(crate) fn load(workspace: &Workspace) -> Result<()> {
    script(workspace, "test:load", |workspace, node| {
        let mut environment = packed(workspace, node)?;
        let seconds = workspace.time(1.0 / 6.0)?.as_secs().to_string();
        environment.push(("AXUM_EXAMPLE", example(workspace)?));
        environment.push(("LOAD_SECONDS", seconds.into()));
        Ok(environment)
    })
}

/// The example on axum, as it ships.
fn example(workspace: &Workspace) -> Result<PathBuf> {
    let name = "mastra-auth-example-axum";
    let (profile, folder) = if workspace.is_unoptimized {
        ("dev", "debug")
    } else {
        ("release", "release")
    };
    run_program(&mut workspace.cargo(&format!("build --profile {profile} --package {name}")))?;
    let built = workspace.target()?.join(folder);
    Ok(built.join(format!("{name}{EXE_SUFFIX}")))
}

/// `cargo xtask soak cloudflare`: the Cloudflare deployer's build, bundled as for an upload, and served by workerd.
pub(crate) fn cloudflare(workspace: &Workspace) -> Result<()> {
    script(workspace, "test:cloudflare", packed)
}

fn packed(workspace: &Workspace, node: &Node) -> Result<Environment> {
    let mut environment = vec![
        ("MASTRA_AUTH", shipped(workspace)?),
        ("TOOLS", node.tools(workspace)?),
        ("MASTRA_AUTH_PACKED", node::packed(workspace)?),
    ];
    // Without one of them the tests say what they leave out.
    for program in [NGINX, redis::SERVER] {
        let found = program.find(workspace).ok();
        environment.extend(found.map(|found| (program.variable, found)));
    }
    Ok(environment)
}

/// `cargo xtask tarballs`: installs the tarballs in empty projects outside of the repository, and signs in with them; then
/// tries bundlers on them.
pub(crate) fn tarballs(workspace: &Workspace) -> Result<()> {
    let browser = ("CHROMIUM", CHROMIUM.find(workspace)?);
    node::packed_script(workspace, "tarballs", &[browser])
}

/// `cargo xtask runtimes`: the same script in every runtime, with fewer tokens in the suite.
pub(crate) fn runtimes(workspace: &Workspace) -> Result<()> {
    let strange = if workspace.is_check { "1000" } else { "10000" };
    let more = [
        ("CHROMIUM", CHROMIUM.find(workspace)?),
        ("STRANGE", strange.into()),
    ];
    wasm::faults(workspace)?;
    node::packed_script(workspace, "runtimes", &more)
}

/// Runs a script of `e2e/package.json` with what else it needs. Missing programs are named before anything is built.
fn script(
    workspace: &Workspace,
    name: &str,
    needs: fn(&Workspace, &Node) -> Result<Environment>,
) -> Result<()> {
    let (node, chromium) = (Node::find(workspace)?, CHROMIUM.find(workspace)?);
    let folder = workspace.path(E2E);
    node.install(&folder)?;
    let mut script = node.npm(&folder);
    script
        .args(["run", "--silent", name])
        .env("CHROMIUM", &chromium);
    run_program(script.envs(needs(workspace, &node)?))
}
