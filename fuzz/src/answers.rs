//! Answers of the Cloud, in each dialect.

use std::sync::LazyLock;

use mastra_auth_cloud_core::cloud::answer::read;
use mastra_auth_cloud_core::cloud::model::CloudUser;
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
use mastra_auth_cloud_core::http::{Delivery, Response};
use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId, SessionId, UserId};
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
    // An engine is made for many inputs, and what it sets aside by default takes longer than all that it is asked.
    config.policy.max_entries = 256;
    config
}

/// Each dialect, and the platform for the members of one organization.
static CONFIGS: LazyLock<[Config; 4]> = LazyLock::new(|| {
    let [v1, pkce, platform] = DIALECTS.map(config);
    let mut members = platform.clone();
    members.organization = OrganizationId::parse("org_1").ok();
    [v1, pkce, platform, members]
});

/// Asks and reads the answer. The request goes to the Cloud, and its address brings no secret.
fn asked<O: Operation>(
    mut operation: O,
    config: &Config,
    answer: Delivery,
) -> Result<O::Output, CloudApiError> {
    if let Ok(request) = operation.request(config) {
        assert!(request.url().starts_with(config.base_url.as_str()));
        assert!(!request.url().contains(SECRET));
    }
    operation.note(config, &answer);
    operation.response(config, answer)
}

/// A user acts in an organization that the answer names as theirs, and in no other.
fn acts(user: &CloudUser, config: &Config, said: &Value) {
    let others = user.member_of();
    assert!(
        others
            .iter()
            .all(|one| user.is_member_of(one) && names(said, one.as_str()))
    );
    if let Some(own) = &config.organization {
        assert_eq!(
            (user.organization(), others),
            (Some(own), &[own.clone()][..])
        );
    }
    for one in others.iter().chain(&user.acting_organization()) {
        let there = user.in_organization(one.clone()).unwrap();
        assert_eq!(there.acting_organization().as_ref(), Some(one));
        let is_same = user.acting_organization().as_ref() == Some(one);
        assert!(is_same || there.roles().is_empty());
        assert!(there.roles().iter().all(|role| there.has_role(role)));
    }
    let elsewhere = OrganizationId::parse("an-organization-of-nobody").unwrap();
    assert!(user.in_organization(elsewhere).is_err());
    assert!(!format!("{user:?}").contains(SECRET));
}

/// An answer of the Cloud: one byte for the dialect and whether a cookie comes along, one for the operation, two for the
/// status; then the cookie up to a byte 0, where there is one, and the body.
///
/// Only a success becomes data, and one of dialect `v1` only where it says `ok`. A user is the one that it names. Only a client
/// error, or a plain no, may refuse. No error repeats a secret of the request.
pub fn envelope(data: &[u8]) {
    let mut script = Script(data);
    let (first, which) = (script.byte(), script.byte());
    let status = 100 + script.number() % 500;
    let dialect = usize::from(first) % 4;
    let config = &CONFIGS[dialect];
    let cookies = (first & 0x80 != 0).then(|| script.text());
    let body = script.rest();
    let answer = Ok(Response::new(status, body.to_vec()).with_cookies(cookies));
    let said = reference(body).map(|found| found.value).unwrap_or_default();
    let is_sealed = dialect > 1;
    let token = if is_sealed {
        SessionToken::sealed(SECRET).unwrap()
    } else {
        SessionToken::parse(SECRET).unwrap()
    };
    let id = UserId::parse("usr_1").unwrap();
    let session = SessionId::parse("ses_1").unwrap();
    let error = match which % 8 {
        0 => match asked(VerifyToken::new(token), config, answer) {
            Ok(user) => {
                acts(&user, config, &said);
                assert!(
                    names(&said, user.id().as_str())
                        || user.id().as_str().starts_with("project-token:")
                );
                None
            }
            Err(error) => Some(error),
        },
        1 => asked(ValidateSession::new(token), config, answer).err(),
        2 => match GetUser::new(config, id.clone(), token).map(|get| asked(get, config, answer)) {
            None => return,
            Some(Ok(user)) => {
                assert_eq!(user.id(), &id);
                assert!(names(&said, "usr_1"));
                None
            }
            Some(Err(error)) => Some(error),
        },
        3 => match GetUserPermissions::new(config, id, token).map(|get| asked(get, config, answer))
        {
            None => return,
            Some(Ok(found)) => {
                assert!(found.iter().all(|grant| names(&said, grant)));
                None
            }
            Some(Err(error)) => Some(error),
        },
        4 => asked(DestroySession::new(session, token), config, answer).err(),
        5 => match RefreshSession::new(config, token).map(|get| asked(get, config, answer)) {
            None => return,
            Some(Ok(newer)) => {
                if let Some(newer) = newer {
                    // It took the old one's place, whatever the answer is otherwise.
                    assert!(newer.is_sealed() && newer.expose() != SECRET && status != 401);
                    return;
                }
                None
            }
            Some(Err(error)) => Some(error),
        },
        6 => match asked(
            ExchangeCode::of_code(AuthorizationCode::parse(SECRET).unwrap()),
            config,
            answer,
        ) {
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
