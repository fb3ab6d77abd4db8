//! The token as it travels: bits, digits, padding, dots, and signatures that mean the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::BigUint;

use super::AfterSigning;
use crate::dice::Dice;
use crate::setting::{Setting, base64url};

pub(super) const MUTATIONS: &[AfterSigning] = &[
    ("a bit of a part flipped", bit),
    ("a character replaced", replace),
    ("a character taken out", take),
    ("text put in", insert),
    ("padding", padding),
    ("the other alphabet", alphabet),
    ("trailing bits", trailing_bits),
    ("parts", parts),
    ("the JSON form", json_form),
    ("the signature's edges", edges),
    ("an equal signature", equal_signature),
    ("nothing", nothing),
];

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Rewrites one part, or leaves all as it is where the token has no three.
fn in_part(token: &mut String, which: usize, change: impl FnOnce(&mut String)) {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(part) = parts.get_mut(which) {
        change(part);
    }
    *token = parts.join(".");
}

fn in_signature(token: &mut String, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    in_part(token, 2, |part| {
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(part.as_bytes()) {
            *part = base64url(&change(bytes));
        }
    });
}

fn bit(token: &mut String, dice: &mut Dice, _: &Setting) {
    let (which, at, bit) = (dice.below(3), dice.below(1 << 16), dice.below(8));
    in_part(token, which, |part| {
        if let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(part.as_bytes())
            && !bytes.is_empty()
        {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            *part = base64url(&bytes);
        }
    });
}

/// A place between two characters, and whether a character stands there.
fn place(token: &str, dice: &mut Dice) -> (usize, bool) {
    let mut at = dice.below(token.len() + 1);
    while !token.is_char_boundary(at) {
        at -= 1;
    }
    (at, at < token.len())
}

fn replace(token: &mut String, dice: &mut Dice, _: &Setting) {
    if let (at, true) = place(token, dice) {
        let length = token[at..].chars().next().map_or(1, char::len_utf8);
        let digit = char::from(*dice.pick(DIGITS));
        token.replace_range(at..at + length, &digit.to_string());
    }
}

fn take(token: &mut String, dice: &mut Dice, _: &Setting) {
    if let (at, true) = place(token, dice) {
        let count = if dice.one_in(4) {
            dice.below(50) + 1
        } else {
            1
        };
        let length = token[at..]
            .chars()
            .take(count)
            .map(char::len_utf8)
            .sum::<usize>();
        token.replace_range(at..at + length, "");
    }
}

fn insert(token: &mut String, dice: &mut Dice, _: &Setting) {
    let text = dice.pick(&[
        " ", "\n", "\r\n", "\t", "\0", "=", "A", "AAAA", "+", "/", "%2E", "\u{e9}", "\u{200b}",
        "\u{feff}", ",", ";", "\"", "~", "Bearer ",
    ]);
    let at = match dice.below(4) {
        0 => 0,
        1 => token.len(),
        2 => token.rfind('.').unwrap_or(0),
        _ => place(token, dice).0,
    };
    token.insert_str(at, text);
}

fn padding(token: &mut String, dice: &mut Dice, _: &Setting) {
    let (which, right) = (dice.below(3), dice.one_in(2));
    let some = *dice.pick(&["=", "==", "===", "====", "%3D"]);
    in_part(token, which, |part| {
        let missing = (4 - part.len() % 4) % 4;
        part.push_str(if right { &"==="[..missing] } else { some });
    });
}

fn alphabet(token: &mut String, _: &mut Dice, _: &Setting) {
    *token = token.replace('-', "+").replace('_', "/");
}

/// The last digit of a part as another that decodes to the same bytes for a lenient decoder.
fn trailing_bits(token: &mut String, dice: &mut Dice, _: &Setting) {
    let (which, add) = (dice.below(3), dice.below(15) + 1);
    in_part(token, which, |part| {
        let unused = match part.len() % 4 {
            2 => 16,
            3 => 4,
            _ => return,
        };
        let Some(at) = part
            .bytes()
            .last()
            .and_then(|last| DIGITS.iter().position(|digit| *digit == last))
        else {
            return;
        };
        let other = at / unused * unused + (at + add) % unused;
        part.pop();
        part.push(char::from(DIGITS[other]));
    });
}

fn parts(token: &mut String, dice: &mut Dice, _: &Setting) {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let [header, claims, signature] = parts.as_slice() else {
        return;
    };
    *token = match dice.below(16) {
        0 => format!("{header}.{claims}"),
        1 => format!("{header}.{claims}."),
        2 => format!("{header}..{signature}"),
        3 => format!(".{claims}.{signature}"),
        4 => format!("{token}."),
        5 => format!(".{token}"),
        6 => format!("{token}.{signature}"),
        7 => format!("{header}.{header}.{claims}.{signature}"),
        8 => format!("{header}.{claims}.{claims}.{signature}.{signature}"),
        9 => format!("{claims}.{header}.{signature}"),
        10 => "..".into(),
        11 => String::new(),
        12 => format!("{header}.{claims}.{signature}{signature}"),
        13 => format!("{header}.{claims}.{signature}.{header}.{claims}.{signature}"),
        14 => ".".repeat(dice.below(100)),
        _ => claims.clone(),
    };
}

fn json_form(token: &mut String, dice: &mut Dice, _: &Setting) {
    let parts: Vec<&str> = token.split('.').collect();
    if let [header, claims, signature] = parts.as_slice() {
        *token = if dice.one_in(2) {
            format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#)
        } else {
            format!(
                r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
            )
        };
    }
}

fn edges(token: &mut String, dice: &mut Dice, _: &Setting) {
    let (way, at) = (dice.below(12), dice.below(512));
    in_signature(token, |bytes| {
        let size = bytes.len();
        let half = size / 2;
        match way {
            0 => vec![0; size],
            1 => vec![0xff; size],
            2 => bytes[..at % (size + 1)].to_vec(),
            3 => [bytes.as_slice(), &[0]].concat(),
            4 => [&[0], bytes.as_slice()].concat(),
            5 => [bytes.clone(), bytes].concat(),
            6 => [&vec![0; half], &bytes[half..]].concat(),
            7 => [&bytes[..half], &vec![0; half]].concat(),
            8 => [&bytes[half..], &bytes[..half]].concat(),
            9 => bytes.into_iter().rev().collect(),
            10 => der(&bytes),
            _ => bytes[1.min(size)..].to_vec(),
        }
    });
}

/// ECDSA's form of X.509: `SEQUENCE { INTEGER r, INTEGER s }`.
fn der(bytes: &[u8]) -> Vec<u8> {
    let (r, s) = bytes.split_at(bytes.len() / 2);
    let integer = |number: &[u8]| {
        let mut number: Vec<u8> = number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        if number.first().is_none_or(|first| first & 0x80 != 0) {
            number.insert(0, 0);
        }
        [&[2, number.len() as u8], &*number].concat()
    };
    let inner = [integer(r), integer(s)].concat();
    [&[0x30, inner.len() as u8], &*inner].concat()
}

const P256_ORDER: &[u8] = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ED25519_ORDER: &[u8] = b"1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

/// Another number for the same signature: n - s of ECDSA (which is one, as every standard says), and s + order, which is not.
fn equal_signature(token: &mut String, dice: &mut Dice, setting: &Setting) {
    let order = |hex| BigUint::parse_bytes(hex, 16).unwrap_or_default();
    let negate = dice.one_in(2);
    in_signature(token, |bytes| match bytes.len() {
        64 if negate => {
            let s = BigUint::from_bytes_be(&bytes[32..]);
            let n = order(P256_ORDER);
            if s > n {
                return bytes;
            }
            [&bytes[..32], &fixed(&(n - s).to_bytes_be(), 32)].concat()
        }
        64 => {
            let s = BigUint::from_bytes_le(&bytes[32..]) + order(ED25519_ORDER);
            let mut s = s.to_bytes_le();
            s.resize(32, 0);
            [&bytes[..32], &s].concat()
        }
        256 => {
            let s = BigUint::from_bytes_be(&bytes) + BigUint::from_bytes_be(&setting.modulus);
            fixed(&s.to_bytes_be(), 256)
        }
        _ => bytes,
    });
}

fn fixed(number: &[u8], size: usize) -> Vec<u8> {
    let zeros = size.saturating_sub(number.len());
    [&vec![0; zeros], number].concat()
}

fn nothing(_: &mut String, _: &mut Dice, _: &Setting) {}
