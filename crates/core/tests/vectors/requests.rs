//! Runs `vectors/requests.json`: what each operation sends, whole.

use std::collections::BTreeMap;
use std::time::Duration;

use mastra_auth_cloud_core::cloud::ops::Operation;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::ExchangeCode;
use mastra_auth_cloud_core::cloud::ops::login_page::login_url;
use mastra_auth_cloud_core::cloud::ops::logout_page::logout_url;
use mastra_auth_cloud_core::cloud::ops::refresh_session::RefreshSession;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::config::{Config, DEFAULT_BASE_URL, UrlPath};
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::http::Request;
use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::secret::{AuthorizationCode, SessionToken, Verifier};
use mastra_auth_cloud_core::url::{BaseUrl, RedirectUri};
use serde_json::{Value, json};

fn cases() -> Vec<Value> {
    let text = include_str!("../../../../vectors/requests.json")
        .replace("{version}", env!("CARGO_PKG_VERSION"));
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn vectors_requests() {
    for case in cases() {
        let (key, outcome) = match run(&case) {
            Ok(value) => ("expect", value),
            Err(error) => ("error", json!(error.code())),
        };
        assert_eq!(case.get(key), Some(&outcome), "{}", case["name"]);
    }
}

#[test]
fn a_code_alone_is_enough_where_the_dialect_sends_nothing_beside_it() {
    let body = |dialect| {
        let code = AuthorizationCode::parse("c0de").unwrap();
        let config = config(&json!({ "dialect": dialect }));
        let request = ExchangeCode::of_code(code).request(&config);
        request.map(|request| whole(&request)["body"].clone())
    };
    assert_eq!(body("v1").unwrap(), r#"{"code":"c0de"}"#);
    assert_eq!(body("pkce").unwrap_err().code(), "invalid_argument");
}

/// The one exception is what the pkce dialect's logout page asks for.
#[test]
fn threat_050_no_address_holds_a_credential() {
    for case in cases()
        .iter()
        .filter(|case| case["name"] != "pkce-logout-page")
    {
        let url = match run(case) {
            Ok(Value::String(url)) => url,
            Ok(Value::Object(request)) => request["url"].as_str().unwrap().to_owned(),
            _ => continue,
        };
        for secret in ["token", "session", "code", "verifier"] {
            if let Some(secret) = case["with"][secret].as_str() {
                let encoded = mastra_auth_cloud_core::encoding::encode_component(secret);
                assert!(
                    !url.contains(secret) && !url.contains(&encoded),
                    "{}",
                    case["name"]
                );
            }
        }
    }
}

fn run(case: &Value) -> Result<Value, CloudApiError> {
    let config = config(case);
    let given = &case["with"];
    let text = |key: &str| given[key].as_str().unwrap();
    let token = || SessionToken::parse(text("token")).map_err(argument);
    let session = || SessionToken::sealed(text("session")).map_err(argument);
    let redirect_uri = || RedirectUri::parse(text("redirect_uri")).map_err(argument);
    let verifier = || Verifier::parse(text("verifier")).map_err(argument);
    let user_id = || UserId::parse(text("user_id")).map_err(argument);
    match case["operation"].as_str().unwrap() {
        "login_page" => {
            let state = State::parse(text("state"), None)?;
            Ok(login_url(&config, &redirect_uri()?, &state, &verifier()?).into())
        }
        "logout_page" => {
            let token = given.get("token").map(|_| token()).transpose()?;
            let page = logout_url(&config, &redirect_uri()?, token.as_ref());
            page.map(Value::from)
                .ok_or_else(|| CloudApiError::new(Code::NotImplemented))
        }
        "exchange_code" => {
            let code = AuthorizationCode::parse(text("code")).map_err(argument)?;
            ExchangeCode::new(code, verifier()?, redirect_uri()?)
                .request(&config)
                .map(|request| whole(&request))
        }
        "me" => VerifyToken::new(session()?)
            .request(&config)
            .map(|request| whole(&request)),
        "refresh_session" => RefreshSession::new(&config, session()?)
            .unwrap()
            .request(&config)
            .map(|request| whole(&request)),
        "verify_token" => VerifyToken::new(token()?)
            .request(&config)
            .map(|request| whole(&request)),
        "validate_session" => ValidateSession::new(token()?)
            .request(&config)
            .map(|request| whole(&request)),
        "destroy_session" => {
            let id = SessionId::parse(text("session_id")).map_err(argument)?;
            let own = if given["session"].is_string() {
                session()?
            } else {
                token()?
            };
            DestroySession::new(id, own)
                .request(&config)
                .map(|request| whole(&request))
        }
        "user" => match GetUser::new(&config, user_id()?, token()?) {
            Some(operation) => operation.request(&config).map(|request| whole(&request)),
            None => Ok(Value::Null),
        },
        "user_permissions" => match GetUserPermissions::new(&config, user_id()?, token()?) {
            Some(operation) => operation.request(&config).map(|request| whole(&request)),
            None => Ok(Value::Null),
        },
        other => panic!("{other} is not an operation"),
    }
}

fn config(case: &Value) -> Config {
    let text = |key: &str, or: &'static str| case[key].as_str().unwrap_or(or).to_owned();
    let mut config = Config::new(
        BaseUrl::parse(&text("base_url", DEFAULT_BASE_URL)).unwrap(),
        ProjectId::parse(&text("project_id", "demo")).unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    config.dialect = Dialect::parse(case["dialect"].as_str().unwrap()).unwrap();
    config.api_prefix = case["api_prefix"]
        .as_str()
        .map(|path| UrlPath::parse(path).unwrap());
    config.organization = case["organization"]
        .as_str()
        .map(|id| OrganizationId::parse(id).unwrap());
    if let Some(path) = case["login_path"].as_str() {
        config.login_path = UrlPath::parse(path).unwrap();
    }
    config
}

fn argument(malformed: Malformed) -> CloudApiError {
    CloudApiError::argument(malformed)
}

fn whole(request: &Request) -> Value {
    let mut headers = BTreeMap::new();
    for (name, value) in request.headers() {
        assert_eq!(headers.insert(name, value), None, "{name} stands twice");
    }
    // What logs name is a part of the address.
    let endpoint = request.endpoint();
    assert!(endpoint.starts_with('/'), "{endpoint}");
    assert!(
        endpoint
            .split("{id}")
            .all(|part| request.url().contains(part)),
        "{endpoint}"
    );
    assert_eq!(request.max_response_bytes(), 256 * 1024);
    let is_exchange = request.call() == CloudCall::ExchangeCode;
    let seconds = if is_exchange { 10 } else { 3 };
    assert_eq!(
        request.timeout(),
        Duration::from_secs(seconds),
        "{endpoint}"
    );
    let shown = format!(
        "Request {{ method: {:?}, endpoint: {endpoint:?}, .. }}",
        request.method()
    );
    assert_eq!(format!("{request:?}"), shown);
    json!({
        "method": request.method().as_str(),
        "url": request.url(),
        "headers": headers,
        "body": request.body().map(|body| core::str::from_utf8(body).unwrap()),
    })
}
