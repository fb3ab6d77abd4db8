//! Verifies tokens against keys and rules, for the test cases that all languages share.

use mastra_auth_cloud_core::error::CloudApiError;
#[cfg(not(target_family = "wasm"))]
use mastra_auth_cloud_core::jwt;
use mastra_auth_cloud_core::jwt::host::{self, HostVerdict};
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, Claims, KeySet, KeySetError, Leeway, Reason, Rules, SharedSecret,
    TokenKind, Verified,
};
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::secret::SessionToken;
#[cfg(not(target_family = "wasm"))]
use napi::bindgen_prelude::Either;
use napi::bindgen_prelude::{Either3, Uint8Array};
use napi_derive::napi;

#[cfg(not(target_family = "wasm"))]
use crate::convert::Or;
use crate::convert::{Failure, millis, seconds, timestamp, token};
use crate::guard::{Result, guard};
use crate::host_checks::{HostKey, read};

/// A signature that JavaScript is to check.
#[napi(object, object_from_js = false)]
pub struct HostSignature {
    /// The key.
    pub key: HostKey,
    /// The bytes that are signed.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub input: Uint8Array,
    /// The signature; for ES256 both numbers, as WebCrypto takes them.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub signature: Uint8Array,
}

/// The rules for a token. Times are in seconds.
#[napi(object, object_to_js = false)]
pub struct TokenRules {
    /// The allowed algorithms; default: those with a public key.
    pub algorithms: Option<Vec<String>>,
    /// The required issuer.
    pub issuer: Option<String>,
    /// The required audience.
    pub audience: String,
    /// The leeway for clocks that differ.
    pub leeway: Option<f64>,
    /// The greatest age of a token, from its issue.
    pub max_age: Option<f64>,
    /// `session` or `access_token`.
    pub kind: Option<String>,
}

/// The claims of a verified token.
#[napi(object, object_from_js = false)]
pub struct TokenClaims {
    /// The subject.
    pub sub: String,
    /// The Cloud's id of the session.
    pub sid: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// The URL of the picture.
    pub avatar_url: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// When it was issued.
    pub iat: Option<f64>,
    /// From when it is valid.
    pub nbf: Option<f64>,
    /// Until when it is valid.
    pub exp: f64,
}

/// The claims of a token, verified with a key set as JSON text, or else with a shared secret.
#[cfg(not(target_family = "wasm"))]
#[napi]
pub fn verified_claims(
    text: String,
    keys: Option<String>,
    secret: Option<String>,
    rules: TokenRules,
    now: f64,
) -> Result<Or<TokenClaims>> {
    guard(|| {
        let found = inputs(&text, keys, secret, &rules).and_then(|(token, keys, rules)| {
            claims(jwt::verify(&token, &keys, &rules, timestamp(now)))
        });
        match found {
            Ok(claims) => Either::A(claims),
            Err(failure) => Either::B(failure),
        }
    })
}

/// As `verifiedClaims`, with a signature that JavaScript checks: what it is to check, and with its verdict the claims.
#[napi]
pub fn claims_by_host(
    text: String,
    keys: Option<String>,
    secret: Option<String>,
    rules: TokenRules,
    now: f64,
    verdict: Option<u32>,
) -> Result<Either3<TokenClaims, Failure, HostSignature>> {
    guard(|| {
        let mut asked = None;
        let found = inputs(&text, keys, secret, &rules).and_then(|(token, keys, rules)| {
            let check = |signature: host::Signature<'_>| match verdict.map(read) {
                Some(HostVerdict::Valid) => Ok(()),
                Some(HostVerdict::BadKey) => Err(Reason::UnknownKey),
                Some(HostVerdict::Invalid | HostVerdict::Unchecked) => Err(Reason::BadSignature),
                None => {
                    asked = Some(HostSignature {
                        key: signature.into(),
                        input: signature.input.to_vec().into(),
                        signature: signature.signature.to_vec().into(),
                    });
                    Err(Reason::BadSignature)
                }
            };
            let now = timestamp(now);
            claims(host::verify(token.expose(), &keys, &rules, now, check))
        });
        match (asked, found) {
            (Some(asked), _) => Either3::C(asked),
            (None, Ok(claims)) => Either3::A(claims),
            (None, Err(failure)) => Either3::B(failure),
        }
    })
}

fn claims(
    found: std::result::Result<Verified<Claims>, Reason>,
) -> std::result::Result<TokenClaims, Failure> {
    let verified = found.map_err(CloudApiError::from)?;
    Ok(verified.into_inner().into())
}

fn inputs(
    text: &str,
    keys: Option<String>,
    secret: Option<String>,
    rules: &TokenRules,
) -> std::result::Result<(SessionToken, KeySet, Rules), Failure> {
    let token = token(text)?;
    let keys = match (keys, secret) {
        (Some(keys), _) => KeySet::parse(keys.as_bytes()).map_err(unusable)?,
        (None, secret) => {
            let secret = secret.unwrap_or_default();
            let secret = SharedSecret::new(secret.as_bytes()).map_err(CloudApiError::argument)?;
            KeySet::from_secret(secret)
        }
    };
    let rules = rules.read().map_err(CloudApiError::argument)?;
    Ok((token, keys, rules))
}

fn unusable(error: KeySetError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        ..CloudApiError::configuration(error.to_string()).into()
    }
}

impl TokenRules {
    fn read(&self) -> std::result::Result<Rules, Malformed> {
        let mut rules = Rules::new(&self.audience)?;
        if let Some(names) = &self.algorithms {
            let known = names.iter().filter_map(|name| Algorithm::parse(name));
            rules.algorithms = Algorithms::new(&known.collect::<Vec<_>>())?;
        }
        rules.issuer = self.issuer.as_deref().map(Into::into);
        if let Some(leeway) = self.leeway {
            rules.leeway = Leeway::new(seconds(leeway))?;
        }
        rules.max_age = self.max_age.map(seconds);
        if self.kind.as_deref() == Some("access_token") {
            rules.kind = TokenKind::AccessToken;
        }
        Ok(rules)
    }
}

impl From<Claims> for TokenClaims {
    fn from(claims: Claims) -> Self {
        Self {
            sub: claims.subject().as_str().to_owned(),
            sid: claims.session_id().map(|id| id.as_str().to_owned()),
            email: claims.email().map(str::to_owned),
            name: claims.name().map(str::to_owned),
            avatar_url: claims.avatar_url().map(str::to_owned),
            roles: claims.roles().to_vec(),
            iat: claims.issued_at().map(millis),
            nbf: claims.not_before().map(millis),
            exp: millis(claims.expires_at()),
        }
    }
}
