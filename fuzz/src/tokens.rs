//! Tokens, their parts, and the keys that sign them.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
};
use mastra_auth_cloud_core::encoding::{base64url, base64url_decode};
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::jwt::host::{self, Signature};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, Claims, KeyReport, KeySet, KeyWarning, MAX_KEYS, Reason, Rules,
    SharedSecret, Verified, lint, verify_text,
};
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use super::json::reference;
use super::script::Script;

const SECRET: &[u8] = b"a secret of the fuzz targets: 32";
const NOW: i64 = 2_000_000_000;
const LEEWAY: i64 = 30;
/// Deepest nesting of a header and of claims.
const MAX_DEPTH: usize = 16;

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

fn rules(algorithms: &[Algorithm]) -> Rules {
    let mut rules = Rules::new("demo").unwrap();
    rules.algorithms = Algorithms::new(algorithms).unwrap();
    rules
}

static SHARED: LazyLock<(KeySet, Rules)> = LazyLock::new(|| {
    let keys = KeySet::from_secret(SharedSecret::new(SECRET).unwrap());
    (keys, rules(&[Algorithm::Hs256]))
});

fn signed(header: &[u8], claims: &[u8]) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), input.as_bytes());
    format!("{input}.{}", base64url(tag.as_ref()))
}

/// A token. Text that holds a line break is a header and claims, which are signed here: else nothing would come past the
/// signature. What is accepted has one spelling, its own header's algorithm, and a signature over its very text.
pub fn token(data: &[u8]) {
    let line = data.iter().position(|byte| *byte == b'\n');
    let text = match line.and_then(|at| data.split_at_checked(at)) {
        None => String::from_utf8_lossy(data).into_owned(),
        Some((header, rest)) => signed(header, rest.get(1..).unwrap_or_default()),
    };
    let (keys, rules) = &*SHARED;
    if verify_text(&text, keys, rules, now()).is_err() {
        return;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _] = *parts else {
        panic!("{text}: not three parts");
    };
    let decode = |part| base64url_decode(part).unwrap();
    assert_eq!(text, signed(&decode(header), &decode(claims)));
    let header = reference(&decode(header)).unwrap();
    assert!(!header.is_repeated && header.depth <= MAX_DEPTH);
    assert_eq!(header.value["alg"], "HS256");
    assert!(header.value.get("crit").is_none());
}

/// The claims of a signed token. The core accepts what a second reader by the same rules accepts, and says the same of it.
pub fn claims(data: &[u8]) {
    let text = signed(br#"{"alg":"HS256"}"#, data);
    let (keys, rules) = &*SHARED;
    let result = verify_text(&text, keys, rules, now());
    if text.len() > mastra_auth_cloud_core::secret::MAX_TOKEN_BYTES {
        assert!(result.is_err());
        return;
    }
    let Some(expected) = Expected::read(data) else {
        assert!(result.is_err(), "{result:?}");
        return;
    };
    let verified = result.unwrap_or_else(|reason| panic!("refused: {reason:?}"));
    expected.check(verified.as_inner());
    // Past its end it is refused.
    let end = verified.as_inner().expires_at();
    let late = Timestamp::from_unix_millis(end.unix_millis() + LEEWAY * 1000);
    let late = verify_text(&text, keys, rules, late);
    assert_eq!(late.map(drop), Err(Reason::Expired));
    // Where an age is set, a token says when it was issued, and is no older.
    let mut rules = rules.clone();
    rules.max_age = Some(Duration::from_secs(600));
    let issued = millis(&expected.0["iat"]);
    let is_young = issued.is_some_and(|issued| issued >= (NOW - 600 - LEEWAY) * 1000);
    let judged = verify_text(&text, keys, &rules, now());
    assert_eq!(judged.is_ok(), is_young, "{judged:?}");
}

/// What claims say to a reader of its own.
struct Expected(Value);

impl Expected {
    fn read(data: &[u8]) -> Option<Self> {
        let claims = reference(data)?;
        let value = claims.value;
        let members = value.as_object()?;
        let is_known = !claims.is_repeated && claims.depth <= MAX_DEPTH;
        let is_session = !members.contains_key("events") && !members.contains_key("cnf");
        let time = |name: &str| match members.get(name) {
            None => Some(None),
            Some(time) => {
                let last = Timestamp::LAST.unix_millis();
                let millis = millis(time)?;
                (0..=last).contains(&millis).then_some(Some(millis))
            }
        };
        let now = NOW * 1000;
        let is_alive = now < time("exp")?? + LEEWAY * 1000;
        let is_begun = |name| Some(time(name)?.is_none_or(|time| time <= now + LEEWAY * 1000));
        let is_issued = members.get("iss").is_none_or(Value::is_string);
        let is_for_us = match members.get("aud")? {
            Value::String(one) => one == "demo",
            Value::Array(several) => {
                several.iter().all(Value::is_string) && several.iter().any(|one| one == "demo")
            }
            _ => false,
        };
        UserId::parse(members.get("sub")?.as_str()?).ok()?;
        let is_session_named = match members.get("sid") {
            None | Some(Value::Null) => true,
            Some(sid) => SessionId::parse(sid.as_str()?).is_ok(),
        };
        let is_good = is_known && is_session && is_alive && is_begun("nbf")? && is_begun("iat")?;
        (is_good && is_issued && is_for_us && is_session_named).then_some(Self(value))
    }

    fn check(&self, claims: &Claims) {
        let text = |name: &str| self.0[name].as_str();
        assert_eq!(text("sub"), Some(claims.subject().as_str()));
        assert_eq!(text("sid"), claims.session_id().map(SessionId::as_str));
        assert_eq!(text("email"), claims.email());
        assert_eq!(text("name"), claims.name());
        assert_eq!(text("avatar_url"), claims.avatar_url());
        assert_eq!(
            millis(&self.0["exp"]),
            Some(claims.expires_at().unix_millis())
        );
        let begin = claims.not_before().map(Timestamp::unix_millis);
        assert_eq!(millis(&self.0["nbf"]), begin);
        assert!(!format!("{claims:?}").contains("c4nary"));
        let roles: Vec<&str> = match &self.0["roles"] {
            Value::Null => text("role").into_iter().collect(),
            Value::Array(roles) if roles.iter().all(Value::is_string) => {
                roles.iter().filter_map(Value::as_str).collect()
            }
            _ => Vec::new(),
        };
        assert_eq!(claims.roles(), roles);
    }
}

/// A NumericDate in whole milliseconds.
fn millis(time: &Value) -> Option<i64> {
    match (time.as_u64(), time.as_f64()) {
        (Some(seconds), _) => i64::try_from(seconds).ok()?.checked_mul(1000),
        (None, Some(seconds)) if seconds >= 0.0 && time.is_number() => {
            // Rounded to the nanosecond first, as a duration is.
            let nanos = std::time::Duration::try_from_secs_f64(seconds).ok()?;
            i64::try_from(nanos.as_millis()).ok()
        }
        _ => None,
    }
}

struct Signers {
    tokens: [String; 3],
    keys: KeySet,
    rules: Rules,
}

static SIGNERS: LazyLock<Signers> = LazyLock::new(|| {
    let ed = Ed25519KeyPair::from_seed_unchecked(SECRET).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let set = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64url(ed.public_key().as_ref()) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": base64url(x), "y": base64url(y) },
    ] });
    let claims = base64url(br#"{"sub":"usr_1","aud":"demo","exp":2000000300}"#);
    let input = |header: Value| format!("{}.{claims}", base64url(header.to_string().as_bytes()));
    let (first, second) = (
        input(json!({ "alg": "EdDSA", "kid": "ed" })),
        input(json!({ "alg": "ES256", "kid": "ec" })),
    );
    let third = input(json!({ "alg": "EdDSA" }));
    let by_ed = |input: &str| format!("{input}.{}", base64url(ed.sign(input.as_bytes()).as_ref()));
    let by_ec = ec.sign(&SystemRandom::new(), second.as_bytes()).unwrap();
    Signers {
        tokens: [
            by_ed(&first),
            format!("{second}.{}", base64url(by_ec.as_ref())),
            by_ed(&third),
        ],
        keys: KeySet::parse(set.to_string().as_bytes()).unwrap(),
        rules: rules(&[Algorithm::EdDsa, Algorithm::Es256]),
    }
});

/// A JWS: a token of the Cloud's, and edits of its text. Only its own text is accepted, and both ways to verify agree.
pub fn jws(data: &[u8]) {
    let Signers {
        tokens,
        keys,
        rules,
    } = &*SIGNERS;
    let mut script = Script(data);
    let token = &tokens[script.below(tokens.len())];
    let mut text: Vec<u8> = token.clone().into();
    while !script.is_over() {
        let at = usize::from(script.number()) % text.len().max(1);
        match (script.byte(), text.len()) {
            (_, 0) => break,
            (byte @ ..0x80, _) => text[at] = byte,
            (byte @ ..0xc0, _) => text.insert(at, byte - 0x80 + b'?'),
            _ => _ = text.remove(at),
        }
    }
    let text = String::from_utf8(text).unwrap();
    let here = verify_text(&text, keys, rules, now());
    let at_host = host::verify(&text, keys, rules, now(), |asked| by_host(&asked));
    let said = |result: Result<Verified<Claims>, Reason>| result.map(Verified::into_inner);
    let (here, at_host) = (said(here), said(at_host));
    assert_eq!(here, at_host);
    assert_eq!(here.is_ok(), text == *token, "{text}");
}

fn by_host(asked: &Signature<'_>) -> Result<(), Reason> {
    let jwk: Value = serde_json::from_str(asked.key).unwrap();
    let number = |name: &str| base64url_decode(jwk[name].as_str().unwrap()).unwrap();
    let name = asked.algorithm.as_str();
    assert!(jwk["alg"].is_null() || jwk["alg"] == name);
    let key = if name == "EdDSA" {
        ParsedPublicKey::new(&ED25519, number("x"))
    } else {
        let point = [vec![4], number("x"), number("y")].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
    };
    key.unwrap()
        .verify_sig(asked.input, asked.signature)
        .map_err(|_| Reason::BadSignature)
}

/// A key set. Both ways to read one agree, it is JSON to another reader too, and its keys are the same in another order.
pub fn key_set(data: &[u8]) {
    let (set, report) = (KeySet::parse(data), lint(data));
    assert_eq!(set.as_ref().err(), report.error.as_ref());
    let set = match set {
        Ok(set) => set,
        Err(error) => return assert!(error.code().starts_with("key_set_"), "{error}"),
    };
    let is_used =
        |key: &&KeyReport| key.usable.is_ok() && !key.warnings.contains(&KeyWarning::Repeated);
    let usable = report.keys.iter().filter(is_used).count();
    assert_eq!(set.len(), usable);
    assert_eq!(
        format!("{set:?}"),
        format!("KeySet {{ keys: {usable}, .. }}")
    );
    assert!((1..=MAX_KEYS).contains(&usable));
    let said = reference(data).unwrap();
    assert!(!said.is_repeated);
    let mut turned = said.value;
    let keys = turned["keys"].as_array_mut().unwrap();
    keys.reverse();
    let names: Vec<String> = keys
        .iter()
        .filter_map(|key| Some(key["kid"].as_str()?.to_owned()))
        .collect();
    let turned = KeySet::parse(turned.to_string().as_bytes()).unwrap();
    assert_eq!(turned.len(), set.len());
    for name in names {
        assert_eq!(turned.has_kid(&name), set.has_kid(&name), "{name}");
    }
}
