//! Requests without a person behind them: `HEAD`, and prefetches by a browser (Fetch Metadata, `Sec-Purpose`; older
//! browsers send headers of their own). They neither begin nor end a sign-in.

use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::response::guarded;

const PURPOSES: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// The answer to such a request; `None` for others. A browser discards a prefetched answer with an error status and asks
/// again on navigation. No `Retry-After`: Chromium would then prefetch nothing else of this site for that long.
pub(crate) fn answer_prefetch(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let status = if is_prefetch(headers) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if method == Method::HEAD {
        StatusCode::NO_CONTENT
    } else {
        return None;
    };
    Some(guarded(status))
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    let says_so = |value: &str| {
        let mut words = value.split([';', ',']).map(str::trim);
        words
            .any(|word| ["prefetch", "prerender", "preview"].contains(&&*word.to_ascii_lowercase()))
    };
    PURPOSES
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .any(|value| value.to_str().is_ok_and(says_so))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_prefetch_is_told_by_any_browsers_header() {
        for (name, value, expect) in [
            ("sec-purpose", "prefetch", true),
            ("sec-purpose", "prefetch;prerender", true),
            ("sec-purpose", "prefetch;anonymous-client-ip", true),
            ("sec-purpose", "Prefetch ; prerender", true),
            ("purpose", "prefetch", true),
            ("x-purpose", "preview", true),
            ("x-moz", "prefetch", true),
            ("sec-purpose", "", false),
            ("sec-purpose", "no-prefetch", false),
            ("accept", "prefetch", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(is_prefetch(&headers), expect, "{name}: {value}");
        }
        assert!(answer_prefetch(&Method::GET, &HeaderMap::new()).is_none());
    }
}
