//! Options of verification that make no sense: each is refused when the deployment is made.

use std::time::Duration;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::verification::{
    ByKeys, KeySource, Verification, VerificationMode, VerificationOptions,
};

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
fn no_option_of_keys_goes_without_them() {
    let config = config(Dialect::V1);
    let options: [fn(&mut VerificationOptions); 9] = [
        |options| options.key_set_url = Some(String::new()),
        |options| options.key_set = Some(String::new()),
        |options| options.secret = Some(SharedSecret::new(&[7; 32]).unwrap()),
        |options| options.algorithms = Some(Vec::new()),
        |options| options.issuer = Some(String::new()),
        |options| options.audience = Some(String::new()),
        |options| options.leeway = Some(Duration::ZERO),
        |options| options.max_age = Some(Duration::ZERO),
        |options| options.session_every = Some(Duration::ZERO),
    ];
    for (at, set) in options.into_iter().enumerate() {
        let mut options = VerificationOptions::default();
        set(&mut options);
        let error = options.build(&config.base_url, &config.project_id);
        assert_eq!(error.unwrap_err().code(), "invalid_configuration", "{at}");
    }
}

#[test]
fn keys_come_from_where_the_options_say() {
    let config = config(Dialect::V1);
    let (of_cloud, other) = (
        "https://cloud.mastra.ai/.well-known/jwks.json",
        "https://keys.example.com/",
    );
    for (url, secret, expect) in [
        (None, None, Some(of_cloud)),
        (Some(other), None, Some(other)),
        (None, SharedSecret::new(&[7; 32]).ok(), None),
    ] {
        let options = VerificationOptions {
            mode: VerificationMode::parse("keys").unwrap(),
            key_set_url: url.map(str::to_owned),
            secret,
            ..VerificationOptions::default()
        };
        let built = options.build(&config.base_url, &config.project_id).unwrap();
        let Verification::Keys(keys) = built else {
            panic!("{built:?}");
        };
        let found = match &keys.source {
            KeySource::Url(url) => Some(url.as_str()),
            _ => None,
        };
        assert_eq!(found, expect);
    }
}

#[test]
fn a_mode_has_its_name() {
    use VerificationMode::{Cloud, Keys, KeysAndSession};
    for (name, mode) in [
        ("cloud", Cloud),
        ("keys", Keys),
        ("keys+session", KeysAndSession),
    ] {
        assert_eq!(VerificationMode::parse(name).unwrap(), mode);
    }
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
