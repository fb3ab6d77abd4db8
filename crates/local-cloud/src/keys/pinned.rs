//! A signing key of the user's own, from a file: so that tokens and key sets stay the same from one start to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

use super::{Algorithm, Pair, SigningKey, encode};

/// A key that signs every token of a Cloud, until it rotates.
///
/// Its id is the JWK's `kid`, else the key's thumbprint (RFC 7638).
///
/// # Examples
///
/// ```
/// use mastra_auth_local_cloud::PinnedKey;
///
/// let pem = PinnedKey::generate_pem().unwrap();
/// assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
/// let [one, same] = [PinnedKey::parse(&pem), PinnedKey::parse(&pem)].map(Result::unwrap);
/// assert_eq!(one.kid(), same.kid());
/// assert!(PinnedKey::parse("no key").is_err());
/// ```
#[derive(Clone)]
pub struct PinnedKey(pub(crate) Arc<SigningKey>);

/// A text is no signing key. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinnedKeyError {
    /// It is neither PEM nor JSON.
    #[error("it is neither a PEM file nor a JWK")]
    Form,
    /// It is a public key.
    #[error("it is a public key, and only the private one signs")]
    Public,
    /// It is encrypted.
    #[error("it is encrypted; `openssl pkey -in FILE` writes it without its password")]
    Encrypted,
    /// It is damaged, or a key that this Cloud does not sign with.
    #[error("it is no usable key: Ed25519, P-256, or RSA of 2048 bits or more is needed")]
    Kind,
    /// Its `alg` is another algorithm than the one that this Cloud signs with by such a key.
    #[error("its alg is not that of its kind: EdDSA for Ed25519, ES256 for P-256, RS256 for RSA")]
    Algorithm,
    /// Its `use` is another one than `sig`.
    #[error("its use is not sig: it is a key for something else than signatures")]
    Use,
    /// Its `kid` is no text of 1 to 256 printable ASCII characters.
    #[error("its kid is not 1 to 256 printable characters of ASCII")]
    Id,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl PinnedKey {
    /// Reads a private key: PEM (`PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY`), or a JWK as JSON (RFC 7517).
    ///
    /// # Errors
    ///
    /// [`PinnedKeyError`], which never holds the key.
    pub fn parse(text: &str) -> Result<Self, PinnedKeyError> {
        let (pair, kid) = if text.trim_start().starts_with('{') {
            let jwk: Map<String, Value> =
                serde_json::from_str(text).map_err(|_| PinnedKeyError::Form)?;
            let pair = of_jwk(&jwk)?;
            let own = pair.algorithm();
            // RFC 9864 names the curve.
            let is_its_own =
                |alg: &Value| alg == own.as_str() || own == Algorithm::EdDsa && alg == "Ed25519";
            if !jwk.get("alg").is_none_or(is_its_own) {
                return Err(PinnedKeyError::Algorithm);
            }
            if jwk.get("use").is_some_and(|own| own != "sig") {
                return Err(PinnedKeyError::Use);
            }
            (pair, jwk.get("kid").map(id).transpose()?)
        } else {
            (of_pem(text)?, None)
        };
        let algorithm = pair.algorithm();
        let mut key = SigningKey {
            kid: String::new(),
            algorithm,
            pair,
        };
        key.kid = kid.unwrap_or_else(|| thumbprint(&key.jwk()));
        Ok(Self(Arc::new(key)))
    }

    /// A new Ed25519 key as PEM, for a file that its owner alone can read.
    ///
    /// # Errors
    ///
    /// [`PinnedKeyError::Random`].
    pub fn generate_pem() -> Result<String, PinnedKeyError> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8v1(&random).map_err(|_| PinnedKeyError::Random)?;
        // Shorter than a line of PEM.
        let body = STANDARD.encode(pkcs8.as_ref());
        Ok(format!(
            "-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
        ))
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }
}

impl std::fmt::Debug for PinnedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PinnedKey").field(&self.0.kid).finish()
    }
}

fn of_pem(text: &str) -> Result<Pair, PinnedKeyError> {
    if text.contains("ENCRYPTED") {
        return Err(PinnedKeyError::Encrypted);
    }
    if !text.contains("PRIVATE KEY-----") && text.contains("PUBLIC KEY-----") {
        return Err(PinnedKeyError::Public);
    }
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| PinnedKeyError::Form)?;
    match key {
        PrivateKeyDer::Pkcs8(key) => {
            let der = key.secret_pkcs8_der();
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                .map(Pair::Ed25519)
                .or_else(|_| {
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256)
                })
                .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa))
        }
        PrivateKeyDer::Sec1(key) => EcdsaKeyPair::from_private_key_der(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            key.secret_sec1_der(),
        )
        .map(Pair::P256),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Pair::Rsa),
        _ => return Err(PinnedKeyError::Kind),
    }
    .map_err(|_| PinnedKeyError::Kind)
}

/// A key's id that every client can read: it stands in each token's header.
fn id(kid: &Value) -> Result<String, PinnedKeyError> {
    let is_printable = |byte| matches!(byte, b' '..=b'~');
    kid.as_str()
        .filter(|kid| (1..=256).contains(&kid.len()) && kid.bytes().all(is_printable))
        .map(str::to_owned)
        .ok_or(PinnedKeyError::Id)
}

fn of_jwk(jwk: &Map<String, Value>) -> Result<Pair, PinnedKeyError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(text(name))
            .map_err(|_| PinnedKeyError::Kind)
    };
    if !jwk.contains_key("kty") {
        return Err(PinnedKeyError::Form);
    }
    if !jwk.contains_key("d") && text("kty") != "oct" {
        return Err(PinnedKeyError::Public);
    }
    match (text("kty"), text("crv")) {
        ("OKP", "Ed25519") => {
            Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?).map(Pair::Ed25519)
        }
        ("EC", "P-256") => {
            let point = [vec![4], bytes("x")?, bytes("y")?].concat();
            let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
            EcdsaKeyPair::from_private_key_and_public_key(signing, &bytes("d")?, &point)
                .map(Pair::P256)
        }
        ("RSA", _) => RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents {
                n: bytes("n")?,
                e: bytes("e")?,
            },
            d: bytes("d")?,
            p: bytes("p")?,
            q: bytes("q")?,
            dP: bytes("dp")?,
            dQ: bytes("dq")?,
            qInv: bytes("qi")?,
        })
        .map(Pair::Rsa),
        _ => return Err(PinnedKeyError::Kind),
    }
    .map_err(|_| PinnedKeyError::Kind)
}

/// The SHA-256 of a public key's required members, in the order of their names (RFC 7638 section 3).
fn thumbprint(jwk: &Value) -> String {
    let members = jwk.as_object().into_iter().flatten();
    let required: BTreeMap<_, _> = members
        .filter(|(name, _)| !matches!(name.as_str(), "alg" | "kid" | "use"))
        .collect();
    let text = serde_json::to_string(&required).unwrap_or_default();
    encode(digest(&SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::verified;
    use super::*;

    /// Keys that Node wrote, used for nothing else.
    fn keys(kind: &str) -> Vec<(String, String, String)> {
        let all: Value = serde_json::from_str(include_str!("../../tests/keys.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = all[kind].as_object().unwrap().iter();
        rows.map(|(name, row)| (name.clone(), text(&row[0]), text(&row[1])))
            .collect()
    }

    #[test]
    fn each_form_of_a_key_signs_under_one_id() {
        let mut ids = BTreeMap::new();
        for (name, algorithm, text) in keys("usable") {
            let key = PinnedKey::parse(&text).unwrap();
            assert_eq!(key.algorithm().as_str(), algorithm, "{name}");
            let token = key.0.sign(&json!({ "sub": "usr_1" })).unwrap();
            assert_eq!(
                verified(std::slice::from_ref(&key.0), &token).unwrap()["sub"],
                "usr_1"
            );
            let known = ids.entry(algorithm).or_insert(key.kid().to_owned());
            assert_eq!(known, key.kid(), "{name}");
            assert_eq!(format!("{key:?}"), format!("PinnedKey({known:?})"));
        }
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn an_id_is_the_thumbprint_or_the_jwks_own() {
        // RFC 8037 appendix A.1 and A.3.
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = PinnedKey::parse(jwk).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let named = PinnedKey::parse(&jwk.replacen('{', r#"{"kid":"mine","#, 1)).unwrap();
        assert_eq!(named.kid(), "mine");
    }

    #[test]
    fn what_a_jwk_says_of_itself_is_its_own_or_an_error() {
        use PinnedKeyError::{Algorithm, Id, Use};
        let long = "k".repeat(256);
        for (name, value, error) in [
            ("alg", json!("EdDSA"), None),
            ("alg", json!("Ed25519"), None),
            ("alg", json!("ES256"), Some(Algorithm)),
            ("alg", json!("RS256"), Some(Algorithm)),
            ("alg", json!(7), Some(Algorithm)),
            ("use", json!("sig"), None),
            ("use", json!("enc"), Some(Use)),
            ("use", json!(null), Some(Use)),
            ("kid", json!(long), None),
            ("kid", json!(long + "k"), Some(Id)),
            ("kid", json!("key 1 ~"), None),
            ("kid", json!(""), Some(Id)),
            ("kid", json!("a\tb"), Some(Id)),
            ("kid", json!("schlüssel"), Some(Id)),
            ("kid", json!(7), Some(Id)),
        ] {
            let (_, _, text) = &keys("usable")
                .into_iter()
                .find(|(name, ..)| name == "Ed25519, JWK")
                .unwrap();
            let mut jwk: Value = serde_json::from_str(text).unwrap();
            jwk[name] = value.clone();
            let read = PinnedKey::parse(&jwk.to_string());
            assert_eq!(read.err(), error, "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_signing_key_is_an_error_that_shows_nothing_of_it() {
        for (name, said, text) in keys("refused") {
            let error = PinnedKey::parse(&text).unwrap_err().to_string();
            assert!(error.contains(&said), "{name}: {error}");
        }
    }
}
