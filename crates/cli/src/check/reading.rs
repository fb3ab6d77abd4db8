//! How the rules read answers: strict JSON, the dialect's envelope, and the members of what it holds.

use std::collections::BTreeSet;
use std::fmt;

use mastra_auth_cloud_core::time::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::exchange::Answer;
use super::probe::{Probe, Seen};
use super::verdict::{Judged, Verdict, failed, holds, not_tested};
use crate::args::DialectName;

/// Deepest nesting that the plugin reads.
const DEPTH: usize = 32;

/// A body as JSON in which each member occurs once.
pub(super) fn json(answer: &Answer) -> Result<Value, String> {
    if !answer.is_whole_text {
        return Err("the body is not UTF-8, or larger than 256 KiB".into());
    }
    let mut reader = serde_json::Deserializer::from_str(&answer.body);
    let read = Strict(DEPTH).deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    // The error's own text may repeat a value.
    read.map_err(|error| {
        let at = error.column();
        match error.classify() {
            serde_json::error::Category::Data => format!(
                "the body has a member twice, or nests deeper than {DEPTH}, at character {at}"
            ),
            serde_json::error::Category::Eof => "the body is empty or cut off".to_owned(),
            _ => format!("the body is not JSON from character {at} on"),
        }
    })
}

/// Builds a value, and fails where a member occurs twice or at too deep a level.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(&self) -> Result<Self, E> {
        let left = self.0.checked_sub(1);
        left.map(Self).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner()?)? {
            read.push(value);
        }
        Ok(read.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(self.inner()?)?;
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(read.into())
    }
}

/// Where the envelope holds the data of a success, or what is wrong with the answer.
fn opened(answer: &Answer, dialect: DialectName) -> Result<Value, String> {
    if !answer.is_success() {
        return Err(format!("the status is {}, not 2xx", answer.status));
    }
    let Value::Object(mut object) = json(answer)? else {
        return Err("the body is no object".into());
    };
    match (dialect, object.get("ok")) {
        (DialectName::Pkce | DialectName::Platform, _) => Ok(object.into()),
        (DialectName::V1, Some(Value::Bool(true))) => {
            Ok(object.remove("data").unwrap_or(Value::Null))
        }
        (DialectName::V1, _) => Err("the envelope does not say `ok: true`".into()),
    }
}

/// The call succeeded.
pub(super) fn accepted(answer: &Answer, seen: &Seen) -> Judged {
    opened(answer, seen.dialect)
        .map(drop)
        .map_err(Verdict::Failed)
}

/// The data of a call whose success another rule judges.
pub(super) fn data(answer: &Answer, seen: &Seen) -> Result<Value, Verdict> {
    opened(answer, seen.dialect).or_else(|_| not_tested("the call did not succeed"))
}

/// The status of a refusal: HTTP's, or the envelope's where HTTP says that all is well.
pub(super) fn status(answer: &Answer) -> u16 {
    if !answer.is_success() {
        return answer.status;
    }
    let said = json(answer).ok().and_then(|body| {
        let is_refusal = body.get("ok") == Some(&Value::Bool(false));
        let status = body.pointer("/error/status").and_then(Value::as_u64);
        status.filter(|_| is_refusal)
    });
    said.and_then(|status| u16::try_from(status).ok())
        .unwrap_or(answer.status)
}

/// The call was refused with one of these statuses.
pub(super) fn refused(answer: &Answer, wanted: &[u16]) -> Judged {
    let status = status(answer);
    let names: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    holds(
        wanted.contains(&status),
        format!("the status is {status}, not {}", names.join(" or ")),
    )
}

/// The call was refused, and the Cloud did not fail over it.
pub(super) fn refused_4xx(answer: &Answer) -> Judged {
    let status = status(answer);
    holds(
        (400..500).contains(&status),
        format!("the status is {status}, not 4xx"),
    )
}

/// The code of a refusal.
pub(super) fn reason(answer: &Answer) -> Option<String> {
    let body = json(answer).ok()?;
    let code = body.pointer("/error/code").or_else(|| body.get("code"));
    code?.as_str().map(str::to_owned)
}

/// Nothing is known of a project that the Cloud does not know either.
pub(super) fn other_project(answer: &Answer, unknown: &Answer) -> Judged {
    if reason(answer).is_some() && reason(answer) == reason(unknown) {
        return not_tested("the Cloud does not know the project of --other-project-id");
    }
    Ok(())
}

/// A text that is not empty.
pub(super) fn text<'v>(data: &'v Value, pointer: &str) -> Result<&'v str, Verdict> {
    match data.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => failed(format!("{} is empty", name(pointer))),
        Some(_) => failed(format!("{} is not text", name(pointer))),
        None => failed(format!("{} is missing", name(pointer))),
    }
}

/// Absent, null, or a text.
pub(super) fn optional_text(data: &Value, pointer: &str) -> Judged {
    match data.pointer(pointer) {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(_) => failed(format!("{} is not text", name(pointer))),
    }
}

/// A time as RFC 3339 writes it, or in milliseconds where the dialect allows that; in milliseconds since the Unix epoch.
pub(super) fn time(data: &Value, pointer: &str, seen: &Seen) -> Result<i64, Verdict> {
    if let (DialectName::Pkce, Some(Value::Number(number))) = (seen.dialect, data.pointer(pointer))
    {
        return number.as_i64().map_or_else(
            || failed(format!("{} is not whole milliseconds", name(pointer))),
            Ok,
        );
    }
    let read = Timestamp::parse_iso(text(data, pointer)?);
    read.map(Timestamp::unix_millis).or_else(|_| {
        failed(format!(
            "{} is no time as RFC 3339 writes it, with an offset",
            name(pointer)
        ))
    })
}

/// Two members are the same text.
pub(super) fn same(one: &str, other: &str, what: &str) -> Judged {
    holds(one == other, format!("{what} differ"))
}

fn name(pointer: &str) -> String {
    format!("`{}`", pointer.trim_start_matches('/').replace('/', "."))
}

/// The names of a list of answers that break a rule, or success.
pub(super) fn none(broken: Vec<(Probe, String)>) -> Judged {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for (probe, why) in broken {
        told.insert(format!("{probe:?}: {why}"));
    }
    let told: Vec<_> = told.into_iter().collect();
    holds(told.is_empty(), told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            headers: Vec::new(),
            body: body.to_owned(),
            is_whole_text: true,
        }
    }

    #[test]
    fn json_is_read_strictly() {
        assert!(json(&answer(r#"{"a":[1,{"a":null}],"b":"x"}"#)).is_ok());
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        for (body, says) in [
            (r#"{"a":1,"a":2}"#, "twice"),
            (r#"{"b":{"a":1,"a":2}}"#, "twice"),
            (&deep, "deeper"),
            ("{}{}", "not JSON"),
            ("<html>", "not JSON"),
            ("", "empty"),
            (r#"{"a":"#, "cut off"),
        ] {
            let error = json(&answer(body)).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
        }
    }
}
