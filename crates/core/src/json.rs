//! A strict reader for untrusted JSON (RFC 8259, narrowed by RFC 8725 section 2.4).
//!
//! It reads one whole text with nothing behind it. Duplicate members are rejected at every level, since two readers could
//! each take another one. So is nesting past a stated depth. It knows no message format: [`Object`] looks up members, and its
//! errors name what is missing or of the wrong type, never a value.

pub(crate) mod strict;

use core::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::malformed::Malformed;

/// Parses one JSON text with at most `max_depth` nested containers.
///
/// # Errors
///
/// [`Malformed`] for anything but one well-formed text without duplicate members.
pub fn parse(bytes: &[u8], max_depth: usize) -> Result<Value, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Tree(max_depth).deserialize(&mut reader);
    let whole = value.and_then(|value| reader.end().map(|()| value));
    whole.map_err(|_| {
        let rule = "be one well-formed value without duplicate members";
        Malformed::new("JSON text", rule)
    })
}

/// Builds a [`Value`]; holds how many more levels may follow. The visitor of `Value` itself takes some member names for its own:
/// with the feature `raw_value`, which any crate of a build can turn on, it replaces an object by what a text in it says.
#[derive(Clone, Copy)]
struct Tree(usize);

impl Tree {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Self(left)),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(members))
    }
}

/// The members of one object, read by name and type.
///
/// `null` counts as absent: the Cloud writes both for "none".
#[derive(Clone, Copy)]
pub struct Object<'v>(&'v Map<String, Value>);

/// A member is missing or has the wrong type; holds its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMember(pub &'static str);

impl<'v> Object<'v> {
    /// The object in `value`, called `name` in the error.
    ///
    /// # Errors
    ///
    /// [`BadMember`] where it is not an object.
    pub fn new(value: &'v Value, name: &'static str) -> Result<Self, BadMember> {
        value.as_object().map(Self).ok_or(BadMember(name))
    }

    /// A member of any type; none where it is absent or null.
    pub fn any(self, name: &str) -> Option<&'v Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A required object.
    pub fn object(self, name: &'static str) -> Result<Object<'v>, BadMember> {
        self.any(name)
            .and_then(Value::as_object)
            .map(Self)
            .ok_or(BadMember(name))
    }

    /// A required text.
    pub fn text(self, name: &'static str) -> Result<&'v str, BadMember> {
        self.any(name)
            .and_then(Value::as_str)
            .ok_or(BadMember(name))
    }

    /// A text for display: another type counts as absent.
    pub fn lenient_text(self, name: &str) -> Option<&'v str> {
        self.any(name).and_then(Value::as_str)
    }

    /// A text that may be absent, but not of another type.
    pub fn optional_text(self, name: &'static str) -> Result<Option<&'v str>, BadMember> {
        match self.any(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(BadMember(name)),
        }
    }

    /// A required list of texts; `null` is an empty one, as some back ends write it.
    pub fn texts(self, name: &'static str) -> Result<Vec<String>, BadMember> {
        match self.0.get(name) {
            Some(Value::Null) => Ok(Vec::new()),
            list => list.and_then(texts).ok_or(BadMember(name)),
        }
    }
}

/// A number without its fraction, in any notation, as in `1.9e12`.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let text = value.as_f64().filter(|n| n.is_finite())?.trunc();
        text.to_string().parse().ok()
    })
}

/// A list of texts only.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |item: &Value| item.as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_text_is_read() {
        assert_eq!(
            parse(br#" {"a":[1,2.5,"x",true,null]} "#, 32)
                .unwrap()
                .to_string(),
            r#"{"a":[1,2.5,"x",true,null]}"#
        );
        for bad in [
            "",
            " ",
            "{",
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            r#"{"a":1}{}"#,
            "nul",
            "<html>",
            "{'a':1}",
            r#"{"a":1,}"#,
            "[1e999]",
            "\u{feff}{}",
            r#""\ud800""#,
        ] {
            assert!(parse(bad.as_bytes(), 32).is_err(), "{bad:?}");
        }
        assert!(parse(b"\"\xff\"", 32).is_err());
    }

    #[test]
    fn threat_019_duplicate_members_are_refused() {
        for bad in [
            r#"{"sub":1,"sub":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"[{"a":1,"a":1}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(parse(bad.as_bytes(), 32).is_err(), "{bad}");
        }
        assert!(parse(br#"{"a":1,"A":1}"#, 32).is_ok());
    }

    #[test]
    fn threat_019_no_member_name_is_special() {
        for name in [
            "$serde_json::private::RawValue",
            "$serde_json::private::Number",
        ] {
            let text = format!(r#"{{"m":{{"{name}":"x"}}}}"#);
            let read = parse(text.as_bytes(), 2).unwrap();
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn threat_099_depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(32).as_bytes(), 32).is_ok());
        assert!(parse(nested(33).as_bytes(), 32).is_err());
        assert!(parse("[".repeat(100_000).as_bytes(), 32).is_err());
    }

    #[test]
    fn a_number_is_read_however_it_is_written() {
        for (text, whole_part) in [
            ("1900000000000", Some(1_900_000_000_000)),
            ("1.9e12", Some(1_900_000_000_000)),
            ("1769594400250.999", Some(1_769_594_400_250)),
            ("-1.5", Some(-1)),
            ("-0.0", Some(0)),
            ("1e300", None),
            ("18446744073709551615", None),
            ("\"1\"", None),
            ("true", None),
        ] {
            let value = parse(text.as_bytes(), 1).unwrap();
            assert_eq!(whole(&value), whole_part, "{text}");
        }
    }

    #[test]
    fn members_are_read_by_type() {
        let value = parse(
            br#"{"t":"x","n":null,"i":7,"l":["a"],"m":["a",1],"o":{}}"#,
            32,
        )
        .unwrap();
        let object = Object::new(&value, "data").unwrap();
        assert_eq!(object.text("t"), Ok("x"));
        assert_eq!(object.text("i"), Err(BadMember("i")));
        assert_eq!(object.optional_text("n"), Ok(None));
        assert_eq!(object.optional_text("i"), Err(BadMember("i")));
        assert_eq!(object.texts("l"), Ok(vec!["a".to_owned()]));
        assert_eq!(object.texts("m"), Err(BadMember("m")));
        assert_eq!(object.texts("n"), Ok(Vec::new()));
        assert_eq!(object.texts("none"), Err(BadMember("none")));
        assert_eq!(object.lenient_text("t"), Some("x"));
        assert_eq!(object.lenient_text("i"), None);
        assert!(object.object("o").is_ok());
        assert!(object.object("t").is_err());
    }
}
