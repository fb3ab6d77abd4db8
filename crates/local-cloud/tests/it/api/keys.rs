//! The keys that tokens are signed with: published, replaced, and kept over a restart with all else that is kept.

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mastra_auth_local_cloud::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use super::who;
use crate::desk::{BOTH, Desk, claims, header};

/// Checks a token against a key set, from the key set alone.
fn is_signed_by(keys: &Value, token: &str) -> bool {
    let kid = &header(token)["kid"];
    let Some(key) = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == *kid)
    else {
        return false;
    };
    assert_eq!(key["alg"], header(token)["alg"]);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (input, signature) = (input.as_bytes(), URL_SAFE_NO_PAD.decode(signature).unwrap());
    match key["kty"].as_str().unwrap() {
        "OKP" => UnparsedPublicKey::new(&ED25519, bytes("x"))
            .verify(input, &signature)
            .is_ok(),
        "EC" => {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(input, &signature).is_ok()
        }
        _ => RsaPublicKeyComponents {
            n: bytes("n"),
            e: bytes("e"),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, input, &signature)
        .is_ok(),
    }
}

#[tokio::test]
async fn a_token_says_whose_it_is_and_the_key_set_proves_it() {
    for (algorithm, name) in [
        (Algorithm::EdDsa, "EdDSA"),
        (Algorithm::Es256, "ES256"),
        (Algorithm::Rs256, "RS256"),
    ] {
        for dialect in BOTH {
            let desk = Desk::with(dialect, |options| {
                options.algorithm = algorithm;
                options.session_lifetime = Duration::from_secs(600);
            })
            .await;
            let mei = desk.sign_in().await;
            let head = header(&mei.token);
            assert_eq!((&head["alg"], &head["typ"]), (&json!(name), &json!("JWT")));
            let says = claims(&mei.token);
            let issued = says["iat"].as_i64().unwrap();
            let expect = json!({
                "iss": desk.cloud.url(), "aud": "demo", "sub": "usr_mei", "sid": mei.session, "email": "mei@example.com",
                "name": "Mei Tanaka", "role": "member", "iat": issued, "nbf": issued, "exp": issued + 600,
            });
            assert_eq!(says, expect);
            let kept = desk.cloud.control().sessions();
            assert_eq!(kept[0].created_at / 1000, issued);
            assert_eq!(kept[0].id, mei.session);
            let keys = desk.page("/.well-known/jwks.json").await.body;
            assert!(is_signed_by(&keys, &mei.token));
            assert!(!keys.to_string().contains("\"d\""), "public halves only");
        }
    }
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_stays_good() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let before = desk.sign_in().await;
        desk.cloud.control().rotate_keys();
        let rotated = desk.admin(Method::POST, "keys/rotate", None).await;
        assert_eq!(rotated.status, 200);
        let after = desk.sign_in().await;
        assert_ne!(header(&before.token)["kid"], header(&after.token)["kid"]);
        let keys = desk.page("/.well-known/jwks.json").await.body;
        assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
        assert_eq!(
            keys["keys"][0]["kid"],
            header(&after.token)["kid"],
            "the newest first"
        );
        for token in [&before.token, &after.token] {
            assert!(is_signed_by(&keys, token));
            assert_eq!(desk.verify(token).send().await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_file_keeps_sessions_roles_keys_and_used_codes_over_a_restart() {
    let place = std::env::temp_dir().join(format!("local-cloud-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    for dialect in BOTH {
        let file = place.join(dialect.as_str());
        let start = || Desk::with(dialect, |options| options.db = Some(file.clone()));
        let desk = start().await;
        let (mei, ended) = (desk.sign_in().await, desk.sign_in_as("usr_victor").await);
        assert!(desk.cloud.control().end_session(&ended.session));
        assert!(desk.cloud.control().set_role("usr_mei", "admin"));
        let (used, open) = (desk.code().await, desk.code().await);
        let from_used = desk.exchange(&used).send().await.signed_in();
        let keys = desk.page("/.well-known/jwks.json").await.body;
        desk.cloud.stop().await;

        let desk = start().await;
        let known = desk.verify(&mei.token).send().await;
        assert_eq!(who(&known), ("usr_mei".into(), "admin".into()));
        desk.verify(&ended.token)
            .send()
            .await
            .is(401, "session_ended");
        assert_eq!(desk.page("/.well-known/jwks.json").await.body, keys);
        assert_eq!(desk.exchange(&open).send().await.status, 200);
        desk.exchange(&used).send().await.is(400, "code_reused");
        desk.verify(&from_used.token)
            .send()
            .await
            .is(401, "session_ended");
        desk.cloud.stop().await;

        let bytes = std::fs::read(&file).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|own| own == text.as_bytes());
        assert!(holds(&mei.session));
        for secret in [&mei.token, &used, &open] {
            assert!(!holds(secret), "tokens and codes are kept as digests");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "it holds the signing keys");
        }
    }
    std::fs::remove_dir_all(place).unwrap();
}
