//! Reads and makes values by the addon's own file, with a stand-in for Node below it.
#![cfg(test)]

#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../../crates/node/src/js_values.rs"]
mod js_values;

use std::ptr;

use js_values::{Found, Record, Text};
use napi::bindgen_prelude::{FromNapiValue as _, ToNapiValue};
use napi::sys::{Value, napi_value};

/// Reads a value as an argument of an export.
fn read(value: Value) -> napi::Result<String> {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: the value lives until it is taken back.
    let text = unsafe { Text::from_napi_value(ptr::null_mut(), value) };
    // SAFETY: it was made here, and nothing else has it.
    drop(unsafe { Box::from_raw(value) });
    text.map(|text| text.as_str().to_owned())
}

/// What an export returns.
fn made(value: impl ToNapiValue) -> Value {
    // SAFETY: the stand-in reads no environment.
    let value: napi_value = unsafe { ToNapiValue::to_napi_value(ptr::null_mut(), value) }.unwrap();
    // SAFETY: the stand-in makes a value that nothing else has.
    *unsafe { Box::from_raw(value) }
}

#[test]
fn texts_of_every_size_around_the_buffers_are_read_whole() {
    // The last are short again: nothing of a text before is read.
    for size in [0, 1, 1023, 1024, 1025, 3, 0] {
        for unit in ["a", "語"] {
            let text = unit.repeat(size);
            assert_eq!(read(Value::text(&text)).unwrap(), text, "{size} {unit}");
        }
    }
    assert_eq!(read(Value::text("\u{7f}\u{80}")).unwrap(), "\u{7f}\u{80}");
    let text = "🙂".repeat(513);
    assert_eq!(read(Value::text(&text)).unwrap(), text);
}

#[test]
fn half_a_character_is_replaced() {
    let text = Value::Text(vec![0x61, 0xd83d]);
    assert_eq!(read(text).unwrap(), "a\u{fffd}");
}

#[test]
fn what_is_no_text_is_an_error_and_the_next_text_is_read() {
    assert_eq!(read(Value::text("before")).unwrap(), "before");
    assert!(read(Value::Number(1.0)).is_err());
    assert_eq!(read(Value::text("")).unwrap(), "");
}

#[test]
fn records_and_numbers_are_made() {
    for name in ["", "Ada", "Zoë 🙂"] {
        let mut record = Record::new(7);
        record.add(Some(name));
        record.add(None);
        let units = name.encode_utf16().count();
        assert_eq!(made(record), Value::text(&format!("7:{units}:{name}:")));
    }
    assert_eq!(made(Found::<f64>::Cached(4.0)), Value::Number(4.0));
    assert_eq!(made(Found::<f64>::Checking(4)), Value::Number(-4.0));
    assert_eq!(made(Found::<f64>::from(5.0)), Value::Number(5.0));
    let record = made(Found::<f64>::User(Record::new(1)));
    assert_eq!(record, Value::text("1:"));
}
