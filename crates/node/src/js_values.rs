//! What every request passes in and out, in forms that cost less than those of napi. The only unsafe code of the product.
//!
//! V8 writes UTF-8, and counts its bytes, character by character, but copies UTF-16 units in bulk. So this copies units. If
//! all of them are ASCII, as in headers, it narrows them in bulk too. Any other text is decoded as UTF-16: no character is
//! ever mistaken for another.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{ValueType, check_status, sys};

use crate::flow::Pending;

/// A long string argument on the path of every request.
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

/// What an authentication returns: a number costs no allocation. The pending one is boxed, which keeps the number's way
/// short.
pub enum Found {
    Cached(f64),
    Pending(Box<Pending>),
}

impl ToNapiValue for Found {
    unsafe fn to_napi_value(env: sys::napi_env, found: Self) -> napi::Result<sys::napi_value> {
        match found {
            // SAFETY: the environment is the one that was given.
            Self::Cached(serial) => unsafe { f64::to_napi_value(env, serial) },
            // SAFETY: the same.
            Self::Pending(pending) => unsafe { Pending::to_napi_value(env, *pending) },
        }
    }
}

fn narrowed(units: &[u16]) -> String {
    // Checking every unit without a branch lets the compiler vectorize.
    let all = units.iter().fold(0, |all, unit| all | unit);
    if all >= 0x80 {
        return String::from_utf16_lossy(units);
    }
    #[allow(clippy::cast_possible_truncation)]
    let bytes = units.iter().map(|unit| *unit as u8).collect();
    String::from_utf8(bytes).unwrap_or_default()
}
