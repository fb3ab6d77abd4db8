//! Reads the two headers that carry credentials, as text. One that is longer than the core accepts is not read to its end.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use mastra_auth_cloud_core::cookie::MAX_HEADER_BYTES;

/// The `Authorization` header; `None` if there are several, for it would be ambiguous which one counts.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&str> {
    // Most requests have none, and this look-up is the fastest way to see that.
    headers.get(AUTHORIZATION)?;
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            let is_visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
            let bytes = cut(value, TOO_LONG);
            let text = bytes.iter().all(is_visible).then_some(bytes)?;
            core::str::from_utf8(text).ok()
        }
        _ => None,
    }
}

/// As many bytes of a header tell that it is too long.
const TOO_LONG: usize = MAX_HEADER_BYTES + 1;

fn cut(value: &HeaderValue, most: usize) -> &[u8] {
    let bytes = value.as_bytes();
    bytes.get(..most).unwrap_or(bytes)
}

/// All `Cookie` headers as one (RFC 9113 section 8.2.3). Each byte that is not visible ASCII becomes `?`, so that another
/// app's broken cookie breaks nothing.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    joined(headers, TOO_LONG)
}

/// As [`cookie`], however long they are: for the end of every session among them.
#[cfg(feature = "axum")]
pub(crate) fn whole_cookie(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    joined(headers, usize::MAX)
}

fn joined(headers: &HeaderMap, most: usize) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(COOKIE).iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(text(first, most));
    };
    let mut all = text(first, most).into_owned();
    for value in std::iter::once(second).chain(values) {
        if all.len() >= most {
            break;
        }
        all.push_str("; ");
        all.push_str(&text(value, most));
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
    let first = values.next().map(HeaderValue::as_bytes);
    values
        .next()
        .map_or(Ok(first), |_| Err(SeveralCookieHeaders))
}

fn text(value: &HeaderValue, most: usize) -> Cow<'_, str> {
    // A header value holds no control characters, so ASCII means visible. Checking many bytes at once pays off for a
    // kilobyte of cookies.
    let bytes = cut(value, most);
    match core::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => bytes
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

    #[test]
    fn threat_096_a_header_is_read_until_it_is_too_long() {
        let mut headers = HeaderMap::new();
        for (size, read) in [
            (MAX_HEADER_BYTES, MAX_HEADER_BYTES),
            (1 << 20, MAX_HEADER_BYTES + 1),
        ] {
            let value = HeaderValue::try_from("a".repeat(size)).unwrap();
            headers.insert(AUTHORIZATION, value.clone());
            assert_eq!(authorization(&headers).unwrap().len(), read);
            headers.insert(COOKIE, value.clone());
            assert_eq!(cookie(&headers).unwrap().len(), read);
            assert_eq!(joined(&headers, usize::MAX).unwrap().len(), size);
            headers.append(COOKIE, value.clone());
            headers.append(COOKIE, value);
            assert!(cookie(&headers).unwrap().len() <= 2 * read + 2);
        }
    }
}
