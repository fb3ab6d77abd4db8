//! Text of JavaScript, taken over in one pass.
//!
//! V8 writes UTF-8 character by character; two-byte units it copies as blocks, and units that are all ASCII are narrowed as
//! fast. For a header of 1 kB that is a third of the time. What is not ASCII comes out as it does with `String`: a
//! surrogate without its other half becomes U+FFFD, and no other character is ever taken for an ASCII one.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, TypeName, ValidateNapiValue};
use napi::{ValueType, check_status, sys};

/// An argument that is long and on the way of every request.
pub struct Text(String);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TypeName for Text {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Text {}

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        let mut length = 0;
        // SAFETY: without a place to write to, only the length is written, and that to a local.
        let status = unsafe {
            sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut length)
        };
        check_status!(status)?;
        let size = length.saturating_add(1);
        let mut units: Vec<u16> = Vec::with_capacity(size);
        // SAFETY: the vector has room for `size` units, the closing zero among them.
        let status = unsafe {
            sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), size, &raw mut length)
        };
        check_status!(status)?;
        // SAFETY: so many units were written, and they are within the room that there is.
        unsafe { units.set_len(length.min(size)) };
        Ok(Self(narrow(&units)))
    }
}

fn narrow(units: &[u16]) -> String {
    if units.iter().fold(0, |all, unit| all | unit) < 0x80 {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "all of them are below 0x80"
        )]
        let bytes = units.iter().map(|unit| *unit as u8).collect();
        return String::from_utf8(bytes).unwrap_or_default();
    }
    String::from_utf16_lossy(units)
}
