//! Reads the two headers that carry credentials, as text and whole.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// The `Authorization` header; `None` if there are several, for it would be ambiguous which one counts.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    // Most requests have none, and this look-up is the fastest way to see that.
    headers.get(AUTHORIZATION)?;
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// All `Cookie` headers as one (RFC 9113 section 8.2.3). Each byte that is not visible ASCII becomes `?`, so that another
/// app's broken cookie breaks nothing.
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

/// The request has more than one `Cookie` header.
pub(crate) struct SeveralCookieHeaders;

/// The `Cookie` header as it was received, if there is only one.
pub(crate) fn cookie_as_it_came(
    headers: &HeaderMap,
) -> Result<Option<&[u8]>, SeveralCookieHeaders> {
    let mut values = headers.get_all(COOKIE).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    values
        .next()
        .map_or(Ok(first), |_| Err(SeveralCookieHeaders))
}

fn text(value: &http::HeaderValue) -> Cow<'_, str> {
    // A header value holds no control characters, so ASCII means visible. Checking many bytes at once pays off for a
    // kilobyte of cookies.
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
