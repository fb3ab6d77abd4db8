//! Tokens as an issuer makes them: the same 398 bytes of claims under each algorithm, which gives 651 to 950 bytes.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://cloud.mastra.ai";
pub(crate) const AUDIENCE: &str = "demo";
const KID: &str = "key_0123456789abcdef";
const CLAIMS_BYTES: usize = 398;
/// What PKCS#8 puts in front of an RSA key of 2048 bits.
const WRAPPER: usize = 26;

/// A token, and the key that verifies it: a public one, or the shared secret.
pub(crate) struct Signed {
    pub(crate) algorithm: Algorithm,
    pub(crate) token: String,
    pub(crate) key: Jwk,
}

/// One token for each of the four algorithms.
pub(crate) fn of_every_algorithm() -> Result<[Signed; 4]> {
    let rsa: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?;
    let ed25519 = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
    let rsa = rsa.as_ref().split_at(WRAPPER).1;
    Ok([
        signed(Algorithm::HS256, &EncodingKey::from_secret(&[0x5a; 32]))?,
        signed(Algorithm::RS256, &EncodingKey::from_rsa_der(rsa))?,
        signed(Algorithm::ES256, &EncodingKey::from_ec_der(p256.as_ref()))?,
        signed(
            Algorithm::EdDSA,
            &EncodingKey::from_ed_der(ed25519.as_ref()),
        )?,
    ])
}

fn signed(algorithm: Algorithm, own: &EncodingKey) -> Result<Signed> {
    let mut key = Jwk::from_encoding_key(own, algorithm)?;
    key.common.key_id = Some(KID.to_owned());
    key.common.public_key_use = Some(PublicKeyUse::Signature);
    let mut header = Header::new(algorithm);
    header.kid = Some(KID.to_owned());
    let rest = CLAIMS_BYTES.saturating_sub(claims("")?.to_string().len());
    let token = encode(&header, &claims(&"j".repeat(rest))?, own)?;
    ensure!(
        (650..=950).contains(&token.len()),
        "a token of {} bytes is not what this bench is about",
        token.len()
    );
    Ok(Signed {
        algorithm,
        token,
        key,
    })
}

fn claims(id: &str) -> Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "usr_0123456789abcdef", "sid": "ses_0123456789abcdef",
        "email": "ada.lovelace@example.com", "name": "Ada Lovelace", "roles": ["member", "viewer"],
        "avatar_url": "https://example.com/avatars/usr_0123456789abcdef.png",
        "iat": now, "nbf": now, "exp": now + 86_400, "jti": id,
    }))
}
