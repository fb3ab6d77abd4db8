//! What reads bytes of strangers, as functions of any bytes: they hold whatever comes, or panic.
//!
//! `cargo fuzz` calls them with what its search finds, and the core's own tests with the seeds and a bounded number of
//! mutations (`crates/core/tests/fuzz.rs`), so that they compile and hold on every machine.

use aws_lc_rs::hmac;
use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{
    CookieOptions, CookieSpec, MAX_SAME_NAME, names_with_prefix, values,
};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::encoding::base64url;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::Response;
use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, KeySet, MAX_KEYS, Rules, SharedSecret, lint, verify,
};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use mastra_auth_cloud_core::url::BaseUrl;
use serde_json::Value;

const SECRET: &[u8] = b"a secret of the fuzz targets: 32";
const NOW: i64 = 2_000_000_000;

/// A token. Text that holds a line break is a header and claims, which are signed here: else nothing would come past the
/// signature. What is accepted says the same to an ordinary reader of JSON.
pub fn token(data: &[u8]) {
    let line = data.iter().position(|byte| *byte == b'\n');
    let text = match line.and_then(|at| data.split_at_checked(at)) {
        None => String::from_utf8_lossy(data).into_owned(),
        Some((header, rest)) => signed(header, rest.get(1..).unwrap_or_default()),
    };
    let Ok(token) = SessionToken::parse(&text) else {
        return;
    };
    let keys = KeySet::from_secret(SharedSecret::new(SECRET).unwrap());
    let mut rules = Rules::new("demo").unwrap();
    rules.algorithms = Algorithms::new(&[Algorithm::Hs256]).unwrap();
    let Ok(verified) = verify(&token, &keys, &rules, Timestamp::from_unix_seconds(NOW)) else {
        return;
    };
    let claims = text.split('.').nth(1).and_then(|part| {
        let bytes = mastra_auth_cloud_core::encoding::base64url_decode(part)?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let claims = claims.unwrap();
    assert_eq!(
        claims["sub"].as_str(),
        Some(verified.as_inner().subject().as_str())
    );
    let audience = &claims["aud"];
    assert!(audience == "demo" || audience.as_array().unwrap().iter().any(|one| one == "demo"));
    assert!(
        claims["exp"]
            .as_f64()
            .is_some_and(|exp| exp + 30.001 > NOW as f64),
        "{claims}"
    );
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), input.as_bytes());
    format!("{input}.{}", base64url(tag.as_ref()))
}

/// A key set. Both ways to read one agree.
pub fn key_set(data: &[u8]) {
    let (set, report) = (KeySet::parse(data), lint(data));
    assert_eq!(set.as_ref().err(), report.error.as_ref());
    if let Ok(set) = set {
        let usable = report.keys.iter().filter(|key| key.usable.is_ok()).count();
        assert_eq!(set.len(), usable);
        assert!((1..=MAX_KEYS).contains(&usable));
    }
}

/// A `Cookie` header: the first line is the name that is looked for, the rest the header.
pub fn cookie(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, header) = text
        .split_once('\n')
        .unwrap_or(("__Host-mastra_session", &text));
    if name.is_empty() {
        return;
    }
    let Ok(named) = names_with_prefix(header, name) else {
        assert!(header.len() > 16 * 1024 && values(header, name).is_err());
        return;
    };
    let mut every = Vec::new();
    for (whole, value) in named {
        assert!(whole.starts_with(name) && header.contains(value) && !value.contains(';'));
        if whole == name {
            every.push(value);
        }
    }
    // A name with an equals sign in it is no cookie's; the two readers split such a pair elsewhere.
    match values(header, name) {
        Ok(_) if name.contains('=') => {}
        Ok(found) => assert_eq!(found.collect::<Vec<_>>(), every),
        Err(_) => assert!(every.len() > MAX_SAME_NAME || name.contains('=')),
    }
}

/// An answer of the Cloud: one byte for the operation and its dialect, two for the status, and the body. Only a client error,
/// or a plain no, may refuse; only a success becomes data; and no error repeats what came.
pub fn envelope(data: &[u8]) {
    let [which, high, low, body @ ..] = data else {
        return;
    };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let mut config = Config::new(
        BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.dialect = Dialect::parse(if which & 1 == 0 { "v1" } else { "pkce" }).unwrap();
    let token = SessionToken::parse("t0ken").unwrap();
    let id = UserId::parse("usr_1").unwrap();
    let read = |error: Option<CloudApiError>| {
        let Some(error) = error else {
            assert!((200..300).contains(&status), "{status} became data");
            return;
        };
        assert!(!error.is_refusal() || matches!(status, 200..300 | 400..500));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("t0ken") && !text.contains("c4nary"));
    };
    let answer = || Ok(Response::new(status, body.to_vec()));
    match which / 2 % 5 {
        0 => read(VerifyToken::new(token).response(&config, answer()).err()),
        1 => read(
            ValidateSession::new(token)
                .response(&config, answer())
                .err(),
        ),
        2 => {
            if let Some(asked) = GetUser::new(&config, id, token) {
                read(asked.response(&config, answer()).err());
            }
        }
        3 => {
            if let Some(asked) = GetUserPermissions::new(&config, id, token) {
                read(asked.response(&config, answer()).err());
            }
        }
        _ => {
            let session = SessionId::parse("ses_1").unwrap();
            read(
                DestroySession::new(session, token)
                    .response(&config, answer())
                    .err(),
            );
        }
    }
}
