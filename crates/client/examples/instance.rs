//! One instance of a deployment, told on its standard input what to do: to see how instances in several processes or
//! languages tell each other over Redis what ended.
//!
//! ```text
//! cargo run -p mastra-auth-cloud --features redis --example instance http://localhost:4300 redis://127.0.0.1:6379
//! ```
//!
//! Each line is one of `verify TOKEN`, `sign-out TOKEN`, `end-session ID`, `end-user ID`, `refresh SESSION`, and is answered with one
//! line. With `platform` as a third argument it speaks that dialect.
#![allow(clippy::print_stdout, reason = "it answers on its standard output")]

use std::error::Error;
use std::io::BufRead as _;
use std::time::Duration;

use mastra_auth_cloud::revocation::RedisRevocations;
use mastra_auth_cloud::{
    Authentication, Dialect, MastraCloudAuth, SessionId, SessionToken, SignOut, UserId,
};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut addresses = std::env::args().skip(1);
    let (Some(cloud), Some(redis)) = (addresses.next(), addresses.next()) else {
        return Err("usage: instance CLOUD_URL REDIS_URL [platform]".into());
    };
    let options = MastraCloudAuth::builder();
    let options = match addresses.next().as_deref() {
        Some("platform") => options.dialect(Dialect::Platform),
        _ => options.project_id("demo"),
    };
    let auth = runtime.block_on(async {
        let auth = options
            .base_url(cloud)
            .fresh_for(Duration::from_hours(1))
            .revocations(RedisRevocations::new(&redis)?)
            .build()?;
        while !auth
            .revocation_status()
            .is_some_and(|status| status.is_connected())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok::<_, Box<dyn Error>>(auth)
    })?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        println!("{}", runtime.block_on(answer(&auth, &line?))?);
    }
    Ok(())
}

async fn answer(auth: &MastraCloudAuth, line: &str) -> Result<String, Box<dyn Error>> {
    let (order, of) = line.split_once(' ').unwrap_or((line, ""));
    Ok(match order {
        "verify" => match auth.authenticate_token(of).await {
            Authentication::Authenticated(identity) => format!("user {}", identity.user().id()),
            Authentication::Anonymous => "anonymous".to_owned(),
            Authentication::Rejected(error) => format!("rejected {}", error.code()),
            Authentication::Unavailable(error) => format!("unavailable {}", error.code()),
        },
        "sign-out" => match auth.sign_out(&SessionToken::parse(of)?).await {
            SignOut::Ended => "ended".to_owned(),
            SignOut::AlreadyGone => "already gone".to_owned(),
            SignOut::NotConfirmed(error) => format!("not confirmed {}", error.code()),
        },
        // Not for a log: the session signs in whom it is told.
        "refresh" => match auth.refresh_session(&SessionToken::sealed(of)?).await {
            Ok(Some(refreshed)) => refreshed.token.expose().to_owned(),
            Ok(None) => "ended".to_owned(),
            Err(error) => format!("unavailable {}", error.code()),
        },
        "end-session" => {
            auth.end_session(&SessionId::parse(of)?);
            "over".to_owned()
        }
        "end-user" => {
            auth.end_user(&UserId::parse(of)?);
            "over".to_owned()
        }
        _ => "verify, sign-out, end-session, end-user or refresh".to_owned(),
    })
}
