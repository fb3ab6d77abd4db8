//! `mastra-auth login`: a person signs in at the platform, and the browser brings the tokens to a listener on this machine.
//!
//! The browser comes back with a state that only this run knows; a visit without it is answered with an error, and the run
//! goes on waiting. Nothing is written before everything came, and then the file is replaced whole. Where the sign-in cannot be
//! kept, its refresh token is spent.

use std::io::IsTerminal as _;
use std::pin::{Pin, pin};
use std::process::ExitCode;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use mastra_auth_cloud::program::{Credentials, CredentialsFile, Platform, RefreshToken};
use mastra_auth_cloud::{CloudApiError, Kind, SessionToken};
use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::ids::OrganizationId;
use reqwest::{StatusCode, Url};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{is_over, platform, print, say, unreachable};
use crate::args::LoginArgs;
use crate::demo::open;
use crate::failure::Failure;
use crate::loopback::{Loopback, PATIENCE, answer};
use crate::signal::End;

const TITLE: &str = "mastra-auth login";
/// Takes the tokens out of the address that the browser shows.
const SIGNED_IN: &str = "<script>history.replaceState(null,\"\",\"/\")</script><p>You are signed in. You can close this page.";
const NOT_KEPT: &str = "<p>You are not signed in. The terminal says why. You can close this page.";
const NO_ORGANIZATION: &str = "this account has no organization: create or join one on the platform's site, and sign in again then";
const NOT_OURS: &str =
    "<p>This page belongs to no sign-in that waits on this machine. Begin again in the terminal.";

pub(crate) async fn run(args: LoginArgs) -> Result<ExitCode, Failure> {
    let mut end = pin!(End::listen()?.come());
    let platform = platform(&args.platform)?;
    let file = CredentialsFile::of_home().map_err(|error| failed(&error))?;
    unless_ended(&mut end, reach(&platform)).await?;
    let came = come_back(&platform, args.no_browser);
    let (stream, back) = unless_ended(&mut end, came).await?;
    let credentials = match back.credentials() {
        Ok(credentials) => credentials,
        Err(failure) => {
            answer(stream, StatusCode::BAD_REQUEST, TITLE, NOT_KEPT).await;
            back.end_tokens(&platform).await;
            return Err(failure);
        }
    };
    let kept = async {
        let locked = file.lock().await.map_err(|error| failed(&error))?;
        // From here to its end nothing waits, so no signal comes between.
        let written = locked.new_file().and_then(|new| new.write(&credentials));
        written.map_err(|error| failed(&error))
    };
    if let Err(failure) = unless_ended(&mut end, kept).await {
        answer(stream, StatusCode::INTERNAL_SERVER_ERROR, TITLE, NOT_KEPT).await;
        back.end_tokens(&platform).await;
        return Err(failure);
    }
    answer(stream, StatusCode::OK, TITLE, SIGNED_IN).await;
    say(&format!(
        "The sign-in is kept in {}.",
        file.path().display()
    ));
    if std::env::var_os("MASTRA_API_TOKEN").is_some_and(|token| !token.is_empty()) {
        say("MASTRA_API_TOKEN is set: programs use that token, and not this sign-in.");
    }
    let organization = credentials.organization();
    let organization = organization.as_ref().map_or("none", OrganizationId::as_str);
    let person = credentials
        .email()
        .unwrap_or("an account without an e-mail address");
    print(&format!(
        "signed in as {person}, organization {organization}"
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: &CloudApiError) -> Failure {
    Failure::failed(error.to_string())
}

/// The work's result, or the failure of a run that was interrupted before.
async fn unless_ended<T>(
    end: &mut Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = end => Err(Failure::failed("interrupted: no sign-in was made, and the credentials are as they were")),
    }
}

/// Finds out before a person is sent there whether the platform answers at all.
async fn reach(platform: &Platform) -> Result<(), Failure> {
    let nobody = SessionToken::parse("nobody").map_err(CloudApiError::argument);
    let asked = platform
        .verify(&nobody.map_err(|error| failed(&error))?)
        .await;
    match asked {
        Err(error) if error.kind() == Kind::Network => Err(unreachable(platform, &error)),
        _ => Ok(()),
    }
}

/// Sends the person to the platform, and waits for the browser to come back.
async fn come_back(platform: &Platform, no_browser: bool) -> Result<(TcpStream, Back), Failure> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Failure::failed("the system gives no random numbers"))?;
    let state = hex(&random);
    let mut loopback = Loopback::open().await.map_err(|error| {
        Failure::failed(format!(
            "the browser has no way back to this machine: {error}"
        ))
    })?;
    let url = platform.login_url(loopback.port(), &state);
    say(&format!("Sign in at {url}"));
    if opens_browser(no_browser) {
        open(&url);
    } else {
        say(&format!(
            "Open that address on this machine. From another one, forward its port {} to this one.",
            loopback.port()
        ));
    }
    say("Waiting for five minutes. Ctrl-C ends that.");
    let came = timeout(PATIENCE, right_one(&mut loopback, &state)).await;
    came.map_err(|_| Failure::failed("no one signed in within five minutes"))?
}

/// A person is at the terminal, and wants a browser.
fn opens_browser(no_browser: bool) -> bool {
    let in_ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    !no_browser && !in_ci && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The browser that comes back with this run's state.
async fn right_one(loopback: &mut Loopback, state: &str) -> Result<(TcpStream, Back), Failure> {
    loop {
        let (stream, address) = loopback.next().await.map_err(Failure::failed)?;
        let back = Back::read(&address);
        let is_ours = back
            .one("state")
            .is_some_and(|told| verify_slices_are_equal(told.as_bytes(), state.as_bytes()).is_ok());
        if is_ours {
            return Ok((stream, back));
        }
        answer(stream, StatusCode::BAD_REQUEST, TITLE, NOT_OURS).await;
    }
}

/// What the browser brought.
struct Back(Vec<(String, String)>);

impl Back {
    fn read(address: &str) -> Self {
        let url = Url::parse(address);
        let pairs = url.iter().flat_map(Url::query_pairs);
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// A parameter that is there once.
    fn one(&self, wanted: &str) -> Option<&str> {
        let mut values = self.all(wanted);
        match (values.next(), values.next()) {
            (Some(value), None) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    fn all<'b>(&'b self, wanted: &str) -> impl Iterator<Item = &'b str> {
        let values = self.0.iter().filter(move |(name, _)| name == wanted);
        values.map(|(_, value)| &**value)
    }

    /// Spends the refresh tokens that came with a sign-in that is not kept: no one would ever end them.
    async fn end_tokens(&self, platform: &Platform) {
        let tokens = self.all("refresh_token").map(RefreshToken::parse);
        for token in tokens.flatten() {
            match platform.refresh(&token).await {
                // It may do nothing for a bearer.
                Ok(pair) => drop(platform.sign_out(&pair.token).await),
                Err(error) if is_over(&error) => {}
                Err(error) => say(&format!(
                    "The refresh token of this sign-in is NOT revoked and good until it expires: {error}"
                )),
            }
        }
    }

    fn credentials(&self) -> Result<Credentials, Failure> {
        if let Some(error) = self.one("error") {
            // A foreign text: only what an error's name may hold.
            let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
            let error: String = error.chars().filter(is_plain).take(40).collect();
            return Err(Failure::Refused(format!(
                "the platform ended the sign-in: {error}"
            )));
        }
        let missing = |name: &str| {
            Failure::failed(format!(
                "the browser came back without a usable {name}: sign in again"
            ))
        };
        let token = self
            .one("token")
            .and_then(|text| SessionToken::parse(text).ok());
        let refresh_token = self
            .one("refresh_token")
            .map(RefreshToken::parse)
            .transpose();
        let user = self.one("user").and_then(user);
        if token.is_some() && self.all("org").all(str::is_empty) {
            return Err(Failure::Refused(NO_ORGANIZATION.to_owned()));
        }
        let organization = self
            .one("org")
            .and_then(|id| OrganizationId::parse(id).ok());
        Ok(Credentials::new(
            token.ok_or_else(|| missing("token"))?,
            refresh_token.map_err(|_| missing("refresh token"))?,
            user.ok_or_else(|| missing("user"))?,
            &organization.ok_or_else(|| missing("organization"))?,
        ))
    }
}

/// The user's object, which the platform may have encoded twice.
fn user(text: &str) -> Option<Value> {
    let read = |text: &str| serde_json::from_str(text).ok().filter(Value::is_object);
    read(text).or_else(|| {
        let again = Url::parse(&format!("http://user/?{text}")).ok()?;
        let (user, _) = again.query_pairs().next()?;
        read(&user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "state=s&token=t.o.k&refresh_token=r%7C1&user=%7B%22id%22%3A%22u%22%7D&org=org_1";

    fn credentials(query: &str) -> Result<Credentials, Failure> {
        Back::read(&format!("http://127.0.0.1:1/callback?{query}")).credentials()
    }

    #[test]
    fn what_the_browser_brings_is_read_whole_or_not_at_all() {
        let read = credentials(WHOLE).unwrap();
        assert_eq!(read.token().expose(), "t.o.k");
        assert_eq!(read.refresh_token().unwrap().expose(), "r|1");
        assert_eq!(read.organization().unwrap().as_str(), "org_1");
        assert!(
            credentials(&WHOLE.replace("refresh_token=r%7C1&", ""))
                .unwrap()
                .refresh_token()
                .is_none()
        );
        for (part, instead, why) in [
            ("token=t.o.k&refresh", "refresh", "usable token"),
            ("&user=%7B%22id%22%3A%22u%22%7D", "", "usable user"),
            ("=org_1", "=org%201", "usable organization"),
            ("=org_1", "=", "has no organization"),
            ("&org=org_1", "", "has no organization"),
        ] {
            let left = WHOLE.replacen(part, instead, 1);
            let failure = credentials(&left).unwrap_err().to_string();
            assert!(failure.contains(why), "{failure}");
            // Twice is as bad as never: two readers could each take another one.
            let twice = format!("{WHOLE}&{}", WHOLE.replace("state=s&", ""));
            assert!(credentials(&twice).is_err());
        }
        for user in ["7", "%7B", "%22u%22"] {
            let query = WHOLE.replace("%7B%22id%22%3A%22u%22%7D", user);
            assert!(credentials(&query).is_err(), "{user}");
        }
    }

    #[test]
    fn a_user_may_be_encoded_twice() {
        let once = user(r#"{"id":"u","email":"a+b@example.com"}"#).unwrap();
        assert_eq!(once["email"], "a+b@example.com");
        let twice = user("%7B%22id%22%3A%22u%22%2C%22email%22%3A%22a%2Bb%40example.com%22%7D");
        assert_eq!(twice.unwrap(), once);
    }

    #[test]
    fn a_refusal_of_the_platform_is_named_and_nothing_else_of_it() {
        let failure = credentials("error=access_denied%0A&token=t").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the platform ended the sign-in: access_denied"
        );
    }
}
