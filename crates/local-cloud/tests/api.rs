//! The API over sockets, in both dialects: signing in, what a token is good for, and all that is refused.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test does not expect fails it"
)]

mod desk;

use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::{APP, Answer, BOTH, Call, Desk, VERIFIER, challenge, claims, header, query};
use mastra_auth_local_cloud::{Algorithm, Dialect, Seed};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

/// Two projects; the second one lists a way back of its own.
fn two_projects() -> Seed {
    Seed::from_toml(
        "[[projects]]\nid = \"demo\"\n[[projects]]\nid = \"shop\"\nredirect_uris = [\"https://shop.example/cb\"]\n",
    )
    .unwrap()
}

/// The user of a verify answer: `id` and `sub` are the same thing in two dialects.
fn who(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let user = answer.body.pointer("/data/user").unwrap_or(&answer.body);
    let id = user.get("id").or_else(|| user.get("sub")).unwrap();
    let role = user.get("role").unwrap_or_else(|| &user["roles"][0]);
    (id.as_str().unwrap().into(), role.as_str().unwrap().into())
}

#[tokio::test]
async fn a_person_signs_in_is_known_and_signs_out() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let (mei, olivia) = (desk.sign_in().await, desk.sign_in_as("usr_olivia").await);
        assert_eq!(mei.user, "usr_mei");
        let known = desk.verify(&mei.token).send().await;
        assert_eq!(who(&known), ("usr_mei".into(), "member".into()));
        let known = desk.verify(&olivia.token).send().await;
        assert_eq!(who(&known), ("usr_olivia".into(), "owner".into()));
        let session = desk.validate(&mei.token).send().await;
        let session = session
            .body
            .pointer("/data/session")
            .unwrap_or(&session.body)
            .clone();
        let owner = session.get("user_id").or_else(|| session.get("userId"));
        assert_eq!(owner.unwrap(), "usr_mei");

        assert_eq!(
            desk.destroy(&mei.session, &mei.token).send().await.status,
            200
        );
        desk.verify(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        desk.validate(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        desk.destroy(&mei.session, &mei.token)
            .send()
            .await
            .is(401, "session_ended");
        let other = desk.verify(&olivia.token).send().await;
        assert_eq!(other.status, 200, "the other session stays");
    }
}

#[tokio::test]
async fn a_login_page_is_answered_once_and_may_be_denied() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let login = desk.login_path("demo", "http://127.0.0.1:5000/cb?own=1", "s|%2Fx&y");
        let page = desk.page(&login).await;
        let back = desk.decide(&page, "").await.location();
        assert_eq!(
            back.as_str(),
            "http://127.0.0.1:5000/cb?own=1&error=access_denied&state=s%7C%252Fx%26y"
        );
        assert_eq!(query(&back, "state").unwrap(), "s|%2Fx&y");
        assert_eq!(desk.decide(&page, "usr_mei").await.status, 400, "used up");
        let page = desk.page(&login).await;
        assert_eq!(desk.decide(&page, "usr_nobody").await.status, 400);
    }
}

#[tokio::test]
async fn whoever_is_approved_is_not_asked() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| {
            options.auto_approve = Some("victor@example.com".into());
        })
        .await;
        let back = desk
            .page(&desk.login_path("demo", APP, "s"))
            .await
            .location();
        let code = query(&back, "code").unwrap();
        let answer = desk.exchange(&code).send().await;
        assert_eq!(answer.signed_in().user, "usr_victor");
    }
}

#[tokio::test]
async fn what_a_user_may_do_follows_the_role_of_now() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let grants = async |id: &str, token: &str| {
        desk.permissions(id, token).send().await.body["data"]["permissions"].clone()
    };
    assert_eq!(
        grants("usr_mei", &mei.token).await,
        json!(["*:read", "*:execute"])
    );
    assert!(desk.cloud.control().set_role("usr_mei", "owner"));
    assert_eq!(grants("usr_mei", &mei.token).await, json!(["*"]));
    assert_eq!(claims(&mei.token)["role"], "member");
    let known = desk.verify(&mei.token).send().await;
    assert_eq!(who(&known).1, "owner", "not what the token says");
    assert!(desk.cloud.control().set_role("usr_mei", "viewer"));
    assert_eq!(grants("usr_mei", &mei.token).await, json!(["*:read"]));
}

#[tokio::test]
async fn people_read_themselves_and_admins_read_everybody() {
    let desk = Desk::new(Dialect::V1).await;
    for (reader, id, expect) in [
        ("usr_mei", "usr_mei", Ok("mei@example.com")),
        ("usr_mei", "usr_olivia", Err((403, "forbidden"))),
        ("usr_mei", "usr_nobody", Err((403, "forbidden"))),
        ("usr_victor", "usr_mei", Err((403, "forbidden"))),
        ("usr_anders", "usr_mei", Ok("mei@example.com")),
        ("usr_olivia", "usr_victor", Ok("victor@example.com")),
        ("usr_olivia", "usr_nobody", Err((404, "user_not_found"))),
        ("usr_olivia", "..%2Fusr_mei", Err((404, "user_not_found"))),
        ("usr_olivia", "%ff", Err((404, "user_not_found"))),
    ] {
        let token = desk.sign_in_as(reader).await.token;
        for call in [desk.user(id, &token), desk.permissions(id, &token)] {
            let answer = call.send().await;
            match expect {
                Err((status, code)) => answer.is(status, code),
                Ok(email) => {
                    assert_eq!(answer.status, 200, "{reader} {id}");
                    let user = &answer.body["data"]["user"];
                    assert!(user.is_null() || user["email"] == email);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_016_of_a_hundred_exchanges_of_one_code_one_succeeds() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let call = desk.exchange(&desk.code().await);
        let tasks: Vec<_> = (0..100)
            .map(|_| tokio::spawn(call.clone().send()))
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            let answer = task.await.unwrap();
            if answer.status == 200 {
                won.push(answer.signed_in().token);
            } else {
                answer.is(400, "code_reused");
            }
        }
        assert_eq!(won.len(), 1, "{dialect:?}");
        assert_eq!(desk.cloud.control().sessions().len(), 1);
        desk.verify(&won[0]).send().await.is(401, "session_ended");
    }
}

#[tokio::test]
async fn threat_016_using_a_code_again_ends_the_session_it_made() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let bystander = desk.sign_in().await;
        let code = desk.code().await;
        let mei = desk.exchange(&code).send().await.signed_in();
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
        desk.exchange(&code).send().await.is(400, "code_reused");
        desk.verify(&mei.token)
            .send()
            .await
            .is(401, "session_ended");
        assert_eq!(desk.verify(&bystander.token).send().await.status, 200);
    }
}

#[tokio::test]
async fn threat_044_a_code_is_good_only_for_what_it_was_made_for() {
    type Change = fn(Call) -> Call;
    let other_project: Change = |call| call.project(Some("shop"));
    let changes: [(Dialect, Change); 6] = [
        (Dialect::V1, other_project),
        (Dialect::Pkce, other_project),
        (Dialect::Pkce, |call| {
            call.member("redirect_uri", json!("http://localhost:5000/callback/"))
        }),
        (Dialect::Pkce, |call| {
            call.member("redirect_uri", json!("http://LOCALHOST:5000/callback"))
        }),
        (Dialect::Pkce, |call| {
            call.member("code_verifier", json!("x".repeat(43)))
        }),
        (Dialect::Pkce, |call| {
            call.member("code_verifier", json!(challenge(VERIFIER)))
        }),
    ];
    for (dialect, change) in changes {
        let desk = Desk::with(dialect, |options| options.seed = two_projects()).await;
        let code = desk.code().await;
        change(desk.exchange(&code))
            .send()
            .await
            .is(400, "invalid_code");
        assert!(desk.cloud.control().sessions().is_empty());
        let after = desk.exchange(&code).send().await;
        assert_eq!(after.code(), "code_reused", "a code has one try");
        assert_eq!(desk.exchange(&desk.code().await).send().await.status, 200);
        desk.exchange("code_unknown")
            .send()
            .await
            .is(400, "invalid_code");
    }
}

#[tokio::test]
async fn threat_042_no_sign_in_without_a_challenge_nor_an_exchange_without_its_verifier() {
    let desk = Desk::with(Dialect::Pkce, |options| {
        options.auto_approve = Some("member".into());
    })
    .await;
    let begin = format!("/auth/oss?project_id=demo&state=s&redirect_uri={APP}");
    let (good, short) = (challenge(VERIFIER), "x".repeat(42));
    for rest in [
        String::new(),
        "&code_challenge_method=S256".into(),
        "&code_challenge=&code_challenge_method=S256".into(),
        format!("&code_challenge={good}"),
        format!("&code_challenge={good}&code_challenge_method=plain"),
        format!("&code_challenge={good}&code_challenge_method=s256"),
        format!("&code_challenge={VERIFIER}%20&code_challenge_method=S256"),
        format!("&code_challenge={short}&code_challenge_method=S256"),
        format!("&code_challenge={good}&code_challenge=&code_challenge_method=S256"),
    ] {
        let page = desk.page(&format!("{begin}{rest}")).await;
        assert_eq!(page.status, 400, "{rest}");
        assert_eq!(page.header("location"), "");
    }
    let path = format!("{begin}&code_challenge={good}&code_challenge_method=S256");
    for verifier in [
        Value::Null,
        json!(""),
        json!(null),
        json!(7),
        json!([VERIFIER]),
    ] {
        let back = desk.page(&path).await.location();
        let code = query(&back, "code").unwrap();
        let call = desk
            .exchange(&code)
            .member("code_verifier", verifier.clone());
        let answer = call.send().await;
        assert_eq!(answer.status, 400, "{verifier}: {}", answer.text);
        assert!(desk.cloud.control().sessions().is_empty());
    }
}

#[tokio::test]
async fn codes_and_sessions_end_by_themselves() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| options.code_lifetime = Duration::ZERO).await;
        let code = desk.code().await;
        desk.exchange(&code).send().await.is(400, "code_expired");
        assert!(desk.cloud.control().sessions().is_empty());

        let desk = Desk::with(dialect, |options| {
            options.session_lifetime = Duration::from_secs(2);
        })
        .await;
        let mei = desk.sign_in().await;
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
        tokio::time::sleep(Duration::from_millis(2050)).await;
        for call in [
            desk.verify(&mei.token),
            desk.validate(&mei.token),
            desk.destroy(&mei.session, &mei.token),
        ] {
            call.send().await.is(401, "token_expired");
        }
    }
}

#[tokio::test]
async fn threat_009_nothing_but_a_session_token_is_taken_for_one() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let [head, body, signature] = *mei.token.split('.').collect::<Vec<_>>() else {
            panic!("a token has three parts");
        };
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = encode(&json!({ "alg": "none", "kid": header(&mei.token)["kid"] }));
        let mut owner = claims(&mei.token);
        owner["sub"] = json!("usr_olivia");
        let mut tokens = vec![
            desk.code().await,
            mei.session.clone(),
            mei.user.clone(),
            "demo".into(),
            format!("{head}.{body}"),
            format!("{head}.{body}."),
            format!("{unsigned}.{body}."),
            format!("{head}.{}.{signature}", encode(&owner)),
            format!("{}x", mei.token),
            format!("{}=", mei.token),
            format!("{}.", mei.token),
        ];
        let project = desk.cloud.control().issue_project_token("owner").unwrap();
        if dialect == Dialect::V1 {
            tokens.push(project.clone());
        }
        for token in tokens {
            for call in [
                desk.verify(&token),
                desk.validate(&token),
                desk.destroy(&mei.session, &token),
            ] {
                call.send().await.is(401, "invalid_token");
            }
            if dialect == Dialect::V1 {
                desk.user("usr_mei", &token)
                    .send()
                    .await
                    .is(401, "invalid_token");
                let call = desk.permissions("usr_mei", &token);
                call.send().await.is(401, "invalid_token");
            }
        }
        if dialect == Dialect::Pkce {
            let machine = desk.verify(&project).send().await.body;
            let expect =
                json!({ "valid": true, "role": "owner", "token_type": "project_api_token" });
            assert_eq!(machine, expect);
            desk.validate(&project)
                .send()
                .await
                .is(401, "invalid_token");
            let destroyed = desk.destroy(&mei.session, &project).send().await;
            destroyed.is(401, "invalid_token");
        }
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    }
}

#[tokio::test]
async fn each_call_needs_its_bearer_and_its_project() {
    for dialect in BOTH {
        let desk = Desk::with(dialect, |options| options.seed = two_projects()).await;
        let mei = desk.sign_in().await;
        let mut calls = vec![desk.verify(&mei.token), desk.validate(&mei.token)];
        if dialect == Dialect::V1 {
            calls.push(desk.destroy(&mei.session, &mei.token));
            calls.push(desk.user("usr_mei", &mei.token));
            calls.push(desk.permissions("usr_mei", &mei.token));
        }
        for call in calls {
            call.clone()
                .project(None)
                .send()
                .await
                .is(400, "missing_project");
            let unknown = call.clone().project(Some("none"));
            unknown.send().await.is(403, "unknown_project");
            let other = call.clone().project(Some("shop"));
            other.send().await.is(401, "invalid_token");
            let anonymous = call.clone().without_token().send().await;
            assert!(
                matches!(anonymous.code(), "missing_token" | "token_mismatch"),
                "{}",
                anonymous.text
            );
        }
        let bare = desk.destroy(&mei.session, &mei.token).without_token();
        bare.send().await.is(401, "missing_token");
        for scheme in ["Basic", "Token", ""] {
            let value = format!("{scheme} {}", mei.token);
            let call = desk.destroy(&mei.session, "").without_token();
            let request = call.request().header("authorization", value.trim());
            Answer::read(request.send().await.unwrap())
                .await
                .is(401, "missing_token");
        }
        assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    }
    let desk = Desk::new(Dialect::V1).await;
    let (mei, olivia) = (desk.sign_in().await, desk.sign_in_as("usr_olivia").await);
    for call in [desk.verify(&mei.token), desk.validate(&mei.token)] {
        let mixed = call.member("token", json!(olivia.token));
        mixed.send().await.is(400, "token_mismatch");
    }
    let foreign = desk.destroy(&mei.session, &olivia.token).send().await;
    foreign.is(403, "forbidden");
    assert_eq!(desk.verify(&mei.token).send().await.status, 200);
}

#[tokio::test]
async fn threat_045_what_one_cloud_gave_is_nothing_at_another() {
    for dialect in BOTH {
        let (here, there) = (Desk::new(dialect).await, Desk::new(dialect).await);
        let mei = there.sign_in().await;
        here.verify(&mei.token)
            .send()
            .await
            .is(401, "invalid_token");
        let code = there.code().await;
        here.exchange(&code).send().await.is(400, "invalid_code");
        assert_eq!(
            there.exchange(&code).send().await.status,
            200,
            "not used up"
        );
        assert_ne!(claims(&mei.token)["iss"], json!(here.cloud.url()));
    }
}

#[tokio::test]
async fn threat_050_a_token_in_the_address_is_nobody() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let head = if dialect == Dialect::V1 {
            "/api/v1"
        } else {
            ""
        };
        for name in ["token", "access_token", "jwt", "id_token_hint"] {
            let path = format!("{head}/auth/verify?{name}={}", mei.token);
            let call = desk.call(Method::POST, &path).body(json!({}));
            assert_ne!(call.send().await.status, 200, "{name}");
        }
        let back = desk.page(&desk.login_path("demo", APP, "s")).await;
        let back = desk.decide(&back, "usr_mei").await.location();
        let mut names: Vec<_> = back.query_pairs().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["code", "state"], "the way back holds no token");
    }
}

#[tokio::test]
async fn threat_106_the_admin_routes_show_no_token_and_no_code() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let (used, open) = (desk.code().await, desk.code().await);
        desk.exchange(&used).send().await;
        desk.verify(&mei.token).send().await;
        let mut text = desk.page("/admin").await.text;
        for path in ["state", "sessions", "keys", "faults", "requests"] {
            let answer = desk.admin(Method::GET, path, None).await;
            assert_eq!(answer.status, 200);
            text.push_str(&answer.text);
        }
        assert!(text.contains(&mei.session) || text.contains("Mei"));
        let signature = mei.token.rsplit('.').next().unwrap();
        for secret in [&*mei.token, signature, &*used, &*open, VERIFIER] {
            assert!(!text.contains(secret));
        }
    }
}

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

#[tokio::test]
async fn a_cloud_that_stopped_answers_nobody() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let call = desk.verify(&mei.token);
    desk.cloud.stop().await;
    assert!(call.request().send().await.is_err());
}

#[tokio::test]
async fn the_logout_page_ends_a_session_only_for_its_own_token() {
    let desk = Desk::new(Dialect::Pkce).await;
    let (mei, victor) = (desk.sign_in().await, desk.sign_in_as("usr_victor").await);
    let back =
        |token: &str| format!("/auth/logout?post_logout_redirect_uri={APP}&id_token_hint={token}");
    assert_eq!(
        desk.page(&back("junk")).await.location(),
        Url::parse(APP).unwrap()
    );
    assert_eq!(desk.verify(&mei.token).send().await.status, 200);
    desk.page(&back(&mei.token)).await.location();
    desk.verify(&mei.token)
        .send()
        .await
        .is(401, "session_ended");
    assert_eq!(desk.verify(&victor.token).send().await.status, 200);

    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    let path = format!(
        "/auth/logout?redirect_uri={APP}&id_token_hint={}",
        mei.token
    );
    desk.page(&path).await.location();
    assert_eq!(
        desk.verify(&mei.token).send().await.status,
        200,
        "no token in the address"
    );
}
