//! `mastra-auth logout`: removes the sign-in of this machine, and says what became of its tokens at the platform.
//!
//! The platform's sign-out is for browsers' cookies. What a program can do for sure is to spend its refresh token, which is
//! good for one use, and to keep nothing of the answer. What else happened is looked up, and not assumed.

use std::process::ExitCode;

use mastra_auth_cloud::CloudApiError;
use mastra_auth_cloud::program::{Credentials, CredentialsFile, Platform};

use super::{is_over, platform, print, say};
use crate::args::LogoutArgs;
use crate::failure::Failure;

pub(crate) async fn run(args: LogoutArgs) -> Result<ExitCode, Failure> {
    let failed = |error: CloudApiError| Failure::failed(error.to_string());
    let platform = platform(&args.platform)?;
    let file = CredentialsFile::of_home().map_err(failed)?;
    let of_environment =
        std::env::var_os("MASTRA_API_TOKEN").is_some_and(|token| !token.is_empty());
    if of_environment {
        say("MASTRA_API_TOKEN is set: programs go on using that token, which is not touched.");
    }
    if matches!(file.read(), Ok(None)) {
        print("there was no sign-in on this machine")?;
        return Ok(ExitCode::SUCCESS);
    }
    let locked = file.lock().await.map_err(failed)?;
    let end = match locked.read() {
        Ok(Some(held)) => revoke(&platform, &held).await,
        // Another program was faster.
        Ok(None) => End::default(),
        Err(error) => {
            say(&format!("{error} Its tokens cannot be revoked."));
            End::default()
        }
    };
    locked.remove().map_err(failed)?;
    print("signed out of this machine")?;
    for line in end.lines {
        print(&line)?;
    }
    match end.unanswered {
        Some(error) => Err(Failure::Unreachable(format!(
            "signed out of this machine alone: {}: {error}",
            platform.url()
        ))),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What became of the tokens.
#[derive(Default)]
struct End {
    lines: Vec<String>,
    /// Why something was not found out.
    unanswered: Option<CloudApiError>,
}

async fn revoke(platform: &Platform, held: &Credentials) -> End {
    let mut end = End::default();
    let mut newest = held.token().clone();
    if let Some(refresh_token) = held.refresh_token() {
        let line = match platform.refresh(refresh_token).await {
            Ok(pair) => {
                newest = pair.token;
                "refresh token  spent: it is good for nothing any more, and its successor was thrown away"
            }
            Err(error) if is_over(&error) => "refresh token  the platform refuses it",
            Err(error) => {
                end.unanswered = Some(error);
                "refresh token  NOT revoked: it is good until it expires"
            }
        };
        end.lines.push(line.to_owned());
    }
    if end.unanswered.is_none() {
        // It may do nothing for a bearer, whatever it answers: that is looked up.
        let _ = platform.sign_out(&newest).await;
        let line = match platform.verify(held.token()).await {
            Err(error) if is_over(&error) => "access token   the platform refuses it",
            Ok(_) => "access token   NOT revoked: the platform accepts it until it expires",
            Err(error) if error.is_refusal() => {
                "access token   NOT revoked: it is good until it expires, though the account may not use it"
            }
            Err(error) => {
                end.unanswered = Some(error);
                "access token   not known whether the platform still accepts it"
            }
        };
        end.lines.push(line.to_owned());
    } else {
        let line = "access token   NOT revoked: it is good until it expires";
        end.lines.push(line.to_owned());
    }
    end
}
