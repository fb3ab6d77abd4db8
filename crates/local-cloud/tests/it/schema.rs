//! An OpenAPI document and a checker for the part of JSON Schema that `contract/` uses. A keyword that it does not know is
//! an error, so that nothing passes unread; a member that the schema does not name is an error too.

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn read(yaml: &str) -> Self {
        let document: Value = serde_saphyr::from_str(yaml).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        Self(document)
    }

    /// Method and path of each operation.
    pub(crate) fn operations(&self) -> Vec<(String, String)> {
        let mut operations = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                assert!(METHODS.contains(&method.as_str()), "{path}: {method}");
                operations.push((method.clone(), path.clone()));
            }
        }
        operations
    }

    fn responses(&self, method: &str, path: &str) -> &Map<String, Value> {
        self.0["paths"][path][method]["responses"]
            .as_object()
            .unwrap_or_else(|| panic!("{method} {path} is not in the document"))
    }

    pub(crate) fn statuses(&self, method: &str, path: &str) -> Vec<u16> {
        self.responses(method, path)
            .keys()
            .map(|status| status.parse().unwrap())
            .collect()
    }

    fn response(&self, method: &str, path: &str, status: u16) -> &Value {
        let response = self.responses(method, path).get(&status.to_string());
        self.follow(
            response.unwrap_or_else(|| panic!("{method} {path}: {status} is not in the document")),
        )
    }

    /// Media type and schema of an answer; `None` where it has no body.
    pub(crate) fn content(&self, method: &str, path: &str, status: u16) -> Option<(String, Value)> {
        let content = self.response(method, path, status).get("content")?;
        let (media_type, content) = content.as_object().unwrap().iter().next().unwrap();
        Some((media_type.clone(), content["schema"].clone()))
    }

    /// The headers that an answer must have.
    pub(crate) fn headers(&self, method: &str, path: &str, status: u16) -> Vec<String> {
        let headers = self.response(method, path, status).get("headers");
        headers
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, header)| header["required"] == true)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn follow<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            None => value,
            Some(place) => {
                let found = self.0.pointer(place.strip_prefix('#').unwrap());
                self.follow(found.unwrap_or_else(|| panic!("{place} leads nowhere")))
            }
        }
    }

    /// Every example of a schema, with that schema.
    pub(crate) fn examples(&self) -> Vec<(Value, Value)> {
        let (mut found, mut left) = (Vec::new(), vec![&self.0]);
        while let Some(one) = left.pop() {
            let own = one.get("examples").and_then(Value::as_array);
            found.extend(
                own.into_iter()
                    .flatten()
                    .map(|it| (one.clone(), it.clone())),
            );
            let schema = one.get("schema").zip(one.get("example"));
            found.extend(schema.map(|(schema, example)| (schema.clone(), example.clone())));
            left.extend(one.as_object().into_iter().flat_map(Map::values));
            left.extend(one.as_array().into_iter().flatten());
        }
        found
    }

    /// Whether a value is as a schema has it; an error names the place and the rule.
    pub(crate) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        self.at(schema, value, "$")
    }

    fn at(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let schema = self.follow(schema).as_object().unwrap();
        for (keyword, rule) in schema {
            let holds = match keyword.as_str() {
                "description" | "examples" | "x-known" => true,
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|own| is_type(own, value)),
                    one => is_type(one, value),
                },
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "minLength" => length(value).is_none_or(|own| own >= rule.as_u64().unwrap()),
                "maxLength" => length(value).is_none_or(|own| own <= rule.as_u64().unwrap()),
                "minimum" => value
                    .as_i64()
                    .is_none_or(|own| own >= rule.as_i64().unwrap()),
                "maximum" => value
                    .as_i64()
                    .is_none_or(|own| own <= rule.as_i64().unwrap()),
                "pattern" => {
                    // The one pattern there is: 43 characters of base64url.
                    assert_eq!(rule, "^[A-Za-z0-9_-]{43}$");
                    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
                    let text = value.as_str().unwrap_or_default();
                    text.len() == 43 && text.bytes().all(is_part)
                }
                "format" => has_format(rule.as_str().unwrap(), value),
                "required" => value.as_object().is_none_or(|own| {
                    let named = rule.as_array().unwrap();
                    named
                        .iter()
                        .all(|name| own.contains_key(name.as_str().unwrap()))
                }),
                "properties" => {
                    for (name, own) in value.as_object().into_iter().flatten() {
                        let place = format!("{place}.{name}");
                        let rule = rule.get(name).ok_or(format!("{place}: is not named"))?;
                        self.at(rule, own, &place)?;
                    }
                    true
                }
                "items" => {
                    for (nth, own) in value.as_array().into_iter().flatten().enumerate() {
                        self.at(rule, own, &format!("{place}[{nth}]"))?;
                    }
                    true
                }
                "oneOf" => {
                    let ways = rule.as_array().unwrap().iter();
                    ways.filter(|way| self.at(way, value, place).is_ok())
                        .count()
                        == 1
                }
                other => panic!("{place}: the checker does not know {other}"),
            };
            if !holds {
                return Err(format!("{place}: {keyword} {rule}"));
            }
        }
        Ok(())
    }
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other}"),
    }
}

fn length(value: &Value) -> Option<u64> {
    u64::try_from(value.as_str()?.chars().count()).ok()
}

fn has_format(name: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return true;
    };
    match name {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "uri" => url::Url::parse(text).is_ok(),
        other => panic!("the checker does not know the format {other}"),
    }
}

#[test]
fn the_checker_refuses_what_does_not_fit() {
    let document = Document::read(
        "
openapi: 3.1.0
components:
  schemas:
    Person:
      type: object
      required: [id]
      properties:
        id: { type: string, minLength: 1 }
        roles: { type: [array, 'null'], items: { enum: [a, b] } }
        at: { type: string, format: date-time }
        status: { type: integer, minimum: 400, maximum: 599 }
        way: { oneOf: [{ type: string }, { type: integer }] }
",
    );
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Person" });
    for (value, expect) in [
        (
            r#"{"id":"x","roles":["a"],"at":"2026-01-01T00:00:00Z","status":404,"way":7}"#,
            true,
        ),
        (r#"{"id":"x","roles":null}"#, true),
        ("[]", false),
        ("{}", false),
        (r#"{"id":""}"#, false),
        (r#"{"id":7}"#, false),
        (r#"{"id":"x","roles":["c"]}"#, false),
        (r#"{"id":"x","at":"soon"}"#, false),
        (r#"{"id":"x","status":399}"#, false),
        (r#"{"id":"x","status":600}"#, false),
        (r#"{"id":"x","way":true}"#, false),
        (r#"{"id":"x","surprise":1}"#, false),
    ] {
        let value_read: Value = serde_json::from_str(value).unwrap();
        assert_eq!(
            document.check(&schema, &value_read).is_ok(),
            expect,
            "{value}"
        );
    }
}
