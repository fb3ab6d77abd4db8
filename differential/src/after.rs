//! Mutations of the signed token that are more than a text: bits, digits, padding, and signatures that mean the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use rsa::BigUint;

use crate::draft::pick;
use crate::setting::{Setting, base64url};

/// A change to the token as it travels.
pub(crate) type After = (&'static str, fn(&mut String, &mut Rng, &Setting));

pub(crate) const MUTATIONS: &[After] = &[
    ("a bit of a part flipped", bit),
    ("a character replaced", replace),
    ("a character taken out", take),
    ("padding", padding),
    ("the other alphabet", alphabet),
    ("trailing bits", trailing_bits),
    ("the signature's edges", edges),
    ("an equal signature", equal_signature),
    ("nothing", |_, _, _| {}),
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

fn bit(token: &mut String, rng: &mut Rng, _: &Setting) {
    let (which, at, bit) = (rng.usize(..3), rng.usize(..1 << 16), rng.u8(..8));
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

/// A place between two characters.
pub(crate) fn place(token: &str, rng: &mut Rng) -> usize {
    token.floor_char_boundary(rng.usize(..=token.len()))
}

fn replace(token: &mut String, rng: &mut Rng, _: &Setting) {
    let at = place(token, rng);
    if let Some(letter) = token[at..].chars().next() {
        let digit = char::from(*pick(rng, DIGITS));
        token.replace_range(at..at + letter.len_utf8(), digit.encode_utf8(&mut [0; 4]));
    }
}

fn take(token: &mut String, rng: &mut Rng, _: &Setting) {
    let at = place(token, rng);
    let count = if rng.u8(..4) == 0 {
        rng.usize(1..=50)
    } else {
        1
    };
    let letters = token[at..].chars().take(count);
    let length = letters.map(char::len_utf8).sum::<usize>();
    token.replace_range(at..at + length, "");
}

fn padding(token: &mut String, rng: &mut Rng, _: &Setting) {
    let (which, right) = (rng.usize(..3), rng.bool());
    let some = *pick(rng, &["=", "==", "===", "====", "%3D"]);
    in_part(token, which, |part| {
        let missing = (4 - part.len() % 4) % 4;
        part.push_str(if right { &"==="[..missing] } else { some });
    });
}

fn alphabet(token: &mut String, _: &mut Rng, _: &Setting) {
    *token = token.replace('-', "+").replace('_', "/");
}

/// The last digit of a part as another that decodes to the same bytes for a lenient decoder.
fn trailing_bits(token: &mut String, rng: &mut Rng, _: &Setting) {
    let (which, add) = (rng.usize(..3), rng.usize(1..=15));
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

fn edges(token: &mut String, rng: &mut Rng, _: &Setting) {
    let (way, at) = (rng.u8(..12), rng.usize(..512));
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
fn equal_signature(token: &mut String, rng: &mut Rng, setting: &Setting) {
    let order = |hex| BigUint::parse_bytes(hex, 16).unwrap_or_default();
    let negate = rng.bool();
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
