//! JSON: the strict reader, beside serde's own.

use std::fmt;

use mastra_auth_cloud_core::json::parse;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What serde reads, and what its values do not show.
pub struct Reference {
    pub value: Value,
    /// Whether a member stands twice in one object.
    pub is_repeated: bool,
    /// Nested containers.
    pub depth: usize,
}

/// Reads a text by serde. None where it is none, or holds a name that serde takes for its own where a build has `raw_value`.
pub fn reference(text: &[u8]) -> Option<Reference> {
    let value = serde_json::from_slice(text).ok()?;
    let shape: Shape = serde_json::from_slice(text).ok()?;
    Some(Reference {
        is_repeated: shape.members != members(&value),
        depth: shape.depth,
        value,
    })
}

/// A text. It is read where serde reads it, no member is repeated, and it is no deeper than allowed; and it says the same.
pub fn json(data: &[u8]) {
    let [depth, text @ ..] = data else {
        return;
    };
    // Its own names, see `reference`.
    if text.windows(9).any(|part| part == b"private::")
        || text.contains(&b'\\') && text.contains(&b'$')
    {
        return;
    }
    let depth = usize::from(*depth) % 40;
    let read = parse(text, depth);
    match reference(text).filter(|found| !found.is_repeated && found.depth <= depth) {
        None => assert!(read.is_err(), "{read:?}"),
        Some(found) => {
            assert_eq!(read.unwrap(), found.value);
            // The last digit of a fraction may get lost on the way.
            let written = found.value.to_string();
            let again = parse(written.as_bytes(), depth);
            assert!(has_fraction(&found.value) || again.is_ok_and(|again| again == found.value));
        }
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(object) => object.values().any(has_fraction),
        _ => false,
    }
}

fn members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(members).sum(),
        Value::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        _ => 0,
    }
}

/// How many members a text has, and how deep it is.
#[derive(Clone, Copy, Default)]
struct Shape {
    members: usize,
    depth: usize,
}

impl Shape {
    fn add(&mut self, inner: Self) {
        self.members += inner.members;
        self.depth = self.depth.max(inner.depth + 1);
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut shape = Shape {
            members: 0,
            depth: 1,
        };
        while let Some(inner) = seq.next_element()? {
            shape.add(inner);
        }
        Ok(shape)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut shape = Shape {
            members: 0,
            depth: 1,
        };
        while let Some((_, inner)) = map.next_entry::<String, Shape>()? {
            shape.members += 1;
            shape.add(inner);
        }
        Ok(shape)
    }
}
