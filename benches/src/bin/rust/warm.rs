//! Knowing a token that was verified a moment ago, beside the least that any cache under the token's digest must do.
//!
//! The least is SHA-256 of the token and one look into a table of a thousand entries that hands out a shared value. Ours
//! is what a service calls, with a `Cookie` header of 1 kB and the clocks; and the search in the core, which takes the digest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::COOKIE;
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{Contender, Rounds};
use mastra_auth_cloud::{Authentication, Identity};
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec, Secure};
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Event, Jitter, Step, Work};
use mastra_auth_cloud_core::http::Response;
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::time::{Now, Timestamp};
use mastra_auth_cloud_core::url::BaseUrl;
use quick_cache::sync::Cache;

const ROUNDS: usize = 201;
const OTHERS: u32 = 1000;
const OWN: &str = "ours, MastraCloudAuth";
const SEARCH: &str = "ours, a search in the core";
const LEAST: &str = "SHA-256 + HashMap";

pub(crate) fn table() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let SignedIn { auth, token, .. } = &runtime.block_on(SignedIn::new())?;
    let engine = warm(token)?;

    let value = Arc::new(token.clone());
    let mut map = HashMap::new();
    let cache = Cache::new(2 * usize::try_from(OTHERS)?);
    let others = (0..OTHERS).map(|other| other.to_string());
    for text in others.chain([token.clone()]) {
        let key = sha256(text.as_bytes());
        map.insert(key, Arc::clone(&value));
        cache.insert(key, Arc::clone(&value));
    }

    let cookie = cookies(&format!("mastra_session={token}"));
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, cookie.parse()?);
    ensure!(
        who(&engine, Credentials::token(token)).is_some(),
        "nobody is known"
    );
    ensure!(
        auth.authenticate(&headers).now_or_never().is_some(),
        "who is known is answered at once"
    );

    let rounds = Rounds::run(
        ROUNDS,
        vec![
            Contender::repeated(LEAST, || map.get(&sha256(token.as_bytes())).cloned()),
            Contender::repeated("SHA-256 + quick_cache", || {
                cache.get(&sha256(token.as_bytes()))
            }),
            Contender::repeated(SEARCH, || who(&engine, Credentials::token(token))),
            Contender::repeated("ours, a search, from a Cookie header", || {
                let found = Credentials::read(&engine, None, Some(&cookie));
                found.ok().and_then(|found| who(&engine, found))
            }),
            Contender::repeated(OWN, || auth.authenticate(&headers).now_or_never()),
        ],
    )?;
    let title = format!(
        "warm identity, token of {} bytes, Cookie header of {} bytes",
        token.len(),
        cookie.len()
    );
    Ok(Table::new(title, OWN, rounds).goal(
        format!("{OWN} in terms of {LEAST}"),
        Bound::AtMost(1.25),
        |rounds| rounds.ratio(OWN, LEAST),
    ))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut()
        .zip(digest(&SHA256, bytes).as_ref())
        .for_each(|(to, from)| *to = *from);
    out
}

/// A header as browsers send it: what else they keep for the site, then ours.
pub(crate) fn cookies(own: &str) -> String {
    let others = (0..).map(|at: u32| format!("visited_{at}={}; ", at.wrapping_mul(7919)));
    let mut header = String::new();
    for other in others {
        if header.len() + other.len() + own.len() > 1024 {
            break;
        }
        header.push_str(&other);
    }
    header + own
}

/// A deployment that has verified the token.
fn warm(token: &str) -> Result<Arc<Engine>> {
    let cookie = CookieOptions {
        secure: Secure::No,
        ..CookieOptions::default()
    };
    let mut config = Config::new(
        BaseUrl::parse(DEFAULT_BASE_URL)?,
        ProjectId::parse("demo")?,
        CookieSpec::new(cookie)?,
    );
    config.policy.fresh = Duration::from_secs(3600);
    let engine = Engine::new(config, Entropy::new([7; 32]));
    let request = Authenticate::new(&engine, Credentials::token(token));
    let Step::Share(Work::Verify(verify), _) =
        request.into_task(Jitter(1)).step(Event::Start, now())
    else {
        bail!("a token is known that was never verified");
    };
    let Step::Send(_, rest) = verify.into_task().step(Event::Start, now()) else {
        bail!("the Cloud is not asked");
    };
    let user = r#"{"ok":true,"data":{"user":{"id":"usr_mei","email":"mei@example.com","created_at":"2026-01-28T10:00:00Z"}}}"#;
    let answered = Event::Delivered(Ok(Response::new(200, user.into())));
    match rest.step(answered, now()) {
        Step::Done(Authentication::Authenticated(_)) => Ok(engine),
        _ => bail!("the answer is not accepted"),
    }
}

fn who(engine: &Arc<Engine>, credentials: Credentials<'_>) -> Option<Arc<Identity>> {
    let task = Authenticate::new(engine, credentials).into_task(Jitter(1));
    match task.step(Event::Start, now()) {
        Step::Done(verdict) => match verdict.answer {
            Authentication::Authenticated(identity) => Some(identity),
            _ => None,
        },
        _ => None,
    }
}

/// The core reads no clock; the row for a service does.
fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_769_594_400),
        monotonic: Duration::ZERO,
    }
}
