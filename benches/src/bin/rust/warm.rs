//! Authenticating with a token that was verified a moment ago, beside the least that any cache under its digest must do.
//!
//! The least is SHA-256 of the token and one look into a table of a thousand entries that hands out a shared value. Ours
//! is what a service calls, with a `Cookie` header of 1 kB and the clocks.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::FutureExt as _;
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{Rounds, repeated};
use mastra_auth_cloud::Dialect;

const ROUNDS: usize = 201;
const OTHERS: u32 = 1000;
const OWN: &str = "ours, MastraCloudAuth";
const SEALED: &str = "ours, in dialect platform";
const LEAST: &str = "SHA-256 + HashMap";

pub(crate) fn table() -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let SignedIn {
        auth,
        token,
        headers: (headers, length),
        ..
    } = &runtime.block_on(SignedIn::new(Dialect::V1))?;
    let sealed = &runtime.block_on(SignedIn::new(Dialect::Platform))?;
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

    let at_once = [(auth, headers), (&sealed.auth, &sealed.headers.0)];
    let at_once =
        at_once.map(|(auth, headers)| auth.authenticate(headers).now_or_never().is_some());
    ensure!(at_once == [true; 2], "a cached session is answered at once");
    let contenders = vec![
        (LEAST, repeated(|| map.get(&sha256(token)).cloned())),
        (OWN, repeated(|| auth.authenticate(headers).now_or_never())),
        (
            SEALED,
            repeated(|| sealed.auth.authenticate(&sealed.headers.0).now_or_never()),
        ),
    ];
    let rounds = Rounds::run(ROUNDS, contenders)?;
    let (bytes, session) = (token.len(), sealed.token.len());
    let title = format!(
        "warm identity, token of {bytes} bytes, sealed session of {session}, Cookie header of {length} bytes"
    );
    let goal = format!("{OWN} in terms of {LEAST}");
    let found = rounds.ratio(OWN, LEAST);
    let table = Table::new(title, OWN, &rounds).goal(goal, Bound::AtMost(1.25), found);
    let goal = format!("{SEALED} in terms of {OWN}");
    Ok(table.goal(goal, Bound::AtMost(1.05), rounds.ratio(SEALED, OWN)))
}
