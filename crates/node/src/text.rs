//! Text of JavaScript, taken over as a block.
//!
//! V8 writes UTF-8, and counts its bytes, character by character, and copies units many at a time. So units are copied, and
//! where all of them are ASCII, as headers are, they are narrowed here, many at a time too. Any other text is read as UTF-16: no
//! character is ever taken for another.

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
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut length)
        })?;
        if length == 0 {
            return Ok(Self(String::new()));
        }
        let size = length.saturating_add(1);
        let mut units: Vec<u16> = Vec::with_capacity(size);
        let mut written = 0;
        // SAFETY: there is room for `size` units, the closing zero among them.
        check_status!(unsafe {
            let place = units.as_mut_ptr();
            sys::napi_get_value_string_utf16(env, value, place, size, &raw mut written)
        })?;
        // SAFETY: so many units were written, and no more than there is room for.
        unsafe { units.set_len(written.min(length)) };
        Ok(Self(narrowed(&units)))
    }
}

fn narrowed(units: &[u16]) -> String {
    // To look at every unit, without a branch, lets the compiler look at many at once.
    let all = units.iter().fold(0, |all, unit| all | unit);
    if all >= 0x80 {
        return String::from_utf16_lossy(units);
    }
    #[allow(clippy::cast_possible_truncation)]
    let bytes = units.iter().map(|unit| *unit as u8).collect();
    String::from_utf8(bytes).unwrap_or_default()
}
