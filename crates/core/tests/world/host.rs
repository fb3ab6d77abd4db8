//! A host that checks signatures, as WebCrypto does for the WebAssembly build: from the texts it is handed, by aws-lc.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use mastra_auth_cloud_core::encoding::base64url_decode;
use mastra_auth_cloud_core::jwt::Algorithm;
use mastra_auth_cloud_core::jwt::host::{HostVerdict, Signature};
use serde_json::Value;

pub(crate) fn verdict(asked: Signature<'_>) -> HostVerdict {
    let jwk: Value = serde_json::from_str(asked.key).unwrap();
    let modulus = jwk["n"].as_str().and_then(base64url_decode);
    let length = modulus.map_or(64, |n| n.len());
    assert_eq!(asked.signature.len(), length, "workerd throws for another");
    match import(asked.algorithm, asked.key) {
        None => HostVerdict::BadKey,
        Some(key) if key.verify_sig(asked.input, asked.signature).is_ok() => HostVerdict::Valid,
        Some(_) => HostVerdict::Invalid,
    }
}

fn import(algorithm: Algorithm, jwk: &str) -> Option<ParsedPublicKey> {
    let jwk: Value = serde_json::from_str(jwk).unwrap();
    assert!(jwk.get("alg").is_none(), "workerd refuses some names");
    let number = |name: &str| base64url_decode(jwk[name].as_str().unwrap()).unwrap();
    match algorithm {
        Algorithm::Rs256 => {
            assert_eq!(jwk["kty"], "RSA");
            let (n, e) = (number("n"), number("e"));
            let key = RsaPublicKeyComponents { n: &n, e: &e };
            key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
        }
        Algorithm::Es256 => {
            assert_eq!((&jwk["kty"], &jwk["crv"]), (&"EC".into(), &"P-256".into()));
            let point = [vec![4], number("x"), number("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
        }
        Algorithm::EdDsa => {
            assert_eq!(
                (&jwk["kty"], &jwk["crv"]),
                (&"OKP".into(), &"Ed25519".into())
            );
            ParsedPublicKey::new(&ED25519, number("x")).ok()
        }
        other => panic!("{other:?} is checked in the core"),
    }
}
