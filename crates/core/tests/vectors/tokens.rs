//! Runs `vectors/tokens.json`: tokens against keys and rules.

use core::time::Duration;

use mastra_auth_cloud_core::ids::SessionId;
use mastra_auth_cloud_core::jwt::host::{self, HostVerdict};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, Claims, KeySet, KeySetError, Leeway, Reason, Rules, SharedSecret,
    TokenKind, Verified, verify,
};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use crate::world_host::verdict;

#[test]
fn vectors_tokens() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/tokens.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let (key, outcome) = match run(case) {
            Ok(claims) => ("expect", shown(&claims)),
            Err(code) => ("error", json!(code)),
        };
        assert_eq!(case.get(key), Some(&outcome), "{}", case["name"]);
    }
}

fn run(case: &Value) -> Result<Claims, &'static str> {
    let token = SessionToken::parse(case["token"].as_str().unwrap());
    let token = token.map_err(|_| "invalid_argument")?;
    let keys = match case["secret"].as_str() {
        Some(secret) => KeySet::from_secret(SharedSecret::new(secret.as_bytes()).unwrap()),
        None => KeySet::parse(case["keys"].to_string().as_bytes()).map_err(KeySetError::code)?,
    };
    let now = Timestamp::from_unix_millis(case["now"].as_i64().unwrap());
    let rules = rules(&case["rules"]);
    let here = verify(&token, &keys, &rules, now).map(Verified::into_inner);
    let there = host::verify(token.expose(), &keys, &rules, now, |asked| {
        match verdict(asked) {
            HostVerdict::Valid => Ok(()),
            HostVerdict::Invalid => Err(Reason::BadSignature),
            other => panic!("{other:?}: the core refused the key already"),
        }
    });
    let there = there.map(Verified::into_inner);
    assert_eq!(
        here.as_ref().map(shown),
        there.as_ref().map(shown),
        "a host finds the same: {}",
        case["name"]
    );
    here.map_err(Reason::code)
}

fn rules(given: &Value) -> Rules {
    let mut rules = Rules::new(given["audience"].as_str().unwrap()).unwrap();
    if let Some(names) = given["algorithms"].as_array() {
        let algorithm = |name: &Value| Algorithm::parse(name.as_str().unwrap()).unwrap();
        let names: Vec<_> = names.iter().map(algorithm).collect();
        rules.algorithms = Algorithms::new(&names).unwrap();
    }
    rules.issuer = given["issuer"].as_str().map(Into::into);
    if let Some(seconds) = given["leeway"].as_u64() {
        rules.leeway = Leeway::new(Duration::from_secs(seconds)).unwrap();
    }
    rules.max_age = given["max_age"].as_u64().map(Duration::from_secs);
    if given["kind"] == "access_token" {
        rules.kind = TokenKind::AccessToken;
    }
    rules
}

fn shown(claims: &Claims) -> Value {
    json!({
        "sub": claims.subject().as_str(),
        "sid": claims.session_id().map(SessionId::as_str),
        "email": claims.email(),
        "name": claims.name(),
        "avatar_url": claims.avatar_url(),
        "roles": claims.roles(),
        "iat": claims.issued_at().map(Timestamp::unix_millis),
        "nbf": claims.not_before().map(Timestamp::unix_millis),
        "exp": claims.expires_at().unix_millis(),
    })
}
