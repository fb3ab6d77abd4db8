//! Claims: missing, of another type, beside what is asked for, and times on every boundary.

use super::BeforeSigning;
use super::change::Change::{By, Claim};
use super::change::Values;
use crate::dice::Dice;
use crate::draft::{Draft, remove, set};
use crate::setting::{LEEWAY, NOW, Setting};

pub(super) const MUTATIONS: &[BeforeSigning] = &[
    ("a claim is missing", By(missing)),
    ("a time has another type", By(time_type)),
    ("a time is huge", By(huge_time)),
    ("a time is on a boundary", By(boundary)),
    ("a time is a fraction", By(fraction)),
    ("a time is exp or earlier", By(earlier)),
    ("aud", Claim(&AUDIENCE)),
    ("iss", By(issuer)),
    ("sub", By(subject)),
    ("what is told of a person", Claim(&PERSON)),
    ("claims of another kind", By(other_kind)),
    ("another claim", Claim(&OTHER_CLAIM)),
    ("very many claims", By(many)),
];

const TIMES: [&str; 3] = ["exp", "nbf", "iat"];

fn missing(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let name = dice.pick(&[
        "exp", "exp", "nbf", "iat", "aud", "iss", "sub", "sid", "roles",
    ]);
    remove(&mut draft.claims, name);
    if dice.one_in(8) {
        draft.claims.clear();
    }
}

fn time_type(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let later = NOW + 900;
    let value = match dice.below(22) {
        0 => format!("\"{later}\""),
        1 => "null".into(),
        2 => "true".into(),
        3 => "false".into(),
        4 => format!("[{later}]"),
        5 => "{}".into(),
        6 => "\"\"".into(),
        7 => "-1".into(),
        8 => "-0".into(),
        9 => "0".into(),
        10 => "NaN".into(),
        11 => "Infinity".into(),
        12 => format!("0x{later:x}"),
        13 => format!("0{later}"),
        14 => format!("+{later}"),
        15 => format!("{later}."),
        16 => "\"2033-05-18T04:00:00Z\"".into(),
        17 => "-Infinity".into(),
        18 => format!("{{\"$numberLong\":\"{later}\"}}"),
        19 => format!("\" {later} \""),
        20 => "[]".into(),
        _ => format!("-{later}"),
    };
    set(&mut draft.claims, *dice.pick(&TIMES), value);
}

fn huge_time(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let value = dice.pick(&[
        "1e308",
        "1e309",
        "1e400",
        "-1e400",
        "9007199254740991",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "253402300799",
        "253402300800",
        "253402300769",
        "253402300770",
        "4294967296",
        "2147483648",
        "1e10",
        "1E+10",
        "1e-10",
        "2000000900e0",
        "20000009e2",
        "0.2000000900e10",
        "1e19",
        "1.7976931348623157e308",
        "99999999999999999999999999999999",
    ]);
    set(&mut draft.claims, *dice.pick(&TIMES), *value);
}

/// Around now, with the leeway and without, to the second and beside it.
fn boundary(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let name = dice.pick(&TIMES);
    let around = *dice.pick(&[NOW - LEEWAY, NOW, NOW + LEEWAY]);
    let at = around + dice.below(7) as u64 - 3;
    let value = match dice.below(6) {
        0 => format!("{at}.001"),
        1 => format!("{at}.5"),
        2 => format!("{at}.999"),
        3 => format!("{at}.0"),
        _ => at.to_string(),
    };
    set(&mut draft.claims, name, value);
}

fn fraction(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let name = dice.pick(&TIMES);
    let whole = if *name == "exp" { NOW + 900 } else { NOW - 60 };
    let value = *dice.pick(&[
        ".0",
        ".5",
        ".25",
        ".000000001",
        ".9999999999",
        "e0",
        ".0e0",
        ".49999999999999999",
    ]);
    set(&mut draft.claims, name, format!("{whole}{value}"));
}

fn earlier(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let way = [1, 31, 60, 3600, 86_400, NOW];
    match dice.below(4) {
        0 => set(
            &mut draft.claims,
            "exp",
            (NOW - dice.pick(&way)).to_string(),
        ),
        1 => set(
            &mut draft.claims,
            "nbf",
            (NOW + dice.pick(&way)).to_string(),
        ),
        2 => set(
            &mut draft.claims,
            "iat",
            (NOW + dice.pick(&way)).to_string(),
        ),
        _ => set(
            &mut draft.claims,
            "iat",
            (NOW - dice.pick(&way)).to_string(),
        ),
    }
}

fn issuer(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let own = crate::setting::ISSUER;
    let value = match dice.below(14) {
        0 => format!("\"{own}/\""),
        1 => format!("\"{own} \""),
        2 => format!("[\"{own}\"]"),
        3 => format!("[\"{own}\",\"https://evil.example\"]"),
        4 => "\"https://evil.example\"".into(),
        5 => format!("\"{own}.evil.example\""),
        6 => "\"HTTPS://CLOUD.EXAMPLE\"".into(),
        7 => "null".into(),
        8 => "7".into(),
        9 => "\"\"".into(),
        10 => format!("{{\"{own}\":1}}"),
        11 => "\"\\u0068ttps:\\/\\/cloud.example\"".into(),
        12 => "[]".into(),
        _ => "\"cloud.example\"".into(),
    };
    set(&mut draft.claims, "iss", value);
}

fn subject(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let value = match dice.below(18) {
        0 => "null".into(),
        1 => "7".into(),
        2 => "[\"usr_1\"]".into(),
        3 => "{}".into(),
        4 => "\"\"".into(),
        5 => "\" \"".into(),
        6 => "\"..\"".into(),
        7 => "\"../x\"".into(),
        8 => "\"a\\nb\"".into(),
        9 => "\"a\\u0000b\"".into(),
        10 => format!("\"{}\"", "u".repeat(*dice.pick(&[255, 256, 257, 1000]))),
        11 => "\"Zo\u{eb}\"".into(),
        12 => "\"\\ud83d\\ude00\"".into(),
        13 => "\"\\ud800\"".into(),
        14 => "true".into(),
        15 => "\"usr\\u005f1\"".into(),
        16 => "\"\u{202e}usr\"".into(),
        _ => "\"usr 1\"".into(),
    };
    set(&mut draft.claims, "sub", value);
}

fn other_kind(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let (name, value) = *dice.pick(&[
        (
            "events",
            "{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
        ),
        ("events", "null"),
        ("events", "{}"),
        ("cnf", "{\"jkt\":\"x\"}"),
        ("cnf", "null"),
        ("nonce", "\"n\""),
        ("act", "{}"),
        ("scope", "\"a b\""),
    ]);
    set(&mut draft.claims, name, value);
}

fn many(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    for at in 0..*dice.pick(&[10, 17, 100, 500]) {
        draft.claims.push((format!("\"m{at}\""), "0".into()));
    }
    if dice.one_in(4) {
        let size = *dice.pick(&[3000, 5000, 6000, 8000]);
        set(
            &mut draft.claims,
            "filling",
            format!("\"{}\"", "x".repeat(size)),
        );
    }
}

const AUDIENCE: Values = Values {
    names: &["aud"],
    values: &[
        "\"demo \"",
        "\" demo\"",
        "\"DEMO\"",
        "\"dem\"",
        "\"demos\"",
        "\"\"",
        "null",
        "7",
        "true",
        "{}",
        "[]",
        "[\"\"]",
        "[\"demo\"]",
        "[\"x\",\"demo\"]",
        "[\"demo\",\"demo\"]",
        "[\"demo\",7]",
        "[\"demo\",null]",
        "[null]",
        "[[\"demo\"]]",
        "[\"x\"]",
        "{\"demo\":1}",
        "\"\\u0064emo\"",
        "[\"\\u0064emo\"]",
        "\"demo\\u0000\"",
        "\"x,demo\"",
        "\"demo demo\"",
        "{\"0\":\"demo\"}",
        "[{\"demo\":1}]",
        "[\"demo\",[]]",
        "\"d\\u0435mo\"",
    ],
};

const PERSON: Values = Values {
    names: &["sid", "email", "name", "avatar_url", "role", "roles", "jti"],
    values: &[
        "null",
        "7",
        "true",
        "{}",
        "[]",
        "\"\"",
        "\"text\"",
        "[\"text\"]",
        "[\"a\",7]",
        "[null]",
        "\"\\ud800\"",
        "\"\\n\"",
        "\"\u{1f600}\"",
        "1e999",
    ],
};

const OTHER_CLAIM: Values = Values {
    names: &[
        "x",
        "",
        "__proto__",
        "constructor",
        "Exp",
        "EXP",
        "exp ",
        "toString",
        "hasOwnProperty",
        "SUB",
    ],
    values: &[
        "1",
        "null",
        "{}",
        "[]",
        "\"x\"",
        "{\"sub\":{\"b\":[1,2]}}",
        "-1.5e3",
        "[{},{\"a\":null}]",
        "1e-999",
    ],
};
