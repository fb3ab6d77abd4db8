//! What every request passes in and out, in forms that cost less than those of napi. The only unsafe code of the product.
//!
//! V8 writes UTF-8, and counts its bytes, character by character, but copies UTF-16 units in bulk. So this copies units. If
//! all of them are ASCII, as in headers, it narrows them in bulk too. Any other text is decoded as UTF-16: no character is
//! ever mistaken for another.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{ValueType, check_status, sys};

/// A header on the path of every request, or as much of it as tells that it is too long.
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
        // SAFETY: the environment is the one that was given.
        unsafe { text::read(env, value) }.map(Self)
    }
}

#[cfg(not(target_family = "wasm"))]
mod text {
    use std::cell::RefCell;

    use mastra_auth_cloud_core::cookie::MAX_HEADER_BYTES;
    use napi::{check_status, sys};

    /// How many units the buffer of a thread has room for at first, and at most: one more than is accepted, and a closing zero.
    const USUAL_UNITS: usize = 1024;
    const MOST_UNITS: usize = MAX_HEADER_BYTES + 2;

    thread_local! {
        /// Kept between calls: an allocation of its size costs more than the copy.
        static UNITS: RefCell<Vec<u16>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) unsafe fn read(env: sys::napi_env, value: sys::napi_value) -> napi::Result<String> {
        UNITS.with_borrow_mut(|units| {
            units.clear();
            units.reserve(USUAL_UNITS);
            // SAFETY: the environment is the one that was given.
            unsafe { copy(env, value, units) }?;
            // It may be cut, if it leaves no room.
            if units.len().saturating_add(1) >= units.capacity() {
                units.clear();
                units.reserve_exact(MOST_UNITS);
                // SAFETY: the environment is the one that was given.
                unsafe { copy(env, value, units) }?;
            }
            let text = narrowed(units);
            // It may hold a credential.
            units.fill(0);
            units.clear();
            Ok(text)
        })
    }

    /// Copies as much of a string as there is room for, but for a closing zero, into a vector that is empty.
    unsafe fn copy(
        env: sys::napi_env,
        value: sys::napi_value,
        units: &mut Vec<u16>,
    ) -> napi::Result<()> {
        let (place, size, mut written) = (units.as_mut_ptr(), units.capacity(), 0);
        // SAFETY: there is room for `size` units, the closing zero among them.
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(env, value, place, size, &raw mut written)
        })?;
        // SAFETY: so many units were written, and no more than there is room for.
        unsafe { units.set_len(written.min(size)) };
        Ok(())
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
}

#[cfg(target_family = "wasm")]
mod text {
    use mastra_auth_cloud_core::cookie::MAX_HEADER_BYTES;
    use napi::{check_status, sys};

    /// Room for a usual text.
    const LEAST: usize = 2048;

    /// The host writes UTF-8 in bulk, and whole characters alone.
    pub(super) unsafe fn read(env: sys::napi_env, value: sys::napi_value) -> napi::Result<String> {
        let mut bytes: Vec<u8> = Vec::with_capacity(LEAST);
        loop {
            let (place, size, mut written) = (bytes.as_mut_ptr(), bytes.capacity(), 0);
            // SAFETY: there is room for `size` bytes, the closing zero among them.
            check_status!(unsafe {
                sys::napi_get_value_string_utf8(env, value, place.cast(), size, &raw mut written)
            })?;
            // It may be cut, if it leaves no room for another character. What is too long is not read to its end.
            if written.saturating_add(4) < size || written > MAX_HEADER_BYTES {
                // SAFETY: so many bytes were written, and no more than there is room for.
                unsafe { bytes.set_len(written) };
                return Ok(String::from_utf8(bytes).unwrap_or_default());
            }
            bytes.reserve(size.saturating_mul(2));
        }
    }
}

/// Texts that cross as one string: a number, then each text as its length in UTF-16 units, a colon and itself. A missing
/// text has no length. One property of an object costs as much as all of it.
pub struct Record(String);

impl Record {
    pub(crate) fn new(number: u64) -> Self {
        let mut record = String::with_capacity(1024);
        record.push_str(itoa::Buffer::new().format(number));
        record.push(':');
        Self(record)
    }

    pub(crate) fn add(&mut self, text: Option<&str>) {
        let text = text.inspect(|text| {
            let units = if text.is_ascii() {
                text.len()
            } else {
                text.encode_utf16().count()
            };
            self.0.push_str(itoa::Buffer::new().format(units));
        });
        self.0.push(':');
        self.0.push_str(text.unwrap_or_default());
    }
}

impl ToNapiValue for Record {
    unsafe fn to_napi_value(env: sys::napi_env, Self(text): Self) -> napi::Result<sys::napi_value> {
        let make = if text.is_ascii() {
            sys::napi_create_string_latin1
        } else {
            sys::napi_create_string_utf8
        };
        let mut value = ptr::null_mut();
        let length = isize::try_from(text.len()).unwrap_or_default();
        // SAFETY: so many bytes are there to be read, in the encoding that the function reads, and there is a place for the
        // value.
        check_status!(unsafe { make(env, text.as_ptr().cast(), length, &raw mut value) })?;
        Ok(value)
    }
}

/// What an authentication returns: a number or a text costs no object. The pending one is boxed, which keeps the number's way
/// short.
pub enum Found<P> {
    Cached(f64),
    /// The ticket of one that waits for a check: a negative number.
    Checking(u32),
    User(Record),
    Pending(Box<P>),
}

impl<P> From<P> for Found<P> {
    fn from(pending: P) -> Self {
        Self::Pending(Box::new(pending))
    }
}

impl<P: ToNapiValue> ToNapiValue for Found<P> {
    unsafe fn to_napi_value(env: sys::napi_env, found: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: the environment is the one that was given.
        unsafe {
            match found {
                Self::Cached(serial) => f64::to_napi_value(env, serial),
                Self::Checking(ticket) => f64::to_napi_value(env, -f64::from(ticket)),
                Self::User(user) => Record::to_napi_value(env, user),
                Self::Pending(pending) => P::to_napi_value(env, *pending),
            }
        }
    }
}
