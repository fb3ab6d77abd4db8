//! `cargo xtask redis`: tests revocations over a real redis-server, in Rust, in Node and between both.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::cargo::{cli, target_directory};
use crate::certificates;
use crate::debian::{self, Wanted};
use crate::node;
use crate::process::{cargo, run as run_program};
use crate::workspace::Workspace;

pub(crate) const SERVER: Wanted = Wanted {
    package: "redis-server",
    programs: &["redis-server"],
    variable: "REDIS_SERVER",
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let server = debian::program(&SERVER)?;
    let certificates = certificates::make(&target_directory(workspace)?.join("certificates"))?;
    let mut tests = cargo(
        workspace,
        &[
            "test",
            "--quiet",
            "--package",
            "mastra-auth-cloud",
            "--all-features",
            "--test",
            "redis",
            "--",
            "--include-ignored",
            "--skip",
            "soak_",
            // They measure time.
            "--test-threads",
            "1",
        ],
    );
    run_program(
        tests
            .env(SERVER.variable, &server)
            .env("REDIS_CERTIFICATES", &certificates.folder)
            .env("SSL_CERT_FILE", &certificates.trusted),
    )?;
    let instance = instance(workspace)?;
    node::redis(
        workspace,
        &cli(workspace)?,
        &server,
        &instance,
        &certificates,
    )
}

/// A Rust instance for the npm package's tests: each side revokes sessions of the other.
fn instance(workspace: &Workspace) -> Result<PathBuf> {
    run_program(&mut cargo(
        workspace,
        &[
            "build",
            "--package",
            "mastra-auth-cloud",
            "--all-features",
            "--example",
            "instance",
        ],
    ))?;
    let name = format!("instance{}", env::consts::EXE_SUFFIX);
    Ok(target_directory(workspace)?
        .join("debug/examples")
        .join(name))
}
