//! Answers of the Cloud, in each dialect.

use std::sync::LazyLock;

use mastra_auth_cloud_core::cloud::answer::read;
use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use mastra_auth_cloud_core::cloud::ops::key_set::GetKeySet;
use mastra_auth_cloud_core::cloud::ops::refresh_session::RefreshSession;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::Response;
use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::json::Object;
use mastra_auth_cloud_core::secret::{AuthorizationCode, SessionToken};
use mastra_auth_cloud_core::url::{BaseUrl, KeySetUrl};
use serde_json::Value;

use super::json::reference;
use super::script::Script;

pub const DIALECTS: [&str; 3] = ["v1", "pkce", "platform"];
const SECRET: &str = "t0ken-of-a-test";

pub fn config(dialect: &str) -> Config {
    let mut config = Config::new(
        BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.dialect = Dialect::parse(dialect).unwrap();
    config
}

static CONFIGS: LazyLock<[Config; 3]> = LazyLock::new(|| DIALECTS.map(config));

/// An answer of the Cloud: one byte for the dialect and whether a cookie comes along, one for the operation, two for the
/// status; then the cookie up to a byte 0, where there is one, and the body.
///
/// Only a success becomes data, and one of dialect `v1` only where it says `ok`. A user is the one that it names. Only a client
/// error, or a plain no, may refuse. No error repeats a secret of the request.
pub fn envelope(data: &[u8]) {
    let mut script = Script(data);
    let (first, which) = (script.byte(), script.byte());
    let status = 100 + script.number() % 500;
    let dialect = usize::from(first) % 3;
    let config = &CONFIGS[dialect];
    let cookies = (first & 0x80 != 0).then(|| script.text());
    let body = script.rest();
    let answer = Ok(Response::new(status, body.to_vec()).with_cookies(cookies));
    let said = reference(body).map(|found| found.value).unwrap_or_default();
    let is_sealed = DIALECTS[dialect] == "platform";
    let token = if is_sealed {
        SessionToken::sealed(SECRET).unwrap()
    } else {
        SessionToken::parse(SECRET).unwrap()
    };
    let id = UserId::parse("usr_1").unwrap();
    let session = SessionId::parse("ses_1").unwrap();
    let error = match which % 8 {
        0 => match VerifyToken::new(token).response(config, answer) {
            Ok(user) => {
                assert!(
                    names(&said, user.id().as_str())
                        || user.id().as_str().starts_with("project-token:")
                );
                None
            }
            Err(error) => Some(error),
        },
        1 => ValidateSession::new(token).response(config, answer).err(),
        2 => match GetUser::new(config, id.clone(), token)
            .map(|asked| asked.response(config, answer))
        {
            None => return,
            Some(Ok(user)) => {
                assert_eq!(user.id(), &id);
                assert!(names(&said, "usr_1"));
                None
            }
            Some(Err(error)) => Some(error),
        },
        3 => match GetUserPermissions::new(config, id, token)
            .map(|asked| asked.response(config, answer))
        {
            None => return,
            Some(Ok(found)) => {
                assert!(found.iter().all(|grant| names(&said, grant)));
                None
            }
            Some(Err(error)) => Some(error),
        },
        4 => DestroySession::new(session, token)
            .response(config, answer)
            .err(),
        5 => match RefreshSession::new(config, token).map(|asked| asked.response(config, answer)) {
            None => return,
            Some(Ok(newer)) => {
                assert!(newer.is_none_or(|newer| newer.is_sealed() && newer.expose() != SECRET));
                None
            }
            Some(Err(error)) => Some(error),
        },
        6 => match ExchangeCode::of_code(AuthorizationCode::parse(SECRET).unwrap())
            .response(config, answer)
        {
            Ok(Exchanged::Session(both)) => {
                assert!(names(&said, both.0.session_token().expose()));
                None
            }
            Ok(Exchanged::AccessToken { token, .. }) => {
                assert!(names(&said, token.expose()));
                None
            }
            Ok(other) => panic!("{other:?} is of no known form"),
            Err(error) => Some(error),
        },
        _ => {
            let url = KeySetUrl::parse("https://cloud.example/jwks.json").unwrap();
            let found = GetKeySet::new(url).response(config, answer);
            assert!(found.as_ref().map_or(true, |keys| keys.len() > 0));
            let Err(error) = found else {
                assert!((200..300).contains(&status));
                return;
            };
            return is_said_well(&error, status);
        }
    };
    match error {
        None => {
            assert!((200..300).contains(&status), "{status} became data");
            assert!(dialect != 0 || said["ok"] == true);
        }
        Some(error) => is_said_well(&error, status),
    }
}

fn is_said_well(error: &CloudApiError, status: u16) {
    assert!(!error.is_refusal() || matches!(status, 200..300 | 400..500));
    assert!(!error.is_refusal() || !matches!(status, 408 | 425 | 429));
    let text = format!("{error} {error:?} {}", error.code());
    assert!(
        !text.contains(&SECRET[..12]) && !text.contains("c4nary"),
        "{text}"
    );
    assert!(error.message().chars().count() <= 200);
    assert!(!error.message().chars().any(char::is_control));
}

/// Whether a text is a value somewhere in an answer.
pub fn names(said: &Value, text: &str) -> bool {
    match said {
        Value::String(own) => own == text,
        Value::Array(items) => items.iter().any(|item| names(item, text)),
        Value::Object(members) => members.values().any(|value| names(value, text)),
        _ => false,
    }
}

/// An error of the platform (RFC 9457, the older `{error}`, or a text): two bytes for the status and whether few of them
/// refuse, and the body. Only its status decides whether it refuses, and no text of it brings a secret, an address or a line break.
pub fn problem(data: &[u8]) {
    let mut script = Script(data);
    let number = script.number();
    let status = 100 + (number & 0x7fff) % 500;
    let refusals = (number & 0x8000 != 0).then_some(&[401, 403][..]);
    let body = script.rest();
    let answer = || Ok(Response::new(status, body.to_vec()));
    let id = |user: Object<'_>| user.text("id").map(str::to_owned);
    let result = read(answer(), refusals, &[SECRET], id);
    let is_success = (200..300).contains(&status);
    let said = reference(body).map(|found| found.value["id"].is_string());
    let Err(error) = result else {
        assert!(is_success && said == Some(true));
        return;
    };
    is_said_well(&error, status);
    if is_success {
        assert!(!error.is_refusal());
    }
    if error.is_refusal() {
        assert!((400..500).contains(&status) && error.status() == status);
        assert!(refusals.is_none_or(|refusals| refusals.contains(&status)));
        assert!(said != Some(true), "a good answer refuses");
    }
    assert!(!error.message().contains('@'), "{}", error.message());
    // Another reader of the same answer says the same of it.
    let again = read(answer(), refusals, &[SECRET], id).unwrap_err();
    assert_eq!(
        (again.code(), again.message()),
        (error.code(), error.message())
    );
}
