//! The strict reader: every member occurs once at every level, nesting is limited, and the whole text is one value.
//!
//! Texts are borrowed, and values that are not used are only validated. So a usual header or set of claims is read without
//! an allocation.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use core::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The value of a member, as far as it is used.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'t> {
    Text(Cow<'t, str>),
    /// A list of texts only.
    Texts(Vec<Cow<'t, str>>),
    Whole(u64),
    Fraction(f64),
    Null,
    /// Well-formed, but of no type that is used.
    Other,
}

impl Value<'_> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The text is not one well-formed value, or no object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadJson;

/// Reads `text` as one object with at most `depth` nested containers, and passes each member to `take`.
pub(crate) fn read_object<'t>(
    text: &'t [u8],
    depth: usize,
    take: impl FnMut(&str, Value<'t>),
) -> Result<(), BadJson> {
    // UTF-8 is validated once for the whole, which is cheaper than string by string.
    let text = core::str::from_utf8(text).map_err(|_| BadJson)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let whole = Whole { depth, take };
    reader
        .deserialize_map(whole)
        .and_then(|()| reader.end())
        .map_err(|_| BadJson)
}

/// The outermost object.
struct Whole<F> {
    depth: usize,
    take: F,
}

impl<'t, F: FnMut(&str, Value<'t>)> Visitor<'t> for Whole<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        let inner = Strict(self.depth).deeper()?;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Name)? {
            let value = map.next_value_seed(inner)?;
            (self.take)(&name, value);
            names.add(name)?;
        }
        Ok(())
    }
}

/// Any value; holds how many more levels may follow.
#[derive(Clone, Copy)]
struct Strict(usize);

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Self(left)),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'t> DeserializeSeed<'t> for Strict {
    type Value = Value<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Value<'t>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Strict {
    type Value = Value<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value<'t>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value<'t>, E> {
        Ok(Value::Other)
    }

    /// Only a negative number arrives here.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value<'t>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value<'t>, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value<'t>, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'t str) -> Result<Value<'t>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'t>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut seq: A) -> Result<Value<'t>, A::Error> {
        let inner = self.deeper()?;
        let mut texts = Some(Vec::new());
        while let Some(item) = seq.next_element_seed(inner)? {
            match (item, &mut texts) {
                (Value::Text(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Value::Other, Value::Texts))
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Value<'t>, A::Error> {
        let inner = self.deeper()?;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Name)? {
            map.next_value_seed(inner)?;
            names.add(name)?;
        }
        Ok(Value::Other)
    }
}

/// A member's name: borrowed where it has no escapes.
struct Name;

impl<'t> DeserializeSeed<'t> for Name {
    type Value = Cow<'t, str>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Cow<'t, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Name {
    type Value = Cow<'t, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'t str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// The members seen so far. A few are compared one by one; more go into a tree, so that a text with a thousand members costs
/// no more than its length.
#[derive(Default)]
struct Names<'t> {
    /// A bit for each name's length and ends. A name whose bit is not set is new, and is compared with no other.
    marks: u64,
    few: [&'t str; 16],
    count: usize,
    more: BTreeSet<Cow<'t, str>>,
}

impl<'t> Names<'t> {
    fn add<E: de::Error>(&mut self, name: Cow<'t, str>) -> Result<(), E> {
        let mark = mark(name.as_bytes());
        if self.marks & mark != 0 {
            let seen = self.few.get(..self.count).unwrap_or_default();
            if seen.contains(&name.as_ref()) || self.more.contains(&name) {
                return Err(E::custom("duplicate member"));
            }
        }
        self.marks |= mark;
        match (name, self.few.get_mut(self.count)) {
            (Cow::Borrowed(name), Some(place)) => {
                *place = name;
                self.count = self.count.saturating_add(1);
            }
            (name, _) => {
                self.more.insert(name);
            }
        }
        Ok(())
    }
}

/// One bit of 64, the same for equal names.
fn mark(name: &[u8]) -> u64 {
    let [first, last] = [name.first(), name.last()].map(|byte| byte.copied().unwrap_or_default());
    let ends = u32::from(first).wrapping_mul(7) ^ u32::from(last).wrapping_mul(29);
    let length = u32::try_from(name.len()).unwrap_or_default();
    1_u64.rotate_left(ends.wrapping_add(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(String, String)>, BadJson> {
        let mut members = vec![];
        read_object(text.as_bytes(), 16, |name, value| {
            members.push((name.to_owned(), format!("{value:?}")));
        })?;
        Ok(members)
    }

    #[test]
    fn members_are_handed_over() {
        let text = r#" {"t":"x","e":"\u0061","l":["a","b"],"m":["a",1],"n":7,"f":1.5,"z":null,"-":-1,"o":{"a":[]}} "#;
        let seen = members(text).unwrap();
        let values: Vec<_> = seen.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(
            values,
            [
                r#"Text("x")"#,
                r#"Text("a")"#,
                r#"Texts(["a", "b"])"#,
                "Other",
                "Whole(7)",
                "Fraction(1.5)",
                "Null",
                "Other",
                "Other"
            ]
        );
    }

    #[test]
    fn one_whole_object_is_read() {
        for bad in [
            "",
            " ",
            "[]",
            "null",
            "7",
            r#""{}""#,
            "{",
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            "{}{}",
            r#"{"a":1,}"#,
            r#"{"a":}"#,
            "{a:1}",
            r#"{"a":1e309}"#,
            r#"{"a":NaN}"#,
            r#"{"a":01}"#,
            r#"{"a":[1,{"b":-1e400}]}"#,
            r#"{"a":"\ud800"}"#,
            "\u{feff}{}",
            "{\"a\":\"\n\"}",
        ] {
            assert_eq!(members(bad), Err(BadJson), "{bad:?}");
        }
        let not_utf8 = read_object(b"{\"a\":\"\xff\"}", 16, |_, _| {});
        assert_eq!(not_utf8, Err(BadJson));
    }

    #[test]
    fn threat_019_a_member_stands_once_at_every_level() {
        for bad in [
            r#"{"sub":1,"sub":1}"#,
            r#"{"sub":1,"\u0073ub":1}"#,
            r#"{"\u0073ub":1,"sub":1}"#,
            r#"{"\u0073ub":1,"s\u0075b":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"":1,"":1}"#,
        ] {
            assert_eq!(members(bad), Err(BadJson), "{bad}");
        }
        assert!(members(r#"{"a":{"a":{"a":1}},"A":1,"":1}"#).is_ok());
        for count in [15, 16, 17, 40] {
            let many: Vec<_> = (0..count).map(|at| format!(r#""m{at}":0"#)).collect();
            assert_eq!(
                members(&format!("{{{}}}", many.join(","))).unwrap().len(),
                count
            );
            for again in [0, count - 1] {
                let twice = format!(r#"{{{},"m{again}":0}}"#, many.join(","));
                assert_eq!(members(&twice), Err(BadJson), "{count}: {again}");
            }
        }
    }

    #[test]
    fn threat_099_depth_is_bounded() {
        let nested = |n: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(members(&nested(15)).is_ok());
        assert!(members(&nested(16)).is_err());
        assert!(members(&nested(3000)).is_err());
        let objects = |n: usize| format!("{}0{}", r#"{"a":"#.repeat(n), "}".repeat(n));
        assert!(members(&objects(16)).is_ok());
        assert!(members(&objects(17)).is_err());
    }
}
