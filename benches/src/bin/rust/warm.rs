//! Authenticating with a token that was verified a moment ago, beside the least that any cache under its digest must do.
//!
//! The least is SHA-256 of the token and one look into a table of a thousand entries that hands out a shared value. Ours
//! is what a service calls, with a `Cookie` header of 1 kB and the clocks.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::COOKIE;
use mastra_auth_benches::cloud::{SignedIn, cookies};
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{Rounds, repeated};

const ROUNDS: usize = 201;
const OTHERS: u32 = 1000;
const OWN: &str = "ours, MastraCloudAuth";
const LEAST: &str = "SHA-256 + HashMap";

pub(crate) fn table() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let SignedIn { auth, token, .. } = &runtime.block_on(SignedIn::new())?;
    let value = Arc::new(token.clone());
    let sha256 = |text: &str| -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        out
    };
    let others = (0..OTHERS).map(|other| other.to_string());
    let map: HashMap<_, _> = others
        .chain([token.clone()])
        .map(|text| (sha256(&text), Arc::clone(&value)))
        .collect();

    let cookie = cookies(&format!("mastra_session={token}"));
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, cookie.parse()?);
    ensure!(
        auth.authenticate(&headers).now_or_never().is_some(),
        "a cached session is answered at once"
    );
    let contenders = vec![
        (LEAST, repeated(|| map.get(&sha256(token)).cloned())),
        (OWN, repeated(|| auth.authenticate(&headers).now_or_never())),
    ];
    let rounds = Rounds::run(ROUNDS, contenders)?;
    let (bytes, length) = (token.len(), cookie.len());
    let title = format!("warm identity, token of {bytes} bytes, Cookie header of {length} bytes");
    let goal = format!("{OWN} in terms of {LEAST}");
    let found = rounds.ratio(OWN, LEAST);
    Ok(Table::new(title, OWN, &rounds).goal(goal, Bound::AtMost(1.25), found))
}
