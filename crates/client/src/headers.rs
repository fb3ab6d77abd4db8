//! Reading the two headers that carry credentials, as text and whole.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// The `Authorization` header; none where there are several, for which of them counts could not be said.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    // Mostly there is none, and that is found sooner so.
    headers.get(AUTHORIZATION)?;
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// All `Cookie` headers as one (RFC 9113 section 8.2.3). Bytes that are not visible ASCII stand for themselves as `?`, so
/// that a neighbour's broken cookie breaks nothing.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(COOKIE).iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(text(first));
    };
    let mut all = text(first).into_owned();
    for value in std::iter::once(second).chain(values) {
        all.push_str("; ");
        all.push_str(&text(value));
    }
    Some(Cow::Owned(all))
}

/// There is more than one.
pub(crate) struct Several;

/// The `Cookie` header as it came, where there is no other beside it.
pub(crate) fn cookie_as_it_came(headers: &HeaderMap) -> Result<Option<&[u8]>, Several> {
    let mut values = headers.get_all(COOKIE).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    values.next().map_or(Ok(first), |_| Err(Several))
}

fn text(value: &http::HeaderValue) -> Cow<'_, str> {
    // A header's value holds no control characters: what is ASCII is visible. To look at many bytes at a time is worth it for
    // a kilobyte of cookies.
    let bytes = value.as_bytes();
    match core::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => value
            .as_bytes()
            .iter()
            .map(|byte| {
                if byte.is_ascii() {
                    char::from(*byte)
                } else {
                    '?'
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn cookie_headers_are_read_as_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        assert_eq!(cookie(&headers).as_deref(), Some("a=1"));
        headers.append(COOKIE, HeaderValue::from_bytes(b"b=\xff; c=3").unwrap());
        assert_eq!(cookie(&headers).as_deref(), Some("a=1; b=?; c=3"));
    }

    #[test]
    fn two_authorization_headers_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert_eq!(authorization(&headers), Some("Bearer a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(authorization(&headers), None);
    }
}
