//! Stands for what the addon's unsafe lines use of napi. Its functions read and write memory as Node-API documents it.

/// As napi's.
pub type Result<T> = std::result::Result<T, sys::napi_status>;

/// As napi's: a status other than 0 is an error.
#[macro_export]
macro_rules! check_status {
    ($status:expr) => {
        match $status {
            0 => Ok(()),
            status => Err(status),
        }
    };
}

/// As napi's.
pub enum ValueType {
    String,
}

pub mod bindgen_prelude {
    use crate::{Result, ValueType, sys};

    pub trait TypeName {
        fn type_name() -> &'static str;
        fn value_type() -> ValueType;
    }

    pub trait ValidateNapiValue: TypeName {}

    pub trait FromNapiValue: Sized {
        /// # Safety
        ///
        /// The value is one of this environment.
        unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self>;
    }

    pub trait ToNapiValue: Sized {
        /// # Safety
        ///
        /// The environment is alive.
        unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> Result<sys::napi_value>;
    }

    impl ToNapiValue for f64 {
        unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> Result<sys::napi_value> {
            Ok(Box::into_raw(Box::new(sys::Value::Number(value))))
        }
    }
}

#[allow(non_camel_case_types, clippy::missing_safety_doc)]
pub mod sys {
    use std::ffi::c_char;
    use std::slice;

    pub type napi_status = i32;
    pub type napi_env = *mut ();
    pub type napi_value = *mut Value;

    /// `napi_string_expected`.
    const STRING_EXPECTED: napi_status = 3;

    /// A value of JavaScript.
    #[derive(Debug, PartialEq)]
    pub enum Value {
        Text(Vec<u16>),
        Number(f64),
    }

    impl Value {
        pub fn text(text: &str) -> Self {
            Self::Text(text.encode_utf16().collect())
        }
    }

    /// Without a place the whole length; else as many units as there is room for before a closing zero.
    pub unsafe fn napi_get_value_string_utf16(
        _: napi_env,
        value: napi_value,
        place: *mut u16,
        size: usize,
        written: *mut usize,
    ) -> napi_status {
        let Value::Text(units) = (unsafe { &*value }) else {
            return STRING_EXPECTED;
        };
        if place.is_null() {
            unsafe { *written = units.len() };
        } else if size > 0 {
            let fitting = units.len().min(size - 1);
            unsafe {
                place.copy_from_nonoverlapping(units.as_ptr(), fitting);
                place.add(fitting).write(0);
                *written = fitting;
            }
        }
        0
    }

    pub unsafe fn napi_create_string_latin1(
        _: napi_env,
        text: *const c_char,
        length: isize,
        value: *mut napi_value,
    ) -> napi_status {
        let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length.unsigned_abs()) };
        let units = bytes.iter().map(|byte| u16::from(*byte)).collect();
        unsafe { *value = Box::into_raw(Box::new(Value::Text(units))) };
        0
    }

    pub unsafe fn napi_create_string_utf8(
        _: napi_env,
        text: *const c_char,
        length: isize,
        value: *mut napi_value,
    ) -> napi_status {
        let bytes = unsafe { slice::from_raw_parts(text.cast::<u8>(), length.unsigned_abs()) };
        let text = Value::text(std::str::from_utf8(bytes).unwrap());
        unsafe { *value = Box::into_raw(Box::new(text)) };
        0
    }
}
