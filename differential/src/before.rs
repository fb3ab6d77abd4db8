//! Mutations before a token is signed that are more than a value: other keys, boundaries of times, and bytes that are no JSON.

use fastrand::Rng;

use crate::draft::{Draft, Signed, either, pick, remove, set};
use crate::setting::{Algorithm, Deployment, LEEWAY, NOW, Setting};

/// A change to what is signed, or to how.
pub(crate) type Before = (&'static str, fn(&mut Draft, &mut Rng, &Setting));

pub(crate) const HEADER: &[Before] = &[
    ("alg is none, unsigned", unsigned),
    ("a public key as a secret", confusion),
    ("signed by another key", other_signer),
    ("the other deployment's", other_deployment),
    ("a key in the header", embedded_secret),
];
pub(crate) const CLAIMS: &[Before] = &[
    ("a time is on a boundary", boundary),
    ("very many claims", many),
    ("no claims", |draft, _, _| draft.claims.clear()),
];
pub(crate) const JSON: &[Before] = &[
    ("a member twice", twice),
    ("nesting", nesting),
    ("unicode escapes", escapes),
    ("not UTF-8", not_utf8),
    ("a signed byte changed", byte),
    ("signed text cut", cut),
];

fn unsigned(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let names = [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""nOnE""#,
        r#""""#,
        "null",
    ];
    set(&mut draft.header, "alg", *pick(rng, &names));
    if rng.bool() {
        remove(&mut draft.header, "kid");
    }
    draft.signed = Signed::As(vec![0; *pick(rng, &[0, 1, 64])]);
}

fn confusion(draft: &mut Draft, rng: &mut Rng, setting: &Setting) {
    draft.deployment = Deployment::Keys;
    match *pick(rng, &["RS256", "ES256", "EdDSA", "HS256", ""]) {
        "" => remove(&mut draft.header, "kid"),
        kid => set(&mut draft.header, "kid", format!("\"{kid}\"")),
    }
    set(&mut draft.header, "alg", "\"HS256\"");
    draft.signed = Signed::WithSecret(pick(rng, &setting.spellings).clone());
}

fn other_signer(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    draft.signed = Signed::By(*pick(rng, &Algorithm::ALL));
    if rng.u8(..3) == 0 {
        let kid = pick(rng, &Algorithm::ALL[1..]).name();
        set(&mut draft.header, "kid", format!("\"{kid}\""));
    }
}

fn other_deployment(draft: &mut Draft, _: &mut Rng, _: &Setting) {
    draft.deployment = match draft.deployment {
        Deployment::Secret => Deployment::Keys,
        Deployment::Keys => Deployment::Secret,
    };
}

fn embedded_secret(draft: &mut Draft, _: &mut Rng, _: &Setting) {
    let secret = r#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
    set(&mut draft.header, "jwk", secret);
    set(&mut draft.header, "alg", "\"HS256\"");
    draft.signed = Signed::WithSecret(vec![0; 32]);
}

/// Around now, with the leeway and without, to the second and beside it.
fn boundary(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let name = *pick(rng, &["exp", "nbf", "iat"]);
    let at = *pick(rng, &[NOW - LEEWAY, NOW, NOW + LEEWAY]) + rng.u64(..7) - 3;
    let fraction = *pick(rng, &[".001", ".5", ".999", ".0", "", ""]);
    set(&mut draft.claims, name, format!("{at}{fraction}"));
}

fn many(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let count = *pick(rng, &[10, 17, 100, 500]);
    let members = (0..count).map(|at| (format!("\"m{at}\""), "0".into()));
    draft.claims.extend(members);
}

fn twice(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let members = draft.members(either(rng));
    if members.is_empty() {
        return;
    }
    let (mut name, mut value) = pick(rng, members).clone();
    if rng.u8(..3) == 0 && name.len() > 2 {
        let first = name.as_bytes()[1];
        name.replace_range(1..2, &format!("\\u{first:04x}"));
    }
    if rng.bool() {
        value = (*pick(rng, &["null", "\"x\"", "9999999999", "\"none\""])).into();
    }
    members.insert(rng.usize(..=members.len()), (name, value));
}

fn nesting(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let depth = *pick(rng, &[1, 14, 15, 16, 17, 64, 126, 127, 128, 129, 300, 900]);
    let (open, inner, close) = *pick(rng, &[("[", "", "]"), ("{\"a\":", "0", "}")]);
    let value = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
    draft.members(either(rng)).push(("\"deep\"".into(), value));
}

/// Some characters of texts as escapes: the same text for a JSON parser.
fn escapes(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let members = draft.members(either(rng)).iter_mut();
    for text in members.flat_map(|(name, value)| [name, value]) {
        if !text.starts_with('"') || rng.bool() {
            continue;
        }
        let mut escaped = String::new();
        for letter in text.chars() {
            if letter.is_ascii_alphanumeric() && !escaped.ends_with('\\') && rng.bool() {
                escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
            } else {
                escaped.push(letter);
            }
        }
        *text = escaped;
    }
}

fn not_utf8(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let all: [&'static [u8]; 8] = [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b"\xf4\x90\x80\x80",
        b"\xc1\x81",
    ];
    let (part, bytes) = (either(rng), *pick(rng, &all));
    if rng.u8(..8) == 0 {
        return draft.edit(part, |text| text.extend_from_slice(bytes));
    }
    let members = draft.members(part);
    members.push(("\"bytes\"".into(), "\"@\"".into()));
    draft.edit(part, |text| {
        if let Some(at) = text.iter().rposition(|byte| *byte == b'@') {
            text.splice(at..=at, bytes.iter().copied());
        }
    });
}

fn byte(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let (at, value, is_bit) = (rng.usize(..4096), rng.u8(..), rng.bool());
    draft.edit(either(rng), move |text| {
        let at = at % text.len().max(1);
        if let Some(byte) = text.get_mut(at) {
            *byte = if is_bit {
                *byte ^ (1 << (value % 8))
            } else {
                value
            };
        }
    });
}

fn cut(draft: &mut Draft, rng: &mut Rng, _: &Setting) {
    let (at, length) = (rng.usize(..4096), rng.usize(1..=12));
    draft.edit(either(rng), move |text| {
        let begin = at % text.len().max(1);
        text.drain(begin..(begin + length).min(text.len()));
    });
}
