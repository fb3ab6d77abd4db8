//! `cargo xtask redis`: tests revocations over a real redis-server, in Rust, in Node and between both.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::builds::{cli, example};
use crate::node;
use crate::process::{capture, run as run_program};
use crate::programs::{OPENSSL, Program};
use crate::workspace::Workspace;

pub(crate) const SERVER: Program = Program {
    package: "redis-server",
    names: &["redis-server"],
    variable: "REDIS_SERVER",
};
/// Generates `ours.pem` and `strangers.pem`, certificates of two authorities for 127.0.0.1, each with its key beside it. They are
/// valid for longer than any run, and expire soon after. The repository holds no private key.
const CERTIFY: &str = r#"
make() { "$OPENSSL" req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout $1.key -out $1.pem "${@:2}"; }
for name in ours strangers; do
    make $name-authority -subj "/CN=the authority of $name"
    make $name -subj "/CN=a server" -CA $name-authority.pem -CAkey $name-authority.key \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE
done"#;

/// The folder with a step's own certificates: steps run beside one another.
pub(crate) fn certificates(workspace: &Workspace, step: &str) -> Result<PathBuf> {
    let certificates = workspace.target()?.join("certificates").join(step);
    fs::create_dir_all(&certificates)?;
    let mut certify = Command::new("bash");
    certify.args(["-ec", CERTIFY]).current_dir(&certificates);
    capture(certify.env(OPENSSL.variable, OPENSSL.find(workspace)?))?;
    Ok(certificates)
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let server = SERVER.find(workspace)?;
    let certificates = certificates(workspace, "redis")?;
    // The authority that tests trust.
    let trusted = certificates.join("ours-authority.pem");
    // They measure time, so one runs at a time.
    let mut tests = workspace.cargo(
        "test --quiet --workspace --all-features --test redis -- --include-ignored --skip soak_ --test-threads 1",
    );
    tests
        .env(SERVER.variable, &server)
        .env("REDIS_CERTIFICATES", &certificates);
    run_program(tests.env("SSL_CERT_FILE", &trusted))?;
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
