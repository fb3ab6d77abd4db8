//! Headers: other algorithms and keys, and what a token may not ask for.

use super::BeforeSigning;
use super::change::Change::{By, Header};
use super::change::Values;
use crate::dice::Dice;
use crate::draft::{Draft, Signed, remove, set};
use crate::setting::{Algorithm, Deployment, Setting};

pub(super) const MUTATIONS: &[BeforeSigning] = &[
    ("alg is another", Header(&OTHER_ALGORITHM)),
    ("alg has another type", By(algorithm_type)),
    ("alg is none, unsigned", By(unsigned)),
    ("a public key as a secret", By(confusion)),
    ("signed by another key", By(other_signer)),
    ("the other deployment's", By(other_deployment)),
    ("crit", By(crit)),
    ("b64, zip or enc", By(unsupported)),
    ("a key in the header", By(embedded_key)),
    ("kid", Header(&KID)),
    ("typ", Header(&TYP)),
    ("cty", Header(&CTY)),
    ("another member", Header(&MEMBER)),
];

fn algorithm_type(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let own = format!("[\"{}\"]", draft.algorithm.name());
    match *dice.pick(&["", "own", "null", "7", "true", "{}", "[]"]) {
        "" => remove(&mut draft.header, "alg"),
        "own" => set(&mut draft.header, "alg", own),
        other => set(&mut draft.header, "alg", other),
    }
}

fn unsigned(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let name = dice.pick(&[
        "\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\"", "\"\"", "null",
    ]);
    set(&mut draft.header, "alg", *name);
    if dice.one_in(2) {
        remove(&mut draft.header, "kid");
    }
    draft.signed = Signed::As(dice.pick(&[vec![], vec![0], vec![0; 64]]).clone());
}

fn confusion(draft: &mut Draft, dice: &mut Dice, setting: &Setting) {
    draft.deployment = Deployment::Keys;
    let kid = dice.pick(&["RS256", "ES256", "EdDSA", "HS256", ""]);
    match *kid {
        "" => remove(&mut draft.header, "kid"),
        kid => set(&mut draft.header, "kid", format!("\"{kid}\"")),
    }
    set(&mut draft.header, "alg", "\"HS256\"");
    draft.signed = Signed::WithSecret(dice.pick(&setting.spellings).clone());
}

fn other_signer(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    draft.signed = Signed::By(*dice.pick(&Algorithm::ALL));
    if dice.one_in(3) {
        let kid = dice.pick(&Algorithm::PUBLIC).name();
        set(&mut draft.header, "kid", format!("\"{kid}\""));
    }
}

fn other_deployment(draft: &mut Draft, _: &mut Dice, _: &Setting) {
    draft.deployment = match draft.deployment {
        Deployment::Secret => Deployment::Keys,
        Deployment::Keys => Deployment::Secret,
    };
}

fn crit(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let value = dice.pick(&[
        r#"["exp"]"#,
        r#"["b64"]"#,
        r#"["alg"]"#,
        r#"["http://example.com/x"]"#,
        "[]",
        "null",
        r#""exp""#,
        "{}",
        "7",
        "[7]",
        r#"["kid"]"#,
        "false",
        r#"["exp","exp"]"#,
    ]);
    set(&mut draft.header, "crit", *value);
    if dice.one_in(2) {
        set(
            &mut draft.header,
            *dice.pick(&["b64", "exp", "http://example.com/x"]),
            *dice.pick(&["true", "false", "1"]),
        );
    }
}

fn unsupported(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let (name, value) = *dice.pick(&[
        ("b64", "true"),
        ("b64", "false"),
        ("b64", "null"),
        ("zip", "\"DEF\""),
        ("zip", "null"),
        ("enc", "\"A256GCM\""),
        ("p2c", "2000000000"),
        ("epk", "{}"),
    ]);
    set(&mut draft.header, name, value);
}

fn embedded_key(draft: &mut Draft, dice: &mut Dice, setting: &Setting) {
    let own = setting.jwks["keys"][dice.below(3)].to_string();
    let secret = r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    let (name, value) = *dice.pick(&[
        ("jwk", own.as_str()),
        ("jwk", secret),
        ("jwk", "null"),
        ("jwk", "{}"),
        ("jku", "\"https://evil.example/jwks.json\""),
        ("jku", "null"),
        ("x5u", "\"https://evil.example/cert.pem\""),
        ("x5c", "[\"MIIB\"]"),
        ("x5c", "[]"),
        ("x5t", "\"dGh1bWI\""),
        ("x5t#S256", "\"dGh1bWI\""),
    ]);
    set(&mut draft.header, name, value);
    if value == secret {
        set(&mut draft.header, "alg", "\"HS256\"");
        draft.signed = Signed::WithSecret(vec![0; 32]);
    }
}

const OTHER_ALGORITHM: Values = Values {
    names: &["alg"],
    values: &[
        "\"none\"",
        "\"None\"",
        "\"NONE\"",
        "\"nOnE\"",
        "\"\"",
        "\"HS256\"",
        "\"HS384\"",
        "\"HS512\"",
        "\"RS256\"",
        "\"RS384\"",
        "\"RS512\"",
        "\"PS256\"",
        "\"PS512\"",
        "\"ES256\"",
        "\"ES384\"",
        "\"ES512\"",
        "\"ES256K\"",
        "\"EdDSA\"",
        "\"Ed25519\"",
        "\"Ed448\"",
        "\"es256\"",
        "\"rs256\"",
        "\"EDDSA\"",
        "\" ES256\"",
        "\"HS256 \"",
        "\"RS256\\u0000\"",
        "\"dir\"",
        "\"A128KW\"",
        "\"ML-DSA-44\"",
    ],
};

const KID: Values = Values {
    names: &["kid"],
    values: &[
        "-",
        "-",
        "\"RS256\"",
        "\"ES256\"",
        "\"EdDSA\"",
        "\"\"",
        "null",
        "7",
        "[]",
        "{}",
        "true",
        "[\"EdDSA\"]",
        "\"nobody\"",
        "\"../../dev/null\"",
        "\"rs256\"",
        "\"ES256 \"",
        "\"RS256\\u0000\"",
        "\"x' OR '1'='1\"",
        "\"\\u0052S256\"",
        "\"__proto__\"",
        "\"0\"",
    ],
};

const TYP: Values = Values {
    names: &["typ"],
    values: &[
        "-",
        "\"JWT\"",
        "\"jwt\"",
        "\"application/jwt\"",
        "\"at+jwt\"",
        "\"AT+JWT\"",
        "\"application/at+jwt\"",
        "\"logout+jwt\"",
        "\"dpop+jwt\"",
        "\"secevent+jwt\"",
        "\"JOSE\"",
        "\"JWE\"",
        "\"\"",
        "\"JWT \"",
        "null",
        "7",
        "[\"JWT\"]",
        "{}",
        "true",
    ],
};

const CTY: Values = Values {
    names: &["cty"],
    values: &[
        "\"JWT\"",
        "\"jwt\"",
        "\"application/jwt\"",
        "\"json\"",
        "\"\"",
        "null",
        "7",
        "[]",
    ],
};

const MEMBER: Values = Values {
    names: &[
        "x",
        "",
        "__proto__",
        "constructor",
        "toString",
        "Alg",
        "ALG",
        "exp",
        "iss",
        "nonce",
        "url",
        "ppt",
    ],
    values: &[
        "1",
        "null",
        "{}",
        "[]",
        "\"x\"",
        "{\"a\":{\"b\":[1,2]}}",
        "-1.5e3",
        "{\"alg\":\"none\"}",
    ],
};
