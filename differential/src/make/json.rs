//! The JSON of a part, before it is signed: members twice, deep, escaped, spaced, and no JSON at all.

use super::BeforeSigning;
use super::change::Change::By;
use crate::dice::Dice;
use crate::draft::{Draft, Part};
use crate::setting::Setting;

pub(super) const MUTATIONS: &[BeforeSigning] = &[
    ("a member twice", By(twice)),
    ("a member twice inside", By(twice_inside)),
    ("nesting", By(nesting)),
    ("unicode escapes", By(escapes)),
    ("white space", By(white_space)),
    ("text behind the JSON", By(trailing)),
    ("not an object", By(not_an_object)),
    ("not UTF-8", By(not_utf8)),
    ("a signed byte changed", By(byte)),
    ("signed text cut", By(cut)),
    ("loose JSON", By(loose)),
];

fn part(dice: &mut Dice) -> Part {
    if dice.one_in(2) {
        Part::Header
    } else {
        Part::Claims
    }
}

fn twice(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let members = draft.members(part(dice));
    if members.is_empty() {
        return;
    }
    let (mut name, mut value) = members[dice.below(members.len())].clone();
    if dice.one_in(3) && name.len() > 2 {
        let first = name.as_bytes()[1];
        name.replace_range(1..2, &format!("\\u{first:04x}"));
    }
    if dice.one_in(2) {
        value = (*dice.pick(&["null", "\"x\"", "9999999999", "\"none\""])).into();
    }
    let at = dice.below(members.len() + 1);
    members.insert(at, (name, value));
}

fn twice_inside(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let value = dice.pick(&[
        r#"{"a":1,"a":2}"#,
        r#"[{"a":1,"a":1}]"#,
        r#"{"a":{"b":1,"\u0062":2}}"#,
        r#"{"":1,"":1}"#,
    ]);
    draft
        .members(part(dice))
        .push(("\"inside\"".into(), (*value).into()));
}

fn nesting(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let depth = *dice.pick(&[1, 14, 15, 16, 17, 64, 126, 127, 128, 129, 300, 900]);
    let value = if dice.one_in(2) {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    } else {
        format!("{}0{}", "{\"a\":".repeat(depth), "}".repeat(depth))
    };
    draft.members(part(dice)).push(("\"deep\"".into(), value));
}

/// Some characters of texts as escapes: the same text for a JSON parser.
fn escapes(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let members = draft.members(part(dice));
    for (name, value) in members {
        for text in [name, value] {
            if !text.starts_with('"') || !dice.one_in(2) {
                continue;
            }
            let mut escaped = String::new();
            for letter in text.chars() {
                if letter.is_ascii_alphanumeric() && !escaped.ends_with('\\') && dice.one_in(2) {
                    escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
                } else {
                    escaped.push(letter);
                }
            }
            *text = escaped;
        }
    }
    if dice.one_in(3) {
        let value = dice.pick(&[
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#""\x41""#,
            r#""\u00g1""#,
            r#""\u12""#,
            r#""\u0000""#,
            "\"\u{0}\"",
            "\"\t\"",
            r#""\/\b\f""#,
            r#""\u{41}""#,
            r#""\U0041""#,
            r#""\'""#,
        ]);
        draft
            .members(Part::Claims)
            .push(("\"escape\"".into(), (*value).into()));
    }
}

fn white_space(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let space: &'static str = *dice.pick(&[
        " ", "\n", "\t", "\r\n", "  \n", "\u{b}", "\u{c}", "\u{a0}", "\u{feff}", "\u{2028}",
        "\u{0}", "/**/", "//x\n",
    ]);
    let way = dice.below(4);
    draft.edits.push((
        part(dice),
        Box::new(move |text| {
            let middle = text
                .iter()
                .position(|byte| *byte == b':')
                .map_or(0, |at| at + 1);
            let at = match way {
                0 => 0,
                1 => text.len(),
                2 => middle,
                _ => 1,
            };
            text.splice(at..at, space.bytes());
        }),
    ));
}

fn trailing(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let more: &'static [u8] = *dice.pick(&[
        b"x".as_slice(),
        b"{}",
        b",",
        b"}",
        b"]",
        b"\0",
        b"null",
        b" {\"sub\":\"usr_2\"}",
        b"\n\n",
        b"\xff",
    ]);
    draft
        .edits
        .push((part(dice), Box::new(|text| text.extend_from_slice(more))));
}

fn not_an_object(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let other: &'static str = *dice.pick(&[
        "[]",
        "null",
        "7",
        "true",
        "\"{}\"",
        "{",
        "}",
        "{}",
        "[{}]",
        "x",
        " ",
        "{\"a\"}",
        "undefined",
    ]);
    draft.edits.push((
        part(dice),
        Box::new(|text| *text = other.as_bytes().to_vec()),
    ));
}

fn not_utf8(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let bytes: &'static [u8] = *dice.pick(&[
        b"\xff".as_slice(),
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b"\xf4\x90\x80\x80",
        b"\xc1\x81",
    ]);
    let part = part(dice);
    draft
        .members(part)
        .push(("\"bytes\"".into(), "\"@\"".into()));
    draft.edits.push((
        part,
        Box::new(move |text| {
            if let Some(at) = text.iter().rposition(|byte| *byte == b'@') {
                text.splice(at..=at, bytes.iter().copied());
            }
        }),
    ));
}

fn byte(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let (at, value, bit) = (dice.below(4096), dice.byte(), dice.one_in(2));
    draft.edits.push((
        part(dice),
        Box::new(move |text| {
            let at = at % text.len().max(1);
            if let Some(byte) = text.get_mut(at) {
                *byte = if bit {
                    *byte ^ (1 << (value % 8))
                } else {
                    value
                };
            }
        }),
    ));
}

fn cut(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let (at, length) = (dice.below(4096), dice.below(12) + 1);
    draft.edits.push((
        part(dice),
        Box::new(move |text| {
            let begin = at % text.len().max(1);
            let end = (begin + length).min(text.len());
            text.drain(begin..end);
        }),
    ));
}

/// What lenient readers let pass.
fn loose(draft: &mut Draft, dice: &mut Dice, _: &Setting) {
    let (name, value) = *dice.pick(&[
        ("'a'", "1"),
        ("a", "1"),
        ("\"a\"", "'x'"),
        ("\"a\"", "1,"),
        ("\"a\"", ".5"),
        ("\"a\"", "5."),
        ("\"a\"", "01"),
        ("\"a\"", "-01"),
        ("\"a\"", "NaN"),
        ("\"a\"", "Infinity"),
        ("\"a\"", "-Infinity"),
        ("\"a\"", "[1,]"),
        ("\"a\"", "1e"),
        ("\"a\"", "+1"),
        ("\"a\"", "TRUE"),
        ("\"a\"", "None"),
        ("\"a\"", "1 1"),
        ("\"a\"", ""),
        ("7", "1"),
        ("null", "1"),
    ]);
    draft.members(part(dice)).push((name.into(), value.into()));
}
