//! `mastra-auth doctor`: why sign-in at a Mastra server does not work, seen from outside.
//!
//! In three parts: the visit makes the requests, the rules judge what came, and the report shows it.

mod cookie;
mod report;
mod rules;
mod visit;

use std::io::Write as _;
use std::process::ExitCode;

use reqwest::Url;

use crate::args::DoctorArgs;
use crate::failure::Failure;
use crate::table::Style;
use crate::terminal::{self, LineEnds};
use report::Report;

const UNREACHABLE: u8 = 4;

pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode, Failure> {
    if args.list {
        return print(&report::list(args.json));
    }
    let server = origin(args.server.as_deref().unwrap_or_default())?;
    let api = prefix(&args.api_prefix)?;
    let address = server.origin().ascii_serialization();
    let seen = match visit::visit(server, api).await {
        Ok(seen) => seen,
        Err(why) => {
            let why = terminal::escape(&why, LineEnds::Escape);
            let _ = writeln!(std::io::stderr(), "unreachable: {address}: {why}");
            return Ok(UNREACHABLE.into());
        }
    };
    let report = Report::new(&seen);
    print(&if args.json {
        report.json()
    } else {
        report.table(Style::of_terminal())
    })?;
    Ok(if report.red() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The address of a server: scheme, host and port alone.
fn origin(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::usage(format!("--server {why}"));
    let url =
        Url::parse(text).map_err(|_| wrong("must be an address, as https://app.example.com"))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Err(wrong("must begin with http:// or https://"))
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(wrong("must hold no name and no password"))
    } else if !is_bare {
        Err(wrong(
            "must end with the host or its port; --api-prefix takes the path of the routes",
        ))
    } else {
        Ok(url)
    }
}

/// The path below which the server has its own routes, without a slash at its end.
fn prefix(text: &str) -> Result<String, Failure> {
    let path = text.trim_end_matches('/');
    let is_plain = path.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~')
    });
    if is_plain && (path.is_empty() || path.starts_with('/')) {
        Ok(path.to_owned())
    } else {
        Err(Failure::usage(
            "--api-prefix must be a path that begins with /, as /api",
        ))
    }
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    write!(std::io::stdout(), "{text}")
        .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
