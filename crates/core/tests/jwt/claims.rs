//! Each rule about claims: accepted, refused, and on the boundary.

use core::time::Duration;

use mastra_auth_cloud_core::jwt::{
    Algorithm, Claims, KeySet, Leeway, Reason, Rules, Verified, verify,
};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use crate::signer::{
    EVERY, NOW, check, compact, good_claims, good_header, keys, rules, signer, token,
};

/// Good claims with one of them changed; `null` takes it out.
fn with(name: &str, value: &Value) -> Value {
    let mut claims = good_claims();
    match value {
        Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
        value => claims[name] = value.clone(),
    }
    claims
}

fn verdict(claims: &Value) -> Result<Claims, Reason> {
    let algorithm = Algorithm::EdDsa;
    check(
        &token(algorithm, claims),
        &keys(algorithm),
        &rules(algorithm),
    )
    .map(Verified::into_inner)
}

/// The verdict on claims as they are written.
fn raw(claims: &str) -> Result<Claims, Reason> {
    let algorithm = Algorithm::EdDsa;
    let header = good_header(algorithm).to_string();
    let token = compact(&header, claims, signer(algorithm));
    check(&token, &keys(algorithm), &rules(algorithm)).map(Verified::into_inner)
}

#[track_caller]
fn holds(name: &str, values: &[(Value, Option<Reason>)]) {
    for (value, reason) in values {
        assert_eq!(
            verdict(&with(name, value)).err(),
            *reason,
            "{name}: {value}"
        );
    }
}

#[test]
fn good_claims_are_read_whole_for_every_algorithm() {
    for algorithm in EVERY {
        let verified = check(
            &token(algorithm, &good_claims()),
            &keys(algorithm),
            &rules(algorithm),
        )
        .unwrap();
        let claims = verified.as_inner();
        assert_eq!(claims.subject().as_str(), "usr_1");
        assert_eq!(claims.session_id().unwrap().as_str(), "ses_1");
        assert_eq!(claims.email(), Some("ada@example.com"));
        assert_eq!(claims.name(), Some("Ada"));
        assert_eq!(claims.avatar_url(), Some("https://img.example/a.png"));
        assert_eq!(claims.roles(), ["admin", "member"]);
        assert_eq!(
            claims.issued_at(),
            Some(Timestamp::from_unix_seconds(NOW - 10))
        );
        assert_eq!(
            claims.not_before(),
            Some(Timestamp::from_unix_seconds(NOW - 10))
        );
        assert_eq!(claims.expires_at(), Timestamp::from_unix_seconds(NOW + 900));
        let shown = format!("{verified:?}");
        assert!(shown.contains("Claims { subject: "), "{shown}");
        assert!(!shown.contains("ada@") && !shown.contains("Ada"), "{shown}");
    }
}

#[test]
fn only_subject_audience_and_expiry_are_needed() {
    let mut rules = rules(Algorithm::EdDsa);
    rules.issuer = None;
    let claims = json!({ "sub": "usr_1", "aud": "demo", "exp": NOW + 1 });
    let verified = check(
        &token(Algorithm::EdDsa, &claims),
        &keys(Algorithm::EdDsa),
        &rules,
    )
    .unwrap();
    let claims = verified.as_inner();
    assert_eq!(
        (claims.session_id(), claims.email(), claims.name()),
        (None, None, None)
    );
    assert_eq!((claims.avatar_url(), claims.roles()), (None, [].as_slice()));
    assert_eq!((claims.issued_at(), claims.not_before()), (None, None));
}

#[test]
fn threat_005_an_expiry_of_the_wrong_type_is_malformed() {
    use Reason::{Expired, MalformedTime, MissingExpiry};
    let malformed = Some(MalformedTime);
    holds(
        "exp",
        &[
            (Value::Null, Some(MissingExpiry)),
            (json!(format!("{}", NOW + 900)), malformed),
            (json!([NOW + 900]), malformed),
            (json!({ "seconds": NOW + 900 }), malformed),
            (json!(true), malformed),
            (json!(false), malformed),
            (json!(-1), malformed),
            (json!(-0.5), malformed),
            (json!(i64::MIN), malformed),
            (json!(0), Some(Expired)),
            (json!(0.0), Some(Expired)),
            (json!(-0.0), Some(Expired)),
            (json!(NOW + 900), None),
            (json!(1_769_594_400.5), None),
            (json!(1_769_595.3e3), None),
            (json!(253_402_300_799_u64), None),
            (json!(253_402_300_799.5), None),
            (json!(253_402_300_800_u64), malformed),
            (json!(9_007_199_254_740_993_u64), malformed),
            (json!(u64::MAX), malformed),
            (json!(1e30), malformed),
            (json!(1e308), malformed),
        ],
    );
    let good = good_claims().to_string();
    for (exp, reason) in [
        ("1e309", Reason::MalformedClaims),
        ("-1e309", Reason::MalformedClaims),
        ("NaN", Reason::MalformedClaims),
        ("Infinity", Reason::MalformedClaims),
        ("01769595300", Reason::MalformedClaims),
        ("null", MalformedTime),
        ("18446744073709551616", MalformedTime),
        ("-9223372036854775809", MalformedTime),
    ] {
        let claims = good.replace(&format!("\"exp\":{}", NOW + 900), &format!("\"exp\":{exp}"));
        assert_ne!(claims, good);
        assert_eq!(raw(&claims).err(), Some(reason), "{exp}");
    }
    for name in ["nbf", "iat"] {
        holds(
            name,
            &[
                (Value::Null, None),
                (json!(NOW), None),
                (json!(NOW.to_string()), malformed),
                (json!([]), malformed),
                (json!(true), malformed),
                (json!(-1), malformed),
                (json!(1e300), malformed),
            ],
        );
        let claims = good.replace(
            &format!("\"{name}\":{}", NOW - 10),
            &format!("\"{name}\":null"),
        );
        assert_eq!(raw(&claims).err(), malformed, "{name}: null");
    }
}

#[test]
fn threat_006_a_token_ends_and_is_no_older_than_is_allowed() {
    let algorithm = Algorithm::EdDsa;
    let at = |token: &str, rules: &Rules, millis: i64| {
        let token = SessionToken::parse(token).unwrap();
        verify(
            &token,
            &keys(algorithm),
            rules,
            Timestamp::from_unix_millis(millis),
        )
        .err()
    };
    let mut rules = rules(algorithm);
    for seconds in [0, 30, 300] {
        rules.leeway = Leeway::new(Duration::from_secs(seconds)).unwrap();
        let leeway = i64::try_from(seconds).unwrap() * 1000;
        let text = token(algorithm, &good_claims());
        let (begin, end) = ((NOW - 10) * 1000 - leeway, (NOW + 900) * 1000 + leeway);
        for (millis, expect) in [
            (begin - 1, Some(Reason::NotYetValid)),
            (begin, None),
            (end - 1, None),
            (end, Some(Reason::Expired)),
            (end + 1, Some(Reason::Expired)),
            (i64::MAX, Some(Reason::Expired)),
            (i64::MIN, Some(Reason::NotYetValid)),
        ] {
            assert_eq!(at(&text, &rules, millis), expect, "{seconds} {millis}");
        }
        // Each of the two says it alone, too.
        for name in ["nbf", "iat"] {
            let text = token(algorithm, &with(name, &Value::Null));
            assert_eq!(at(&text, &rules, begin), None);
            assert_eq!(at(&text, &rules, begin - 1), Some(Reason::NotYetValid));
        }
        rules.max_age = Some(Duration::from_secs(600));
        let oldest = (NOW - 10 + 600) * 1000 + leeway;
        assert_eq!(at(&text, &rules, oldest), None);
        assert_eq!(at(&text, &rules, oldest + 1), Some(Reason::TooOld));
        let text = token(algorithm, &with("iat", &Value::Null));
        assert_eq!(
            at(&text, &rules, NOW * 1000),
            Some(Reason::MissingIssueTime)
        );
        rules.max_age = None;
    }
}

#[test]
fn threat_007_a_token_is_for_this_project() {
    let wrong = Some(Reason::WrongAudience);
    let malformed = Some(Reason::MalformedClaims);
    holds(
        "aud",
        &[
            (json!("demo"), None),
            (json!(["demo"]), None),
            (json!(["other", "demo"]), None),
            (Value::Null, wrong),
            (json!([]), wrong),
            (json!([""]), wrong),
            (json!(""), wrong),
            (json!("Demo"), wrong),
            (json!("demo "), wrong),
            (json!("dem"), wrong),
            (json!("demo2"), wrong),
            (json!("demo,other"), wrong),
            (json!(["demo2", "2demo"]), wrong),
            (json!([["demo"]]), malformed),
            (json!(["demo", 7]), malformed),
            (json!(["demo", null]), malformed),
            (json!({ "demo": true }), malformed),
            (json!(7), malformed),
            (json!(true), malformed),
        ],
    );
    assert_eq!(
        raw(r#"{"aud":null,"exp":1769595300,"iss":"https://cloud.example","sub":"u"}"#).err(),
        malformed
    );
}

#[test]
fn threat_008_an_issuer_is_compared_whole() {
    let wrong = Some(Reason::WrongIssuer);
    let malformed = Some(Reason::MalformedClaims);
    holds(
        "iss",
        &[
            (json!("https://cloud.example"), None),
            (Value::Null, wrong),
            (json!(""), wrong),
            (json!("https://cloud.example/"), wrong),
            (json!("https://cloud.example."), wrong),
            (json!("https://CLOUD.example"), wrong),
            (json!("http://cloud.example"), wrong),
            (json!("https://cloud.example.evil.example"), wrong),
            (json!("https://evilcloud.example"), wrong),
            (json!("https://cloud.example@evil.example"), wrong),
            (json!("https://evil.example/https://cloud.example"), wrong),
            (json!("https://cloud.example:443"), wrong),
            (json!("https://cl\u{043e}ud.example"), wrong),
            (json!("https://xn--cloud-example"), wrong),
            (json!(" https://cloud.example"), wrong),
            (json!(["https://cloud.example"]), malformed),
            (json!(7), malformed),
        ],
    );
    let mut rules = rules(Algorithm::EdDsa);
    rules.issuer = None;
    let any = |value| {
        let text = token(Algorithm::EdDsa, &with("iss", &value));
        check(&text, &keys(Algorithm::EdDsa), &rules).err()
    };
    assert_eq!(any(json!("https://other.example")), None);
    assert_eq!(any(Value::Null), None);
    assert_eq!(any(json!(7)), malformed);
}

#[test]
fn a_subject_can_be_a_user() {
    let bad = Some(Reason::BadSubject);
    holds(
        "sub",
        &[
            (json!("u"), None),
            (json!("u".repeat(256)), None),
            (json!("../x"), None),
            (Value::Null, bad),
            (json!(""), bad),
            (json!("u".repeat(257)), bad),
            (json!("a\nb"), bad),
            (json!(" "), bad),
            (json!("\t"), bad),
            (json!("\u{3000}\u{a0}"), bad),
            (json!("\u{200b}"), bad),
            (json!(".."), bad),
            (json!(7), bad),
            (json!(["u"]), bad),
        ],
    );
}

#[test]
fn what_is_only_shown_of_a_person_is_none_where_it_has_another_type() {
    for name in ["email", "name", "avatar_url", "role"] {
        for value in [
            json!(null),
            json!(7),
            json!(["text"]),
            json!({}),
            json!(true),
        ] {
            let mut claims = with("roles", &Value::Null);
            claims[name] = value.clone();
            let claims = raw(&claims.to_string()).unwrap();
            let shown = match name {
                "email" => claims.email(),
                "name" => claims.name(),
                "avatar_url" => claims.avatar_url(),
                _ => claims.roles().first().map(String::as_str),
            };
            assert_eq!(shown, None, "{name}: {value}");
        }
    }
}

#[test]
fn roles_of_another_type_are_no_roles() {
    for odd in [
        json!("admin"),
        json!(["admin", 7]),
        json!(["admin", null]),
        json!({ "admin": true }),
    ] {
        let mut claims = with("roles", &odd);
        claims["role"] = json!("owner");
        let claims = raw(&claims.to_string()).unwrap();
        assert_eq!(claims.roles(), Vec::<String>::new(), "{odd}");
    }
}

#[test]
fn a_session_is_named_by_text() {
    let malformed = Some(Reason::MalformedClaims);
    holds(
        "sid",
        &[
            (Value::Null, None),
            (json!("text"), None),
            (json!(7), malformed),
            (json!(["text"]), malformed),
            (json!({}), malformed),
            (json!(""), malformed),
            (json!(" "), malformed),
            (json!("s".repeat(257)), malformed),
        ],
    );
    let claims = with("sid", &Value::Null).to_string();
    let null = claims.replacen('{', "{\"sid\":null,", 1);
    assert_eq!(raw(&null).err(), None, "null is absent");
}

#[test]
fn roles_are_those_of_the_list_or_the_single_one() {
    let roles = |role: Value, roles: Value| {
        let mut claims = with("roles", &roles);
        claims["role"] = role;
        verdict(&claims).unwrap().roles().to_vec()
    };
    assert_eq!(roles(json!("owner"), Value::Null), ["owner"]);
    assert_eq!(roles(json!("owner"), json!(["member"])), ["member"]);
    assert_eq!(roles(json!("owner"), json!([])), Vec::<String>::new());
    assert_eq!(roles(Value::Null, json!(["a", "b"])), ["a", "b"]);
    assert_eq!(roles(Value::Null, Value::Null), Vec::<String>::new());
}

#[test]
fn threat_009_claims_of_another_kind_are_refused() {
    let other = Some(Reason::WrongPurpose);
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    holds(
        "events",
        &[(logout, other), (json!({}), other), (json!(7), other)],
    );
    holds(
        "cnf",
        &[(json!({ "jkt": "x" }), other), (json!("x"), other)],
    );
    let claims = good_claims()
        .to_string()
        .replacen('{', "{\"events\":null,", 1);
    assert_eq!(raw(&claims).err(), other);
}

#[test]
fn claims_are_one_object() {
    for bad in ["", "{", "[]", "null", "7", "\"{}\"", "{} {}", "foo"] {
        if !bad.is_empty() {
            assert_eq!(raw(bad).err(), Some(Reason::MalformedClaims), "{bad}");
        }
    }
}

#[test]
fn threat_019_a_claim_stands_once() {
    let good = good_claims().to_string();
    for twice in [
        r#""sub":"usr_2""#,
        r#""\u0073ub":"usr_2""#,
        r#""exp":9999999999"#,
        r#""roles":["owner"]"#,
        r#""other":{"a":1,"a":2}"#,
        r#""other":[{"a":1,"\u0061":2}]"#,
    ] {
        let claims = good.replacen('{', &format!("{{{twice},"), 1);
        assert_eq!(raw(&claims).err(), Some(Reason::MalformedClaims), "{twice}");
    }
    assert!(raw(&good.replacen('{', r#"{"Sub":"x","other":{"sub":1},"#, 1)).is_ok());
}

#[test]
fn threat_099_claims_are_no_deeper_than_is_read() {
    let good = good_claims().to_string();
    for (depth, reason) in [(15, None), (16, Some(Reason::MalformedClaims))] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let claims = good.replacen('{', &format!("{{\"other\":{nested},"), 1);
        assert_eq!(raw(&claims).err(), reason, "{depth}");
    }
}

/// Another deployment's keys say nothing here, whatever the claims.
#[test]
fn a_secret_of_another_deployment_is_no_key() {
    use mastra_auth_cloud_core::jwt::SharedSecret;
    let other = KeySet::from_secret(SharedSecret::new(&[9; 32]).unwrap());
    let text = token(Algorithm::Hs256, &good_claims());
    let refused = check(&text, &other, &rules(Algorithm::Hs256));
    assert_eq!(refused.unwrap_err(), Reason::BadSignature);
}
