//! Text of JavaScript, taken over as a block.
//!
//! V8 writes UTF-8 character by character, and counts its bytes and copies Latin-1 many at a time. Where a text has as many
//! bytes as units, all of it is ASCII, and a block is what is copied: what costs least for a header. Any other text is
//! taken over as `String` takes it; no character is ever taken for another.

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
        let (mut units, mut bytes) = (0, 0);
        // SAFETY: without a place to write to, only the length is written, and that to a local.
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut units)
        })?;
        if units == 0 {
            return Ok(Self(String::new()));
        }
        // SAFETY: as above.
        check_status!(unsafe {
            sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &raw mut bytes)
        })?;
        if units != bytes {
            // SAFETY: the arguments are those of this function.
            return unsafe { String::from_napi_value(env, value) }.map(Self);
        }
        let size = units.saturating_add(1);
        let mut text: Vec<u8> = Vec::with_capacity(size);
        // SAFETY: there is room for `size` bytes, the closing zero among them.
        check_status!(unsafe {
            let place = text.as_mut_ptr().cast();
            sys::napi_get_value_string_latin1(env, value, place, size, &raw mut bytes)
        })?;
        // SAFETY: so many bytes were written, each of them ASCII: any other unit takes more bytes of UTF-8 than it counts.
        Ok(Self(unsafe {
            text.set_len(bytes.min(units));
            String::from_utf8_unchecked(text)
        }))
    }
}
