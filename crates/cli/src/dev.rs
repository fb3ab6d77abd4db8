//! `mastra-auth dev`: the local Cloud alone.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use mastra_auth_local_cloud::{LocalCloud, Options, Seed, StartError};

use crate::args::DevArgs;
use crate::failure::Failure;
use crate::signal::End;
use crate::signing_key;

pub(crate) async fn run(args: DevArgs) -> Result<ExitCode, Failure> {
    let end = End::listen()?;
    let mut options = Options::default();
    options.port = args.port;
    options.dialect = args.dialect.of_cloud();
    options.db = args.db;
    options.auto_approve = args.auto_approve;
    options.session_lifetime = Duration::from_secs(args.session_lifetime);
    options.token_lifetime = args.token_lifetime.map(Duration::from_secs);
    options.platform = args.platform.into_options();
    if let Some(path) = &args.seed {
        options.seed = seed(path)?;
    }
    if let Some(path) = &args.signing_key {
        options.signing_key = Some(signing_key::of(path, args.create_signing_key)?);
    }
    let open = args.bind.filter(|address| !address.is_loopback());
    if let Some(address) = open.filter(|_| !args.i_know_this_checks_no_password) {
        return Err(Failure::usage(format!(
            "--bind {address} lets other machines sign in as any person: in a network that holds tests alone, add \
             --i-know-this-checks-no-password"
        )));
    }
    options.bind = args.bind;
    options.hosts = args.allow_host;
    let is_nameless = options.hosts.is_empty() && open.is_some_and(|to| to.is_unspecified());
    let cloud = start(options, "--port").await?;
    if let Some(address) = open {
        tracing::warn!(%address, "other machines can sign in here as any person: for tests alone");
    }
    if is_nameless {
        tracing::warn!("other machines get 403: name this one with --allow-host");
    }
    ready(&format!("ready cloud={}", cloud.url()))?;
    if args.end_with_stdin {
        tokio::select! {
            () = end.come() => {}
            () = stdin_ends() => {}
        }
    } else {
        end.come().await;
    }
    cloud.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits until standard input ends. A thread of its own reads: a read of a terminal cannot be cancelled.
async fn stdin_ends() {
    let (ended, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = wait.await;
}

fn seed(path: &Path) -> Result<Seed, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    Seed::from_toml(&text).map_err(|error| {
        Failure::usage(format!(
            "{}: {}",
            path.display(),
            one_line(&error.to_string())
        ))
    })
}

/// Shortens a TOML error to one line: its place and its message, without the drawing.
fn one_line(error: &str) -> String {
    let is_drawing = |line: &&str| {
        line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit())
            .starts_with('|')
    };
    let lines: Vec<&str> = error
        .lines()
        .filter(|line| !is_drawing(line) && !line.trim().is_empty())
        .map(|line| line.strip_prefix("TOML parse error at ").unwrap_or(line))
        .collect();
    lines.join(": ")
}

/// Starts a local Cloud. An error names the option that fixes it.
pub(crate) async fn start(options: Options, port_option: &str) -> Result<LocalCloud, Failure> {
    LocalCloud::start(options)
        .await
        .map_err(|error| not_started(&error, port_option))
}

/// Names the option that chooses another port.
pub(crate) fn not_started(error: &StartError, option: &str) -> Failure {
    let hint = match error {
        StartError::PortInUse { .. } => {
            format!("; choose another with {option}, or {option} 0 for any")
        }
        _ => String::new(),
    };
    Failure::usage(format!("{error}{hint}"))
}

/// Prints the one line on standard output that scripts wait for.
pub(crate) fn ready(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))
}
