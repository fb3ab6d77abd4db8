//! Runs `vectors/envelopes.json`: what each operation makes of an answer.

use mastra_auth_cloud_core::cloud::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::secret::{AuthorizationCode, SessionToken, Verifier};
use mastra_auth_cloud_core::time::Timestamp;
use mastra_auth_cloud_core::url::{BaseUrl, RedirectUri};
use serde_json::{Value, json};

const TOKEN: &str = "tok-1.a_b~c+d/e=";

fn cases() -> Vec<Value> {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/envelopes.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn vectors_envelopes() {
    for case in cases() {
        let (key, outcome) = match read(&case, delivery(&case)) {
            Ok(data) => ("data", data),
            Err(error) => ("error", shown(&error)),
        };
        assert_eq!(case.get(key), Some(&outcome), "{}", case["name"]);
    }
}

#[test]
fn errors_name_the_endpoint_and_hold_nothing_of_the_answer() {
    for case in cases() {
        let Err(error) = read(&case, delivery(&case)) else {
            continue;
        };
        let endpoint = error.endpoint().unwrap();
        assert!(endpoint.contains("/auth/") || endpoint.contains("/users/{id}"));
        let text = format!("{error} {error:?}");
        for secret in [TOKEN, "ada@", "usr_1", "doctype", "yesterday"] {
            assert!(!text.contains(secret), "{}: {text}", case["name"]);
        }
    }
}

/// Every answer again with every status that is not 2xx: whatever it says, no user is signed in and nothing is read from it.
#[test]
fn threat_073_no_failed_status_becomes_data() {
    for case in cases().iter().filter(|case| case["status"].is_u64()) {
        for status in [100, 199, 300, 302, 304, 400, 401, 404, 429, 500, 503] {
            let answer = Response::new(status, body(case));
            let error = read(case, Ok(answer)).unwrap_err();
            let may_refuse = (400..500).contains(&status) && status != 429;
            assert!(!error.is_refusal() || may_refuse, "{}", case["name"]);
        }
    }
}

/// Every JSON answer, cut at every byte: a part of an answer is not one.
#[test]
fn threat_073_a_part_of_an_answer_says_nothing() {
    for case in cases().iter().filter(|case| case["status"].is_u64()) {
        let body = body(case);
        if serde_json::from_slice::<Value>(&body).is_err() {
            continue;
        }
        let whole = body.trim_ascii_end().len();
        for end in 0..whole {
            let answer = Response::new(status(case), body[..end].to_vec());
            let error = read(case, Ok(answer)).unwrap_err();
            assert_eq!(
                error.code(),
                "invalid_response",
                "{} at {end}",
                case["name"]
            );
            assert!(!error.is_refusal(), "{} at {end}", case["name"]);
        }
    }
}

fn read(case: &Value, delivery: Delivery) -> Result<Value, CloudApiError> {
    let config = config(case);
    let token = SessionToken::parse(TOKEN).unwrap();
    let id = UserId::parse("usr_1").unwrap();
    match case["operation"].as_str().unwrap() {
        "verify_token" => VerifyToken::new(token)
            .response(&config, delivery)
            .map(|read| user(&read)),
        "validate_session" => ValidateSession::new(token)
            .response(&config, delivery)
            .map(|read| {
                let mut shown = session(&read.session);
                if let (Some(newer), Some(members)) = (read.newer, shown.as_object_mut()) {
                    members.insert("token".into(), newer.expose().into());
                }
                shown
            }),
        "user" => GetUser::new(&config, id, token)
            .unwrap()
            .response(&config, delivery)
            .map(|read| user(&read)),
        "user_permissions" => GetUserPermissions::new(&config, id, token)
            .unwrap()
            .response(&config, delivery)
            .map(|grants| {
                let mut all: Vec<_> = grants.iter().collect();
                all.sort_unstable();
                json!(all)
            }),
        "destroy_session" => DestroySession::new(SessionId::parse("ses_1").unwrap(), token)
            .response(&config, delivery)
            .map(|_| Value::Null),
        "exchange_code" => ExchangeCode::new(
            AuthorizationCode::parse("c0de-of-this-login").unwrap(),
            Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap(),
            RedirectUri::parse("http://localhost:4111/cb").unwrap(),
        )
        .response(&config, delivery)
        .map(|exchanged| match exchanged {
            Exchanged::Session(both) => json!({
                "user": user(&both.0),
                "session": session(&both.1),
                "token": both.0.session_token().expose(),
            }),
            Exchanged::AccessToken { token, expires_in } => {
                json!({ "token": token.expose(), "expires_in": expires_in.as_secs() })
            }
            _ => panic!("a new kind of answer"),
        }),
        other => panic!("{other} is not an operation"),
    }
}

fn config(case: &Value) -> Config {
    let mut config = Config::new(
        BaseUrl::parse(DEFAULT_BASE_URL).unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.dialect = Dialect::parse(case["dialect"].as_str().unwrap()).unwrap();
    config.organization = case["organization"]
        .as_str()
        .map(|id| OrganizationId::parse(id).unwrap());
    config
}

fn delivery(case: &Value) -> Delivery {
    match case["transport"].as_str() {
        None => Ok(Response::new(status(case), body(case))),
        Some("connect") => Err(TransportError::Connect),
        Some("closed") => Err(TransportError::Closed),
        Some("timeout") => Err(TransportError::Timeout),
        Some("too-large") => Err(TransportError::TooLarge),
        Some("other") => Err(TransportError::Other),
        Some(other) => panic!("{other} is not a failure"),
    }
}

fn status(case: &Value) -> u16 {
    case["status"].as_u64().unwrap().try_into().unwrap()
}

fn body(case: &Value) -> Vec<u8> {
    match case["body_hex"].as_str() {
        Some(hex) => (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
        None => case["body"].as_str().unwrap().into(),
    }
}

fn shown(error: &CloudApiError) -> Value {
    json!({
        "status": error.status(),
        "code": error.code(),
        "message": error.message(),
        "kind": error.kind().as_str(),
        "answer": if error.is_refusal() { "refused" } else { "unclear" },
    })
}

fn user(user: &CloudUser) -> Value {
    json!({
        "id": user.id().as_str(),
        "email": user.email(),
        "name": user.name(),
        "avatar_url": user.avatar_url(),
        "created_at": user.created_at().map(Timestamp::unix_millis),
        "metadata": user.metadata(),
        "roles": user.roles(),
    })
}

fn session(session: &CloudSession) -> Value {
    json!({
        "id": session.id().as_str(),
        "user_id": session.user_id().as_str(),
        "created_at": session.created_at().unix_millis(),
        "expires_at": session.expires_at().unix_millis(),
    })
}
