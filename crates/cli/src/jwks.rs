//! `mastra-auth jwks lint`: a report on each key of a set.

use std::io::Write as _;
use std::process::ExitCode;

use mastra_auth_cloud_core::jwt::KeyReport;

use crate::args::LintArgs;
use crate::failure::Failure;
use crate::key_set::{Linted, Source};
use crate::terminal::{self, LineEnds};

const REFUSED: u8 = 3;
const UNAVAILABLE: u8 = 4;

pub(crate) async fn lint(args: LintArgs) -> Result<ExitCode, Failure> {
    let (shown, code) = match Source::parse(&args.source)?.linted().await? {
        Ok(linted) => {
            let is_whole = linted.no_key_set.is_none()
                && linted.report.keys.iter().all(|key| key.usable.is_ok());
            let code = if is_whole {
                ExitCode::SUCCESS
            } else {
                REFUSED.into()
            };
            (show(&linted), code)
        }
        Err(message) => (format!("unavailable: {message}\n"), UNAVAILABLE.into()),
    };
    write!(std::io::stdout(), "{shown}").map_err(|error| Failure::failed(error.to_string()))?;
    Ok(code)
}

fn show(linted: &Linted) -> String {
    let report = &linted.report;
    let mut out: String = report.keys.iter().map(row).collect();
    let usable = report.keys.iter().filter(|key| key.usable.is_ok()).count();
    out.push_str(&format!(
        "{usable} of {} keys can be used\n",
        report.keys.len()
    ));
    if let Some(none) = linted.no_key_set {
        out.push_str(&format!("refused  {}: {none}\n", none.error.code()));
    }
    out
}

fn row(key: &KeyReport) -> String {
    // Foreign text: keep it in one line, without terminal control characters.
    let text = |text: &Option<Box<str>>| {
        terminal::escape(text.as_deref().unwrap_or("-"), LineEnds::Escape)
    };
    let mut out = format!(
        "kid={} kty={} alg={}\n",
        text(&key.kid),
        text(&key.kty),
        text(&key.alg)
    );
    match key.usable {
        Ok(algorithm) => out.push_str(&format!("  usable   {}\n", algorithm.as_str())),
        Err(refusal) => out.push_str(&format!("  refused  {}: {refusal}\n", refusal.code())),
    }
    for warning in &key.warnings {
        out.push_str(&format!("  warning  {}: {warning}\n", warning.code()));
    }
    out
}
