//! One JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037): a usable key, or why it is refused.
//!
//! A key's type and curve decide its algorithm. Its other members must agree: a key for another use or algorithm is refused,
//! and so is a weak one.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::ed25519::is_small_order;
use super::key::{Key, PublicText};
use super::key_remarks::{KeyRefusal, KeyWarning};
use super::length::Length;
use super::rsa;
use crate::crypto;
use crate::encoding::{base64url, base64url_decode};

/// Longest key id that is kept, in bytes.
const MAX_KEY_ID_BYTES: usize = 256;

/// A public key, parsed once, with all that verification needs.
pub(super) struct PublicKey {
    pub(super) key: Key,
    pub(super) warning: Option<KeyWarning>,
}

/// The members of one key.
#[derive(Clone, Copy)]
pub(super) struct Jwk<'j>(pub(super) &'j Map<String, Value>);

impl<'j> Jwk<'j> {
    /// A member; `null` counts as absent.
    fn member(self, name: &str) -> Option<&'j Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be absent, but not of another type.
    fn optional_text(self, name: &str) -> Result<Option<&'j str>, KeyRefusal> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(KeyRefusal::MalformedMember),
        }
    }

    fn bytes(self, name: &str) -> Result<Vec<u8>, KeyRefusal> {
        self.optional_text(name)?
            .and_then(base64url_decode)
            .ok_or(KeyRefusal::MalformedMember)
    }

    /// A number of exactly 32 bytes (RFC 7518 section 6.2.1.2, RFC 8037 section 2).
    fn coordinate(self, name: &str) -> Result<[u8; 32], KeyRefusal> {
        self.bytes(name)?
            .try_into()
            .map_err(|_| KeyRefusal::MalformedMember)
    }

    pub(super) fn key_id(self) -> Result<Option<&'j str>, KeyRefusal> {
        match self.optional_text("kid")? {
            Some(id) if id.is_empty() || id.len() > MAX_KEY_ID_BYTES => {
                Err(KeyRefusal::MalformedMember)
            }
            id => Ok(id),
        }
    }

    pub(super) fn read(self) -> Result<PublicKey, KeyRefusal> {
        let kty = self.optional_text("kty")?;
        let kty = kty.ok_or(KeyRefusal::MalformedMember)?;
        if kty == "oct" || self.member("k").is_some() {
            return Err(KeyRefusal::Symmetric);
        }
        if self.member("d").is_some() {
            return Err(KeyRefusal::PrivateKey);
        }
        self.key_id()?;
        self.check_use()?;
        match kty {
            "RSA" => self.rsa(),
            "EC" => self.p256(),
            "OKP" => self.ed25519(),
            _ => Err(KeyRefusal::UnknownType),
        }
    }

    fn check_use(self) -> Result<(), KeyRefusal> {
        if self.optional_text("use")?.is_some_and(|is| is != "sig") {
            return Err(KeyRefusal::OtherUse);
        }
        let Some(operations) = self.member("key_ops") else {
            return Ok(());
        };
        let operations = operations.as_array().ok_or(KeyRefusal::MalformedMember)?;
        if operations.iter().any(|operation| !operation.is_string()) {
            return Err(KeyRefusal::MalformedMember);
        }
        if operations.iter().any(|operation| operation == "verify") {
            Ok(())
        } else {
            Err(KeyRefusal::OtherOperations)
        }
    }

    fn check_algorithm(self, own: Algorithm) -> Result<(), KeyRefusal> {
        match self.optional_text("alg")? {
            Some(said) if Algorithm::parse(said) != Some(own) => Err(KeyRefusal::OtherAlgorithm),
            _ => Ok(()),
        }
    }

    fn check_curve(self, own: &str) -> Result<(), KeyRefusal> {
        match self.optional_text("crv")? {
            None => Err(KeyRefusal::MalformedMember),
            Some(said) if said != own => Err(KeyRefusal::OtherCurve),
            Some(_) => Ok(()),
        }
    }

    fn rsa(self) -> Result<PublicKey, KeyRefusal> {
        self.check_algorithm(Algorithm::Rs256)?;
        let (n, e) = (self.bytes("n")?, self.bytes("e")?);
        let warning = rsa::check(&n, &e)?;
        let length = Length::of_rsa(&n, &e);
        let parsed = crypto::PublicKey::rsa(&n, &e).ok_or(KeyRefusal::MalformedMember)?;
        let signature_bytes = n.len();
        let [n, e] = [n, e].map(|number| base64url(&number));
        let text = PublicText {
            jwk: format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#).into(),
            signature_bytes,
        };
        Ok(PublicKey {
            key: Key::of_public(Algorithm::Rs256, length, parsed, text),
            warning,
        })
    }

    fn p256(self) -> Result<PublicKey, KeyRefusal> {
        self.check_curve("P-256")?;
        self.check_algorithm(Algorithm::Es256)?;
        let (x, y) = (self.coordinate("x")?, self.coordinate("y")?);
        let parsed = crypto::PublicKey::p256(&x, &y).ok_or(KeyRefusal::NotOnCurve)?;
        let [x, y] = [x, y].map(|number| base64url(&number));
        let text = PublicText {
            jwk: format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#).into(),
            signature_bytes: 64,
        };
        let length = Length::of(Algorithm::Es256);
        Ok(PublicKey {
            key: Key::of_public(Algorithm::Es256, length, parsed, text),
            warning: None,
        })
    }

    fn ed25519(self) -> Result<PublicKey, KeyRefusal> {
        self.check_curve("Ed25519")?;
        self.check_algorithm(Algorithm::EdDsa)?;
        let x = self.coordinate("x")?;
        if is_small_order(&x) {
            return Err(KeyRefusal::NotOnCurve);
        }
        let parsed = crypto::PublicKey::ed25519(&x).ok_or(KeyRefusal::NotOnCurve)?;
        let text = PublicText {
            jwk: format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url(&x)).into(),
            signature_bytes: 64,
        };
        let length = Length::of(Algorithm::EdDsa);
        Ok(PublicKey {
            key: Key::of_public(Algorithm::EdDsa, length, parsed, text),
            warning: None,
        })
    }
}
