//! Options of verification that make no sense: each is refused when the deployment is made.

use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::verification::{ByKeys, VerificationMode, VerificationOptions};

use crate::world::config;

#[test]
fn options_that_make_no_sense_are_refused() {
    let config = config(Dialect::V1);
    let build = |options: VerificationOptions| options.build(&config.base_url, &config.project_id);
    let keys = || VerificationOptions {
        mode: VerificationMode::Keys,
        ..VerificationOptions::default()
    };
    let some = |text: &str| Some(text.to_owned());
    for (name, options) in [
        (
            "keys without their mode",
            VerificationOptions {
                issuer: some("x"),
                ..VerificationOptions::default()
            },
        ),
        (
            "plain http",
            VerificationOptions {
                key_set_url: some("http://keys.example.com/"),
                ..keys()
            },
        ),
        (
            "no usable key",
            VerificationOptions {
                key_set: some("{\"keys\":[]}"),
                ..keys()
            },
        ),
        (
            "two sources",
            VerificationOptions {
                key_set: some("{}"),
                key_set_url: some("https://k.example.com"),
                ..keys()
            },
        ),
        (
            "an unknown algorithm",
            VerificationOptions {
                algorithms: Some(vec!["none".into()]),
                ..keys()
            },
        ),
        (
            "no algorithm",
            VerificationOptions {
                algorithms: Some(vec![]),
                ..keys()
            },
        ),
        (
            "HS256 without a secret",
            VerificationOptions {
                algorithms: Some(vec!["HS256".into()]),
                ..keys()
            },
        ),
        (
            "a secret without HS256",
            VerificationOptions {
                secret: SharedSecret::new(&[7; 32]).ok(),
                algorithms: Some(vec!["ES256".into()]),
                ..keys()
            },
        ),
        (
            "an empty issuer",
            VerificationOptions {
                issuer: some(""),
                ..keys()
            },
        ),
        (
            "sessions that are asked about without end",
            VerificationOptions {
                mode: VerificationMode::KeysAndSession,
                session_every: Some(Duration::ZERO),
                ..VerificationOptions::default()
            },
        ),
        (
            "an empty audience",
            VerificationOptions {
                audience: some(""),
                ..keys()
            },
        ),
        (
            "a long leeway",
            VerificationOptions {
                leeway: Some(Duration::from_secs(301)),
                ..keys()
            },
        ),
        (
            "sessions that are never asked about",
            VerificationOptions {
                session_every: Some(Duration::from_secs(1)),
                ..keys()
            },
        ),
    ] {
        assert_eq!(
            build(options).unwrap_err().code(),
            "invalid_configuration",
            "{name}"
        );
    }
    assert_eq!(
        VerificationMode::parse("Keys").unwrap_err().code(),
        "invalid_configuration"
    );
    assert!(ByKeys::of_cloud(&config.base_url, "demo").is_ok());
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    use VerificationMode::{Cloud, Keys, KeysAndSession};
    for dialect in [Dialect::V1, Dialect::Pkce, Dialect::Platform] {
        for mode in [Cloud, Keys, KeysAndSession] {
            for organization in [None, OrganizationId::parse("org_1").ok()] {
                let mut config = config(dialect);
                let options = VerificationOptions {
                    mode,
                    ..VerificationOptions::default()
                };
                config.verification = options.build(&config.base_url, &config.project_id).unwrap();
                config.organization = organization;
                let is_good = match (dialect, &config.organization) {
                    (Dialect::Platform, Some(_)) => mode == Cloud,
                    (Dialect::Platform, None) => mode != KeysAndSession,
                    (_, organization) => organization.is_none(),
                };
                let checked = config.check().map_err(|error| error.code().to_owned());
                let expect = if is_good {
                    Ok(())
                } else {
                    Err("invalid_configuration".to_owned())
                };
                assert_eq!(
                    checked, expect,
                    "{dialect:?} {mode:?} {:?}",
                    config.organization
                );
            }
        }
    }
}
