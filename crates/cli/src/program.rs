//! Commands that sign programs of this machine in at Mastra's platform: `login`, `logout`, `whoami`, `tokens`.
//!
//! Results go to standard output, and what a person has to know or to do to standard error. No token is printed, but the secret
//! of a new key.

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod tokens;
pub(crate) mod whoami;

use std::io::Write as _;

use mastra_auth_cloud::program::{Platform, TokenOrigin, TokenSource};
use mastra_auth_cloud::{CloudApiError, Code, Kind, SessionToken};

use crate::args::PlatformArgs;
use crate::failure::Failure;
use crate::signal::End;
use crate::terminal::{LineEnds, escape};

const LOGIN: &str = "`mastra-auth login` signs in";

fn platform(args: &PlatformArgs) -> Result<Platform, Failure> {
    Platform::new(&args.base_url).map_err(|error| match error.kind() {
        Kind::Caller => Failure::usage(format!("--base-url: {}", error.message())),
        _ => Failure::failed(error.to_string()),
    })
}

fn source(args: &PlatformArgs) -> Result<TokenSource, Failure> {
    TokenSource::at(platform(args)?).map_err(|error| Failure::usage(error.to_string()))
}

/// One call with the source's token, which is made again with a refreshed one where the first is refused. Ctrl-C ends it, but not
/// between a refresh and the file that keeps its answer.
async fn ask<T, F: Future<Output = Result<T, CloudApiError>>>(
    source: &TokenSource,
    call: impl Fn(SessionToken) -> F,
) -> Result<T, Failure> {
    let is_refused = |answer: &Result<T, CloudApiError>| answer.as_ref().is_err_and(is_over);
    let end = End::listen()?;
    tokio::select! {
        answer = source.call(call, is_refused) => {
            answer.and_then(|answer| answer).map_err(|error| failure(source, &error))
        }
        () = end.come() => {
            // A refresh holds the lock until its answer is kept.
            if source.file().path().exists() {
                drop(source.file().lock().await);
            }
            Err(Failure::failed("interrupted"))
        }
    }
}

/// The platform's no to a token. Another refusal says nothing of how long the token is good.
fn is_over(error: &CloudApiError) -> bool {
    error.is_refusal() && error.status() == 401
}

/// The failure of a command that asked the platform.
fn failure(source: &TokenSource, error: &CloudApiError) -> Failure {
    let of_environment = source.origin() == TokenOrigin::Environment;
    if error.is(&Code::NotSignedIn) {
        return Failure::Refused(format!("not signed in: {LOGIN}"));
    }
    if error.is(&Code::SessionExpired) {
        return Failure::Refused(format!("the session has ended: {LOGIN} again"));
    }
    // A status of an outage, and an answer that is not the platform's, leave it open too.
    if matches!(error.kind(), Kind::Network | Kind::Cloud) && !error.is_refusal() {
        return unreachable(source.platform(), error);
    }
    match (error.is_refusal(), of_environment, error.status()) {
        (true, true, 401) => Failure::Refused(format!("MASTRA_API_TOKEN is refused: {error}")),
        (true, _, _) => Failure::Refused(format!("refused: {error}")),
        _ => Failure::failed(error.to_string()),
    }
}

fn unreachable(platform: &Platform, error: &CloudApiError) -> Failure {
    Failure::Unreachable(format!("unreachable: {}: {error}", platform.url()))
}

/// A result, which a script may read.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", escape(text, LineEnds::Keep))
        .and_then(|()| out.flush())
        .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))
}

/// For the person at the terminal. If standard error is closed, the text is lost.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escape(text, LineEnds::Keep));
}
