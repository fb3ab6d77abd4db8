//! How a sign-in begins.

use std::collections::BTreeSet;

use mastra_auth_cloud_core::cloud::ops::login_page::login_url_with_challenge;
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::encoding::{base64url, sha256};
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::http::TransportError;

use crate::world::{
    at, begin, callback, config, engine, exchanged, lost, pair, pkce, redirect_uri, run, state, v1,
};

/// The verifier that a login cookie carries.
fn verifier(cookie: &str) -> &str {
    cookie.split('.').nth(5).unwrap()
}

#[test]
fn url_and_cookie_agree_in_any_order_and_every_time() {
    let engine = pkce();
    let (url, cookie) = begin(&engine, "s|%2Fagents");
    assert_eq!(begin(&engine, "s|%2Fagents"), (url.clone(), cookie.clone()));
    let challenge = base64url(&sha256(verifier(&cookie).as_bytes()));
    assert!(url.contains(&format!(
        "&code_challenge={challenge}&code_challenge_method=S256"
    )));
    assert!(url.contains("&state=s%7C%252Fagents"));
}

#[test]
fn a_challenge_of_the_hosts_own_is_whole_where_the_dialect_has_one() {
    let (good, short) = (base64url(&[7; 32]), base64url(&[7; 31]));
    for (dialect, challenge, is_good) in [
        (Dialect::Pkce, Some(&*good), true),
        (Dialect::Pkce, Some(&*short), false),
        (Dialect::Pkce, None, false),
        (Dialect::V1, None, true),
    ] {
        let state = state("s|%2Fagents");
        let url = login_url_with_challenge(&config(dialect), &redirect_uri(), &state, challenge);
        assert_eq!(url.is_ok(), is_good, "{dialect:?} {challenge:?}");
        let Ok(url) = url else { continue };
        assert!(url.contains("&state=s%7C%252Fagents"), "{url}");
        let sent = url.contains(&format!("&code_challenge={good}&"));
        assert_eq!(sent, dialect == Dialect::Pkce, "{url}");
    }
    let engine = pkce();
    let url = login::url_of_host(&engine, &redirect_uri(), &state("s")).unwrap();
    assert_eq!(*url, begin(&engine, "s").0);
}

#[test]
fn threat_042_the_exchange_proves_the_challenge_of_the_page() {
    let engine = pkce();
    let (url, cookie) = begin(&engine, "s");
    let flow = callback(&engine, "s", "c", &cookie, at(1)).unwrap();
    let ran = run(flow, at(1), [lost(TransportError::Timeout)]);
    let sent = ran.sent[0].body["code_verifier"].as_str().unwrap();
    assert!(url.contains(&base64url(&sha256(sent.as_bytes()))));
    // No cookie, no verifier; and no exchange without one.
    assert!(callback(&engine, "t", "c", "", at(1)).is_err());
}

#[test]
fn threat_043_a_verifier_is_256_bits_of_its_own() {
    let mut seen = BTreeSet::new();
    for seed in 0..10 {
        let engine = Engine::new(config(Dialect::Pkce), Entropy::new([seed; 32]));
        for n in 0..100 {
            let (_, cookie) = begin(&engine, &format!("state{n}"));
            let verifier = verifier(&cookie).to_owned();
            assert_eq!(verifier.len(), 43);
            assert!(
                verifier
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            );
            assert!(seen.insert(verifier), "another login had it");
        }
    }
}

#[test]
fn threat_057_the_login_page_gets_no_secret() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let (url, cookie) = begin(&engine(dialect), "s");
        let (_, value) = cookie.split_once('=').unwrap();
        for part in value.split('.').skip(5) {
            assert!(part.len() == 43 && !url.contains(part));
        }
    }
}

#[test]
fn threat_046_sign_ins_that_interleave_stay_apart() {
    const fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    let engine = v1();
    let begun: Vec<_> = (0..200)
        .map(|n| begin(&engine, &format!("state{n}")).1)
        .collect();
    // All under way at once, answered in another order than begun.
    let mut flows: Vec<_> = begun
        .iter()
        .enumerate()
        .map(|(n, cookie)| {
            let flow = callback(
                &engine,
                &format!("state{n}"),
                &format!("c{n}"),
                cookie,
                at(1),
            );
            (n, flow.unwrap())
        })
        .collect();
    flows.reverse();
    for (n, flow) in flows {
        let ran = run(
            flow,
            at(1),
            [exchanged(&format!("usr_{n}"), &format!("token{n}"))],
        );
        assert_eq!(ran.sent[0].body["code"], format!("c{n}"));
        let signed_in = ran.output.unwrap();
        assert_eq!(signed_in.identity.user().id().as_str(), format!("usr_{n}"));
        let cookie = pair(signed_in.cookies.last().unwrap());
        assert!(cookie.ends_with(&format!("=token{n}")));
    }
}

#[test]
fn what_is_over_can_be_cleared() {
    let engine = v1();
    let (_, cookie) = begin(&engine, "s");
    let cleared = login::clear(&engine, &state("s")).unwrap();
    assert!(cookie.starts_with(cleared.name()));
    assert!(cleared.expose().contains("Max-Age=0"));
    let many: Vec<_> = (0..9).map(|n| begin(&engine, &format!("s{n}")).1).collect();
    let overdue = login::overdue(&engine, &many.join("; ")).unwrap();
    assert_eq!(
        overdue.len(),
        2,
        "seven stay, and one more is about to come"
    );
}
