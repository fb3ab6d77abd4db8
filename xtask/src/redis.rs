//! `cargo xtask redis`: tests revocations over a real redis-server, in Rust, in Node and between both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::builds::{cli, example};
use crate::node;
use crate::process::{capture, run as run_program};
use crate::programs::Program;
use crate::workspace::Workspace;

pub(crate) const SERVER: Program = Program {
    package: "redis-server",
    names: &["redis-server"],
    variable: "REDIS_SERVER",
};
const OPENSSL: Program = Program {
    package: "openssl",
    names: &["openssl"],
    variable: "OPENSSL",
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let server = SERVER.find(workspace)?;
    let openssl = OPENSSL.find(workspace)?;
    let certificates = workspace.target()?.join("certificates");
    let trusted = certify(&openssl, &certificates)?;
    // They measure time, so one runs at a time.
    let mut tests = workspace.cargo(
        "test --quiet --workspace --all-features --test redis -- --include-ignored --skip soak_ --test-threads 1",
    );
    tests
        .env(SERVER.variable, &server)
        .env("REDIS_CERTIFICATES", &certificates)
        .env("SSL_CERT_FILE", &trusted);
    run_program(&mut tests)?;
    // Each side revokes sessions of the other: the package's tests start an instance in Rust.
    let environment = [
        ("MASTRA_AUTH", cli(workspace)?),
        ("RUST_INSTANCE", example(workspace, "instance")?),
        (SERVER.variable, server),
        ("REDIS_CERTIFICATES", certificates),
        ("NODE_EXTRA_CA_CERTS", trusted),
    ];
    node::redis(workspace, &environment)
}

/// Generates `ours.pem` and `strangers.pem`, certificates of two authorities for 127.0.0.1, each with its key beside it.
/// Returns the authority of the first, which tests trust. The repository holds no private key.
fn certify(openssl: &Path, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let request = |name: &str, subject: &str, more: &str| {
        // Valid for longer than any run, and expired soon after.
        let common = "req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
        let mut command = Command::new(openssl);
        command
            .current_dir(folder)
            .args(common.split(' '))
            .args(["-subj", subject])
            .args(more.split_whitespace());
        capture(command.args([
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]))
    };
    for name in ["ours", "strangers"] {
        let authority = format!("{name}-authority");
        request(&authority, &format!("/CN=the authority of {name}"), "")?;
        let signed = format!(
            "-CA {authority}.pem -CAkey {authority}.key -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
        );
        request(name, "/CN=a redis-server", &signed)?;
    }
    Ok(folder.join("ours-authority.pem"))
}
